/* Ids against the reference's (tests/tokenizers/make.py, which says how they were made), and files that nobody writes in good faith. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/tokenizer/json_events.h"
#include "../../src/tokenizer/tokenizer.h"
#include "files.h"

#define MOST 4096

static clip_status read_json(const uint8_t *bytes, size_t length, size_t step, int clean, clip_tokenizer **out, char *detail) {
    clip_tokenizer_reader *reader;
    *out = NULL;
    assert_int_equal(clip_tokenizer_reader_create(&reader, clean), CLIP_OK);
    clip_status status = CLIP_OK;
    for (size_t at = 0; at < length && status == CLIP_OK; at += step)
        status = clip_tokenizer_reader_push(reader, bytes + at, length - at < step ? length - at : step);
    if (status == CLIP_OK) status = clip_tokenizer_reader_finish(reader);
    if (status == CLIP_OK) {
        size_t kept_length;
        const uint8_t *kept = clip_tokenizer_reader_kept(reader, &kept_length);
        status = clip_tokenizer_open(out, kept, kept_length);
    }
    strcpy(detail, clip_tokenizer_reader_detail(reader));
    clip_tokenizer_reader_destroy(reader);
    return status;
}

static clip_tokenizer *open_fixture(const char *name, size_t step, int clean) {
    char path[128], detail[256];
    size_t length;
    snprintf(path, sizeof path, "tests/tokenizers/%s.json", name);
    uint8_t *json = read_file(path, &length);
    assert_non_null(json);
    clip_tokenizer *tokenizer;
    const clip_status status = read_json(json, length, step, clean, &tokenizer, detail);
    if (status != CLIP_OK) print_error("%s: %s\n", name, detail);
    assert_int_equal(status, CLIP_OK);
    free(json);
    return tokenizer;
}

/* One text, of a line that is a JSON string. */
typedef struct {
    char *bytes;
    size_t length;
} one_text;

static clip_status take_string(void *context, clip_event event, const char *bytes, size_t length) {
    one_text *text = context;
    assert_int_equal(event, CLIP_EVENT_STRING);
    text->bytes = malloc(length + !length); /* exactly as long as it says */
    memcpy(text->bytes, bytes, length);
    text->length = length;
    return CLIP_OK;
}

static uint32_t hash_of(const uint32_t *ids, size_t count) {
    uint32_t hash = 0x811c9dc5u;
    for (size_t i = 0; i < count; i++)
        for (int b = 0; b < 32; b += 8) hash = (hash ^ (ids[i] >> b & 255)) * 0x01000193u;
    return hash;
}

static void compare(const char *name, int clean) {
    char path[128];
    size_t length;
    clip_tokenizer *tokenizer = open_fixture(name, 1000, clean);
    snprintf(path, sizeof path, "tests/tokenizers/%s.ids", name);
    char *expected = (char *)read_file(path, &length), *lines = (char *)read_file("tests/tokenizers/texts.jsonl", &length);
    assert_non_null(expected);
    assert_non_null(lines);
    static uint32_t ids[MOST];
    int total = 0, different = 0;
    char *want = expected;
    for (char *line = lines, *end; (end = strchr(line, '\n')); line = end + 1, total++) {
        one_text text = {NULL, 0};
        clip_json_events events;
        clip_json_events_open(&events, take_string, &text);
        assert_int_equal(clip_json_events_push(&events, line, (size_t)(end - line)), CLIP_OK);
        clip_json_events_close(&events);
        size_t count, want_count;
        unsigned want_hash;
        assert_int_equal(sscanf(want, "%zu %x", &want_count, &want_hash), 2);
        want = strchr(want, '\n') + 1;
        assert_int_equal(clip_tokenizer_encode(tokenizer, text.bytes, text.length, ids, MOST, &count), CLIP_OK);
        if (count != want_count || hash_of(ids, count) != want_hash) {
            if (different++ < 20)
                print_message("%s, text %d differs (%zu ids, not %zu): %.*s\n", name, total, count, want_count, (int)(end - line),
                              line);
        }
        free(text.bytes);
    }
    print_message("%s: %d of %d texts as the reference\n", name, total - different, total);
    assert_int_equal(total, 2000);
    assert_int_equal(different, 0);
    free(expected);
    free(lines);
    clip_tokenizer_destroy(tokenizer);
}

