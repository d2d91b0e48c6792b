/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_rows_kernels, compiled once per instruction set (floor 2). Columns are in the
 * lanes, so the order in which a column is added does not depend on the width of a vector. */
#include "ops/kernels/rows.h"

#include "ops/kernels/machine.h"
#include "src/simd.h"

/* The sum of columns c .. c + lanes - 1 over one block: rows first .. first + n - 1 of the list. */
static inline vf rows_block(const float *x, int64_t stride, const int32_t *row, int64_t first,
                            int64_t n, int64_t c, int lanes) {
  vf sum = vf_zero();
  for (int64_t i = first; i < first + n; i++)
    sum = vf_add(sum, vf_load_n(x + (row ? row[i] : i) * stride + c, lanes));
  return sum;
}

static void rows_sum(float *out, const float *x, int64_t stride, const int32_t *row, int64_t n,
                     int64_t columns, float divisor) {
  const vf by = vf_set(divisor);
  for (int64_t c = 0; c < columns; c += PAL_LANES) {
    const int lanes = columns - c < PAL_LANES ? (int)(columns - c) : PAL_LANES;
    vf total = vf_zero();
    for (int64_t i = 0; i < n; i += ROWS_BLOCK) {
      const int64_t some = n - i < ROWS_BLOCK ? n - i : ROWS_BLOCK;
      total = vf_add(total, rows_block(x, stride, row, i, some, c, lanes));
    }
    vf_store_n(out + c, vf_div(total, by), lanes);
  }
}

static void rows_max(float *out, const float *x, int64_t stride, int64_t n, int64_t columns) {
  for (int64_t c = 0; c < columns; c += PAL_LANES) {
    const int lanes = columns - c < PAL_LANES ? (int)(columns - c) : PAL_LANES;
    vf top = vf_load_n(x + c, lanes);
    for (int64_t i = 1; i < n; i++) {
      const vf v = vf_load_n(x + i * stride + c, lanes);
      const vm keep = vm_or(vf_ge(top, v), vf_ne(top, top));
      top = vf_select(keep, top, v);
    }
    vf_store_n(out + c, top, lanes);
  }
}

#define PAL_ROWS_KERNELS \
  { rows_sum, rows_max }
