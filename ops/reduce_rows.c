/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions over axis 0: sum_rows, mean_rows, max_rows, argmax_rows (floor 2).
 *
 * Phase 0 reduces each chunk of PAL_CHUNK_ROWS rows, counted from row 0, in row order (a tensor
 * with one number per row in 16 lanes). Phase 1 combines the chunks; sums are added pairwise, by a
 * binary tree that depends on the number of chunks only:
 *
 *   rows    0..255   256..511   512..767   768..1023   1024..
 *   phase 0   a         b          c          d          e
 *   phase 1   a + b               c + d                  e
 *             (a + b) + (c + d)                          e
 *             ((a + b) + (c + d)) + e
 *
 * So results do not depend on threads. Columns are independent, so blocks of columns are separate
 * tasks. */
#define PAL_NO_CALLER
#include "ops/reduce.h"

#include <string.h>

#include "ops/broadcast.h"

static const pal_attr_field rows_fields[] = {PAL_FIELD(pal_rows_attrs, keep, PAL_ATTR_INT)};

static pal_status rows_infer(pal_infer *call) {
  const pal_rows_attrs *a = call->attrs;
  const pal_type *x = &call->in_type[0];
  if (x->dtype != PAL_F32 && x->dtype != PAL_I32)
    return pal_fail(call->error, PAL_E_SHAPE, "reductions are of f32 or i32, not %s",
                    pal_dtype_name(x->dtype));
  if (x->rank == 0) return pal_fail(call->error, PAL_E_SHAPE, "a scalar has no axis 0");
  call->n_out = 1;
  call->out_type[0] = pal_reduced_type(x, 0, a->keep);
  return PAL_OK;
}

static pal_status mean_infer(pal_infer *call) {
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "x");
  return status ? status : rows_infer(call);
}

static pal_status argmax_infer(pal_infer *call) {
  pal_status status = rows_infer(call);
  call->out_type[0].dtype = PAL_I32;
  return status;
}

/* ---- tasks and scratch --------------------------------------------------------------- */

static int64_t block_tasks(const pal_run *run) { return pal_blocks_of(run); }
static int64_t fold_tasks(const pal_run *run) { return pal_chunks_of(run) * pal_blocks_of(run); }

/* Scratch: partial results [chunks, columns] of 4 bytes each; for argmax also their rows, behind
 * them. */
static size_t partial_scratch(const pal_run *run) {
  return (size_t)(pal_chunks_of(run) * pal_type_row(&run->in_type[0])) * sizeof(float);
}
static size_t argmax_scratch(const pal_run *run) { return 2 * partial_scratch(run); }

/* The columns of a block. */
typedef struct span {
  int64_t first, n;
} span;

static span columns_of(const pal_run *run, int64_t block) {
  const int64_t first = block * PAL_BLOCK_COLUMNS, left = pal_type_row(&run->in_type[0]) - first;
  return (span){first, left < PAL_BLOCK_COLUMNS ? left : PAL_BLOCK_COLUMNS};
}

/* ---- phase 0: one chunk of rows, one block of columns -------------------------------- */

static void fold_task(const pal_run *run, pal_reduce_kind kind, int64_t task) {
  const pal_reduce_kernels *k = &pal_kernels_of(run->isa)->reduce;
  const int64_t columns = pal_type_row(&run->in_type[0]), blocks = pal_blocks_of(run);
  const int64_t chunk = task / blocks, first = chunk * PAL_CHUNK_ROWS;
  const int64_t left = run->in_rows[0] - first;
  const int64_t rows = left < PAL_CHUNK_ROWS ? left : PAL_CHUNK_ROWS;
  const span c = columns_of(run, task % blocks);
  const int64_t from = first * columns + c.first, to = chunk * columns + c.first;
  float *part = (float *)run->scratch + to;
  int32_t *index = kind == PAL_REDUCE_ARGMAX
                       ? (int32_t *)run->scratch + pal_chunks_of(run) * columns + to
                       : NULL;
  const float *x = (const float *)run->in[0] + from;
  if (run->in_type[0].dtype == PAL_I32) {
    int32_t *whole = (int32_t *)run->scratch + to;
    k->column_i32(kind, index ? index : whole, whole, (const int32_t *)run->in[0] + from, rows, c.n,
                  columns, (int32_t)first);
  } else if (index) {
    k->column_argmax(index, part, x, rows, c.n, columns, (int32_t)first);
  } else if (columns == 1) {
    (kind == PAL_REDUCE_SUM ? k->row_sum : k->row_max)(part, x, 1, rows);
  } else {
    (kind == PAL_REDUCE_SUM ? k->column_sum : k->column_max)(part, x, rows, c.n, columns);
  }
}

