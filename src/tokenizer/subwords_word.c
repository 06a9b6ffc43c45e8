/* subwords_word.c - one word to pieces: the three models, as Hugging Face's tokenizers computes them, ties and oddities included. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/subwords.h"
#include "tokenizer/unicode.h"

/* Puts a piece for each byte, if there is one for every byte of them. */
static int put_bytes(const clip_subwords *s, const char *bytes, size_t length, clip_ids *ids) {
    if (!s->has_bytes) return 0;
    for (size_t i = 0; i < length; i++)
        if (s->byte_pieces[(uint8_t)bytes[i]] == CLIP_NO_PIECE) return 0;
    for (size_t i = 0; i < length; i++) clip_ids_put(ids, s->byte_pieces[(uint8_t)bytes[i]]);
    return 1;
}

/* ---- Unigram: the pieces whose scores add up highest (Viterbi); an unknown character costs 10 more than the worst piece ---- */

typedef struct {
    double score;
    uint32_t from, piece; /* the best piece that ends here, and where it begins; from is UINT32_MAX where none ends */
} node;

static void offer(node *to, double score, uint32_t from, uint32_t piece) {
    if (to->from == UINT32_MAX || score > to->score) *to = (node){score, from, piece};
}

static void find_best(const clip_subwords *s, const char *word, size_t length, node *best) {
    const double unknown = s->lowest - 10;
    for (size_t i = 0; i <= length; i++) best[i] = (node){0, UINT32_MAX, 0};
    for (size_t at = 0; at < length;) {
        uint32_t character, hash = CLIP_SUBWORDS_HASH;
        const size_t size = clip_utf8_decode(word + at, length - at, &character);
        const size_t most = length - at < s->header->longest ? length - at : s->header->longest;
        int single = 0;
        for (size_t n = 1; n <= most; n++) {
            hash = clip_subwords_hash(hash, word[at + n - 1]);
            const uint32_t piece = clip_subwords_find_hashed(s, hash, word + at, n);
            if (piece == CLIP_NO_PIECE) continue;
            offer(&best[at + n], best[at].score + s->scores[piece], (uint32_t)at, piece);
            single |= n == size;
        }
        if (!single) offer(&best[at + size], best[at].score + unknown, (uint32_t)at, s->header->unknown);
        at += size;
    }
}

static clip_status unigram(const clip_subwords *s, const char *word, size_t length, clip_ids *ids) {
    node *best = malloc((length + 1) * sizeof *best);
    if (!best) return CLIP_ERROR_MEMORY;
    find_best(s, word, length, best);
    /* Turn the path around: each piece's end comes to stand where it begins. */
    for (size_t end = length, next = 0; end;) {
        const size_t from = best[end].from;
        best[end].from = (uint32_t)next;
        next = end;
        end = from;
        if (!end) best[0].from = (uint32_t)next;
    }
    for (size_t at = 0, end; at < length && !clip_ids_full(ids); at = end) {
        end = best[at].from;
        const uint32_t piece = best[end].piece;
        if (piece != s->header->unknown) {
            clip_ids_put(ids, piece);
            continue;
        }
        while (end < length && best[best[end].from].piece == piece) end = best[end].from; /* unknown ones become one */
        if (!put_bytes(s, word + at, end - at, ids)) clip_ids_put(ids, piece);
    }
    free(best);
    return CLIP_OK;
}

/* ---- byte pairs: the pair of lowest rank merges first, the leftmost of equals ---- */

typedef struct {
    uint32_t piece;
    int32_t previous, next; /* -1: none. A symbol that was merged away has piece CLIP_NO_PIECE */
} symbol;

typedef struct {
    uint32_t rank, result;
    int32_t left; /* position of the pair's left symbol */
} candidate;

typedef struct {
    const clip_subwords *s;
    symbol *symbols;
    size_t count;
    candidate *heap; /* three for a symbol: one at first, two for each merge, which uses one symbol up */
    size_t heap_size;
} pairs;

static int before(const candidate *a, const candidate *b) { return a->rank != b->rank ? a->rank < b->rank : a->left < b->left; }

static void heap_push(pairs *p, candidate c) {
    size_t at = p->heap_size++;
    for (; at && before(&c, &p->heap[(at - 1) / 2]); at = (at - 1) / 2) p->heap[at] = p->heap[(at - 1) / 2];
    p->heap[at] = c;
}

static candidate heap_pop(pairs *p) {
    const candidate top = p->heap[0], last = p->heap[--p->heap_size];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < p->heap_size) {
        if (child + 1 < p->heap_size && before(&p->heap[child + 1], &p->heap[child])) child++;
        if (!before(&p->heap[child], &last)) break;
        p->heap[at] = p->heap[child];
        at = child;
    }
    p->heap[at] = last;
    return top;
}

static uint32_t merge_at(const pairs *p, int32_t left) {
    if (left < 0 || p->symbols[left].next < 0) return CLIP_NO_PIECE;
    return clip_subwords_merge(p->s, p->symbols[left].piece, p->symbols[p->symbols[left].next].piece);
}

static void consider(pairs *p, int32_t left) {
    const uint32_t rank = merge_at(p, left);
    if (rank != CLIP_NO_PIECE) heap_push(p, (candidate){rank, p->s->merges[3 * (size_t)rank + 2], left});
}

