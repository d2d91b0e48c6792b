/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that reduce rows: scatter and segments (floor 2). */
#ifndef PAL_OPS_KERNELS_ROWS_H
#define PAL_OPS_KERNELS_ROWS_H

#include <stdint.h>

typedef struct pal_rows_kernels {
  /* out[columns] = the sum of n rows of x, divided by `divisor`. The rows are stride floats apart;
   * `row` lists them, NULL: 0, 1, ... n - 1. They are added in order in blocks of 64, the blocks'
   * sums in order. */
  void (*sum)(float *out, const float *x, int64_t stride, const int32_t *row, int64_t n,
              int64_t columns, float divisor);
  /* out[columns] = the largest of n >= 1 rows per column; NaN where a column has one. */
  void (*max)(float *out, const float *x, int64_t stride, int64_t n, int64_t columns);
} pal_rows_kernels;
#endif
