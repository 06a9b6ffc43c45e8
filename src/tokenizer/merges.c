#include "tokenizer/merges.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MERGES (1u << 20)

/* GPT-2's bytes_to_unicode: printable Latin-1 characters stand for themselves and come first; the others stand, in order, for
 * U+0100 and on. */
static int printable(uint32_t byte) {
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

uint32_t clip_byte_symbol(uint8_t byte) {
    /* 94 printable from 33, 12 from 161, 82 from 174; then 33 controls, 127..160, 173 */
    if (byte >= 33 && byte <= 126) return byte - 33u;
    if (byte >= 161 && byte <= 172) return byte - 161u + 94;
    if (byte >= 174) return byte - 174u + 106;
    if (byte <= 32) return byte + 188u;
    if (byte <= 160) return byte - 127u + 221;
    return 255;
}

/* The symbol that a character of the list stands for, or CLIP_NO_SYMBOL. */
static uint32_t character_symbol(uint32_t character) {
    if (character < 256) return printable(character) ? clip_byte_symbol((uint8_t)character) : CLIP_NO_SYMBOL;
    return character < 256 + 68 ? character - 256 + 188 : CLIP_NO_SYMBOL;
}

/* ---- strings of symbols, while reading: a part of a line is known by its base symbols ---- */

typedef struct {
    uint8_t *bytes; /* base symbols of all entries, end to end */
    size_t used;
    uint32_t *first;           /* (symbols + 1) where an entry's begin */
    uint8_t *ends;             /* (symbols) whether it ends a word */
    uint32_t *hash, mask;      /* entry + 1, or 0 */
    const clip_merges *merges; /* has the key */
} entries;

/* SipHash-1-3 (Aumasson and Bernstein 2012): who does not know the key cannot find texts that collide. */
static uint64_t turned(uint64_t x, int by) { return x << by | x >> (64 - by); }
static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[2] += v[3];
    v[1] = turned(v[1], 13) ^ v[0], v[3] = turned(v[3], 16) ^ v[2];
    v[0] = turned(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = turned(v[1], 17) ^ v[2], v[3] = turned(v[3], 21) ^ v[0];
    v[2] = turned(v[2], 32);
}

static uint64_t keyed_hash(const uint64_t key[2], const void *text, size_t length) {
    const uint8_t *bytes = text;
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                     key[1] ^ 0x7465646279746573u};
    uint64_t word = (uint64_t)length << 56;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t next;
        memcpy(&next, bytes, 8);
        v[3] ^= next;
        sip_round(v);
        v[0] ^= next;
    }
    for (size_t i = 0; i < length; i++) word |= (uint64_t)bytes[i] << 8 * i;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint32_t hash_of(const entries *e, const uint8_t *bytes, size_t length, int end) {
    return (uint32_t)(keyed_hash(e->merges->key, bytes, length) >> (end ? 32 : 0));
}

static uint32_t find_entry(const entries *e, const uint8_t *bytes, size_t length, int end) {
    for (uint32_t at = hash_of(e, bytes, length, end) & e->mask; e->hash[at]; at = (at + 1) & e->mask) {
        uint32_t entry = e->hash[at] - 1;
        if (e->ends[entry] == end && e->first[entry + 1] - e->first[entry] == length &&
            memcmp(e->bytes + e->first[entry], bytes, length) == 0)
            return entry;
    }
    return CLIP_NO_SYMBOL;
}

static void add_entry(entries *e, uint32_t entry, const uint8_t *bytes, size_t length, int end) {
    memcpy(e->bytes + e->used, bytes, length);
    e->first[entry] = (uint32_t)e->used;
    e->used += length;
    e->first[entry + 1] = (uint32_t)e->used;
    e->ends[entry] = (uint8_t)end;
    uint32_t at = hash_of(e, bytes, length, end) & e->mask;
    while (e->hash[at]) at = (at + 1) & e->mask;
    e->hash[at] = entry + 1;
}

/* Reads one part of a line into base symbols; answers its length, 0 if malformed. */
static size_t read_part(const char *text, size_t length, uint8_t *symbols, int *end) {
    static const char END[] = "</w>";
    const size_t tail = sizeof END - 1;
    size_t count = 0;
    *end = length > tail && memcmp(text + length - tail, END, tail) == 0;
    if (*end) length -= tail;
    for (size_t i = 0; i < length;) {
        uint32_t lead = (uint8_t)text[i], character = lead; /* one or two bytes of UTF-8: characters end at U+0143 */
        if (lead >= 0x80) {
            if (lead < 0xc2 || lead > 0xdf || i + 1 == length || ((uint8_t)text[i + 1] & 0xc0) != 0x80) return 0;
            character = (lead & 31) << 6 | ((uint8_t)text[++i] & 63);
        }
        i++;
        uint32_t symbol = character_symbol(character);
        if (symbol == CLIP_NO_SYMBOL) return 0;
        symbols[count++] = (uint8_t)symbol;
    }
    return count;
}

