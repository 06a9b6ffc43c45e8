/* Ids against the reference's (tokenizers 0.23.1, shared data), and texts that nobody types in good faith. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/tokenizer/tokenizer.h"
#include "../../src/weights/json.h"
#include "files.h"

/* A JSON string's value as UTF-8; the golden file escapes whatever is not ASCII. */
static size_t unescape(const char *from, size_t length, char *to) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (from[i] != '\\') {
            to[used++] = from[i];
            continue;
        }
        char c = from[++i];
        if (c != 'u') {
            const char *plain = "\"\\/bfnrt", *value = "\"\\/\b\f\n\r\t";
            to[used++] = value[strchr(plain, c) - plain];
            continue;
        }
        unsigned code, low;
        sscanf(from + i + 1, "%4x", &code);
        i += 4;
        if (code >= 0xd800 && code < 0xdc00 && sscanf(from + i + 1, "\\u%4x", &low) == 1) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            i += 6;
        }
        if (code < 0x80) to[used++] = (char)code;
        else if (code < 0x800) to[used++] = (char)(0xc0 | code >> 6), to[used++] = (char)(0x80 | (code & 63));
        else if (code < 0x10000)
            to[used++] = (char)(0xe0 | code >> 12), to[used++] = (char)(0x80 | (code >> 6 & 63)),
            to[used++] = (char)(0x80 | (code & 63));
        else
            to[used++] = (char)(0xf0 | code >> 18), to[used++] = (char)(0x80 | (code >> 12 & 63)),
            to[used++] = (char)(0x80 | (code >> 6 & 63)), to[used++] = (char)(0x80 | (code & 63));
    }
    return used;
}

static clip_tokenizer *open_clip_bpe(void) {
    size_t length;
    unsigned char *merges = read_shared("data/clip-bpe/merges.txt", &length);
    if (!merges) {
        print_message("skipped: no data/clip-bpe in the shared folder\n");
        skip();
    }
    clip_tokenizer *tokenizer;
    assert_int_equal(clip_tokenizer_create(&tokenizer, (const char *)merges, length, 0), CLIP_OK);
    free(merges);
    assert_int_equal(clip_tokenizer_vocabulary(tokenizer), 49408);
    return tokenizer;
}

static int same_ids(const clip_tokenizer *tokenizer, const char *text, size_t length, const clip_json *json, int expected) {
    uint32_t ids[256]; /* the golden ids are not cut to a model's context */
    size_t count;
    char *copy = malloc(length + !length); /* exactly as long as it says */
    memcpy(copy, text, length);
    assert_int_equal(clip_tokenizer_encode(tokenizer, copy, length, ids, 256, &count), CLIP_OK);
    free(copy);
    int same = count == clip_json_size(json, expected), id = clip_json_first(json, expected);
    for (size_t i = 0; same && i < count; i++, id = clip_json_next(json, expected, id)) {
        uint64_t value;
        assert_true(clip_json_whole(json, id, UINT32_MAX, &value));
        same = ids[i] == value;
    }
    return same;
}

static void ids_are_the_references(void **state) {
    (void)state;
    clip_tokenizer *tokenizer = open_clip_bpe();
    size_t length;
    char *lines = (char *)read_shared("data/tokenizer-golden.jsonl", &length), *text = malloc(1 << 20);
    assert_non_null(lines);
    int total = 0, different = 0;
    for (char *line = lines, *end; (end = strchr(line, '\n')); line = end + 1) {
        clip_json json;
        assert_int_equal(clip_json_parse(&json, line, (size_t)(end - line)), CLIP_OK);
        size_t raw_length;
        const char *raw = clip_json_text(&json, clip_json_get(&json, 0, "text"), &raw_length);
        size_t size = unescape(raw, raw_length, text);
        total++;
        if (!same_ids(tokenizer, text, size, &json, clip_json_get(&json, 0, "ids"))) {
            different++;
            print_message("differs: %.*s\n", (int)raw_length, raw);
        }
        clip_json_free(&json);
    }
    print_message("%d of %d texts as the reference\n", total - different, total);
    assert_int_equal(total, 2585);
    assert_int_equal(different, 0);
    free(text);
    free(lines);
    clip_tokenizer_destroy(tokenizer);
}

