/* unicode_tables.c - prints what src/tokenizer/unicode.c asks of Unicode as C tables, taken from utf8proc. emcc.mk builds and runs it.
 *
 * utf8proc's own tables answer many more questions, in 330 KB; these are 37 KB. After brotli a module is 37 KB smaller with them.
 *
 *     CATEGORY     character << 5 | clip_category      where the general category changes, in order: it is that of the last entry that
 *                                                      is not above the character. Surrogates count as what is before them
 *     COMBINING    character << 8 | combining class    likewise
 *     LOWER_RUN    first << 11 | (characters - 1) << 2 | step    capitals, each (step 1) or every other (step 2) of which is
 *     LOWER_BY     distance                                      as far from its small letter; LOWER_BY goes with LOWER_RUN
 *     WHOLE, LEFT, RIGHT    characters                 canonical decompositions (UnicodeData.txt's: one step, LEFT may go on), in
 *                                                      order of WHOLE; RIGHT is 0 where it is one other character. No Hangul
 *     COMPOSING    places in WHOLE                     those pairs that compose, in order of LEFT, then RIGHT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8proc.h"

#define LAST       0x10FFFF
#define MAX_PAIRS  4096
#define MAX_RUNS   2048
#define MAX_PARTS  4 /* of one decomposition; src/tokenizer/unicode.c relies on it */
#define MAX_LENGTH 512

typedef struct {
    int32_t whole, left, right; /* right is 0 where a character stands for one other */
} pair;

static pair pairs[MAX_PAIRS];
static int pair_count;

/* A later Unicode may break what is taken for granted here: then the build fails, instead of shipping wrong tables. */
static void require(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "unicode_tables: not so: %s\n", what);
    exit(1);
}

static int is_surrogate(int32_t c) { return c >= 0xD800 && c <= 0xDFFF; }
static int is_hangul_syllable(int32_t c) { return c >= 0xAC00 && c <= 0xD7A3; }

/* clip_category goes by utf8proc's numbers, which are in the order of the standard. */
static unsigned category_of(int32_t c) { return (unsigned)utf8proc_category(c); }

static unsigned combining_of(int32_t c) { return (unsigned)utf8proc_get_property(c)->combining_class; }

/* Prints where a property changes; its values take `bits`. */
static void print_changes(const char *name, unsigned (*value)(int32_t), int bits) {
    unsigned before = UINT32_MAX;
    printf("static const uint32_t %s[] = {", name);
    for (int32_t c = 0; c <= LAST; c++) {
        if (is_surrogate(c) || value(c) == before) continue;
        before = value(c);
        require(before >> bits == 0, "a property's values are small");
        printf("%u,", (unsigned)c << bits | before);
    }
    printf("};\n");
}

static int32_t lower_by(int32_t c) { return is_surrogate(c) ? 0 : utf8proc_tolower(c) - c; }

static void print_lower(void) {
    static int32_t distance[MAX_RUNS];
    int count = 0;
    printf("static const uint32_t LOWER_RUN[] = {");
    for (int32_t c = 0; c <= LAST;) {
        const int32_t by = lower_by(c);
        if (!by) {
            c++;
            continue;
        }
        const int32_t step = lower_by(c + 1) != by && lower_by(c + 2) == by ? 2 : 1;
        int32_t run = 1;
        while (run < MAX_LENGTH && lower_by(c + run * step) == by && (step == 1 || !lower_by(c + run * step - 1))) run++;
        printf("%u,", (unsigned)c << 11 | (unsigned)(run - 1) << 2 | (unsigned)step);
        require(count < MAX_RUNS, "capitals come in few runs");
        distance[count++] = by;
        c += run * step - (step - 1);
    }
    printf("};\nstatic const int32_t LOWER_BY[] = {");
    for (int i = 0; i < count; i++) printf("%d,", distance[i]);
    printf("};\n");
}

