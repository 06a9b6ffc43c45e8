#include "tokenizer/unicode.h"

#include <stdlib.h>
#include <string.h>

#include "unicode_tables.h" /* made by build/unicode_tables.c, which says what each table holds */

#define COUNT(table) sizeof *(table) /* of a table in planes */

/* An entry of a table of characters: three planes of bytes. */
static uint32_t entry_of(const uint8_t *table, size_t count, size_t at) {
    return table[at] | (uint32_t)table[count + at] << 8 | (uint32_t)table[2 * count + at] << 16;
}
#define ENTRY(table, at) entry_of(*(table), COUNT(table), (size_t)(at))

/* The place of the last entry that is at most `key`, or -1. */
static ptrdiff_t last_at_most(const uint8_t *table, size_t count, uint32_t key) {
    size_t from = 0, to = count;
    while (from < to) {
        const size_t middle = (from + to) / 2;
        if (entry_of(table, count, middle) <= key) from = middle + 1;
        else to = middle;
    }
    return (ptrdiff_t)from - 1;
}

clip_category clip_character_category(uint32_t character) {
    return (clip_category)CATEGORY_VALUE[last_at_most(*CATEGORY, COUNT(CATEGORY), character)];
}

clip_character clip_character_class(uint32_t character) {
    if ((character >= 9 && character <= 13) || character == 0x85) return CLIP_CHARACTER_SPACE; /* controls by category */
    const clip_category category = clip_character_category(character);
    if (category >= CLIP_CATEGORY_LU && category <= CLIP_CATEGORY_LO) return CLIP_CHARACTER_LETTER;
    if (category >= CLIP_CATEGORY_ND && category <= CLIP_CATEGORY_NO) return CLIP_CHARACTER_NUMBER;
    return category >= CLIP_CATEGORY_ZS && category <= CLIP_CATEGORY_ZP ? CLIP_CHARACTER_SPACE : CLIP_CHARACTER_OTHER;
}

