/* Headers that are right, and headers that lie: each lie gets CLIP_ERROR_FORMAT and nothing is read out of bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/weights/stream.h"

static clip_status parse(const char *json, uint64_t data_bytes, clip_safetensors *out) {
    /* on the heap, without a NUL, so that a read past the end is seen */
    size_t length = strlen(json);
    char *copy = malloc(length ? length : 1);
    memcpy(copy, json, length);
    clip_status status = clip_safetensors_parse(out, copy, length, 8 + length + data_bytes);
    free(copy);
    return status;
}

static void assert_rejected(const char *json, uint64_t data_bytes) {
    clip_safetensors file;
    clip_status status = parse(json, data_bytes, &file);
    if (status != CLIP_ERROR_FORMAT) print_error("accepted: %s\n", json);
    assert_int_equal(status, CLIP_ERROR_FORMAT);
    assert_null(file.tensors);
}

static void reads_a_header(void **state) {
    (void)state;
    clip_safetensors file;
    assert_int_equal(parse("{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[24,27]},"
                           "\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}   ",
                           27, &file),
                     CLIP_OK);
    assert_int_equal(file.count, 2);
    assert_string_equal(file.tensors[0].name, "a"); /* by data, not by name or by place in the header */
    assert_int_equal(file.tensors[0].dtype, CLIP_DTYPE_F32);
    assert_int_equal(file.tensors[0].dimensions, 2);
    assert_int_equal(clip_tensor_elements(&file.tensors[0], 0), 6);
    assert_int_equal(clip_tensor_elements(&file.tensors[0], 1), 3);
    assert_int_equal(file.tensors[1].end - file.tensors[1].begin, 3);
    clip_safetensors_free(&file);
    assert_int_equal(parse("{}", 0, &file), CLIP_OK);
    assert_int_equal(file.count, 0);
    clip_safetensors_free(&file);
}

static void rejects_lies(void **state) {
    (void)state;
    assert_rejected("", 0);
    assert_rejected("[]", 0);
    assert_rejected("{\"a\"", 0);
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8);  /* not closed */
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7); /* data too short */
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9); /* data left over */
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8); /* shape and size differ */
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8); /* backwards */
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8);
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8);
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8);
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8);
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8);
    assert_rejected("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8);
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8);
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8);
    assert_rejected("{\"a\":[1,2]}", 0);
    assert_rejected("{\"a\":1}", 0);
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4); /* nine dimensions */
    assert_rejected("{\"a\":{\"dtype\":\"I8\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,0]}}", 0); /* 2^96 */
    assert_rejected("{\"a\":{\"dtype\":\"I8\",\"shape\":[18446744073709551617],\"data_offsets\":[0,1]}}", 1); /* 2^64 + 1 */
    assert_rejected("{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"I8\",\"shape\":[4],\"data_"
                    "offsets\":[2,6]}}",
                    6);
    assert_rejected("{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"I8\",\"shape\":[4],\"data_"
                    "offsets\":[6,10]}}",
                    10);
    assert_rejected("{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_"
                    "offsets\":[4,8]}}",
                    8);
}

static void rejects_every_truncation(void **state) {
    (void)state;
    const char *whole = "{\"ab\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},\"c\":{\"dtype\":\"U8\",\"shape\":[],"
                        "\"data_offsets\":[8,9]}}";
    clip_safetensors file;
    assert_int_equal(parse(whole, 9, &file), CLIP_OK);
    clip_safetensors_free(&file);
    char cut[256];
    for (size_t length = 0; length < strlen(whole); length++) {
        memcpy(cut, whole, length);
        cut[length] = 0;
        assert_rejected(cut, 9);
    }
}

static void survives_flipped_bytes(void **state) {
    (void)state;
    const char *whole = "{\"ab\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},\"c\":{\"dtype\":\"U8\",\"shape\":[],"
                        "\"data_offsets\":[8,9]}}";
    size_t length = strlen(whole);
    for (size_t at = 0; at < length; at++)
        for (int value = 1; value < 256; value++) {
            char broken[256];
            memcpy(broken, whole, length + 1);
            broken[at] = (char)(broken[at] ^ value);
            clip_safetensors file;
            clip_status status = clip_safetensors_parse(&file, broken, length, 8 + length + 9);
            assert_true(status == CLIP_OK || status == CLIP_ERROR_FORMAT);
            clip_safetensors_free(&file);
        }
}

