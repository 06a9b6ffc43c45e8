/* subwords_build.c - the block of a tokenizer.json that was read: sizes first, then the tables that are looked up in. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer_file.h"

static uint32_t slots_for(size_t count) {
    uint32_t slots = 16;
    while (slots < count + count / 2) slots *= 2;
    return slots;
}

static uint64_t padded(uint64_t bytes) { return (bytes + 7) / 8 * 8; }

/* Sets the counts that follow from the tables. */
static clip_status measure(const clip_tokenizer_file *file, clip_tokenizer_settings *settings) {
    clip_subword_header *h = &settings->header;
    const clip_file_piece *pieces = file->pieces.items;
    for (size_t i = 0; i < file->pieces.count; i++) {
        if (pieces[i].id >= h->pieces) h->pieces = pieces[i].id + 1;
        if (pieces[i].length > h->longest) h->longest = pieces[i].length;
        h->piece_bytes += pieces[i].length;
    }
    if (!h->pieces) return clip_file_refuse(file, "no vocabulary", CLIP_NO_NODE);
    h->slots = slots_for(h->pieces);
    h->merges = h->model == CLIP_BYTE_PAIRS ? (uint32_t)file->merges.count : 0;
    h->merge_slots = h->merges ? slots_for(h->merges) : 0;
    h->strings = (uint32_t)settings->strings.count;
    const uint64_t bytes = sizeof *h + padded(h->model == CLIP_UNIGRAM ? (uint64_t)h->pieces * 8 : 0) +
                           padded(((uint64_t)h->pieces + 1) * 4) + padded((uint64_t)h->slots * 4) +
                           padded((uint64_t)h->merges * 12) + padded((uint64_t)h->merge_slots * 4) +
                           padded((uint64_t)h->steps * sizeof(clip_step)) + padded((uint64_t)h->added * sizeof(clip_added)) +
                           padded(((uint64_t)h->before + h->after) * 4) + padded((uint64_t)h->trie * 4) + padded(h->normalized) +
                           padded(h->strings) + padded(h->piece_bytes);
    if (bytes > CLIP_MAX_SUBWORDS) return clip_file_refuse(file, "too large a vocabulary", CLIP_NO_NODE);
    h->bytes = (uint32_t)bytes;
    return CLIP_OK;
}

/* Pieces by id, and their hash; of equal ones the last counts. */
static clip_status fill_pieces(const clip_tokenizer_file *file, clip_subwords *s) {
    const clip_subword_header *h = s->header;
    const clip_file_piece *pieces = file->pieces.items;
    uint32_t *places = (uint32_t *)s->places, *hash = (uint32_t *)s->hash;
    double *scores = (double *)s->scores;
    for (size_t i = 0; i < file->pieces.count; i++) {
        if (places[pieces[i].id + 1]) return clip_file_refuse(file, "two pieces have one id", CLIP_NO_NODE);
        places[pieces[i].id + 1] = pieces[i].length;
        if (h->model == CLIP_UNIGRAM) scores[pieces[i].id] = pieces[i].score;
    }
    for (uint32_t id = 0; id < h->pieces; id++) places[id + 1] += places[id];
    for (size_t i = 0; i < file->pieces.count; i++) {
        const clip_file_piece *p = &pieces[i];
        const char *bytes = (const char *)file->piece_bytes.items + p->place;
        memcpy((char *)s->bytes + places[p->id], bytes, p->length);
    }
    for (uint32_t id = 0; id < h->pieces; id++) {
        const char *bytes = s->bytes + places[id];
        const size_t length = places[id + 1] - places[id];
        if (!length) continue;
        uint32_t value = CLIP_SUBWORDS_HASH;
        for (size_t i = 0; i < length; i++) value = clip_subwords_hash(value, bytes[i]);
        uint32_t at = clip_subwords_slot(value) & (h->slots - 1);
        while (hash[at]) {
            const uint32_t other = hash[at] - 1;
            if (places[other + 1] - places[other] == length && memcmp(s->bytes + places[other], bytes, length) == 0) break;
            at = (at + 1) & (h->slots - 1);
        }
        hash[at] = id + 1;
    }
    return CLIP_OK;
}

