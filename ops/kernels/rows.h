/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that reduce rows, column by column: for scatter and segment ops (floor 2). */
#ifndef PAL_OPS_KERNELS_ROWS_H
#define PAL_OPS_KERNELS_ROWS_H

#include <stdint.h>

typedef struct pal_rows_kernels {
  /* out[columns] = the sum of n rows of x, divided by `divisor`. Row i is at x + i * stride; `row`
   * lists the numbers of the n rows, or is NULL for rows 0 .. n - 1. Rows are added in order within
   * blocks of ROWS_BLOCK, then the sums of the blocks are added in order. */
  void (*sum)(float *out, const float *x, int64_t stride, const int32_t *row, int64_t n,
              int64_t columns, float divisor);
  /* out[columns] = the largest element of each column over n >= 1 rows; NaN if the column has a
   * NaN. */
  void (*max)(float *out, const float *x, int64_t stride, int64_t n, int64_t columns);
} pal_rows_kernels;
#endif
