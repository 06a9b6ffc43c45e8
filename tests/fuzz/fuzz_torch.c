/* Any bytes as torch.save's zip. */
#include "catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return read_catalog(CLIP_FILE_TORCH, data, size); }
