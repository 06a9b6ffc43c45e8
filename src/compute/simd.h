/* simd.h - WebAssembly SIMD intrinsics, natively through SIMDe, so that the sanitizers see the kernels that ship. */
#ifndef CLIP_SIMD_H
#define CLIP_SIMD_H

#ifdef __wasm__
#include <wasm_simd128.h>
#else

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/wasm/relaxed-simd.h>
#include <simde/wasm/simd128.h>

/* What SIMDe leaves out. */
#define wasm_f32x4_const_splat wasm_f32x4_splat

/* Relaxed dot product: sum + a . b over four bytes a lane. b is meant to be 0..127; what an engine makes of larger
 * values is its own choice. Here it is x86's with VNNI: a signed, b unsigned, sums of 32 bits. Not in SIMDe 0.8. */
#ifndef wasm_i32x4_relaxed_dot_i8x16_i7x16_add
static inline v128_t clip_simd_relaxed_dot(v128_t a, v128_t b, v128_t sum) {
    int8_t x[16];
    uint8_t y[16];
    int32_t z[4];
    wasm_v128_store(x, a);
    wasm_v128_store(y, b);
    wasm_v128_store(z, sum);
    for (int i = 0; i < 16; i++) z[i / 4] += x[i] * y[i];
    return wasm_v128_load(z);
}
#define wasm_i32x4_relaxed_dot_i8x16_i7x16_add clip_simd_relaxed_dot
#endif

/* a b + c; SIMDe's is of an early draft, which had another order. */
#undef wasm_f32x4_relaxed_madd
#define wasm_f32x4_relaxed_madd(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)

/* Its half: sums of pairs in 16 bits. */
#ifndef wasm_i16x8_relaxed_dot_i8x16_i7x16
static inline v128_t clip_simd_relaxed_dot_pairs(v128_t a, v128_t b) {
    int8_t x[16], y[16];
    int16_t z[8];
    wasm_v128_store(x, a);
    wasm_v128_store(y, b);
    for (int i = 0; i < 8; i++) z[i] = (int16_t)(x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1]);
    return wasm_v128_load(z);
}
#define wasm_i16x8_relaxed_dot_i8x16_i7x16 clip_simd_relaxed_dot_pairs
#endif

#endif
#endif