static clip_status fill_merges(const clip_tokenizer_file *file, clip_subwords *s) {
    const clip_subword_header *h = s->header;
    const clip_file_merge *from = file->merges.items;
    uint32_t *merges = (uint32_t *)s->merges, *hash = (uint32_t *)s->merge_hash;
    for (uint32_t i = 0; i < h->merges; i++) {
        const char *bytes = (const char *)file->merge_bytes.items + from[i].place;
        uint32_t *merge = merges + 3 * (size_t)i;
        merge[0] = clip_subwords_find(s, bytes, from[i].left);
        merge[1] = clip_subwords_find(s, bytes + from[i].left, from[i].right);
        merge[2] = clip_subwords_find(s, bytes, from[i].left + from[i].right);
        if (merge[0] == CLIP_NO_PIECE || merge[1] == CLIP_NO_PIECE || merge[2] == CLIP_NO_PIECE)
            return clip_file_refuse(file, "a merge of what is not in the vocabulary", CLIP_NO_NODE);
        uint32_t at = clip_merge_slot(merge[0], merge[1]) & (h->merge_slots - 1);
        while (hash[at] && (merges[3 * (size_t)(hash[at] - 1)] != merge[0] || merges[3 * (size_t)(hash[at] - 1) + 1] != merge[1]))
            at = (at + 1) & (h->merge_slots - 1);
        hash[at] = i + 1;
    }
    return CLIP_OK;
}

/* The unknown piece by its name, where it has one. */
static clip_status find_unknown(const clip_tokenizer_file *file, clip_subwords *s, clip_subword_header *h) {
    if (h->model == CLIP_UNIGRAM)
        return h->unknown < h->pieces ? CLIP_OK : clip_file_refuse(file, "unk_id is beyond the vocabulary", CLIP_NO_NODE);
    const uint32_t node = clip_file_get(file, clip_file_get(file, 0, "model"), "unk_token");
    if (clip_file_is_null(file, node)) return CLIP_OK;
    size_t length;
    const char *name = clip_file_text(file, node, &length);
    h->unknown = clip_subwords_find(s, name, length);
    return h->unknown == CLIP_NO_PIECE ? clip_file_refuse(file, "unk_token", node) : CLIP_OK;
}

/* The token that fills texts up, where another file named it: a piece, or an added token. */
static clip_status find_padding(const clip_tokenizer_file *file, const clip_tokenizer_settings *settings, clip_subwords *s,
                                clip_subword_header *h) {
    if (!file->pad_length) return CLIP_OK;
    const clip_added *added = settings->added.items;
    h->pad = clip_subwords_find(s, file->pad, file->pad_length);
    for (size_t i = 0; i < settings->added.count; i++)
        if (added[i].length == file->pad_length &&
            memcmp((const char *)settings->strings.items + added[i].place, file->pad, file->pad_length) == 0)
            h->pad = added[i].id;
    h->pad_left = (uint32_t)file->pad_left;
    return h->pad == CLIP_NO_PIECE ? clip_file_refuse(file, "pad_token is not in the vocabulary", CLIP_NO_NODE) : CLIP_OK;
}

clip_status clip_subwords_build(const clip_tokenizer_file *file, clip_tokenizer_settings *settings, uint8_t **block,
                                size_t *length) {
    clip_subword_header *h = &settings->header;
    *block = NULL;
    clip_status status = measure(file, settings);
    if (status != CLIP_OK) return status;
    uint8_t *bytes = calloc(1, h->bytes);
    if (!bytes) return CLIP_ERROR_MEMORY;
    clip_subwords s;
    memcpy(bytes, h, sizeof *h);
    status = clip_subwords_sections(&s, bytes, h->bytes);
    if (status == CLIP_OK) status = fill_pieces(file, &s);
    if (status == CLIP_OK) status = fill_merges(file, &s);
    if (status == CLIP_OK) status = find_unknown(file, &s, (clip_subword_header *)bytes);
    if (status == CLIP_OK) status = find_padding(file, settings, &s, (clip_subword_header *)bytes);
    if (status != CLIP_OK) {
        free(bytes);
        return status;
    }
    memcpy((void *)s.steps, settings->steps, h->steps * sizeof *settings->steps);
    if (h->added) memcpy((void *)s.added, settings->added.items, h->added * sizeof(clip_added));
    memcpy((void *)s.specials, settings->specials, (h->before + h->after) * sizeof *settings->specials);
    if (h->trie) memcpy((void *)s.trie, settings->charsmap, h->trie * sizeof *s.trie);
    if (h->normalized) memcpy((void *)s.normalized, settings->charsmap + 4 * (size_t)h->trie, h->normalized);
    if (h->strings) memcpy((void *)s.strings, settings->strings.items, h->strings);
    *block = bytes;
    *length = h->bytes;
    return CLIP_OK;
}
