/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix product kernels, f32 row-major (floor 2).
 *
 * Every element of a product is one chain acc = fma(a[i,k], b[k,j], acc), k ascending from acc = 0,
 * and the bias is added last. This order never changes, so the bits are the same for every register
 * tile, cache block, packing, number of rows and instruction set. The sum over k may be split
 * anywhere: a partial result that is stored as f32 and loaded again continues the same chain.
 *
 * A product of matrices of usual size runs on packed panels of b (gemm.inc.c). Products with few
 * rows or columns have kernels of their own, because packing b would cost more than it saves. */
#ifndef PAL_OPS_KERNELS_GEMM_H
#define PAL_OPS_KERNELS_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/kernels/machine.h"

/* Number of floats of a packed operand b [K, N].
 *
 * The columns of b are split into panels of neighbouring columns. A panel is 1 to GEMM_NV vectors
 * of 16 columns wide, the columns beyond N are zeros, and its rows lie one after the other in
 * memory, so that a micro-kernel reads one contiguous stream. Each panel ends with a spare row that
 * is never read: without it the panels would begin at multiples of a large power of two when K is
 * one, and would compete for the same few sets of the cache (cache-set aliasing). N = 40, which is
 * three vectors, in two panels:
 *
 *              panel 0: 16 columns      panel 1: 32 columns
 *     k = 0    b[0, 0..15]              b[0, 16..31]    b[0, 32..39] 0 .. 0
 *     k = 1    b[1, 0..15]              b[1, 16..31]    b[1, 32..39] 0 .. 0
 *     ...
 *     k = K-1  b[K-1, 0..15]            b[K-1, 16..31]  b[K-1, 32..39] 0 .. 0
 *     spare    not used                 not used
 *
 *   memory:    [ panel 0: (K+1) * 16 ]  [ panel 1: (K+1) * 32 floats ] */
static inline int64_t pal_gemm_packed_size(int64_t k, int64_t n) {
  return (n + 15) / 16 * 16 * (k + 1);
}

/* The epilogue: what is done to a finished sum before it is stored. */
typedef struct pal_gemm_epilogue {
  const float *bias; /* [N], added; or NULL */
} pal_gemm_epilogue;

/* The layouts in which a product takes its operand b [K, N], and with each the kernel that runs. */
typedef enum pal_gemm_kind {
  PAL_GEMM_PACKED,     /* panels, see above */
  PAL_GEMM_ROWS,       /* [K, N] row-major, not packed: for few rows of a */
  PAL_GEMM_TRANSPOSED, /* [N, K] row-major, not packed: for very few rows or columns */
  PAL_GEMM_NARROW      /* [K, PAL_GEMM_THIN_MAX], padded with zeros: for few columns */
} pal_gemm_kind;

/* The fastest layout for a product [m, k] [k, n]. `rows` says whether b is stored as [K, N], with
 * neighbouring n, or (false) as [N, K], with neighbouring k. */
static inline pal_gemm_kind pal_gemm_kind_of(int64_t m, int64_t n, int64_t k, bool rows) {
  const bool deep = k >= 16; /* the transposing kernel works on blocks of 16 k */
  if (m <= PAL_GEMM_THIN_MAX && rows) return PAL_GEMM_ROWS;
  if (m <= PAL_GEMM_TRANSPOSED_MAX && deep) return PAL_GEMM_TRANSPOSED;
  if (n <= PAL_GEMM_TRANSPOSED_MAX && deep) return PAL_GEMM_TRANSPOSED;
  return n <= PAL_GEMM_THIN_MAX ? PAL_GEMM_NARROW : PAL_GEMM_PACKED;
}

/* The operands of one product c [M, N] = a [M, K] b [K, N] + bias. */
typedef struct pal_gemm_product {
  pal_gemm_kind kind;
  int64_t m, n, k;
  const float *a; /* [m, k], element (i, k) at a[i * a_row + k] */
  int64_t a_row;
  const float *b; /* in the layout of `kind` */
  float *c;       /* [m, n], element (i, j) at c[i * c_row + j] */
  int64_t c_row;
  pal_gemm_epilogue epilogue;
} pal_gemm_product;

/* A sum of outer products, c [M, N] = a^T b, as in the gradient of a weight:
 * c[i, j] = sum over t = 0 .. rows - 1 of a[t * a_row + i] * b[t * b_row + j * b_col].
 * One of b_row and b_col is 1. c is overwritten. */
typedef struct pal_gemm_outer {
  int64_t rows, m, n;
  const float *a;
  int64_t a_row;
  const float *b;
  int64_t b_row, b_col;
  float *c;
  int64_t c_row;
  float *buffer; /* scratch of PAL_GEMM_BUFFER floats, 64-byte aligned */
} pal_gemm_outer;

/* Floats of scratch for one packed block of a, with space to round its rows up to whole register
 * tiles; and for a block of a and one of b. */
enum { PAL_GEMM_TILES = (PAL_GEMM_DEPTH + 2) * (PAL_GEMM_TILE_M + 16) };
enum { PAL_GEMM_BUFFER = PAL_GEMM_TILES + (PAL_GEMM_DEPTH + 1) * PAL_GEMM_TILE_N };

typedef struct pal_gemm_kernels {
  /* The number of panels into which n columns are split. Panels may be packed in parallel. */
  int64_t (*panels)(int64_t n);
  /* Packs panels first .. last - 1 of b [k, n], whose element (k, j) is b[k * b_row + j * b_col].
   * One of b_row and b_col is 1. `packed` is the whole operand of pal_gemm_packed_size(k, n)
   * floats. */
  void (*pack)(const float *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, int64_t first,
               int64_t last, float *packed);
  void (*product)(const pal_gemm_product *call); /* m may be 0; n and k are 1 or more */
  void (*outer)(const pal_gemm_outer *call);     /* rows, m and n are 1 or more */
} pal_gemm_kernels;
#endif
