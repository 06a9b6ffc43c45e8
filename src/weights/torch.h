/* torch.h - what torch.save writes, since version 1.6: a zip, not compressed, of a pickle and of the tensors' storages.
 *
 *     archive/data.pkl     a pickle of {"name": tensor}, each tensor saying which storage it lies in, where and how
 *     archive/data/0 ...   the storages
 *
 * The pickle is read by an interpreter that knows dictionaries, lists, numbers, strings and tensors, and nothing that could be run:
 * see pickle.h. Reference: torch/serialization.py. */
#ifndef CLIP_TORCH_H
#define CLIP_TORCH_H

#include "weights/catalog.h"

/* A reader's state; NULL: out of memory. */
void *clip_torch_open(clip_index_reader *reader);

#endif
