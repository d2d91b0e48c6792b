/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcasting, shared by the elementwise ops (floor 2).
 *
 * Axes are aligned from the right and extents of 1 stretch. Axis 0 of a symbolic result is the
 * symbolic axis of its symbolic operands, which have its rank; static operands serve every row. */
#ifndef PAL_OPS_BROADCAST_H
#define PAL_OPS_BROADCAST_H

#include "ops/common.h"

/* The common type of the call's inputs, with the dtype of input 0, in out_type[0]. */
pal_status pal_broadcast_infer(pal_infer *call);

/* A row range of a broadcast: `planes` planes, see pal_plane. */
typedef struct pal_nest {
  pal_plane plane;
  int64_t planes;
  int outer; /* axes that number the planes */
  int64_t dim[PAL_MAX_DIMS], step[PAL_OPERANDS][PAL_MAX_DIMS];
  int64_t first[PAL_OPERANDS], out_first; /* element of the first row */
} pal_nest;

/* The nest of run's inputs, at most PAL_OPERANDS, over rows [begin, end) of output 0. */
void pal_nest_make(const pal_run *run, pal_nest *nest);
/* Element at which plane `p` begins: of operand k in at[k], of the output as the result. */
int64_t pal_nest_at(const pal_nest *nest, int64_t p, int64_t at[PAL_OPERANDS]);

/* For references: the element of an operand that element `i` of the output reads. */
int64_t pal_broadcast_index(const pal_type *out, const pal_type *in, int64_t i);
/* Active elements of output 0 of a reference call. */
static inline int64_t pal_reference_count(const pal_reference *call) {
  return call->out_rows[0] * pal_type_row(&call->out_type[0]);
}

/* x [...] to the shape of like [T, ...], divided by the run-time T: the gradient of mean_rows. */
pal_value pal_spread_rows(pal_graph *g, pal_value x, pal_value like);

/* n random types of `dtype` that broadcast together. */
void pal_sample_broadcast(pal_case *random, pal_dtype dtype, int n, pal_type *type);

/* Op lists of files that ops/common.h does not name. */
extern const pal_op *const pal_ops_broadcast[],
    *const pal_ops_cast[], *const pal_ops_finite[], *const pal_ops_confidence[];
#endif