static void add_symbol(pairs *p, uint32_t piece) {
    const int32_t at = (int32_t)p->count++;
    if (at) p->symbols[at - 1].next = at;
    p->symbols[at] = (symbol){piece, at - 1, -1};
}

/* Characters to symbols; what is no piece becomes bytes, or unknown. */
static void split_characters(pairs *p, const char *word, size_t length) {
    const clip_subwords *s = p->s;
    int unknown = 0; /* one is waiting to be put */
    while (length) {
        uint32_t character;
        const size_t size = clip_utf8_decode(word, length, &character);
        const uint32_t piece = clip_subwords_find(s, word, size);
        uint32_t bytes[4];
        clip_ids found = {bytes, 4, 0};
        if (piece != CLIP_NO_PIECE) {
            if (unknown) add_symbol(p, s->header->unknown);
            unknown = 0;
            add_symbol(p, piece);
        } else if (put_bytes(s, word, size, &found)) {
            for (size_t i = 0; i < found.count; i++) add_symbol(p, bytes[i]);
        } else if (s->header->unknown != CLIP_NO_PIECE) {
            if (unknown && !(s->header->flags & CLIP_FUSE_UNKNOWN)) add_symbol(p, s->header->unknown);
            unknown = 1;
        }
        word += size, length -= size;
    }
    if (unknown) add_symbol(p, s->header->unknown);
}

static void merge_all(pairs *p) {
    for (size_t i = 0; i < p->count; i++) consider(p, (int32_t)i);
    while (p->heap_size) {
        const candidate c = heap_pop(p);
        symbol *left = &p->symbols[c.left];
        if (left->piece == CLIP_NO_PIECE) continue;
        const uint32_t rank = merge_at(p, c.left);
        if (rank == CLIP_NO_PIECE || p->s->merges[3 * (size_t)rank + 2] != c.result) continue; /* since changed */
        symbol *right = &p->symbols[left->next];
        left->piece = c.result;
        right->piece = CLIP_NO_PIECE;
        left->next = right->next;
        if (right->next >= 0) p->symbols[right->next].previous = c.left;
        consider(p, left->previous);
        consider(p, c.left);
    }
}

static clip_status byte_pairs(const clip_subwords *s, const char *word, size_t length, clip_ids *ids) {
    if (s->header->flags & CLIP_IGNORE_MERGES) {
        const uint32_t whole = clip_subwords_find(s, word, length);
        if (whole != CLIP_NO_PIECE) {
            clip_ids_put(ids, whole);
            return CLIP_OK;
        }
    }
    pairs p = {.s = s, .symbols = malloc(length * sizeof *p.symbols), .heap = malloc(3 * length * sizeof *p.heap)};
    const clip_status status = p.symbols && p.heap ? CLIP_OK : CLIP_ERROR_MEMORY;
    if (status == CLIP_OK) {
        split_characters(&p, word, length);
        merge_all(&p);
        for (int32_t i = p.count ? 0 : -1; i >= 0 && !clip_ids_full(ids); i = p.symbols[i].next)
            clip_ids_put(ids, p.symbols[i].piece);
    }
    free(p.heap);
    free(p.symbols);
    return status;
}

/* ---- WordPiece: the longest piece that fits, again and again; a word with a part that has none is unknown ---- */

static clip_status word_piece(const clip_subwords *s, const char *word, size_t length, clip_ids *ids) {
    const clip_subword_header *h = s->header;
    const char *continuing = s->strings + h->continuing;
    size_t characters = 0, start = ids->count;
    for (size_t i = 0; i < length; i++) characters += ((uint8_t)word[i] & 0xc0) != 0x80;
    int known = characters <= h->word_characters;
    for (size_t at = 0, end; known && at < length; at = end) {
        uint32_t prefix = CLIP_SUBWORDS_HASH, piece = CLIP_NO_PIECE;
        for (size_t i = 0; at && i < h->continuing_length; i++) prefix = clip_subwords_hash(prefix, continuing[i]);
        const size_t head = at ? h->continuing_length : 0;
        char candidate[CLIP_MAX_PIECE + 64];
        size_t most = length - at;
        if (most > CLIP_MAX_PIECE) most = CLIP_MAX_PIECE;
        memcpy(candidate, continuing, head);
        memcpy(candidate + head, word + at, most);
        end = at;
        for (size_t n = 1; n <= most; n++) { /* shortest first, as the hash goes on; the last found is the longest */
            prefix = clip_subwords_hash(prefix, word[at + n - 1]);
            if (at + n < length && ((uint8_t)word[at + n] & 0xc0) == 0x80) continue;
            const uint32_t found = clip_subwords_find_hashed(s, prefix, candidate, head + n);
            if (found == CLIP_NO_PIECE) continue;
            piece = found;
            end = at + n;
        }
        known = piece != CLIP_NO_PIECE;
        if (known) clip_ids_put(ids, piece);
    }
    if (known) return CLIP_OK;
    ids->count = start;
    if (h->unknown != CLIP_NO_PIECE) clip_ids_put(ids, h->unknown);
    return CLIP_OK;
}

clip_status clip_subwords_encode_word(const clip_subwords *s, const char *word, size_t length, clip_ids *ids) {
    if (!length || clip_ids_full(ids)) return CLIP_OK;
    switch (s->header->model) {
    case CLIP_UNIGRAM: return unigram(s, word, length, ids);
    case CLIP_BYTE_PAIRS: return byte_pairs(s, word, length, ids);
    default: return word_piece(s, word, length, ids);
    }
}
