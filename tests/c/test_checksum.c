/* A checksum that changes with every bit, with the order and with the length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/weights/checksum.h"

static void fill(uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 24);
}

static void sees_every_bit(void **state) {
    (void)state;
    uint8_t bytes[1003 + 1];
    fill(bytes, sizeof bytes);
    const uint8_t *odd = bytes + 1; /* aligned to nothing */
    const uint32_t expected = clip_checksum(odd, 1003, 0);
    assert_int_equal(clip_checksum(odd, 1003, 0), expected);
    for (size_t bit = 0; bit < 8 * 1003; bit++) {
        bytes[1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(clip_checksum(odd, 1003, 0), expected);
        bytes[1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void sees_order_and_length(void **state) {
    (void)state;
    uint8_t bytes[96], swapped[96], none[96] = {0};
    fill(bytes, sizeof bytes);
    memcpy(swapped, bytes + 48, 48);
    memcpy(swapped + 48, bytes, 48);
    assert_int_not_equal(clip_checksum(bytes, 96, 0), clip_checksum(swapped, 96, 0));
    for (size_t length = 0; length < 96; length++)
        assert_int_not_equal(clip_checksum(none, length, 0), clip_checksum(none, length + 1, 0));
}

static void goes_on_from_what_came_before(void **state) {
    (void)state;
    uint8_t bytes[64];
    fill(bytes, sizeof bytes);
    const uint32_t first = clip_checksum(bytes, 32, 0), other = clip_checksum(bytes, 31, 0);
    assert_int_not_equal(clip_checksum(bytes + 32, 32, first), clip_checksum(bytes + 32, 32, other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_every_bit),
        cmocka_unit_test(sees_order_and_length),
        cmocka_unit_test(goes_on_from_what_came_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