static void siglip(void **state) {
    (void)state;
    compare("siglip", 0);
}
static void siglip_of_open_clip(void **state) {
    (void)state;
    compare("t5", 15);
}
static void xlm_roberta(void **state) {
    (void)state;
    compare("xlmr", 0);
}
static void siglip2(void **state) {
    (void)state;
    compare("siglip2", 0);
}
static void bert_english(void **state) {
    (void)state;
    compare("bert-en", 0);
}
static void bert_chinese(void **state) {
    (void)state;
    compare("bert-zh", 0);
}
static void bert_korean(void **state) {
    (void)state;
    compare("bert-ko", 0);
}

/* ---- what is refused, and how it is said ---- */

static void refuses_by_name(void **state) {
    (void)state;
    static const struct {
        const char *json, *detail;
    } cases[] = {
        {"", "it ends early"},
        {"{", "it ends early"},
        {"{}}", "it is not JSON"},
        {"[]", "it is no JSON object"},
        {"{\"a\":\"\\ud800\"}", "it is not JSON"},
        {"{\"a\":\"\xff\"}", "it is not JSON"},
        {"{\"a\":nul}", "it is not JSON"},
        {"{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}}", "model WordLevel"},
        {"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0,\"b\":0},\"unk_token\":\"a\"}}", "two pieces have one id"},
        {"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0},\"unk_token\":\"?\"}}", "unk_token ?"},
        {"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":-1}}}",
         "an id in the vocabulary is not a whole number below 1048576"},
        {"{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", "no vocabulary"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]],\"unk_id\":null}}", "unk_id null"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]],\"unk_id\":1}}", "unk_id is beyond the vocabulary"},
        {"{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]],\"unk_id\":0}}",
         "an entry of the vocabulary is not a piece and a score"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}", "a merge of what is not in the vocabulary"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}", "a merge is not two parts"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"end_of_word_suffix\":\"</w>\"}}",
         "end_of_word_suffix </w>"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"dropout\":0.1}}", "dropout 0.1"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"new_thing\":true}}",
         "the model has a key that is not known, of value true"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"Nmt\"}}", "normalizer Nmt"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"NFKC\"}}", "normalizer NFKC"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}},\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}",
         "pre_tokenizer ByteLevel"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}},\"post_processor\":{\"type\":\"Other\"}}", "post_processor Other"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a|b\"},"
         "\"content\":\"\"}}",
         "pattern a|b"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}},\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":"
         "\"AAAA\"}}",
         "precompiled_charsmap is malformed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 100; step += 98) {
            clip_tokenizer *tokenizer;
            char detail[256];
            const clip_status status =
                read_json((const uint8_t *)cases[i].json, strlen(cases[i].json), step, 0, &tokenizer, detail);
            if (status != CLIP_ERROR_TOKENIZER || strcmp(detail, cases[i].detail) != 0)
                print_error("%s: %d, %s\n", cases[i].json, status, detail);
            assert_int_equal(status, CLIP_ERROR_TOKENIZER);
            assert_string_equal(detail, cases[i].detail);
            assert_null(tokenizer);
        }
}

