/* WebAssembly's SIMD intrinsics on this machine, for native builds of XNNPACK's wasm kernels. */
#include "../../../src/compute/simd.h"

/* Their names in early versions of the header. */
#define wasm_v32x4_shuffle wasm_i32x4_shuffle
#define wasm_v64x2_shuffle wasm_i64x2_shuffle
