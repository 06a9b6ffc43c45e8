/* Two wasm files of XNNPACK (f32-q[su]8-vcvt, "magic") include this name where they mean the next one. */
#include <wasm_simd128.h>
