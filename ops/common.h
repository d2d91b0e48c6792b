/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers that the built-in op files share (floor 2). */
#ifndef PAL_OPS_COMMON_H
#define PAL_OPS_COMMON_H

#include <palimpsest/case.h>
#include <palimpsest/op.h>
#include <palimpsest/ops.h>

#include "ops/kernels/kernels.h"
#include "ops/machine.h"

/* Each op file exports its descriptors as a NULL-terminated list; ops/table.c defines them all. */
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

/* Opens a descriptor initialiser. */
#define PAL_OP_HEAD(op_name, op_doc) \
  .abi_size = sizeof(pal_op), .name = (op_name), .version = 1, .doc = (op_doc)

/* The rows of `type` that a row phase's [begin, end) stands for: times dim[0] when symbolic. */
static inline int64_t pal_first_row(const pal_run *run, const pal_type *type) {
  return run->begin * (type->symbol.id ? type->dim[0] : 1);
}
static inline int64_t pal_last_row(const pal_run *run, const pal_type *type) {
  return run->end * (type->symbol.id ? type->dim[0] : 1);
}
/* Active elements of an operand. */
static inline int64_t pal_active(const pal_type *type, int64_t rows) {
  return rows * pal_type_row(type);
}

/* infer: one output, the type of input 0. */
pal_status pal_infer_same(pal_infer *call);
/* Fails unless input i has this dtype; `what` names it in the message. */
pal_status pal_want_dtype(const pal_infer *call, int i, pal_dtype dtype, const char *what);
/* Fails unless input i has this rank. */
pal_status pal_want_rank(const pal_infer *call, int i, int rank, const char *what);
/* Of reference functions, which trust their inputs no more than kernels do: fail unless the active
 * elements of input i lie in low .. n - 1; */
pal_status pal_reference_indices(const pal_reference *call, int i, int64_t low, int64_t n);
/* unless each sequence, begin in input i and length in input i + 1, lies within `rows`. With
 * `empty_anywhere` those of length 0 may begin where they like. */
pal_status pal_reference_sequences(const pal_reference *call, int i, int64_t rows,
                                   bool empty_anywhere);
/* Fails unless inputs i and j have axis 0 of the same symbol and extent. */
pal_status pal_want_rows(const pal_infer *call, int i, int j, const char *what);
#endif
