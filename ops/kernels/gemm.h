/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix product kernels, f32 row-major (floor 2).
 *
 * Every element of a product is one chain acc = fma(a[i,k], b[k,j], acc), k ascending from
 * acc = 0, bias added last: the same whatever the tile, the blocking, the packing, the number
 * of rows or the instruction set. A sum over k may be cut anywhere: stored f32 partial results
 * are exactly the chain's. */
#ifndef PAL_OPS_KERNELS_GEMM_H
#define PAL_OPS_KERNELS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/kernels/machine.h"

/* A packed operand [K, N] is cut into panels of neighbouring columns, in whole vectors of 16, the
 * last one padded with zeros, each with a spare row so that panels do not meet in the same cache
 * sets. Floats of such an operand: */
static inline int64_t pal_gemm_packed_size(int64_t k, int64_t n) {
  return (n + 15) / 16 * 16 * (k + 1);
}

/* What happens to a finished sum before it is stored. Anything fused later goes here. */
typedef struct pal_gemm_epilogue {
  const float *bias; /* [N], added; or NULL */
} pal_gemm_epilogue;

/* How b [K, N] is given to a product. */
typedef enum pal_gemm_kind {
  PAL_GEMM_PACKED,
  PAL_GEMM_ROWS,   /* as it is, for few rows of a */
  PAL_GEMM_TURNED, /* as [N, K], for very few rows or columns */
  PAL_GEMM_NARROW  /* as [K, PAL_GEMM_FEW], padded with zeros, for few columns */
} pal_gemm_kind;

/* The fastest for b with rows of neighbours in n, or in k. */
static inline pal_gemm_kind pal_gemm_kind_of(int64_t m, int64_t n, int64_t k, bool rows) {
  const bool turns = k >= 16; /* in blocks of as many */
  if (m <= PAL_GEMM_FEW && rows) return PAL_GEMM_ROWS;
  if (m <= PAL_GEMM_TURNED_FEW && turns) return PAL_GEMM_TURNED;
  if (n <= PAL_GEMM_TURNED_FEW && turns) return PAL_GEMM_TURNED;
  return n <= PAL_GEMM_FEW ? PAL_GEMM_NARROW : PAL_GEMM_PACKED;
}

/* c [M, N] = a b. */
typedef struct pal_gemm_product {
  pal_gemm_kind kind;
  int64_t m, n, k;
  const float *a; /* rows of k, a_row apart */
  int64_t a_row;
  const float *b;
  float *c; /* rows of n, c_row apart */
  int64_t c_row;
  pal_gemm_epilogue epilogue;
} pal_gemm_product;

/* c [M, N] = sum over rows t of outer products: c[i, j] = sum a[t * a_row + i] b(t, j), where
 * b(t, j) is b[t * b_row + j * b_col] and one of the two steps is 1. */
typedef struct pal_gemm_outer {
  int64_t rows, m, n;
  const float *a;
  int64_t a_row;
  const float *b;
  int64_t b_row, b_col;
  float *c;
  int64_t c_row;
  float *buffer; /* PAL_GEMM_BUFFER floats, 64-byte aligned */
} pal_gemm_outer;

/* Floats of the packed cut of a (with room for rounding up to any register tile), and of both. */
enum { PAL_GEMM_TILES = (PAL_GEMM_DEPTH + 2) * (PAL_GEMM_TILE_M + 16) };
enum { PAL_GEMM_BUFFER = PAL_GEMM_TILES + (PAL_GEMM_DEPTH + 1) * PAL_GEMM_TILE_N };

typedef struct pal_gemm_kernels {
  /* Number of panels of n columns. */
  int64_t (*panels)(int64_t n);
  /* Packs panels [first, last) of b [K, N], whose element (k, j) is b[k * b_row + j * b_col], one
   * of the two steps being 1. */
  void (*pack)(const float *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, int64_t first,
               int64_t last, float *packed);
  void (*product)(const pal_gemm_product *call);
  void (*outer)(const pal_gemm_outer *call);
} pal_gemm_kernels;
#endif