static void deep_and_wide_json_is_linear(void **state) {
    (void)state;
    size_t length = 4 << 20; /* a quadratic reader would take hours here */
    char *text = malloc(length);
    memset(text, '[', length);
    memcpy(text, "{\"a\":", 5);
    clip_safetensors file;
    assert_int_equal(clip_safetensors_parse(&file, text, length, 8 + length), CLIP_ERROR_FORMAT);
    memset(text + length / 2, ']', length - length / 2); /* closed again: jsmn walks up from the last token */
    text[length - 1] = '}';
    assert_int_equal(clip_safetensors_parse(&file, text, length, 8 + length), CLIP_ERROR_FORMAT);
    memset(text, '\\', length);
    memcpy(text, "{\"", 2);
    assert_int_equal(clip_safetensors_parse(&file, text, length, 8 + length), CLIP_ERROR_FORMAT);
    free(text);
}

/* ---- the stream ---- */

typedef struct {
    uint8_t seen[64];
    size_t rows, calls;
    uint64_t unit_rows;
} recorder;

static clip_status choose_b(void *context, const clip_tensor *tensor, uint64_t *rows) {
    recorder *r = context;
    *rows = strcmp(tensor->name, "b") == 0 ? r->unit_rows : 0;
    return CLIP_OK;
}

static clip_status record(void *context, const clip_tensor *tensor, uint64_t first, uint64_t rows, const uint8_t *data) {
    recorder *r = context;
    size_t row = (size_t)clip_tensor_elements(tensor, 1) * clip_dtype_bytes(tensor->dtype);
    assert_int_equal(first, r->rows);
    memcpy(r->seen + first * row, data, rows * row);
    r->rows += rows;
    r->calls++;
    return CLIP_OK;
}

static size_t make_file(uint8_t *to) {
    const char *json = "{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[0,5]},\"b\":{\"dtype\":\"U8\",\"shape\":[4,3],"
                       "\"data_offsets\":[5,17]},"
                       "\"c\":{\"dtype\":\"U8\",\"shape\":[7],\"data_offsets\":[17,24]}}";
    size_t header = strlen(json);
    memset(to, 0, 8);
    to[0] = (uint8_t)header;
    memcpy(to + 8, json, header);
    for (size_t i = 0; i < 24; i++) to[8 + header + i] = (uint8_t)i;
    return 8 + header + 24;
}

static void streams_in_any_pieces(void **state) {
    (void)state;
    uint8_t file[512];
    size_t length = make_file(file);
    for (uint64_t unit = 1; unit <= 4; unit += 3) /* a row, the whole tensor */
        for (size_t piece = 1; piece < 40; piece++) {
            recorder r = {.unit_rows = unit};
            clip_stream stream;
            const clip_stream_reader reader = {choose_b, NULL, record, &r};
            assert_int_equal(clip_stream_open(&stream, &reader, length), CLIP_OK);
            uint64_t offset, wanted;
            size_t pushed = 0;
            while (clip_stream_want(&stream, &offset, &wanted)) {
                size_t part = wanted < piece ? (size_t)wanted : piece;
                assert_true(offset + part <= length);
                uint8_t *copy = malloc(part);
                memcpy(copy, file + offset, part);
                assert_int_equal(clip_stream_push(&stream, copy, part), CLIP_OK);
                free(copy);
                pushed += part;
            }
            assert_int_equal(r.rows, 4);
            assert_int_equal(pushed, length - 5 - 7); /* neither a nor c was asked for */
            for (size_t i = 0; i < 12; i++) assert_int_equal(r.seen[i], 5 + i);
            assert_int_equal(clip_stream_push(&stream, file, 1), CLIP_ERROR_ARGUMENT);
            clip_stream_close(&stream);
        }
}

static void stream_rejects_a_lying_length(void **state) {
    (void)state;
    recorder r = {.unit_rows = 1};
    const clip_stream_reader reader = {choose_b, NULL, record, &r};
    const uint64_t lies[] = {0, 1, 93, 1000, 100000001, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 32};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        clip_stream stream;
        uint8_t bytes[100] = {0};
        for (int b = 0; b < 8; b++) bytes[b] = (uint8_t)(lies[i] >> 8 * b);
        assert_int_equal(clip_stream_open(&stream, &reader, 100), CLIP_OK);
        assert_int_equal(clip_stream_push(&stream, bytes, 8), CLIP_ERROR_FORMAT);
        clip_stream_close(&stream);
    }
    clip_stream stream;
    assert_int_equal(clip_stream_open(&stream, &reader, 9), CLIP_ERROR_FORMAT);
    clip_stream_close(&stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_header),
        cmocka_unit_test(rejects_lies),
        cmocka_unit_test(rejects_every_truncation),
        cmocka_unit_test(survives_flipped_bytes),
        cmocka_unit_test(deep_and_wide_json_is_linear),
        cmocka_unit_test(streams_in_any_pieces),
        cmocka_unit_test(stream_rejects_a_lying_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
