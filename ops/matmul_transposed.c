/* SPDX-License-Identifier: Apache-2.0 */
/* a^T b, summed over rows: the gradient of a weight (floor 2).
 *
 * A task is a tile of the output. The tiles depend on shapes alone, and each task goes through all
 * active rows in order, so an element is the same chain of multiply-adds whatever the tiles. */
#define PAL_NO_CALLER
#include "ops/matmul.h"

#include <string.h>

/* The product a^T b of a [rows, m] and b [rows, n]; or, if both are static, b may be stored as [n,
 * rows]. Element (r, j) of b is at index r * b_row + j * b_col. */
typedef struct outer {
  int64_t rows, m, n, b_row, b_col;
} outer;

static outer outer_of(const pal_type *in_type, const int64_t *in_rows, const void *attrs) {
  const pal_type *a = &in_type[0], *b = &in_type[1];
  if (((const pal_matmul_attrs *)attrs)->transpose_b)
    return (outer){in_rows[0], a->dim[1], b->dim[0], 1, b->dim[1]};
  return (outer){in_rows[0], a->dim[1], b->dim[1], b->dim[1], 1};
}

static pal_status outer_infer(pal_infer *call) {
  const pal_matmul_attrs *attrs = call->attrs;
  const pal_type *a = &call->in_type[0], *b = &call->in_type[1];
  pal_status status = pal_matmul_want_precision(call, attrs->precision);
  if (!status) status = pal_matmul_want_matrix(call, 0, "a");
  if (!status) status = pal_matmul_want_matrix(call, 1, "b");
  if (status) return status;
  if (attrs->transpose_b) {
    status = pal_matmul_want_static(call, 0, "a (unless b is not transposed)");
    if (!status) status = pal_matmul_want_static(call, 1, "b");
    if (!status) status = pal_matmul_want_depth(call, a->dim[0], b->dim[1]);
  } else {
    status = pal_want_rows(call, 0, 1, "a and b, summed over their rows,");
  }
  call->n_out = 1;
  call->out_type[0] =
      PAL_TYPE(PAL_F32, PAL_STATIC, a->dim[1], attrs->transpose_b ? b->dim[0] : b->dim[1]);
  return status;
}

/* The number of pieces of at most `most` elements each. */
static int64_t pieces(int64_t extent, int64_t most) { return (extent + most - 1) / most; }

/* The first element of piece i of n. Pieces are of even size, in whole vectors of 16. */
static int64_t piece(int64_t extent, int64_t n, int64_t i) {
  const int64_t at = pieces(extent, 16) * i / n * 16;
  return at < extent ? at : extent;
}

/* The output is split into down x across tiles. A tile is no larger than a block of the kernel.
 * There are at least PAL_OUTER_TASKS tiles, so that threads find work, unless tiles would become
 * too small. */
typedef struct grid {
  int64_t down, across;
} grid;

static grid grid_of(const outer *o) {
  grid g = {pieces(o->m, PAL_GEMM_TILE_M), pieces(o->n, PAL_GEMM_TILE_N)};
  if (!o->m || !o->n) return g;
  if (g.down * g.across == PAL_OUTER_TASKS - 1) ++*(g.down > 1 ? &g.down : &g.across);
  while (g.down * g.across < PAL_OUTER_TASKS) {
    const int64_t m = o->m / (2 * g.down), n = o->n / (2 * g.across);
    if (n >= PAL_OUTER_LEAST && (n >= m || m < PAL_OUTER_LEAST)) g.across *= 2;
    else if (m >= PAL_OUTER_LEAST) g.down *= 2;
    else break;
  }
  return g;
}

static int64_t outer_tasks(const pal_run *run) {
  const outer o = outer_of(run->in_type, run->in_rows, run->attrs);
  const grid g = grid_of(&o);
  return g.down * g.across;
}

/* Consecutive tasks that form a rectangle of the output are passed to the kernel as one call. */
static pal_status outer_run(const pal_run *run) {
  const outer o = outer_of(run->in_type, run->in_rows, run->attrs);
  const pal_matmul_attrs *attrs = run->attrs;
  const bool bf16 = attrs->precision == PAL_PRECISION_BF16;
  const grid g = grid_of(&o);
  if (o.rows ==
      0) { /* the sum is 0 and the operands may have no address; the first range clears all */
    if (run->begin == 0 && run->end > 0)
      memset(run->out[0], 0, (size_t)(o.m * o.n) * sizeof(float));
    return PAL_OK;
  }
  for (int64_t task = run->begin; task < run->end;) {
    const int64_t row = task / g.across, column = task % g.across, left = run->end - task;
    const bool whole = !bf16 && column == 0 && left >= g.across;
    const int64_t rows = whole ? left / g.across : 1, columns = whole ? g.across : 1;
    const int64_t i = piece(o.m, g.down, row), j = piece(o.n, g.across, column);
    const pal_gemm_outer tile = {
        .rows = o.rows,
        .m = piece(o.m, g.down, row + rows) - i,
        .n = piece(o.n, g.across, column + columns) - j,
        .a = (const float *)run->in[0] + i,
        .a_row = o.m,
        .b = (const float *)run->in[1] + j * o.b_col,
        .b_row = o.b_row,
        .b_col = o.b_col,
        .c = (float *)run->out[0] + i * o.n + j,
        .c_row = o.n,
        .buffer = run->task_scratch,
    };
    if (bf16) pal_gemm_bf16_of(run->isa)->outer(&tile);
    else pal_kernels_of(run->isa)->gemm.outer(&tile);
    task += rows * columns;
  }
  return PAL_OK;
}