static void a_small_vocabulary_works(void **state) {
    (void)state;
    size_t length, ids_length;
    unsigned char *merges = read_shared("data/models/clip-nano/merges.txt", &length),
                  *ids = read_shared("data/models/clip-nano/expected-ids.json", &ids_length);
    if (!merges || !ids) skip();
    clip_tokenizer *tokenizer;
    assert_int_equal(clip_tokenizer_create(&tokenizer, (const char *)merges, length, 4053), CLIP_OK);
    assert_int_equal(clip_tokenizer_vocabulary(tokenizer), 4053);
    clip_json json;
    char text[256];
    assert_int_equal(clip_json_parse(&json, (const char *)ids, ids_length), CLIP_OK);
    int texts = clip_json_get(&json, 0, "texts"), lists = clip_json_get(&json, 0, "input_ids");
    int list = clip_json_first(&json, lists);
    for (int t = clip_json_first(&json, texts); t != CLIP_JSON_NONE;
         t = clip_json_next(&json, texts, t), list = clip_json_next(&json, lists, list)) {
        size_t raw_length;
        const char *raw = clip_json_text(&json, t, &raw_length);
        size_t size = unescape(raw, raw_length, text);
        assert_true(same_ids(tokenizer, text, size, &json, list));
    }
    clip_json_free(&json);
    free(merges);
    free(ids);
    clip_tokenizer_destroy(tokenizer);
}

static clip_tokenizer *tiny(void) {
    const char *merges = "#version: 0.2\na b\nab c</w>\r\nb c</w>\n";
    clip_tokenizer *tokenizer;
    assert_int_equal(clip_tokenizer_create(&tokenizer, merges, strlen(merges), 0), CLIP_OK);
    assert_int_equal(clip_tokenizer_vocabulary(tokenizer), 517);
    return tokenizer;
}

static void rejects_malformed_merges(void **state) {
    (void)state;
    const char *const bad[] = {
        "a", "a b c", " b", "a ", "ab c", "a b\na b", "a</w> b", "a \xc5\x84", "a \xff", "a \xc3", "a b\nb a\nab c</w>\nabc</w> d"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        clip_tokenizer *tokenizer;
        clip_status status = clip_tokenizer_create(&tokenizer, bad[i], strlen(bad[i]), 0);
        if (status != CLIP_ERROR_MERGES) print_error("accepted: %s\n", bad[i]);
        assert_int_equal(status, CLIP_ERROR_MERGES);
        assert_null(tokenizer);
    }
    clip_tokenizer *tokenizer;
    assert_int_equal(clip_tokenizer_create(&tokenizer, "a b", 3, 100), CLIP_ERROR_MERGES); /* fewer entries than there are bytes */
    assert_int_equal(clip_tokenizer_create(&tokenizer, "", 0, 0), CLIP_OK);                /* bytes alone are a vocabulary */
    clip_tokenizer_destroy(tokenizer);
}

/* 50,000 entries made to collide in the hash that was used once: hours, if they still did. */
static void no_list_collides(void **state) {
    (void)state;
    size_t length;
    unsigned char *merges = read_shared("data/hostile/merges-collide-50000.txt", &length);
    if (!merges) skip();
    clip_tokenizer *tokenizer;
    assert_int_equal(clip_tokenizer_create(&tokenizer, (const char *)merges, length, 0), CLIP_OK);
    clip_tokenizer_destroy(tokenizer);
    free(merges);
}

static void rejects_malformed_text(void **state) {
    (void)state;
    clip_tokenizer *tokenizer = tiny();
    const char *const bad[] = {"\xff", "a\xc3",    "\xc0\x80",        "\xed\xa0\x80", "\xf4\x90\x80\x80",
                               "\x80", "\xe2\x82", "abc \xf0\x9f\x98"};
    uint32_t ids[8];
    size_t count;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(clip_tokenizer_encode(tokenizer, bad[i], strlen(bad[i]), ids, 8, &count), CLIP_ERROR_TEXT);
    assert_int_equal(clip_tokenizer_encode(tokenizer, "a", 1, ids, 1, &count), CLIP_ERROR_ARGUMENT);
    assert_int_equal(clip_tokenizer_encode(tokenizer, "abc", 3, ids, 8, &count), CLIP_OK); /* and the next call works */
    assert_int_equal(count, 3);
    assert_int_equal(ids[1], 513);
    clip_tokenizer_destroy(tokenizer);
}

