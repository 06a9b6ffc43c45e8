/* xnnpack_configs.c - which of XNNPACK's kernels the modules link: this takes the place of its src/configs/.
 *
 * XNNPACK computes f32 convolutions of kernels wider than a pixel here (src/compute/convolution_xnnpack.c), without a range for
 * their outputs. Its own tables name kernels for every operator with every range, and what a table names is linked: 8 KB of a module after
 * brotli. As in those tables, x86 has a kernel of four rows, other processors one of five or six.
 */
#include <stddef.h>

#include "xnnpack/config.h"
#include "xnnpack/hardware-config.h"
#include "xnnpack/igemm.h"

#if XNN_ARCH_WASMRELAXEDSIMD
#define ONE_X86   xnn_f32_igemm_ukernel_1x8__wasmrelaxedsimd_fma_loadsplat
#define MORE_X86  xnn_f32_igemm_ukernel_4x8__wasmrelaxedsimd_fma_loadsplat
#define ONE       xnn_f32_igemm_ukernel_1x8__wasmrelaxedsimd_fma_splat
#define MORE      xnn_f32_igemm_ukernel_6x8__wasmrelaxedsimd_fma_splat
#define MORE_ROWS 6
#else
#define ONE_X86   xnn_f32_igemm_ukernel_1x8__wasmsimd_loadsplat
#define MORE_X86  xnn_f32_igemm_ukernel_4x8__wasmsimd_loadsplat
#define ONE       xnn_f32_igemm_ukernel_1x8__wasmsimd_splat
#define MORE      xnn_f32_igemm_ukernel_5x8__wasmsimd_splat
#define MORE_ROWS 5
#endif

static const struct xnn_gemm_config no_gemm;
static const struct xnn_vmulcaddc_config no_vmulcaddc;
static const struct xnn_dwconv_config no_dwconv[XNN_MAX_F32_DWCONV_UKERNELS];

static struct xnn_hmp_igemm_ukernel kernel(xnn_f32_igemm_ukernel_fn function) {
    return xnn_init_hmp_igemm_ukernel((xnn_igemm_ukernel_fn)function);
}

const struct xnn_gemm_config *xnn_init_f32_gemm_config(void) {
    /* Filled in by every call alike: operators are made by one thread. "minmax" is what an operator falls back to. */
    static struct xnn_gemm_config config;
    const int x86 = xnn_init_hardware_config()->is_x86;
    config.mr = x86 ? 4 : MORE_ROWS;
    config.nr = 8;
    config.minmax.igemm[0] = kernel(x86 ? ONE_X86 : ONE);
    config.minmax.igemm[config.mr - 1] = kernel(x86 ? MORE_X86 : MORE);
    return &config;
}

/* Not for our shapes: few outputs, single channels. */
const struct xnn_gemm_config *xnn_init_f32_gemm_nr2_config(void) { return &no_gemm; }
const struct xnn_vmulcaddc_config *xnn_init_f32_vmulcaddc_config(void) { return &no_vmulcaddc; }
const struct xnn_dwconv_config *xnn_init_f32_dwconv_config(void) { return no_dwconv; }