/* Cheap, since every label asks often; the key makes its collisions unforeseeable, too. */
static uint32_t place_of(const clip_merges *merges, uint32_t left, uint32_t right) {
    uint64_t h = (((uint64_t)left << 32 | right) ^ merges->key[0]) * (merges->key[1] | 1);
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u; /* 2^64 over the golden ratio */
    return (uint32_t)(h >> 32) & merges->mask;
}

static void add_pair(clip_merges *merges, uint32_t left, uint32_t right, uint32_t result) {
    uint32_t at = place_of(merges, left, right);
    while (merges->table[at].result) at = (at + 1) & merges->mask;
    merges->table[at] = (clip_merge){left, right, result};
}

uint32_t clip_merges_find(const clip_merges *merges, uint32_t left, uint32_t right) {
    for (uint32_t at = place_of(merges, left, right); merges->table[at].result; at = (at + 1) & merges->mask)
        if (merges->table[at].left == left && merges->table[at].right == right) return merges->table[at].result;
    return CLIP_NO_SYMBOL;
}

static clip_status read_line(clip_merges *merges, entries *e, uint8_t *scratch, const char *line, size_t length) {
    const char *space = memchr(line, ' ', length);
    if (!space || memchr(space + 1, ' ', length - (size_t)(space + 1 - line))) return CLIP_ERROR_MERGES;
    int left_end, right_end;
    size_t left_length = read_part(line, (size_t)(space - line), scratch, &left_end);
    size_t right_length = read_part(space + 1, length - (size_t)(space + 1 - line), scratch + left_length, &right_end);
    if (!left_length || !right_length || left_end) return CLIP_ERROR_MERGES;
    uint32_t left = find_entry(e, scratch, left_length, 0), right = find_entry(e, scratch + left_length, right_length, right_end);
    size_t whole = left_length + right_length;
    if (left == CLIP_NO_SYMBOL || right == CLIP_NO_SYMBOL || find_entry(e, scratch, whole, right_end) != CLIP_NO_SYMBOL)
        return CLIP_ERROR_MERGES;
    add_pair(merges, left, right, merges->symbols);
    add_entry(e, merges->symbols++, scratch, whole, right_end);
    return CLIP_OK;
}

/* Whether a first line is a heading: "#version: 0.2", or OpenAI's "bpe_simple_vocab_16e6.txt#version: 0.2 (with the quote). */
static int names_version(const char *line, size_t length) {
    static const char MARK[] = "#version";
    for (size_t i = 0; i + sizeof MARK - 1 <= length; i++)
        if (memcmp(line + i, MARK, sizeof MARK - 1) == 0) return 1;
    return 0;
}

static clip_status read_lines(clip_merges *merges, entries *e, uint8_t *scratch, const char *text, size_t length, uint32_t limit) {
    for (int end = 0; end < 2; end++)
        for (uint32_t symbol = 0; symbol < 256; symbol++) {
            uint8_t byte = (uint8_t)symbol;
            add_entry(e, merges->symbols++, &byte, 1, end);
        }
    for (int first = 1; length && merges->symbols - CLIP_FIRST_MERGE < limit; first = 0) {
        const char *newline = memchr(text, '\n', length);
        size_t line = newline ? (size_t)(newline - text) : length, next = newline ? line + 1 : length;
        if (line && text[line - 1] == '\r') line--;
        if (line && !(first && names_version(text, line))) {
            clip_status status = read_line(merges, e, scratch, text, line);
            if (status != CLIP_OK) return status;
        }
        text += next;
        length -= next;
    }
    return CLIP_OK;
}

clip_status clip_merges_read(clip_merges *merges, const char *text, size_t length, uint32_t limit) {
    *merges = (clip_merges){.table = NULL};
    if (length > (size_t)64 << 20) return CLIP_ERROR_MERGES;
    /* Of the list itself: a list made for a key would have another. */
    const uint64_t fixed[2] = {0, 1};
    merges->key[0] = keyed_hash(fixed, text, length);
    merges->key[1] = keyed_hash(merges->key, text, length);
    size_t lines = 1;
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
    if (lines > limit) lines = limit;
    if (lines > MAX_MERGES) return CLIP_ERROR_MERGES;
    size_t symbols = CLIP_FIRST_MERGE + lines, slots = 1024;
    while (slots < symbols * 2) slots *= 2;
    merges->table = calloc(slots, sizeof *merges->table);
    merges->mask = (uint32_t)slots - 1;
    /* Each line adds at most its own length to the entries' bytes. */
    entries e = {malloc(length + CLIP_FIRST_MERGE),
                 0,
                 malloc((symbols + 1) * sizeof(uint32_t)),
                 malloc(symbols),
                 calloc(slots, sizeof(uint32_t)),
                 (uint32_t)slots - 1,
                 merges};
    uint8_t *scratch = malloc(length + 1);
    clip_status status = CLIP_ERROR_MEMORY;
    if (merges->table && e.bytes && e.first && e.ends && e.hash && scratch)
        status = read_lines(merges, &e, scratch, text, length, limit);
    free(scratch);
    free(e.bytes);
    free(e.first);
    free(e.ends);
    free(e.hash);
    if (status != CLIP_OK) clip_merges_free(merges);
    return status;
}

void clip_merges_free(clip_merges *merges) {
    free(merges->table);
    *merges = (clip_merges){.table = NULL};
}