static size_t outer_scratch(const pal_run *run) {
  (void)run;
  return PAL_GEMM_BUFFER * sizeof(float);
}

static pal_status outer_reference(const pal_reference *call) {
  const outer o = outer_of(call->in_type, call->in_rows, call->attrs);
  const int64_t precision = ((const pal_matmul_attrs *)call->attrs)->precision;
  for (int64_t i = 0; i < o.m; i++) {
    for (int64_t j = 0; j < o.n; j++) {
      double sum = 0;
      for (int64_t r = 0; r < o.rows; r++)
        sum += pal_matmul_rounded(call->in[0][r * o.m + i], precision) *
               pal_matmul_rounded(call->in[1][r * o.b_row + j * o.b_col], precision);
      call->out[0][i * o.n + j] = sum;
    }
  }
  return PAL_OK;
}

static pal_cost outer_cost(const pal_run *run) {
  const outer o = outer_of(run->in_type, run->in_rows, run->attrs);
  return pal_matmul_product_cost(run, (double)o.m, (double)o.n, (double)o.rows);
}

static pal_status outer_gradient(pal_gradient_call *call) {
  const pal_matmul_attrs *attrs = call->attrs;
  const bool transposed = attrs->transpose_b != 0;
  const int64_t precision = attrs->precision;
  const pal_value a = call->in[0], b = call->in[1], dy = call->out_grad[0];
  if (pal_is_nil(dy)) return PAL_OK;
  if (call->wanted & 1)
    call->in_grad[0] = pal_matmul_of(call->graph, b, dy, transposed, true, precision);
  if (call->wanted & 2)
    call->in_grad[1] = transposed ? pal_matmul_of(call->graph, dy, a, true, true, precision)
                                  : pal_matmul_of(call->graph, a, dy, false, false, precision);
  return PAL_OK;
}

static pal_value outer_sample(pal_case *random) {
  pal_matmul_draw_precision(random);
  const bool transposed = pal_case_int(random, 0, 3) == 0;
  const pal_symbol rows =
      !transposed && pal_case_int(random, 0, 3) ? pal_case_rows(random) : PAL_STATIC;
  const int64_t r = rows.id ? pal_case_int(random, 1, 2) : pal_matmul_sample_depth(random);
  int64_t m = pal_matmul_sample_width(random);
  int64_t n = pal_case_int(random, 0, 5) ? pal_matmul_sample_width(random) : 300;
  if (pal_case_int(random, 0, 4) == 0) {
    const int64_t few = pal_matmul_sample_few(random), many = pal_matmul_sample_many(random);
    const bool wide = pal_case_int(random, 0, 1) != 0;
    m = wide ? few : many;
    n = wide ? many : few;
  }
  const pal_value a = pal_matmul_case(random, PAL_TYPE(PAL_F32, rows, r, m));
  const pal_value b =
      pal_matmul_case(random, PAL_TYPE(PAL_F32, rows, transposed ? n : r, transposed ? r : n));
  return pal_matmul(pal_case_graph(random), a, b, true, transposed);
}

const pal_op pal_op_matmul_transposed = {
    PAL_OP_HEAD(
        "matmul_transposed",
        "y = a^T b, summed over the active rows; or a^T b^T (transpose_b), all static.\n"
        "a f32 [R, M], b f32 [R, N] of the same rows (or [N, R]); y [M, N], static.\n"
        "y[m, n] = sum over r of a[r, m] b[r, n] as one chain of fused multiply-adds from 0, r\n"
        "ascending; 0 without rows. precision: as in matmul.\n"
        "da = b dy^T or b^T dy^T; db = a dy or dy^T a^T."),
    .min_in = 2,
    .max_in = 2,
    .fields = pal_matmul_fields,
    .n_fields = 2,
    .attrs_size = sizeof(pal_matmul_attrs),
    .infer = outer_infer,
    .gradient = outer_gradient,
    .reference = outer_reference,
    .phase = {{.run = outer_run, .tasks = outer_tasks}},
    .task_scratch = outer_scratch,
    .cost = outer_cost,
    .sample = outer_sample,
};
