/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that many infer and reference functions make (floor 2). */
#include "ops/common.h"

pal_status pal_infer_same(pal_infer *call) {
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  return PAL_OK;
}

pal_status pal_want_dtype(const pal_infer *call, int i, pal_dtype dtype, const char *what) {
  if (call->in_type[i].dtype == dtype) return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE, "%s must be %s, not %s", what, pal_dtype_name(dtype),
                  pal_dtype_name(call->in_type[i].dtype));
}

pal_status pal_want_rank(const pal_infer *call, int i, int rank, const char *what) {
  if (call->in_type[i].rank == rank) return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE, "%s must have %d axes, not %d", what, rank,
                  call->in_type[i].rank);
}

pal_status pal_want_rows(const pal_infer *call, int i, int j, const char *what) {
  const pal_type *a = &call->in_type[i], *b = &call->in_type[j];
  if (a->rank > 0 && b->rank > 0 && a->symbol.id == b->symbol.id && a->dim[0] == b->dim[0])
    return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE, "%s must have the same rows", what);
}

pal_status pal_reference_indices(const pal_reference *call, int i, int64_t low, int64_t n) {
  const int64_t wide = pal_type_row(&call->in_type[i]), all = call->in_rows[i] * wide;
  for (int64_t e = 0; e < all; e++)
    if (!(call->in[i][e] >= (double)low && call->in[i][e] < (double)n))
      return pal_fail(call->error, PAL_E_ARGUMENT, "input %d: %g in row %lld must be in %lld..%lld",
                      i, call->in[i][e], (long long)(e / wide), (long long)low, (long long)n - 1);
  return PAL_OK;
}

pal_status pal_reference_sequences(const pal_reference *call, int i, int64_t rows,
                                   bool empty_anywhere) {
  for (int64_t s = 0; s < call->in_rows[i]; s++) {
    const double begin = call->in[i][s], length = call->in[i + 1][s];
    if (empty_anywhere && length == 0.0) continue;
    if (!(begin >= 0.0 && length >= 0.0 && begin + length <= (double)rows))
      return pal_fail(call->error, PAL_E_ARGUMENT,
                      "sequence %lld: begin %g and length %g do not lie within %lld active rows",
                      (long long)s, begin, length, (long long)rows);
  }
  return PAL_OK;
}
