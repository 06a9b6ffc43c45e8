/* Characters and canonical composition: all of them as utf8proc has them, and by examples from the Unicode Standard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utf8proc.h>

#include "../../src/tokenizer/unicode.h"

static size_t write(const uint32_t *characters, char *to) {
    size_t used = 0;
    for (; *characters; characters++) used += clip_utf8_encode(*characters, to + used);
    return used;
}

static void composes_as_annex_15_says(void **state) {
    (void)state;
    static const struct {
        uint32_t text[8], composed[8];
    } cases[] = {
        {{'a', 0x301}, {0xe1}},
        {{0x212b}, {0xc5}},              /* a character for another */
        {{0x1e69}, {0x1e69}},            /* s with two dots: taken apart and put together again */
        {{'s', 0x307, 0x323}, {0x1e69}}, /* marks are ordered first */
        {{'a', 0x315, 0x300, 0x5ae, 'b'}, {0xe0, 0x5ae, 0x315, 'b'}},
        {{'a', 0x301, 0x301}, {0xe1, 0x301}}, /* a mark composes once */
        {{'a', 0x327, 0x302}, {0xe2, 0x327}}, /* over a mark of another class */
        {{0x915, 0x93c}, {0x915, 0x93c}},     /* excluded from composition */
        {{0x958}, {0x915, 0x93c}},
        {{0x344}, {0x308, 0x301}},
        {{0x1d160}, {0x1d158, 0x1d165, 0x1d16e}}, /* the longest growth */
        {{0x11131, 0x11127}, {0x1112e}},          /* beyond the basic plane; both are marks, the first of class 0 */
        {{0x1100, 0x1161, 0x11a8}, {0xac01}},     /* Hangul */
        {{0xac00, 0x11a8}, {0xac01}},
        {{0xac00, 0x11a7}, {0xac00, 0x11a7}}, /* not a last consonant */
        {{0xac01, 0x11a8}, {0xac01, 0x11a8}},
        {{0x301, 'a'}, {0x301, 'a'}}, /* a mark with nothing before it */
        {{0xf900}, {0x8c48}},
        {{0xfb01}, {0xfb01}}, /* a ligature is compatible, not canonical */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32], expected[32], *composed;
        size_t length = write(cases[i].text, text), expected_length = write(cases[i].composed, expected), composed_length;
        assert_int_equal(clip_utf8_compose(text, length, &composed, &composed_length), CLIP_OK);
        if (composed_length != expected_length) print_error("case %d\n", (int)i);
        assert_int_equal(composed_length, expected_length);
        assert_memory_equal(composed, expected, expected_length);
        free(composed);
    }
}

static void orders_a_megabyte_of_marks(void **state) {
    (void)state;
    enum { PAIRS = 1 << 18 };
    char *text = malloc(4 * PAIRS), *composed;
    size_t length;
    for (int i = 0; i < PAIRS; i++) memcpy(text + 4 * i, "\xcc\x81\xcc\x96", 4); /* above, below */
    assert_int_equal(clip_utf8_compose(text, 4 * PAIRS, &composed, &length), CLIP_OK);
    assert_int_equal(length, 4 * PAIRS);
    for (int i = 0; i < PAIRS; i++) { /* all below, then all above */
        assert_memory_equal(composed + 2 * i, "\xcc\x96", 2);
        assert_memory_equal(composed + 2 * (PAIRS + i), "\xcc\x81", 2);
    }
    free(composed);
    free(text);
}

/* ---- the small tables against utf8proc itself, whose answers they hold ---- */

static uint32_t utf8proc_class(uint32_t character) {
    if ((character >= 9 && character <= 13) || character == 0x85) return CLIP_CHARACTER_SPACE; /* controls by category */
    switch (utf8proc_category((utf8proc_int32_t)character)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return CLIP_CHARACTER_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return CLIP_CHARACTER_NUMBER;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return CLIP_CHARACTER_SPACE;
    default: return CLIP_CHARACTER_OTHER;
    }
}

static void every_character_has_utf8procs_class_and_lower_case(void **state) {
    (void)state;
    for (uint32_t character = 0; character <= 0x10ffff; character++) {
        uint32_t to[2];
        const size_t count = clip_character_lower(character, to);
        const int is_right = clip_character_class(character) == utf8proc_class(character) &&
                             (character == 0x130 ? count == 2 && to[0] == 'i' && to[1] == 0x307
                                                 : count == 1 && to[0] == (uint32_t)utf8proc_tolower((int32_t)character));
        if (!is_right) fail_msg("U+%04X", character);
    }
}

/* Whether utf8proc 2.8.0 is known to be wrong: it takes U+11A7 for a last consonant after a syllable without one, and drops it.
 * (The Unicode Standard 14, 3.12: last consonants begin at TBase + 1, and so they do in Rust's unicode-normalization, the reference's.) */
