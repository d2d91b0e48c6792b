/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that many infer functions make (floor 2). */
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