static void long_texts_end_with_the_end_token(void **state) {
    (void)state;
    clip_tokenizer *tokenizer = tiny();
    uint32_t ids[77];
    size_t count, length = 1 << 20;
    char *text = malloc(length);
    const char *const fillings[] = {
        "abc", "a", "b c ", "\xcc\x81", "a\xcc\x81", "\xf0\x9f\x98\x80", "<|endoftext|>", "<|startoftext|>", "'s", "\0"};
    for (size_t f = 0; f < sizeof fillings / sizeof *fillings; f++) {
        size_t unit = f == 9 ? 1 : strlen(fillings[f]), used = 0;
        for (; used + unit <= length; used += unit) memcpy(text + used, fillings[f], unit);
        assert_int_equal(clip_tokenizer_encode(tokenizer, text, used, ids, 77, &count), CLIP_OK);
        assert_int_equal(count, 77);
        assert_int_equal(ids[0], 515);
        assert_int_equal(ids[76], 516);
    }
    assert_int_equal(clip_tokenizer_encode(tokenizer, "abc abc", 7, ids, 2, &count), CLIP_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ids[1], 516);
    assert_int_equal(clip_tokenizer_encode(tokenizer, "", 0, ids, 77, &count), CLIP_OK);
    assert_int_equal(count, 2);
    free(text);
    clip_tokenizer_destroy(tokenizer);
}

/* Two merges that only a word of "!!" or "...>!!" can use show where words are cut. */
static void special_tokens_are_found_where_the_reference_finds_them(void **state) {
    (void)state;
    const char *merges = "! !</w>\n> !!</w>\n";
    clip_tokenizer *tokenizer;
    assert_int_equal(clip_tokenizer_create(&tokenizer, merges, strlen(merges), 0), CLIP_OK);
    const uint32_t start = 514, end = 515, bangs = 512, bracket_bangs = 513, bracket_end = '>' - '!' + 256;
    const struct {
        const char *text;
        uint32_t last, count; /* the last id before the end token, and how many there are */
    } cases[] = {
        {"<|endoftext|>", end, 3},
        {"<|startoftext|>", start, 3},
        {"<|STARTofTEXT|>", start, 3},      /* found in normalised text */
        {"<|ENDOFTEXT|>", bracket_end, 15}, /* found in the text as it was typed: thirteen bytes */
        {"<|ENDOFTEXT|>!!", bangs, 16},     /* but the split keeps it apart from what follows */
        {"|>!!", bracket_bangs, 4},         /* which other runs are not */
        {"<|endoftext|>!!", bangs, 4},
        {"!!<|startoftext|>!!", bangs, 5},                    /* within a run */
        {"<|endoftext|>\xcc\xb8", 106 + 0xb8 - 174 + 256, 5}, /* '>' and U+0338 compose, were they not cut apart before */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t ids[32];
        size_t count;
        assert_int_equal(clip_tokenizer_encode(tokenizer, cases[i].text, strlen(cases[i].text), ids, 32, &count), CLIP_OK);
        if (count != cases[i].count || ids[count - 2] != cases[i].last)
            print_error("%s: %u ids, last %u\n", cases[i].text, (unsigned)count, ids[count - 2]);
        assert_int_equal(count, cases[i].count);
        assert_int_equal(ids[count - 2], cases[i].last);
    }
    clip_tokenizer_destroy(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_the_references),
        cmocka_unit_test(a_small_vocabulary_works),
        cmocka_unit_test(special_tokens_are_found_where_the_reference_finds_them),
        cmocka_unit_test(rejects_malformed_merges),
        cmocka_unit_test(no_list_collides),
        cmocka_unit_test(rejects_malformed_text),
        cmocka_unit_test(long_texts_end_with_the_end_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