static int is_dropped(const uint32_t *characters, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (characters[i] == 0x11a7) return 1;
    return 0;
}

static void check_as_utf8proc(const uint32_t *characters, size_t count) {
    char text[64], *composed;
    size_t length = 0, composed_length;
    for (size_t i = 0; i < count; i++) length += clip_utf8_encode(characters[i], text + length);
    assert_int_equal(clip_utf8_compose(text, length, &composed, &composed_length), CLIP_OK);
    utf8proc_uint8_t *expected;
    const utf8proc_ssize_t expected_length =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &expected, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    assert_true(expected_length >= 0);
    if (composed_length != (size_t)expected_length || memcmp(composed, expected, composed_length) != 0) {
        for (size_t i = 0; i < count; i++) print_error("U+%04X ", characters[i]);
        fail_msg("composes otherwise");
    }
    free(expected);
    free(composed);
}

/* Each character, before and after another, and its decomposition. */
static void every_character_composes_as_utf8proc_says(void **state) {
    (void)state;
    for (uint32_t character = 0; character <= 0x10ffff; character++) {
        if (character >= 0xd800 && character <= 0xdfff) continue;
        int32_t parts[8];
        const utf8proc_ssize_t count =
            utf8proc_decompose_char((int32_t)character, parts, 8, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, NULL);
        const int is_whole = count != 1 || (uint32_t)parts[0] != character,
                  is_mark = utf8proc_get_property((int32_t)character)->combining_class;
        check_as_utf8proc(&character, 1);
        if (!is_whole && !is_mark) continue;
        check_as_utf8proc((const uint32_t *)parts, (size_t)count);
        check_as_utf8proc((const uint32_t[]){'a', character, 0x301, 0x323}, 4);
        check_as_utf8proc((const uint32_t[]){character, character}, 2);
    }
}

static uint32_t next(uint32_t *seed) { /* xorshift */
    *seed ^= *seed << 13, *seed ^= *seed >> 17;
    return *seed ^= *seed << 5;
}

/* Every pair of characters that any canonical decomposition has in it, and texts of more of them by chance. */
static void what_decompositions_consist_of_composes_as_utf8proc_says(void **state) {
    (void)state;
    enum { ROOM = 4096, LETTERS = 1 << 17 };
    static uint8_t kinds[0x110000]; /* 1: comes first in a decomposition, 2: later, 4: has one */
    static uint32_t firsts[ROOM], laters[ROOM], all[ROOM];
    size_t first_count = 0, later_count = 0, all_count = 0;
    for (int32_t character = 0; character <= 0x10ffff; character++) {
        int32_t parts[8];
        if ((character >= 0xd800 && character <= 0xdfff) || (character >= 0xac00 && character <= 0xd7a3)) continue;
        const utf8proc_ssize_t count = utf8proc_decompose_char(character, parts, 8, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, NULL);
        if (count == 1) continue;
        for (utf8proc_ssize_t i = 0; i < count; i++) kinds[parts[i]] |= i ? 2 : 1;
        kinds[character] |= 4 | 1;
    }
    for (uint32_t hangul = 0x10ff; hangul < 0x11c5; hangul++) kinds[hangul] = 4; /* around the three ranges of letters */
    for (uint32_t hangul = 0xac00; hangul < 0xac40; hangul++) kinds[hangul] = 4;
    for (uint32_t character = 0; character <= 0x10ffff; character++) {
        if (!kinds[character]) continue;
        assert_true(all_count < ROOM);
        all[all_count++] = character;
        if (kinds[character] & 1) firsts[first_count++] = character;
        if (kinds[character] & 2) laters[later_count++] = character;
    }
    for (size_t i = 0; i < first_count; i++)
        for (size_t j = 0; j < later_count; j++) check_as_utf8proc((const uint32_t[]){firsts[i], laters[j]}, 2);
    for (uint32_t left = 0x10ff; left < 0x11c5; left++)
        for (uint32_t right = 0x10ff; right < 0x11c5; right++) check_as_utf8proc((const uint32_t[]){left, right}, 2);
    for (uint32_t left = 0xac00; left < 0xac40; left++)
        for (uint32_t right = 0x10ff; right < 0x11c5; right++) {
            const uint32_t two[] = {left, right};
            if (!is_dropped(two, 2)) check_as_utf8proc(two, 2);
        }
    uint32_t seed = 1;
    for (int i = 0; i < LETTERS; i++) {
        uint32_t text[12];
        const size_t count = 2 + next(&seed) % 10;
        for (size_t j = 0; j < count; j++)
            text[j] = next(&seed) % 3 ? laters[next(&seed) % later_count] : all[next(&seed) % all_count];
        if (!is_dropped(text, count)) check_as_utf8proc(text, count);
    }
}