static pal_status fold_run(const pal_run *run, pal_reduce_kind kind) {
  for (int64_t task = run->begin; task < run->end; task++) fold_task(run, kind, task);
  return PAL_OK;
}

/* ---- phase 1: one block of columns over all chunks ----------------------------------- */

/* Adds the chunks by the tree above, and divides by `count`, which is 1 for a sum. */
static void add_tree(const pal_run *run, float *part, const span *c, float *out, float count) {
  const pal_kernels *k = pal_kernels_of(run->isa);
  const int64_t columns = pal_type_row(&run->in_type[0]), chunks = pal_chunks_of(run);
  if (chunks == 0) {
    memset(out, 0, (size_t)c->n * sizeof *out);
    return;
  }
  for (int64_t apart = 1; apart < chunks; apart *= 2)
    for (int64_t a = 0; a + apart < chunks; a += 2 * apart)
      k->reduce.accumulate(part + a * columns, part + (a + apart) * columns, c->n);
  const pal_plane plane = {.rows = 1, .n = c->n, .step = {1, 0, 0}};
  k->elementwise.binary_f32(PAL_BINARY_DIV, &plane, out, part, &count);
}

static void combine_f32(const pal_run *run, pal_reduce_kind kind, const span *c, float count) {
  const pal_reduce_kernels *k = &pal_kernels_of(run->isa)->reduce;
  const int64_t columns = pal_type_row(&run->in_type[0]), chunks = pal_chunks_of(run);
  float *part = (float *)run->scratch + c->first;
  if (kind == PAL_REDUCE_SUM) add_tree(run, part, c, (float *)run->out[0] + c->first, count);
  else if (kind == PAL_REDUCE_MAX)
    k->column_max((float *)run->out[0] + c->first, part, chunks, c->n, columns);
  else /* out is the chunk that has the maximum; the value itself may overwrite that of chunk 0 */
    k->column_argmax((int32_t *)run->out[0] + c->first, part, part, chunks, c->n, columns, 0);
}

static pal_status combine_run(const pal_run *run, pal_reduce_kind kind, float count) {
  const int64_t columns = pal_type_row(&run->in_type[0]), chunks = pal_chunks_of(run);
  for (int64_t block = run->begin; block < run->end; block++) {
    const span c = columns_of(run, block);
    int32_t *out = (int32_t *)run->out[0] + c.first, *part = (int32_t *)run->scratch + c.first;
    if (kind == PAL_REDUCE_ARGMAX && chunks == 0) {
      for (int64_t i = 0; i < c.n; i++) out[i] = -1;
      continue;
    }
    if (run->in_type[0].dtype == PAL_F32) combine_f32(run, kind, &c, count);
    else
      pal_kernels_of(run->isa)->reduce.column_i32(kind, out, part, part, chunks, c.n, columns, 0);
    if (kind != PAL_REDUCE_ARGMAX) continue;
    const int32_t *index =
        part + chunks * columns; /* [chunks, .]: the row of each partial maximum */
    for (int64_t i = 0; i < c.n; i++) out[i] = index[out[i] * columns + i];
  }
  return PAL_OK;
}

