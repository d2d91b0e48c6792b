/* SPDX-License-Identifier: Apache-2.0 */
/* The bfloat16 products for AVX-512 with AVX512-BF16 (floor 2). It compiles the f32 micro-kernels
 * of gemm.inc.c once more, with a dot product of two pairs of bfloat16 numbers (vdpbf16ps) in place
 * of the multiply-add. */
#define PAL_SIMD_AVX512
#define PAL_BF16_DOT
#define GEMM_MULTIPLY_ADD(a, b, c) _mm512_dpbf16_ps((c), (__m512bh)vf_bits(a), (__m512bh)vf_bits(b))
#pragma GCC diagnostic ignored \
    "-Wunused-function" /* the packing of f32 operands is not used here */
#include "ops/kernels/gemm.inc.c"
#include "ops/kernels/gemm_bf16.inc.c"

extern const pal_gemm_bf16_kernels pal_gemm_avx512bf16;
const pal_gemm_bf16_kernels pal_gemm_avx512bf16 = PAL_GEMM_BF16_KERNELS;
