/* SPDX-License-Identifier: Apache-2.0 */
/* What the files on reductions share (floor 2). */
#ifndef PAL_OPS_REDUCE_H
#define PAL_OPS_REDUCE_H

#include "ops/common.h"

/* A tensor x seen as [outer, extent, inner], where `extent` is the given axis, `outer` the product
 * of the axes before it and `inner` of those behind. `rows` is the extent of axis 0, which may be
 * symbolic. */
typedef struct pal_folding {
  int64_t outer, extent, inner;
} pal_folding;
pal_folding pal_folding_of(const pal_type *x, int64_t rows, int axis);

/* The type of x after a reduction over `axis`: without that axis, or with extent 1 there if
 * `keep`. */
pal_type pal_reduced_type(const pal_type *x, int axis, bool keep);
/* For reference functions: the reduction of n elements that are `stride` apart. */
double pal_reference_fold(pal_reduce_kind kind, const double *x, int64_t n, int64_t stride);
/* The gradient of a maximum over `axis` of x: dy at the positions `index`, zeros elsewhere. */
pal_value pal_max_backward(pal_graph *g, pal_value index, pal_value dy, pal_value x, int axis);
/* For random cases: a type of this dtype and of rank least .. 4, with symbolic or static rows. */
pal_type pal_sample_tensor(pal_case *random, pal_dtype dtype, int least);

/* Reductions over axis 0 split their work into chunks of PAL_CHUNK_ROWS rows, counted from row 0,
 * and blocks of PAL_BLOCK_COLUMNS columns. */
static inline int64_t pal_chunks_of(const pal_run *run) {
  return (run->in_rows[0] + PAL_CHUNK_ROWS - 1) / PAL_CHUNK_ROWS;
}
static inline int64_t pal_blocks_of(const pal_run *run) {
  return (pal_type_row(&run->in_type[0]) + PAL_BLOCK_COLUMNS - 1) / PAL_BLOCK_COLUMNS;
}

/* Attributes of sum_rows, mean_rows, max_rows and argmax_rows. */
typedef struct pal_rows_attrs {
  int64_t keep; /* 1: axis 0 stays, with extent 1 */
} pal_rows_attrs;

/* Op lists of files that are not in ops/common.h. */
extern const pal_op *const pal_ops_reduce_rows[],
    *const pal_ops_max_backward[], *const pal_ops_cumsum[], *const pal_ops_squares[];
#endif
