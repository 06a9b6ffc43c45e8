/* unicode_tables.c - prints what src/tokenizer/unicode.c asks of Unicode as C tables, taken from utf8proc. emcc.mk builds and runs it.
 *
 * utf8proc's own tables answer many more questions, in 330 KB; these are 35 KB. Numbers lie in planes, all their lowest bytes first, then
 * all the next ones: a third less after brotli.
 *
 *     CATEGORY        characters (3 planes)     where the general category changes, in order: it is that of the last entry that is not
 *     CATEGORY_VALUE  clip_category             above the character. Surrogates count as what is before them
 *     COMBINING, COMBINING_VALUE                combining classes, likewise
 *     LOWER           first (3 planes)          capitals, each (step 1) or every other (step 2) of which is as far from its small letter
 *     LOWER_RUN       (characters - 1) << 2 | step
 *     LOWER_BY        distance
 *     WHOLE, LEFT, RIGHT    characters (3 planes)    canonical decompositions (UnicodeData.txt's: one step, LEFT may go on), in
 *                                               order of WHOLE; RIGHT is 0 where it is one other character. No Hangul
 *     COMPOSING       places in WHOLE (2 planes)     those pairs that compose, in order of LEFT, then RIGHT
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

#define MAX_ENTRIES 8192

static uint32_t entries[MAX_ENTRIES]; /* of the table that is being made */
static int entry_count;

static void add_entry(uint32_t entry) {
    require(entry_count < MAX_ENTRIES, "tables are small");
    entries[entry_count++] = entry;
}

/* Prints the table in planes, and begins the next. */
static void print_planes(const char *name, int planes) {
    printf("static const uint8_t %s[%d][%d] = {", name, planes, entry_count);
    for (int plane = 0; plane < planes; plane++) {
        printf("{");
        for (int i = 0; i < entry_count; i++) printf("%u,", entries[i] >> 8 * plane & 255);
        printf("},");
    }
    for (int i = 0; i < entry_count; i++) require(planes == 4 || entries[i] >> 8 * planes == 0, "numbers fit their planes");
    printf("};\n");
    entry_count = 0;
}

/* Prints where a property changes, and to what. */
static void print_changes(const char *name, unsigned (*value)(int32_t)) {
    static unsigned values[MAX_ENTRIES];
    unsigned before = UINT32_MAX;
    for (int32_t c = 0; c <= LAST; c++) {
        if (is_surrogate(c) || value(c) == before) continue;
        before = value(c);
        require(before < 256, "a property's values are small");
        values[entry_count] = before;
        add_entry((uint32_t)c);
    }
    const int count = entry_count;
    print_planes(name, 3);
    printf("static const uint8_t %s_VALUE[] = {", name);
    for (int i = 0; i < count; i++) printf("%u,", values[i]);
    printf("};\n");
}

static int32_t lower_by(int32_t c) { return is_surrogate(c) ? 0 : utf8proc_tolower(c) - c; }

static void print_lower(void) {
    static int32_t distance[MAX_RUNS];
    static uint32_t runs[MAX_RUNS];
    int count = 0;
    for (int32_t c = 0; c <= LAST;) {
        const int32_t by = lower_by(c);
        if (!by) {
            c++;
            continue;
        }
        const int32_t step = lower_by(c + 1) != by && lower_by(c + 2) == by ? 2 : 1;
        int32_t run = 1;
        while (run < MAX_LENGTH && lower_by(c + run * step) == by && (step == 1 || !lower_by(c + run * step - 1))) run++;
        require(count < MAX_RUNS, "capitals come in few runs");
        add_entry((uint32_t)c);
        runs[count] = (uint32_t)(run - 1) << 2 | (uint32_t)step;
        distance[count++] = by;
        c += run * step - (step - 1);
    }
    print_planes("LOWER", 3);
    for (int i = 0; i < count; i++) add_entry(runs[i]);
    print_planes("LOWER_RUN", 2);
    printf("static const int32_t LOWER_BY[] = {");
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
    print_changes("CATEGORY", category_of);
    print_changes("COMBINING", combining_of);
    print_lower();
    for (int i = 0; i < pair_count; i++) add_entry((uint32_t)pairs[i].whole);
    print_planes("WHOLE", 3);
    for (int i = 0; i < pair_count; i++) add_entry((uint32_t)pairs[i].left);
    print_planes("LEFT", 3);
    for (int i = 0; i < pair_count; i++) add_entry((uint32_t)pairs[i].right);
    print_planes("RIGHT", 3);
    for (int i = 0; i < pair_count; i++)
        if (composes(&pairs[i])) composing[count++] = i;
    qsort(composing, (size_t)count, sizeof *composing, by_parts);
    for (int i = 0; i < count; i++) add_entry((uint32_t)composing[i]);
    print_planes("COMPOSING", 2);
    return fflush(stdout) == 0 ? 0 : 1;
}
