/* SPDX-License-Identifier: Apache-2.0 */
/* What layer_norm, rms_norm and their backward ops share (floor 2). */
#ifndef PAL_OPS_NORM_H
#define PAL_OPS_NORM_H

#include "ops/common.h"

extern const pal_op pal_op_norm_backward, pal_op_norm_backward_parameters;

/* The length of what is normalised: the last axis. */
static inline int64_t pal_norm_width(const pal_type *x) { return x->dim[x->rank - 1]; }

/* The type of a statistic, one number per row: that of x without its last axis. */
static inline pal_type pal_norm_statistic(const pal_type *x) {
  return pal_type_make(PAL_F32, x->symbol, x->dim, x->rank - 1);
}

/* The range of a row-local phase, which counts rows of axis 0, in rows of the last axis. */
typedef struct pal_norm_span {
  int64_t first, count;
} pal_norm_span;

static inline pal_norm_span pal_norm_span_of(const pal_run *run, const pal_type *x) {
  const int64_t per_row = pal_type_row(x) / pal_norm_width(x);
  const int64_t first = pal_first_row(run, x), last = pal_last_row(run, x);
  return (pal_norm_span){first * per_row, (last - first) * per_row};
}

/* Checks that input i is f32 with at least two axes, the last of them not empty. */
pal_status pal_norm_want_x(const pal_infer *call, int i, const char *what);
/* Checks that a gain or bias is a static f32 [width], or not given. */
pal_status pal_norm_want_parameter(const pal_infer *call, int i, int64_t width, const char *what);
/* For random cases: draws x, and n vectors [D] or nil. */
pal_value pal_norm_sample_rows(pal_case *random, pal_value *vector, int n);
#endif
