/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers that the built-in op files share (floor 2). */
#ifndef PAL_OPS_COMMON_H
#define PAL_OPS_COMMON_H

#include <palimpsest/case.h>
#include <palimpsest/op.h>
#include <palimpsest/ops.h>

#include "ops/kernels/kernels.h"
#include "ops/machine.h"

/* Each op file exports its descriptors as a list that ends with NULL; ops/table.c registers them
 * all. */
typedef const pal_op *const pal_op_list[];
extern const pal_op *const pal_ops_elementwise[],
    *const pal_ops_activation[],
        *const pal_ops_logic[],
            *const pal_ops_reduce[],
                *const pal_ops_softmax[],
                    *const pal_ops_matmul[],
                        *const pal_ops_norm[],
                            *const pal_ops_loss[],
                                *const pal_ops_attention[],
                                    *const pal_ops_rotary[],
                                        *const pal_ops_embedding[],
                                            *const pal_ops_gather[],
                                                *const pal_ops_segment[],
                                                    *const pal_ops_shape[],
                                                        *const pal_ops_random[],
                                                            *const pal_ops_edit[],
                                                                *const pal_ops_ragged[],
                                                                    *const pal_ops_factored[],
                                                                        *const pal_ops_update[];

/* The first members of an op descriptor. */
#define PAL_OP_HEAD(op_name, op_doc) \
  .abi_size = sizeof(pal_op), .name = (op_name), .version = 1, .doc = (op_doc)

/* The rows pal_first_row .. pal_last_row - 1 of an operand to which the range of a row-local phase
 * applies: begin and end count units of the symbol, of which a symbolic operand has dim[0] rows
 * each. */
static inline int64_t pal_first_row(const pal_run *run, const pal_type *type) {
  return run->begin * (type->symbol.id ? type->dim[0] : 1);
}
static inline int64_t pal_last_row(const pal_run *run, const pal_type *type) {
  return run->end * (type->symbol.id ? type->dim[0] : 1);
}
/* The number of elements of an operand that has `rows` active rows. */
static inline int64_t pal_active(const pal_type *type, int64_t rows) {
  return rows * pal_type_row(type);
}

/* An infer function: one output with the type of input 0. */
pal_status pal_infer_same(pal_infer *call);
/* Checks of infer functions; they fail with PAL_E_SHAPE. `what` names the input in the message.
 *
 * Input i must have this dtype. */
pal_status pal_want_dtype(const pal_infer *call, int i, pal_dtype dtype, const char *what);
/* Input i must have this rank. */
pal_status pal_want_rank(const pal_infer *call, int i, int rank, const char *what);
/* Inputs i and j must have the same extent and symbol in axis 0. */
pal_status pal_want_rows(const pal_infer *call, int i, int j, const char *what);

/* Checks of reference functions, which must refuse the same data as kernels do; they fail with
 * PAL_E_ARGUMENT.
 *
 * The active elements of input i must lie in low .. n - 1. */
pal_status pal_reference_indices(const pal_reference *call, int i, int64_t low, int64_t n);
/* Each sequence, with begin in input i and length in input i + 1, must lie within `rows` rows. With
 * `empty_anywhere` the begin of a sequence of length 0 is not checked. */
pal_status pal_reference_sequences(const pal_reference *call, int i, int64_t rows,
                                   bool empty_anywhere);
#endif
