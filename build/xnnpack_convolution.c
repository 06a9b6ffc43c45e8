/* xnnpack_convolution.c - XNNPACK's convolution as the modules link it, without what ours never asks for.
 *
 * src/compute/convolution_xnnpack.c has an image at a time, one group of channels and kernels wider than a pixel: of the operator's
 * four ways that is "igemm", in one of its loops. The operator names all the others too, and what is named is linked: 5 KB of a module
 * after brotli. Here those names trap, or are nothing; another operator, or this one asked for more, needs them back.
 */
#include <pthreadpool.h>
#include <stddef.h>

#include "xnnpack/compute.h"
#include "xnnpack/config.h"
#include "xnnpack/indirection.h"
#include "xnnpack/pack.h"

#define pthreadpool_parallelize_1d(...)                                __builtin_trap()
#define pthreadpool_parallelize_1d_tile_1d(...)                        __builtin_trap()
#define pthreadpool_parallelize_1d_with_thread(...)                    __builtin_trap()
#define pthreadpool_parallelize_2d(...)                                __builtin_trap()
#define pthreadpool_parallelize_2d_tile_1d(...)                        __builtin_trap()
#define pthreadpool_parallelize_2d_tile_1d_with_uarch(...)             __builtin_trap()
#define pthreadpool_parallelize_2d_tile_2d_with_uarch(...)             __builtin_trap()
#define pthreadpool_parallelize_2d_with_thread(...)                    __builtin_trap()
#define pthreadpool_parallelize_3d(...)                                __builtin_trap()
#define pthreadpool_parallelize_3d_tile_1d(...)                        __builtin_trap()
#define pthreadpool_parallelize_3d_tile_1d_with_thread(...)            __builtin_trap()
#define pthreadpool_parallelize_3d_tile_1d_with_uarch(...)             __builtin_trap()
#define pthreadpool_parallelize_3d_tile_1d_with_uarch_with_thread(...) __builtin_trap()
#define pthreadpool_parallelize_3d_tile_2d(...)                        __builtin_trap()
#define pthreadpool_parallelize_3d_tile_2d_with_uarch(...)             __builtin_trap()
#define pthreadpool_parallelize_4d(...)                                __builtin_trap()
#define pthreadpool_parallelize_4d_tile_2d(...)                        __builtin_trap()
#define pthreadpool_parallelize_4d_tile_2d_with_uarch(...)             __builtin_trap()
#define pthreadpool_parallelize_5d(...)                                __builtin_trap()
#define pthreadpool_parallelize_5d_tile_2d(...)                        __builtin_trap()
#define pthreadpool_parallelize_6d_tile_2d(...)                        __builtin_trap()

#include "operator-run.c"

#undef XNN_MAX_F32_DWCONV_UKERNELS
#define XNN_MAX_F32_DWCONV_UKERNELS 0 /* so that none is found */

#define xnn_pack_f32_vmulcaddc_w           NULL
#define xnn_pack_f32_dwconv_hwg_w          NULL
#define xnn_pack_f32_dwconv_ghw_w          NULL
#define xnn_pack_f32_conv_kgo_w            NULL
#define xnn_indirection_init_dwconv2d(...) __builtin_trap()

#define NEVER                                    (__builtin_trap(), NULL)
#define xnn_compute_vmulcaddc                    NEVER
#define xnn_compute_dwconv_indirection           NEVER
#define xnn_compute_dwconv_unipass               NEVER
#define xnn_compute_dwconv_multipass             NEVER
#define xnn_compute_dwconv_multipass_with_thread NEVER
#define xnn_compute_conv2d_igemm_indirection     NEVER
#define xnn_compute_gemm                         NEVER
#define xnn_compute_grouped_gemm                 NEVER
#define xnn_compute_grouped_igemm                NEVER
#define xnn_compute_grouped_batch_igemm          NEVER
#define xnn_compute_batch_igemm                  NEVER

#include "operators/convolution-nhwc.c"