/* A kept form of which any byte is another is refused, or works and gives ids below its vocabulary. */
static void a_changed_kept_form_does_no_harm(void **state) {
    (void)state;
    size_t length, kept_length;
    uint8_t *json = read_file("tests/tokenizers/siglip2.json", &length);
    assert_non_null(json);
    clip_tokenizer_reader *reader;
    assert_int_equal(clip_tokenizer_reader_create(&reader, 0), CLIP_OK);
    assert_int_equal(clip_tokenizer_reader_push(reader, json, length), CLIP_OK);
    assert_int_equal(clip_tokenizer_reader_finish(reader), CLIP_OK);
    uint8_t *kept = (uint8_t *)clip_tokenizer_reader_kept(reader, &kept_length);
    clip_tokenizer *tokenizer;
    int opened = 0, tried = 0;
    uint32_t random = 1, ids[64];
    for (size_t i = 0; i < 600; i++, tried++) {
        random = random * 1664525 + 1013904223;
        const size_t at = i < 96 ? i : random % kept_length;
        kept[at] ^= (uint8_t)(1 << (random >> 29));
        if (clip_tokenizer_open(&tokenizer, kept, kept_length) == CLIP_OK) {
            size_t count;
            opened++;
            const clip_status status = clip_tokenizer_encode(tokenizer, "a photo of a \xe6\x96\x87 dog <eos>", 26, ids, 64, &count);
            for (size_t k = 0; status == CLIP_OK && k < count; k++) assert_true(ids[k] < clip_tokenizer_vocabulary(tokenizer));
            clip_tokenizer_destroy(tokenizer);
        }
        kept[at] ^= (uint8_t)(1 << (random >> 29));
    }
    assert_true(opened < tried);
    for (size_t cut = 0; cut < kept_length; cut += 1 + kept_length / 50)
        assert_int_equal(clip_tokenizer_open(&tokenizer, kept, cut), CLIP_ERROR_TOKENIZER);
    clip_tokenizer_reader_destroy(reader);
    free(json);
}

static void long_texts_are_cut_before_what_stands_around_them(void **state) {
    (void)state;
    static const char *const NAMES[] = {"siglip", "xlmr", "siglip2", "bert-en"};
    static const char *const FILLINGS[] = {"ab", "a ", "\xf0\x9f\x98\x80", "\xe6\x96\x87", "</s>", "\xcc\x81", " ", "\n", "!"};
    const size_t length = 1 << 20;
    char *text = malloc(length);
    for (size_t n = 0; n < 4; n++) {
        clip_tokenizer *tokenizer = open_fixture(NAMES[n], 1 << 20, 0);
        uint32_t ids[64], last;
        size_t count;
        int left;
        assert_int_equal(clip_tokenizer_encode(tokenizer, "a", 1, ids, 64, &count), CLIP_OK);
        last = ids[count - 1];
        assert_true(n != 3 || clip_tokenizer_padding(tokenizer, &left) == 0);
        assert_true(n != 0 || (clip_tokenizer_padding(tokenizer, &left) == 1 && !left));
        for (size_t f = 0; f < sizeof FILLINGS / sizeof *FILLINGS; f++) {
            const size_t unit = strlen(FILLINGS[f]);
            size_t used = 0;
            for (; used + unit <= length; used += unit) memcpy(text + used, FILLINGS[f], unit);
            assert_int_equal(clip_tokenizer_encode(tokenizer, text, used, ids, 64, &count), CLIP_OK);
            assert_true(count >= 1 && count <= 64);
            assert_int_equal(ids[count - 1], last);
        }
        assert_int_equal(clip_tokenizer_encode(tokenizer, "\xff", 1, ids, 64, &count), CLIP_ERROR_TEXT);
        clip_tokenizer_destroy(tokenizer);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siglip),
        cmocka_unit_test(siglip_of_open_clip),
        cmocka_unit_test(xlm_roberta),
        cmocka_unit_test(siglip2),
        cmocka_unit_test(bert_english),
        cmocka_unit_test(bert_chinese),
        cmocka_unit_test(bert_korean),
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(a_changed_kept_form_does_no_harm),
        cmocka_unit_test(long_texts_are_cut_before_what_stands_around_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