static int decompose(int32_t c, int32_t parts[MAX_PARTS]) {
    const int count = (int)utf8proc_decompose_char(c, parts, MAX_PARTS, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, NULL);
    utf8proc_uint8_t text[4];
    require(count >= 1 && count <= MAX_PARTS, "a character decomposes to four at most");
    require(2 * count <= 3 * utf8proc_encode_char(c, text) || c < 0x80, "two bytes of UTF-8 decompose to three characters at most");
    return count;
}

/* utf8proc knows only where decomposition ends. One step before, the left one of two is the character that decomposes into all
 * but the last. */
static int32_t left_of(const int32_t *parts, int count) {
    int32_t other[MAX_PARTS];
    if (count == 1) return parts[0];
    for (int i = 0; i < pair_count; i++)
        if (decompose(pairs[i].whole, other) == count && memcmp(other, parts, (size_t)count * sizeof *parts) == 0)
            return pairs[i].whole;
    require(0, "a decomposition without its last character is a character's, too");
    return 0;
}

static void find_pairs(void) {
    int32_t parts[MAX_PARTS];
    for (int size = 1; size <= MAX_PARTS; size++) /* shorter ones first, as longer ones refer to them */
        for (int32_t c = 0; c <= LAST; c++) {
            if (is_surrogate(c) || is_hangul_syllable(c)) continue; /* Hangul is arithmetic */
            if (decompose(c, parts) != size || (size == 1 && parts[0] == c)) continue;
            require(pair_count < MAX_PAIRS, "there are few decompositions");
            /* A character that stands for one which decomposes comes out as a pair, which is the same in the end. */
            pairs[pair_count++] = size == 1 ? (pair){c, parts[0], 0} : (pair){c, left_of(parts, size - 1), parts[size - 1]};
        }
}

static int by_whole(const void *a, const void *b) { return ((const pair *)a)->whole < ((const pair *)b)->whole ? -1 : 1; }

static int by_parts(const void *a, const void *b) {
    const pair *p = &pairs[*(const int *)a], *q = &pairs[*(const int *)b];
    if (p->left != q->left) return p->left < q->left ? -1 : 1;
    return p->right < q->right ? -1 : p->right > q->right;
}

static int composes(const pair *p) {
    int32_t both[2] = {p->left, p->right};
    return p->right && utf8proc_normalize_utf32(both, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) == 1 && both[0] == p->whole;
}

int main(void) {
    static int composing[MAX_PAIRS];
    int count = 0;
    find_pairs();
    qsort(pairs, (size_t)pair_count, sizeof *pairs, by_whole);
    printf("/* Unicode %s, by build/unicode_tables.c, which says what each table holds. */\n", utf8proc_unicode_version());
    require(UTF8PROC_CATEGORY_MN == 6 && UTF8PROC_CATEGORY_PC == 12 && UTF8PROC_CATEGORY_CO == 29, "categories are in order");
    print_changes("CATEGORY", category_of, 5);
    print_changes("COMBINING", combining_of, 8);
    print_lower();
    printf("static const uint32_t WHOLE[] = {");
    for (int i = 0; i < pair_count; i++) printf("%d,", pairs[i].whole);
    printf("};\nstatic const uint32_t LEFT[] = {");
    for (int i = 0; i < pair_count; i++) printf("%d,", pairs[i].left);
    printf("};\nstatic const uint32_t RIGHT[] = {");
    for (int i = 0; i < pair_count; i++) printf("%d,", pairs[i].right);
    printf("};\nstatic const uint16_t COMPOSING[] = {");
    for (int i = 0; i < pair_count; i++)
        if (composes(&pairs[i])) composing[count++] = i;
    qsort(composing, (size_t)count, sizeof *composing, by_parts);
    for (int i = 0; i < count; i++) printf("%d,", composing[i]);
    printf("};\n");
    return fflush(stdout) == 0 ? 0 : 1;
}
