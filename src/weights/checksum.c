#include "weights/checksum.h"

#include <string.h>

#include "compute/simd.h"

static uint32_t mix(uint32_t hash, uint32_t word) {
    hash = (hash ^ word) * 0x9e3779b1u; /* 2^32 over the golden ratio, as in Knuth's multiplicative hashing */
    return hash ^ hash >> 15;
}

uint32_t clip_checksum(const uint8_t *bytes, size_t length, uint32_t before) {
    v128_t sum = wasm_i32x4_splat(0), sums = sum;
    size_t at = 0;
    for (; length - at >= 16; at += 16) {
        sum = wasm_i32x4_add(sum, wasm_v128_load(bytes + at));
        sums = wasm_i32x4_add(sums, sum);
    }
    uint8_t rest[16] = {0};
    memcpy(rest, bytes + at, length - at);
    sum = wasm_i32x4_add(sum, wasm_v128_load(rest));
    sums = wasm_i32x4_add(sums, sum);
    uint32_t words[8], hash = mix(before, (uint32_t)length);
    wasm_v128_store(words, sum);
    wasm_v128_store(words + 4, sums);
    for (int i = 0; i < 8; i++) hash = mix(hash, words[i]);
    return hash;
}
