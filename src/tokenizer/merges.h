/* merges.h - a byte-pair vocabulary (Sennrich et al. 2016): which two symbols become which, and how early.
 *
 * Symbols are numbered as in CLIP's vocabulary: 0..255 the bytes in GPT-2's printable order, 256..511 the same at a word's end
 * ("</w>"), 512 + r what the merge of rank r makes. So a pair's rank is its result less 512, and no strings are kept.
 */
#ifndef CLIP_MERGES_H
#define CLIP_MERGES_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define CLIP_FIRST_MERGE 512
#define CLIP_NO_SYMBOL   UINT32_MAX

typedef struct {
    uint32_t left, right, result;
} clip_merge;

typedef struct {
    clip_merge *table; /* open addressing by (left, right); owned */
    uint32_t mask;     /* table size - 1 */
    uint64_t key[2];   /* of the hashes, from the list's text: reading takes linear time whatever the list */
    uint32_t symbols;  /* 512 + number of merges */
} clip_merges;

/* Reads the text of a merges list; at most `limit` merges. CLIP_ERROR_MERGES if a line is malformed, uses a symbol that no line
 * before it made, or makes one that exists. Free with clip_merges_free. */
clip_status clip_merges_read(clip_merges *merges, const char *text, size_t length, uint32_t limit);
void clip_merges_free(clip_merges *merges);

/* What a pair becomes, or CLIP_NO_SYMBOL. */
uint32_t clip_merges_find(const clip_merges *merges, uint32_t left, uint32_t right);

/* A byte's symbol, not at a word's end. */
uint32_t clip_byte_symbol(uint8_t byte);

#endif
