/* simd.h - WebAssembly SIMD intrinsics, natively through SIMDe, so that the sanitizers see the kernels that ship. */
#ifndef CLIP_SIMD_H
#define CLIP_SIMD_H

#ifdef __wasm__
#include <wasm_simd128.h>
#else
#ifndef SIMDE_ENABLE_NATIVE_ALIASES
#define SIMDE_ENABLE_NATIVE_ALIASES
#endif
#include <simde/wasm/simd128.h>

#include <simde/wasm/relaxed-simd.h>
#endif

#endif
