/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcasting, shared by the elementwise ops (floor 2).
 *
 * As in NumPy, axes are aligned from the right, and an axis of extent 1 is repeated. Axis 0 of a
 * result with symbolic rows is that of its symbolic operands, which must have the rank of the
 * result; a static operand of lower rank, or with extent 1 in axis 0, is used for every row. */
#ifndef PAL_OPS_BROADCAST_H
#define PAL_OPS_BROADCAST_H

#include "ops/common.h"

/* Sets out_type[0] to the common shape of all inputs, with the dtype of input 0. Fails with
 * PAL_E_SHAPE if the shapes do not broadcast. */
pal_status pal_broadcast_infer(pal_infer *call);

/* The loops of a broadcast over a range of rows: `planes` planes, each of which is one call of a
 * kernel (see pal_plane in ops/kernels/elementwise.h), numbered by up to `outer` further axes. */
typedef struct pal_nest {
  pal_plane plane;
  int64_t planes;
  int outer; /* number of axes in dim and step, innermost first */
  int64_t dim[PAL_MAX_DIMS], step[PAL_OPERANDS][PAL_MAX_DIMS];
  int64_t first[PAL_OPERANDS], out_first; /* index of the first element of the range */
} pal_nest;

/* Makes the loops for the inputs of a run, at most PAL_OPERANDS, over its rows of output 0. */
void pal_nest_make(const pal_run *run, pal_nest *nest);
/* The index of the first element of plane p: of operand k in at[k], and of the output as the return
 * value. */
int64_t pal_nest_at(const pal_nest *nest, int64_t p, int64_t at[PAL_OPERANDS]);

/* For reference functions: the index in the operand that element i of the output reads. */
int64_t pal_broadcast_index(const pal_type *out, const pal_type *in, int64_t i);
/* The number of active elements of output 0 of a reference call. */
static inline int64_t pal_reference_count(const pal_reference *call) {
  return call->out_rows[0] * pal_type_row(&call->out_type[0]);
}

/* x [...] copied to every row of the shape of like [T, ...], divided by the number of active rows
 * T: the gradient of mean_rows. */
pal_value pal_spread_rows(pal_graph *g, pal_value x, pal_value like);

/* For the op checker: draws n types of `dtype` that broadcast together. */
void pal_sample_broadcast(pal_case *random, pal_dtype dtype, int n, pal_type *type);

/* Op lists of files that are not in ops/common.h. */
extern const pal_op *const pal_ops_broadcast[],
    *const pal_ops_cast[], *const pal_ops_finite[], *const pal_ops_confidence[];
#endif
