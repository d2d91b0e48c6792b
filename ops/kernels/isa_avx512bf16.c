/* SPDX-License-Identifier: Apache-2.0 */
/* The bfloat16 products for AVX-512 with AVX512-BF16: the f32 kernels with pairs for numbers and dot
 * products for multiply-adds (floor 2). */
#define PAL_SIMD_AVX512
#define PAL_BF16_DOT
#define GEMM_MULTIPLY_ADD(a, b, c) _mm512_dpbf16_ps((c), (__m512bh)vf_bits(a), (__m512bh)vf_bits(b))
#pragma GCC diagnostic ignored "-Wunused-function" /* the f32 kernels' own packing */
#include "ops/kernels/gemm.inc.c"
#include "ops/kernels/gemm_bf16.inc.c"

extern const pal_gemm_bf16_kernels pal_gemm_avx512bf16;
const pal_gemm_bf16_kernels pal_gemm_avx512bf16 = PAL_GEMM_BF16_KERNELS;