static void bytes_are_decoded_as_utf8proc_says(void **state) {
    (void)state;
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (uint32_t start = 0; start < 0x10000; start++)
        for (size_t i = 0; i < sizeof edges; i++) {
            const uint8_t bytes[4] = {(uint8_t)(start >> 8), (uint8_t)start, edges[i], edges[(i + start) % sizeof edges]};
            for (size_t length = 1; length <= 4; length++) {
                int32_t expected;
                uint32_t character;
                const utf8proc_ssize_t used = utf8proc_iterate(bytes, (utf8proc_ssize_t)length, &expected);
                assert_int_equal(clip_utf8_decode((const char *)bytes, length, &character), used > 0 ? used : 0);
                if (used > 0) assert_int_equal(character, expected);
            }
        }
}

/* ---- by examples ---- */

static void maps_to_lower_case(void **state) {
    (void)state;
    static const uint32_t pairs[][2] = {{'A', 'a'},         {'Z', 'z'},         {'[', '['},           {'a', 'a'},
                                        {0xc0, 0xe0},       {0xd7, 0xd7},       {0x100, 0x101},       {0x101, 0x101},
                                        {0x178, 0xff},      {0x3a3, 0x3c3},     {0x1c4, 0x1c6},       {0x1c5, 0x1c6},
                                        {0x1e9e, 0xdf},     {0x2126, 0x3c9},    {0x23a, 0x2c65},      {0x10400, 0x10428},
                                        {0x10427, 0x1044f}, {0x10428, 0x10428}, {0x10ffff, 0x10ffff}, {0, 0}};
    uint32_t to[2];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_int_equal(clip_character_lower(pairs[i][0], to), 1);
        assert_int_equal(to[0], pairs[i][1]);
    }
    assert_int_equal(clip_character_lower(0x130, to), 2);
    assert_int_equal(to[0], 'i');
    assert_int_equal(to[1], 0x307);
}

static void tells_letters_numbers_and_spaces(void **state) {
    (void)state;
    static const uint32_t spaces[] = {9, 10, 13, ' ', 0x85, 0xa0, 0x1680, 0x2028, 0x3000},
                          letters[] = {'a', 'Z', 0xaa, 0x2b0, 0x1c5, 0x5d0, 0xac00, 0x4e00, 0x9fff, 0x10400, 0x2a6df},
                          numbers[] = {'0', '9', 0xb2, 0xbd, 0x663, 0x2168, 0x1d7ce},
                          others[] = {0, 0x1b, '!', '_', 0x7f, 0x301, 0x200b, 0x180e, 0xfeff, 0xe000, 0x1f600, 0x378, 0x10ffff};
    static const struct {
        const uint32_t *characters;
        size_t count;
        clip_character class;
    } kinds[] = {{spaces, sizeof spaces / 4, CLIP_CHARACTER_SPACE},
                 {letters, sizeof letters / 4, CLIP_CHARACTER_LETTER},
                 {numbers, sizeof numbers / 4, CLIP_CHARACTER_NUMBER},
                 {others, sizeof others / 4, CLIP_CHARACTER_OTHER}};
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < kinds[k].count; i++) {
            if (clip_character_class(kinds[k].characters[i]) != kinds[k].class) print_error("U+%04X\n", kinds[k].characters[i]);
            assert_int_equal(clip_character_class(kinds[k].characters[i]), kinds[k].class);
        }
}

static void every_character_is_read_as_it_was_written(void **state) {
    (void)state;
    for (uint32_t character = 0; character <= 0x10ffff; character++) {
        char text[4];
        uint32_t back = 1;
        size_t size = clip_utf8_encode(character, text);
        int surrogate = character >= 0xd800 && character <= 0xdfff;
        assert_int_equal(clip_utf8_decode(text, size, &back), surrogate ? 0 : size);
        if (!surrogate) assert_int_equal(back, character);
        assert_int_equal(clip_utf8_decode(text, size - 1, &back), 0); /* cut short */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composes_as_annex_15_says),
        cmocka_unit_test(orders_a_megabyte_of_marks),
        cmocka_unit_test(every_character_has_utf8procs_class_and_lower_case),
        cmocka_unit_test(every_character_composes_as_utf8proc_says),
        cmocka_unit_test(what_decompositions_consist_of_composes_as_utf8proc_says),
        cmocka_unit_test(bytes_are_decoded_as_utf8proc_says),
        cmocka_unit_test(maps_to_lower_case),
        cmocka_unit_test(tells_letters_numbers_and_spaces),
        cmocka_unit_test(every_character_is_read_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
