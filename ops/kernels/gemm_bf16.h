/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of operands rounded to bfloat16, sums in f32 (floor 2).
 *
 * Every element of a product is the chain of gemm.h, acc = fma(a[i,k], b[k,j], acc), k ascending
 * from 0, bias added last, of operands that are first rounded to bfloat16, to nearest even; and
 * subnormal numbers count as zeros of their sign, as operands and as results. That is what
 * AVX512-BF16's vdpbf16ps computes when the even k of a pair stands in the upper half of its lane:
 * two fused multiply-adds, each rounded to f32, the upper half first. Sets without the instruction
 * run the f32 kernels on rounded operands and give the same bits. (Where neither SSE nor AArch64
 * can be told to flush, subnormal sums stay.)
 *
 * Operands stay f32 in memory and are rounded when they are packed, once per tile that reads
 * them. */
#ifndef PAL_OPS_KERNELS_GEMM_BF16_H
#define PAL_OPS_KERNELS_GEMM_BF16_H

#include <stdbool.h>

#include "ops/kernels/gemm.h"

/* Floats of the room in which `product` keeps rounded rows of k elements. */
static inline int64_t pal_gemm_bf16_room(int64_t k) {
  const int64_t usual = 1 << 15, row = k + 32;
  return row > usual ? row : usual;
}

/* c [M, N] = a b, or added to, with nothing packed: small products that happen once. Element (i, k)
 * of a is at a[i * a_row + k * a_col], one of the two steps being 1. */
typedef struct pal_gemm_block {
  int64_t m, n, k;
  const float *a;
  int64_t a_row, a_col;
  const float *b; /* rows of n, b_row apart */
  int64_t b_row;
  float *c;
  int64_t c_row;
  bool add;
} pal_gemm_block;

/* The other calls and packed sizes are those of pal_gemm_kernels. */
typedef struct pal_gemm_bf16_kernels {
  void (*pack)(const float *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, int64_t first,
               int64_t last, float *packed);
  void (*product)(const pal_gemm_product *call, float *room); /* of pal_gemm_bf16_room(k) floats */
  void (*outer)(const pal_gemm_outer *call);
  void (*block)(const pal_gemm_block *call);
} pal_gemm_bf16_kernels;
#endif
