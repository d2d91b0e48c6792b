/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products of operands rounded to bfloat16, with sums in f32 (floor 2).
 *
 * Every element of a product is the chain of gemm.h, acc = fma(a[i,k], b[k,j], acc), k ascending
 * from 0 and bias added last, with two differences. The operands are first rounded to bfloat16, to
 * the nearest and ties to even. Subnormal numbers, as operands and as sums, are replaced by zeros
 * of the same sign.
 *
 * This is what the instruction vdpbf16ps of AVX512-BF16 computes if the even k of each pair stands
 * in the upper half of its 32-bit lane: two fused multiply-adds, each rounded to f32, the upper
 * half first. Instruction sets without it run the f32 kernels on rounded operands and give the same
 * bits. (Only on a machine that is neither x86 with SSE nor AArch64 are subnormal sums kept, since
 * there is no way to flush them.)
 *
 * Operands are stored as f32 and rounded when they are packed, or when a tile is copied. */
#ifndef PAL_OPS_KERNELS_GEMM_BF16_H
#define PAL_OPS_KERNELS_GEMM_BF16_H

#include <stdbool.h>

#include "ops/kernels/gemm.h"

/* Floats of scratch that `product` needs for rows of k elements: for rounded rows of a, as many as
 * fit 128 KiB, or one if it is longer. */
static inline int64_t pal_gemm_bf16_room(int64_t k) {
  const int64_t usual = 1 << 15, row = k + 32;
  return row > usual ? row : usual;
}

/* c [m, n] = a b, or c += a b with `add`, of operands that are not packed beforehand: for small
 * products whose operands are used once, as in attention. Element (i, k) of a is a[i * a_row + k *
 * a_col]; one of a_row and a_col is 1. */
typedef struct pal_gemm_block {
  int64_t m, n, k;
  const float *a;
  int64_t a_row, a_col;
  const float *b; /* [k, n], element (k, j) at b[k * b_row + j] */
  int64_t b_row;
  float *c;
  int64_t c_row;
  bool add;
} pal_gemm_block;

/* Arguments and packed sizes are those of pal_gemm_kernels; b is always packed
 * (PAL_GEMM_PACKED). */
typedef struct pal_gemm_bf16_kernels {
  void (*pack)(const float *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, int64_t first,
               int64_t last, float *packed);
  /* `room` is scratch of pal_gemm_bf16_room(k) floats. */
  void (*product)(const pal_gemm_product *call, float *room);
  void (*outer)(const pal_gemm_outer *call);
  void (*block)(const pal_gemm_block *call);
} pal_gemm_bf16_kernels;
#endif