int clip_character_is_punctuation(uint32_t c) {
    if (c < 0x80) return c > ' ' && c < 0x7f && !((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'));
    const clip_category category = clip_character_category(c);
    return category >= CLIP_CATEGORY_PC && category <= CLIP_CATEGORY_PO;
}

int clip_character_is_word(uint32_t c) {
    const clip_category category = clip_character_category(c);
    if (category >= CLIP_CATEGORY_LU && category <= CLIP_CATEGORY_NL) return 1;
    const int circled = (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
                        (c >= 0x1f170 && c <= 0x1f189);
    return category == CLIP_CATEGORY_PC || c == 0x200c || c == 0x200d || circled;
}

size_t clip_character_lower(uint32_t character, uint32_t to[2]) {
    if (character == 0x130) { /* I with dot above: i and a combining dot */
        to[0] = 'i';
        to[1] = 0x307;
        return 2;
    }
    to[0] = character;
    const ptrdiff_t run = last_at_most(*LOWER, COUNT(LOWER), character);
    if (run >= 0) { /* how many more in 9 bits, then their distance in 2 */
        const uint32_t entry = LOWER_RUN[0][run] | (uint32_t)LOWER_RUN[1][run] << 8;
        const uint32_t after = character - ENTRY(LOWER, run), step = entry & 3;
        if (after <= (entry >> 2) * step && after % step == 0) to[0] = character + (uint32_t)LOWER_BY[run];
    }
    return 1;
}

/* ---- UTF-8 (Unicode 14, table 3-7) ---- */

size_t clip_utf8_decode(const char *text, size_t length, uint32_t *character) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *byte = (const uint8_t *)text;
    *character = 0;
    if (!length) return 0;
    if (byte[0] < 0x80) {
        *character = byte[0];
        return 1;
    }
    const size_t size = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
    if (byte[0] < 0xc2 || byte[0] > 0xf4 || size > length) return 0;
    uint32_t value = byte[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xc0) != 0x80) return 0;
        value = value << 6 | (byte[i] & 0x3f);
    }
    if (value < smallest[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return 0;
    *character = value;
    return size;
}

int clip_utf8_valid(const char *text, size_t length) {
    uint32_t character;
    for (size_t used; length; text += used, length -= used)
        if ((used = clip_utf8_decode(text, length, &character)) == 0) return 0;
    return 1;
}

size_t clip_utf8_encode(uint32_t character, char *to) {
    const size_t size = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; character >>= 6) to[i] = (char)(0x80 | (character & 0x3f));
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    to[0] = (char)(lead[size] | character);
    return size;
}

/* ---- normalization form C (Unicode Standard Annex 15), on items: a character, and above it its combining class ---- */

#define ITEM_CLASS     24 /* bits to the combining class */
#define ITEM_CHARACTER 0xffffff
/* Hangul syllables are composed by arithmetic (The Unicode Standard, 3.12). */
#define L_BASE  0x1100
#define V_BASE  0x1161
#define T_BASE  0x11a7
#define S_BASE  0xac00
#define L_COUNT 19
#define V_COUNT 21
#define T_COUNT 28
#define S_COUNT (L_COUNT * V_COUNT * T_COUNT)

static uint32_t item_of(uint32_t character) {
    const uint32_t combining = COMBINING_VALUE[last_at_most(*COMBINING, COUNT(COMBINING), character)];
    return combining << ITEM_CLASS | character;
}

/* Writes a character's canonical decomposition, at most four items, and answers how many. */
static size_t decompose(uint32_t character, uint32_t *items) {
    if (character - S_BASE < S_COUNT) {
        const uint32_t syllable = character - S_BASE, last = syllable % T_COUNT;
        items[0] = L_BASE + syllable / (V_COUNT * T_COUNT);
        items[1] = V_BASE + syllable % (V_COUNT * T_COUNT) / T_COUNT;
        items[2] = T_BASE + last;
        return last ? 3 : 2;
    }
    const ptrdiff_t at = last_at_most(*WHOLE, COUNT(WHOLE), character);
    if (at < 0 || ENTRY(WHOLE, at) != character) {
        items[0] = item_of(character);
        return 1;
    }
    const size_t count = decompose(ENTRY(LEFT, at), items); /* at most three deep */
    const uint32_t right = ENTRY(RIGHT, at);
    if (!right) return count;
    items[count] = item_of(right);
    return count + 1;
}

/* What two characters compose to, or 0. */
static uint32_t compose(uint32_t left, uint32_t right) {
    if (left - L_BASE < L_COUNT && right - V_BASE < V_COUNT) return S_BASE + ((left - L_BASE) * V_COUNT + right - V_BASE) * T_COUNT;
    if (left - S_BASE < S_COUNT && (left - S_BASE) % T_COUNT == 0 && right > T_BASE && right < T_BASE + T_COUNT)
        return left + right - T_BASE;
    size_t from = 0, to = COUNT(COMPOSING);
    while (from < to) {
        const size_t middle = (from + to) / 2, at = COMPOSING[0][middle] | (size_t)COMPOSING[1][middle] << 8;
        const uint32_t l = ENTRY(LEFT, at), r = ENTRY(RIGHT, at);
        if (l == left && r == right) return ENTRY(WHOLE, at);
        if (l < left || (l == left && r < right)) from = middle + 1;
        else to = middle;
    }
    return 0;
}

/* Sorts combining marks by class, keeping the order within a class. By counting, since a hostile text may be nothing but marks;
 * spare has room for as many. */
static void order_marks(uint32_t *items, size_t count, uint32_t *spare) {
    if (count < 2) return;
    size_t first[256] = {0}; /* where the marks of a class begin */
    for (size_t i = 0; i < count; i++) first[items[i] >> ITEM_CLASS]++;
    for (size_t combining = 0, before = 0; combining < 256; combining++) {
        const size_t size = first[combining];
        first[combining] = before;
        before += size;
    }
    for (size_t i = 0; i < count; i++) spare[first[items[i] >> ITEM_CLASS]++] = items[i];
    memcpy(items, spare, count * sizeof *items);
}

/* Composes ordered items in place and answers how many are left, which are characters without their classes. A character joins
 * the last starter (class 0) if what was kept between them is of lower classes, but not a starter. */
static size_t compose_all(uint32_t *items, size_t count) {
    size_t starter = SIZE_MAX, used = 0;
    uint32_t blocking = 0; /* the class of the last mark kept since the starter */
    for (size_t i = 0; i < count; i++) {
        const uint32_t combining = items[i] >> ITEM_CLASS, character = items[i] & ITEM_CHARACTER;
        if (starter != SIZE_MAX && (starter + 1 == used || blocking < combining)) {
            const uint32_t whole = compose(items[starter], character);
            if (whole) {
                items[starter] = whole;
                continue;
            }
        }
        if (!combining) starter = used;
        blocking = combining;
        items[used++] = character;
    }
    return used;
}

static clip_status normalize(int composed, const char *text, size_t length, char **to, size_t *to_length) {
    if (length > SIZE_MAX / 32) return CLIP_ERROR_MEMORY;
    const size_t room =
        length + length / 2 + 4; /* U+0390, two bytes, decomposes to three characters; the build checks that none does worse */
    uint32_t *items = malloc(2 * room * sizeof *items), character;
    if (!items) return CLIP_ERROR_MEMORY;
    size_t count = 0, marks = 0; /* the latest items that are marks */
    for (size_t used; length; text += used, length -= used) {
        if ((used = clip_utf8_decode(text, length, &character)) == 0) break; /* the text was to be valid */
        const size_t more = decompose(character, items + count);
        for (size_t i = 0; i < more; i++) {
            if (items[count] >> ITEM_CLASS) marks++;
            else {
                order_marks(items + count - marks, marks, items + room);
                marks = 0;
            }
            count++;
        }
    }
    order_marks(items + count - marks, marks, items + room);
    if (composed) count = compose_all(items, count);
    *to = malloc(4 * count + 1);
    *to_length = 0;
    if (*to)
        for (size_t i = 0; i < count; i++) *to_length += clip_utf8_encode(items[i] & ITEM_CHARACTER, *to + *to_length);
    free(items);
    return *to ? CLIP_OK : CLIP_ERROR_MEMORY;
}

clip_status clip_utf8_compose(const char *text, size_t length, char **to, size_t *to_length) {
    return normalize(1, text, length, to, to_length);
}

clip_status clip_utf8_decompose(const char *text, size_t length, char **to, size_t *to_length) {
    return normalize(0, text, length, to, to_length);
}
