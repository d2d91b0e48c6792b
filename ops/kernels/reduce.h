/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of reductions, running sums and softmax (floor 2).
 *
 * Two shapes of work: "rows" reduce n contiguous elements of each row by 16 virtual lanes
 * (element i goes to lane i mod 16, ascending) and the fixed tree of vf_sum; "columns" fold
 * whole rows into one, in row order. */
#ifndef PAL_OPS_KERNELS_REDUCE_H
#define PAL_OPS_KERNELS_REDUCE_H

#include <stddef.h>
#include <stdint.h>

typedef enum pal_reduce_kind { PAL_REDUCE_SUM, PAL_REDUCE_MAX, PAL_REDUCE_ARGMAX } pal_reduce_kind;

typedef struct pal_reduce_kernels {
  /* x [rows, n] to out [rows]; 0 of none. */
  void (*row_sum)(float *out, const float *x, int64_t rows, int64_t n);
  /* Sums of squares. */
  void (*row_squares)(float *out, const float *x, int64_t rows, int64_t n);
  /* -inf of none; NaN if any is. */
  void (*row_max)(float *out, const float *x, int64_t rows, int64_t n);
  /* First index of the largest; NaN is never the largest; 0 where nothing exceeds -inf. */
  void (*row_argmax)(int32_t *out, const float *x, int64_t rows, int64_t n);
  /* `rows` rows of n columns, one from the next by `stride` elements, to out [n]. */
  void (*column_sum)(float *out, const float *x, int64_t rows, int64_t n, int64_t stride);
  void (*column_max)(float *out, const float *x, int64_t rows, int64_t n, int64_t stride);
  /* The same with out [n] the row of the first maximum counted from `first`, best [n] its value. */
  void (*column_argmax)(int32_t *out, float *best, const float *x, int64_t rows, int64_t n,
                        int64_t stride, int32_t first);
  /* a += b, n elements. */
  void (*accumulate)(float *a, const float *b, int64_t n);
  /* Running sums of x [rows, n] down the columns, from last to first row when `reverse`. */
  void (*column_cumsum)(float *out, const float *x, int64_t rows, int64_t n, int64_t stride,
                        int reverse);
  /* i32, wrapping: sum, largest (INT32_MIN of none) or, in `out`, row of the first largest counted
   * from `first` with its value in best. best is used by ARGMAX only. */
  void (*column_i32)(pal_reduce_kind kind, int32_t *out, int32_t *best, const int32_t *x,
                     int64_t rows, int64_t n, int64_t stride, int32_t first);

  /* [rows, n] to [rows, n]; results may be written over inputs. */
  void (*softmax)(float *y, const float *x, int64_t rows, int64_t n);
  void (*log_softmax)(float *y, const float *x, int64_t rows, int64_t n);
  void (*softmax_backward)(float *dx, const float *y, const float *dy, int64_t rows, int64_t n);
  void (*log_softmax_backward)(float *dx, const float *y, const float *dy, int64_t rows, int64_t n);
  /* Logits x [rows, n] to out [rows], and back: dout [rows] to dx [rows, n]. */
  void (*entropy)(float *out, const float *x, int64_t rows, int64_t n);
  void (*entropy_backward)(float *dx, const float *x, const float *dout, int64_t rows, int64_t n);
  void (*top2_margin)(float *out, const float *x, int64_t rows, int64_t n);
  void (*top2_margin_backward)(float *dx, const float *x, const float *dout, int64_t rows,
                               int64_t n);
} pal_reduce_kernels;
#endif
