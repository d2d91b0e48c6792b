/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of reductions share (floor 2). */
#ifndef PAL_OPS_REDUCE_H
#define PAL_OPS_REDUCE_H

#include "ops/common.h"

/* x as [outer, extent, inner] about an axis; `rows` is the extent of axis 0. */
typedef struct pal_folding {
  int64_t outer, extent, inner;
} pal_folding;
pal_folding pal_folding_of(const pal_type *x, int64_t rows, int axis);

/* The type of x with `axis` reduced: gone, or of extent 1 with `keep`. */
pal_type pal_reduced_type(const pal_type *x, int axis, bool keep);
/* For references: one fold of n elements `stride` apart. */
double pal_reference_fold(pal_reduce_kind kind, const double *x, int64_t n, int64_t stride);
/* Gradient of a maximum over `axis` of x: dy at the places `index`, zeros elsewhere. */
pal_value pal_max_backward(pal_graph *g, pal_value index, pal_value dy, pal_value x, int axis);
/* A random f32 or i32 type of rank least .. 4, symbolic or not. */
pal_type pal_sample_tensor(pal_case *random, pal_dtype dtype, int least);

/* Work over axis 0 is cut into chunks of rows, counted from row 0, and blocks of columns. */
static inline int64_t pal_chunks_of(const pal_run *run) {
  return (run->in_rows[0] + PAL_CHUNK_ROWS - 1) / PAL_CHUNK_ROWS;
}
static inline int64_t pal_blocks_of(const pal_run *run) {
  return (pal_type_row(&run->in_type[0]) + PAL_BLOCK_COLUMNS - 1) / PAL_BLOCK_COLUMNS;
}

/* Attributes of sum_rows, mean_rows, max_rows and argmax_rows. */
typedef struct pal_rows_attrs {
  int64_t keep;
} pal_rows_attrs;

/* Op lists of files that ops/common.h does not name. */
extern const pal_op *const pal_ops_reduce_rows[],
    *const pal_ops_max_backward[], *const pal_ops_cumsum[], *const pal_ops_squares[];
#endif