static pal_status sum_fold(const pal_run *run) { return fold_run(run, PAL_REDUCE_SUM); }
static pal_status max_fold(const pal_run *run) { return fold_run(run, PAL_REDUCE_MAX); }
static pal_status argmax_fold(const pal_run *run) { return fold_run(run, PAL_REDUCE_ARGMAX); }
static pal_status sum_combine(const pal_run *run) { return combine_run(run, PAL_REDUCE_SUM, 1.0f); }
static pal_status mean_combine(const pal_run *run) {
  return combine_run(run, PAL_REDUCE_SUM, (float)run->in_rows[0]);
}
static pal_status max_combine(const pal_run *run) { return combine_run(run, PAL_REDUCE_MAX, 1.0f); }
static pal_status argmax_combine(const pal_run *run) {
  return combine_run(run, PAL_REDUCE_ARGMAX, 1.0f);
}

/* ---- reference ----------------------------------------------------------------------- */

static void rows_reference(const pal_reference *call, pal_reduce_kind kind, double count) {
  const int64_t rows = call->in_rows[0], columns = pal_type_row(&call->in_type[0]);
  for (int64_t i = 0; i < columns; i++)
    call->out[0][i] = pal_reference_fold(kind, call->in[0] + i, rows, columns) / count;
}

static pal_status sum_reference(const pal_reference *call) {
  rows_reference(call, PAL_REDUCE_SUM, 1.0);
  return PAL_OK;
}
static pal_status mean_reference(const pal_reference *call) {
  rows_reference(call, PAL_REDUCE_SUM, call->in_rows[0] ? (double)call->in_rows[0] : 1.0);
  return PAL_OK;
}
static pal_status max_reference(const pal_reference *call) {
  rows_reference(call, PAL_REDUCE_MAX, 1.0);
  for (int64_t i = 0; call->in_rows[0] == 0 && i < pal_type_row(&call->in_type[0]); i++)
    if (call->in_type[0].dtype == PAL_I32) call->out[0][i] = INT32_MIN;
  return PAL_OK;
}
static pal_status argmax_reference(const pal_reference *call) {
  rows_reference(call, PAL_REDUCE_ARGMAX, 1.0);
  for (int64_t i = 0; call->in_rows[0] == 0 && i < pal_type_row(&call->in_type[0]); i++)
    call->out[0][i] = -1.0;
  return PAL_OK;
}

/* ---- gradients ----------------------------------------------------------------------- */

static pal_status sum_gradient(pal_gradient_call *call) {
  if (!pal_is_nil(call->out_grad[0]))
    call->in_grad[0] = pal_broadcast_to(call->graph, call->out_grad[0], call->in[0]);
  return PAL_OK;
}

static pal_status mean_gradient(pal_gradient_call *call) {
  if (!pal_is_nil(call->out_grad[0]))
    call->in_grad[0] = pal_spread_rows(call->graph, call->out_grad[0], call->in[0]);
  return PAL_OK;
}

static pal_status max_gradient(pal_gradient_call *call) {
  const pal_rows_attrs *a = call->attrs;
  pal_graph *g = call->graph;
  if (pal_is_nil(call->out_grad[0])) return PAL_OK;
  const pal_value index = pal_argmax(g, call->in[0], 0, a->keep);
  call->in_grad[0] = pal_max_backward(g, index, call->out_grad[0], call->in[0], 0);
  return PAL_OK;
}

/* ---- samples ------------------------------------------------------------------------- */

static pal_value apply_rows(pal_case *random, const char *name, pal_value x) {
  const pal_rows_attrs a = {pal_case_int(random, 0, 1)};
  return pal_apply(pal_case_graph(random), name, &x, 1, &a, NULL);
}

static pal_value sum_sample(pal_case *random) {
  const bool whole = pal_case_int(random, 0, 3) == 0;
  const pal_type type = pal_sample_tensor(random, whole ? PAL_I32 : PAL_F32, 1);
  return apply_rows(random, "sum_rows",
                    whole ? pal_case_whole(random, type, -9, 9)
                          : pal_case_f32(random, type, -1, 2));
}

static pal_value mean_sample(pal_case *random) {
  const pal_type type = pal_sample_tensor(random, PAL_F32, 1);
  return apply_rows(random, "mean_rows", pal_case_f32(random, type, -1, 2));
}

/* f32 elements are -(row - centre)^2 plus a little noise, with a centre for every column, so that
 * no two rows are nearly equal, where the gradient jumps. */
