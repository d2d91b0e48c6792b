/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of reductions, running sums and softmax (floor 2).
 *
 * There are two kinds. "Row" kernels reduce the n contiguous elements of each row: element i goes
 * to lane i mod 16, in ascending order, then the lanes are combined by the fixed tree of vf_sum.
 * "Column" kernels combine whole rows into one, in row order. Arrays are [rows, n] unless said
 * otherwise. */
#ifndef PAL_OPS_KERNELS_REDUCE_H
#define PAL_OPS_KERNELS_REDUCE_H

#include <stddef.h>
#include <stdint.h>

typedef enum pal_reduce_kind { PAL_REDUCE_SUM, PAL_REDUCE_MAX, PAL_REDUCE_ARGMAX } pal_reduce_kind;

typedef struct pal_reduce_kernels {
  /* x [rows, n] to out [rows]; 0 if n is 0. */
  void (*row_sum)(float *out, const float *x, int64_t rows, int64_t n);
  /* The sums of the squares. */
  void (*row_squares)(float *out, const float *x, int64_t rows, int64_t n);
  /* -inf if n is 0; NaN if any element is NaN. */
  void (*row_max)(float *out, const float *x, int64_t rows, int64_t n);
  /* The first index of the largest element. A NaN is never the largest; 0 if no element exceeds
   * -inf. */
  void (*row_argmax)(int32_t *out, const float *x, int64_t rows, int64_t n);
  /* x [rows, n], rows `stride` elements apart, to out [n]. */
  void (*column_sum)(float *out, const float *x, int64_t rows, int64_t n, int64_t stride);
  void (*column_max)(float *out, const float *x, int64_t rows, int64_t n, int64_t stride);
  /* Likewise: best [n] is the largest value and out [n] the first row that has it, plus `first`. */
  void (*column_argmax)(int32_t *out, float *best, const float *x, int64_t rows, int64_t n,
                        int64_t stride, int32_t first);
  /* a += b, n elements. */
  void (*accumulate)(float *a, const float *b, int64_t n);
  /* Inclusive running sums down the columns, from the last row to the first with `reverse`. */
  void (*column_cumsum)(float *out, const float *x, int64_t rows, int64_t n, int64_t stride,
                        int reverse);
  /* The column reductions of i32. Sums wrap around; the largest of no rows is INT32_MIN. `best` and
   * `first` are for PAL_REDUCE_ARGMAX only, as in column_argmax. */
  void (*column_i32)(pal_reduce_kind kind, int32_t *out, int32_t *best, const int32_t *x,
                     int64_t rows, int64_t n, int64_t stride, int32_t first);

  /* Row by row, [rows, n] to [rows, n]. Results may be written over inputs. */
  void (*softmax)(float *y, const float *x, int64_t rows, int64_t n);
  void (*log_softmax)(float *y, const float *x, int64_t rows, int64_t n);
  void (*softmax_backward)(float *dx, const float *y, const float *dy, int64_t rows, int64_t n);
  void (*log_softmax_backward)(float *dx, const float *y, const float *dy, int64_t rows, int64_t n);
  /* Of the softmax of logits x [rows, n], to out [rows]: the entropy in nats, and the difference of
   * the two largest probabilities. Their gradients: dout [rows] to dx [rows, n]. */
  void (*entropy)(float *out, const float *x, int64_t rows, int64_t n);
  void (*entropy_backward)(float *dx, const float *x, const float *dout, int64_t rows, int64_t n);
  void (*top2_margin)(float *out, const float *x, int64_t rows, int64_t n);
  void (*top2_margin_backward)(float *dx, const float *x, const float *dout, int64_t rows,
                               int64_t n);
} pal_reduce_kernels;
#endif
