/* subwords.c - the block: where its sections lie, whether it is sound, and what is looked up in it. */
#include "tokenizer/subwords.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/unicode.h"

/* Takes `count` elements of `size` bytes from the block at *used. */
static const void *section(const uint8_t *block, uint64_t *used, uint64_t count, uint64_t size) {
    const uint8_t *at = block + (*used < CLIP_MAX_SUBWORDS ? *used : 0);
    *used += (count * size + 7) / 8 * 8;
    return at;
}

clip_status clip_subwords_sections(clip_subwords *s, uint8_t *block, size_t length) {
    *s = (clip_subwords){.block = block};
    if (length < sizeof(clip_subword_header) || length > CLIP_MAX_SUBWORDS) return CLIP_ERROR_TOKENIZER;
    const clip_subword_header *h = s->header = (const clip_subword_header *)block;
    if (h->magic != CLIP_SUBWORDS_MAGIC || h->bytes != length || h->model > CLIP_WORD_PIECE || !h->pieces ||
        h->pieces > CLIP_MAX_PIECES)
        return CLIP_ERROR_TOKENIZER;
    uint64_t used = sizeof *h;
    s->scores = section(block, &used, h->model == CLIP_UNIGRAM ? h->pieces : 0, sizeof *s->scores);
    s->places = section(block, &used, h->pieces + (uint64_t)1, sizeof *s->places);
    s->hash = section(block, &used, h->slots, sizeof *s->hash);
    s->merges = section(block, &used, h->merges, 3 * sizeof *s->merges);
    s->merge_hash = section(block, &used, h->merge_slots, sizeof *s->merge_hash);
    s->steps = section(block, &used, h->steps, sizeof *s->steps);
    s->added = section(block, &used, h->added, sizeof *s->added);
    s->specials = section(block, &used, (uint64_t)h->before + h->after, sizeof *s->specials);
    s->trie = section(block, &used, h->trie, sizeof *s->trie);
    s->normalized = section(block, &used, h->normalized, 1);
    s->strings = section(block, &used, h->strings, 1);
    s->bytes = section(block, &used, h->piece_bytes, 1);
    return used == length ? CLIP_OK : CLIP_ERROR_TOKENIZER;
}

static int inside(const clip_subword_header *h, uint32_t place, uint32_t length) {
    return place <= h->strings && length <= h->strings - place;
}

static int is_power(uint32_t n) { return n && (n & (n - 1)) == 0; }

/* A table of entries + 1 below `limit`, with room left, so that looking for what is not there ends. */
static int hash_is_sound(const uint32_t *hash, uint32_t slots, uint32_t limit) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < slots; i++) {
        if (hash[i] > limit) return 0;
        used += hash[i] != 0;
    }
    return used < slots;
}

static int steps_are_sound(const clip_subwords *s) {
    const clip_subword_header *h = s->header;
    int words = 0;
    for (uint32_t i = 0; i < h->steps; i++) {
        const clip_step *step = &s->steps[i];
        if (step->kind >= CLIP_STEP_COUNT || !inside(h, step->a, step->a_length) || !inside(h, step->b, step->b_length)) return 0;
        if (!clip_utf8_valid(s->strings + step->a, step->a_length) || !clip_utf8_valid(s->strings + step->b, step->b_length))
            return 0;
        if (step->kind >= CLIP_STEP_SPACES) words = i >= h->clean ? 1 : 2;
        else if (words) return 0; /* normalizers come first */
        if (words == 2) return 0;
        int needs_a = step->kind == CLIP_STEP_REPLACE || step->kind == CLIP_STEP_METASPACE || step->kind == CLIP_STEP_SPLIT;
        if (needs_a && !step->a_length) return 0;
        int behaves = step->kind == CLIP_STEP_SPLIT || step->kind == CLIP_STEP_PUNCTUATION;
        if (behaves && (step->flags & 7) > CLIP_CONTIGUOUS) return 0;
    }
    return 1;
}

static int added_are_sound(const clip_subwords *s) {
    const clip_subword_header *h = s->header;
    for (uint32_t i = 0; i < h->added; i++) {
        const clip_added *a = &s->added[i];
        if (a->id >= CLIP_MAX_PIECES || !a->length || !inside(h, a->place, a->length) ||
            !clip_utf8_valid(s->strings + a->place, a->length))
            return 0;
        if (i && a->length > s->added[i - 1].length) return 0;
    }
    for (uint32_t i = 0; i < h->before + h->after; i++)
        if (s->specials[i] >= CLIP_MAX_PIECES) return 0;
    return 1;
}