static pal_value max_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  if (pal_case_int(random, 0, 3) == 0)
    return apply_rows(random, "max_rows",
                      pal_case_whole(random, pal_sample_tensor(random, PAL_I32, 1), -9, 9));
  const pal_type type = pal_sample_tensor(random, PAL_F32, 1);
  pal_type one = type;
  one.dtype = PAL_I32;
  for (int axis = 1; axis < one.rank; axis++) one.dim[axis] = 1;
  const pal_value row = pal_cumsum(g, pal_case_whole(random, one, 1, 1), 0);
  const pal_type inner = pal_type_make(PAL_I32, PAL_STATIC, type.dim + 1, type.rank - 1);
  const pal_value centre =
      pal_affine(g, pal_cast(g, pal_case_whole(random, inner, 0, 20), PAL_F32), 1.0, 0.25);
  const pal_value off = pal_sub(g, pal_cast(g, row, PAL_F32), centre);
  return apply_rows(random, "max_rows",
                    pal_sub(g, pal_case_f32(random, type, 0, 0.2), pal_mul(g, off, off)));
}

static pal_value argmax_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  pal_value x = pal_case_whole(random, pal_sample_tensor(random, PAL_I32, 1), -30, 30);
  if (pal_case_int(random, 0, 1)) x = pal_cast(g, x, PAL_F32);
  return apply_rows(random, "argmax_rows", x);
}

/* ---- descriptors --------------------------------------------------------------------- */

#define ROWS_OP(op)                                               \
  .min_in = 1, .max_in = 1, .fields = rows_fields, .n_fields = 1, \
  .attrs_size = sizeof(pal_rows_attrs), .reference = op##_reference, .sample = op##_sample
#define ROWS_PHASES(fold, combine) \
  .phase = {{.run = fold, .tasks = fold_tasks}, {.run = combine, .tasks = block_tasks}}

static const pal_op sum_op = {
    PAL_OP_HEAD("sum_rows",
                "Sum over the active rows of axis 0; 0 if there are none. With keep = 1 axis 0\n"
                "stays, with extent 1. f32 or i32 (wraps around). Gradient: dy to every row.\n"
                "Reads all rows."),
    ROWS_OP(sum),
    .infer = rows_infer,
    .gradient = sum_gradient,
    ROWS_PHASES(sum_fold, sum_combine),
    .scratch = partial_scratch};
static const pal_op mean_op = {
    PAL_OP_HEAD("mean_rows",
                "sum_rows divided by the number of active rows; 0 if there are none. f32.\n"
                "Gradient: dy / rows to every row. Reads all rows."),
    ROWS_OP(mean),
    .infer = mean_infer,
    .gradient = mean_gradient,
    ROWS_PHASES(sum_fold, mean_combine),
    .scratch = partial_scratch};
static const pal_op max_op = {
    PAL_OP_HEAD("max_rows",
                "The largest element over the active rows of axis 0; NaN if one is NaN; -inf or\n"
                "INT32_MIN if there are no rows. keep as in sum_rows. f32 or i32.\n"
                "Gradient: dy to the first of the largest.\n"
                "Reads all rows."),
    ROWS_OP(max),
    .infer = rows_infer,
    .gradient = max_gradient,
    ROWS_PHASES(max_fold, max_combine),
    .scratch = partial_scratch};
static const pal_op argmax_op = {
    PAL_OP_HEAD("argmax_rows",
                "The row, i32, of the first of the largest elements over axis 0. A NaN is never\n"
                "the largest; 0 if nothing exceeds -inf; -1 if there are no rows. keep as in\n"
                "sum_rows. f32 or i32.\n"
                "Reads all rows."),
    ROWS_OP(argmax),
    .flags = PAL_OP_NO_GRADIENT,
    .infer = argmax_infer,
    ROWS_PHASES(argmax_fold, argmax_combine),
    .scratch = argmax_scratch};

const pal_op *const pal_ops_reduce_rows[] = {&sum_op, &mean_op, &max_op, &argmax_op, NULL};