static int is_sound(const clip_subwords *s) {
    const clip_subword_header *h = s->header;
    if (h->steps > CLIP_MAX_STEPS || h->added > CLIP_MAX_ADDED || h->before > CLIP_MAX_SPECIALS || h->after > CLIP_MAX_SPECIALS)
        return 0;
    if (h->longest > CLIP_MAX_PIECE || !is_power(h->slots) || (h->merge_slots && !is_power(h->merge_slots))) return 0;
    if (h->clean > h->steps) return 0;
    if (h->unknown != CLIP_NO_PIECE && h->unknown >= h->pieces) return 0;
    if (h->pad != CLIP_NO_PIECE && h->pad >= CLIP_MAX_PIECES) return 0;
    if (h->merges && !h->merge_slots) return 0;
    if (!inside(h, h->continuing, h->continuing_length) || h->continuing_length > 64) return 0;
    if (s->places[0] != 0 || s->places[h->pieces] != h->piece_bytes) return 0;
    for (uint32_t i = 0; i < h->pieces; i++)
        if (s->places[i] > s->places[i + 1] || s->places[i + 1] - s->places[i] > h->longest) return 0;
    for (uint32_t i = 0; i < 3 * h->merges; i++)
        if (s->merges[i] >= h->pieces) return 0;
    if (h->model == CLIP_UNIGRAM) {
        if (h->unknown == CLIP_NO_PIECE) return 0;
        for (uint32_t i = 0; i < h->pieces; i++)
            if (!isfinite(s->scores[i])) return 0;
    }
    if (h->normalized && s->normalized[h->normalized - 1] != 0) return 0; /* every entry ends */
    return hash_is_sound(s->hash, h->slots, h->pieces) &&
           hash_is_sound(s->merge_hash, h->merge_slots, h->merges) + !h->merge_slots && steps_are_sound(s) && added_are_sound(s);
}

/* What is worth knowing before the first text. */
static void prepare(clip_subwords *s) {
    const clip_subword_header *h = s->header;
    if (h->model == CLIP_UNIGRAM) {
        s->lowest = s->scores[0];
        for (uint32_t i = 1; i < h->pieces; i++)
            if (s->scores[i] < s->lowest) s->lowest = s->scores[i];
    }
    s->has_bytes = (h->flags & CLIP_BYTE_FALLBACK) != 0;
    for (unsigned byte = 0; byte < 256 && s->has_bytes; byte++) {
        static const char DIGITS[] = "0123456789ABCDEF";
        const char name[6] = {'<', '0', 'x', DIGITS[byte >> 4], DIGITS[byte & 15], '>'};
        s->byte_pieces[byte] = clip_subwords_find(s, name, sizeof name);
    }
}

clip_status clip_subwords_open(clip_subwords *s, uint8_t *block, size_t length) {
    clip_status status = clip_subwords_sections(s, block, length);
    if (status == CLIP_OK && !is_sound(s)) status = CLIP_ERROR_TOKENIZER;
    if (status == CLIP_OK) {
        prepare(s);
        status = clip_added_open(s);
    }
    if (status != CLIP_OK) clip_subwords_close(s);
    return status;
}

void clip_subwords_close(clip_subwords *s) {
    clip_added_close(s);
    free(s->block);
    *s = (clip_subwords){0};
}

uint32_t clip_subwords_vocabulary(const clip_subwords *s) {
    const clip_subword_header *h = s->header;
    uint32_t most = h->pieces;
    for (uint32_t i = 0; i < h->added; i++)
        if (s->added[i].id >= most) most = s->added[i].id + 1;
    for (uint32_t i = 0; i < h->before + h->after; i++)
        if (s->specials[i] >= most) most = s->specials[i] + 1;
    return most;
}

uint32_t clip_subwords_find_hashed(const clip_subwords *s, uint32_t hash, const char *bytes, size_t length) {
    const uint32_t mask = s->header->slots - 1;
    for (uint32_t at = clip_subwords_slot(hash) & mask; s->hash[at]; at = (at + 1) & mask) {
        const uint32_t piece = s->hash[at] - 1, place = s->places[piece];
        if (s->places[piece + 1] - place == length && memcmp(s->bytes + place, bytes, length) == 0) return piece;
    }
    return CLIP_NO_PIECE;
}

uint32_t clip_subwords_find(const clip_subwords *s, const char *bytes, size_t length) {
    uint32_t hash = CLIP_SUBWORDS_HASH;
    for (size_t i = 0; i < length; i++) hash = clip_subwords_hash(hash, bytes[i]);
    return clip_subwords_find_hashed(s, hash, bytes, length);
}

uint32_t clip_subwords_merge(const clip_subwords *s, uint32_t left, uint32_t right) {
    if (!s->header->merge_slots) return CLIP_NO_PIECE;
    const uint32_t mask = s->header->merge_slots - 1;
    for (uint32_t at = clip_merge_slot(left, right) & mask; s->merge_hash[at]; at = (at + 1) & mask) {
        const uint32_t *merge = s->merges + 3 * (size_t)(s->merge_hash[at] - 1);
        if (merge[0] == left && merge[1] == right) return s->merge_hash[at] - 1;
    }
    return CLIP_NO_PIECE;
}
