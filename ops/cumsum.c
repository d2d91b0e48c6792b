/* SPDX-License-Identifier: Apache-2.0 */
/* Running sums: cumsum over an inner axis, cumsum_rows over axis 0 (floor 2).
 *
 * Additions are in order. Over axis 0, running sums are taken within chunks of PAL_CHUNK_ROWS rows,
 * counted from row 0, and then the total of the chunks before is added to every row of a chunk. So
 * the result of a row does not depend on later rows (with reverse, on earlier ones). */
#define PAL_NO_CALLER
#include "ops/reduce.h"

#include <math.h>
#include <string.h>

typedef struct cumsum_attrs {
  int64_t axis, reverse;
} cumsum_attrs;

static const pal_attr_field cumsum_fields[] = {PAL_FIELD(cumsum_attrs, axis, PAL_ATTR_INT),
                                               PAL_FIELD(cumsum_attrs, reverse, PAL_ATTR_INT)};

static pal_status cumsum_infer(pal_infer *call) {
  const cumsum_attrs *a = call->attrs;
  const pal_type *x = &call->in_type[0];
  if (x->dtype != PAL_F32 && x->dtype != PAL_I32)
    return pal_fail(call->error, PAL_E_SHAPE, "running sums are of f32 or i32, not %s",
                    pal_dtype_name(x->dtype));
  if (a->axis < 1 || a->axis >= x->rank)
    return pal_fail(call->error, PAL_E_SHAPE, "axis %lld is not an inner axis, the rank is %d",
                    (long long)a->axis, x->rank);
  return pal_infer_same(call);
}

/* Running sums down n columns of `rows` rows that are `stride` elements apart, from element `at`
 * on. */
static void run_columns(const pal_run *run, int64_t at, int64_t rows, int64_t n, int64_t stride,
                        bool reverse) {
  if (run->in_type[0].dtype == PAL_F32) {
    pal_kernels_of(run->isa)->reduce.column_cumsum(
        (float *)run->out[0] + at, (const float *)run->in[0] + at, rows, n, stride, reverse);
    return;
  }
  const int32_t *x = (const int32_t *)run->in[0] + at;
  int32_t *out = (int32_t *)run->out[0] + at;
  for (int64_t i = 0; i < rows; i++) {
    const int64_t r = (reverse ? rows - 1 - i : i) * stride;
    const int64_t before = reverse ? r + stride : r - stride;
    for (int64_t c = 0; c < n; c++)
      out[r + c] = (int32_t)((uint32_t)x[r + c] + (i ? (uint32_t)out[before + c] : 0u));
  }
}

static pal_status cumsum_run(const pal_run *run) {
  const cumsum_attrs *a = run->attrs;
  const pal_type *type = &run->in_type[0];
  const int64_t first = pal_first_row(run, type), rows = pal_last_row(run, type) - first;
  const pal_folding f = pal_folding_of(type, rows, (int)a->axis);
  for (int64_t o = 0; o < f.outer; o++)
    run_columns(run, first * pal_type_row(type) + o * f.extent * f.inner, f.extent, f.inner,
                f.inner, a->reverse);
  return PAL_OK;
}

/* An integer sum modulo 2^32, as an i32. */
static double wrapped(double sum) {
  const double turn = 4294967296.0;
  sum -= floor(sum / turn) * turn;
  return sum >= turn / 2 ? sum - turn : sum;
}

static void reference_columns(const pal_reference *call, const pal_folding *f, bool reverse) {
  const bool whole = call->in_type[0].dtype == PAL_I32;
  for (int64_t o = 0; o < f->outer; o++)
    for (int64_t c = 0; c < f->inner; c++) {
      double sum = 0.0;
      for (int64_t i = 0; i < f->extent; i++) {
        const int64_t e = reverse ? f->extent - 1 - i : i;
        const int64_t at = (o * f->extent + e) * f->inner + c;
        sum += call->in[0][at];
        call->out[0][at] = whole ? wrapped(sum) : sum;
      }
    }
}

static pal_status cumsum_reference(const pal_reference *call) {
  const cumsum_attrs *a = call->attrs;
  const pal_folding f = pal_folding_of(&call->in_type[0], call->in_rows[0], (int)a->axis);
  reference_columns(call, &f, a->reverse);
  return PAL_OK;
}

static pal_status cumsum_gradient(pal_gradient_call *call) {
  const cumsum_attrs *a = call->attrs, back = {a->axis, !a->reverse};
  if (!pal_is_nil(call->out_grad[0]))
    call->in_grad[0] = pal_apply(call->graph, "cumsum", call->out_grad, 1, &back, NULL);
  return PAL_OK;
}

static pal_value sample_input(pal_case *random, int least) {
  const bool whole = pal_case_int(random, 0, 3) == 0;
  const pal_type type = pal_sample_tensor(random, whole ? PAL_I32 : PAL_F32, least);
  return whole ? pal_case_whole(random, type, -2000000000, 2000000000)
               : pal_case_f32(random, type, -1, 1);
}

static pal_value cumsum_sample(pal_case *random) {
  const pal_value x = sample_input(random, 2);
  const int rank = pal_type_of(pal_case_graph(random), x).rank;
  const cumsum_attrs a = {pal_case_int(random, 1, rank - 1), pal_case_int(random, 0, 1)};
  return pal_apply(pal_case_graph(random), "cumsum", &x, 1, &a, NULL);
}

/* ---- axis 0 -------------------------------------------------------------------------- */

typedef struct rows_attrs {
  int64_t reverse;
} rows_attrs;

static const pal_attr_field rows_fields[] = {PAL_FIELD(rows_attrs, reverse, PAL_ATTR_INT)};

static pal_status rows_infer(pal_infer *call) {
  const pal_type *x = &call->in_type[0];
  if (x->rank > 0 && (x->dtype == PAL_F32 || x->dtype == PAL_I32)) return pal_infer_same(call);
  return pal_fail(call->error, PAL_E_SHAPE, "running sums over axis 0 need rows of f32 or i32");
}

static int64_t block_tasks(const pal_run *run) { return pal_blocks_of(run); }
static int64_t chunk_tasks(const pal_run *run) { return pal_chunks_of(run) * pal_blocks_of(run); }

/* [chunks, columns]: the total of the chunks before, to be added to the rows of each chunk. */
static size_t rows_scratch(const pal_run *run) {
  return (size_t)(pal_chunks_of(run) * pal_type_row(&run->in_type[0])) * sizeof(float);
}

/* The rows of one chunk and the columns of one block. */
typedef struct tile {
  int64_t chunk, first_row, rows, first, n, columns;
} tile;

static tile tile_of(const pal_run *run, int64_t chunk, int64_t block) {
  const int64_t columns = pal_type_row(&run->in_type[0]);
  tile t = {.chunk = chunk,
            .first_row = chunk * PAL_CHUNK_ROWS,
            .rows = PAL_CHUNK_ROWS,
            .first = block * PAL_BLOCK_COLUMNS,
            .n = PAL_BLOCK_COLUMNS,
            .columns = columns};
  if (t.rows > run->in_rows[0] - t.first_row) t.rows = run->in_rows[0] - t.first_row;
  if (t.n > columns - t.first) t.n = columns - t.first;
  return t;
}

/* Phase 0: running sums within each chunk. */
static pal_status rows_within(const pal_run *run) {
  const rows_attrs *a = run->attrs;
  const int64_t blocks = pal_blocks_of(run);
  for (int64_t task = run->begin; task < run->end; task++) {
    const tile t = tile_of(run, task / blocks, task % blocks);
    run_columns(run, t.first_row * t.columns + t.first, t.rows, t.n, t.columns, a->reverse);
  }
  return PAL_OK;
}

/* a = b + c, on a plane of elements of the dtype of x. */
static void add_plane(const pal_run *run, const pal_plane *plane, void *a, const void *b,
                      const void *c) {
  const pal_elementwise_kernels *k = &pal_kernels_of(run->isa)->elementwise;
  if (run->in_type[0].dtype == PAL_F32) k->binary_f32(PAL_BINARY_ADD, plane, a, b, c);
  else k->binary_i32(PAL_BINARY_ADD, plane, a, b, c);
}

/* Phase 1: for each chunk the total of the chunks before it, in order. The total of one chunk is in
 * the last row that its running sum reaches. */
static pal_status rows_before(const pal_run *run) {
  const rows_attrs *a = run->attrs;
  const int64_t chunks = pal_chunks_of(run);
  for (int64_t block = run->begin; block < run->end; block++)
    for (int64_t i = 0; i < chunks; i++) {
      const int64_t chunk = a->reverse ? chunks - 1 - i : i;
      const tile t = tile_of(run, chunk, block);
      char *sum = (char *)run->scratch + (chunk * t.columns + t.first) * 4;
      if (i == 0) {
        memset(sum, 0, (size_t)t.n * 4);
        continue;
      }
      const tile last = tile_of(run, a->reverse ? chunk + 1 : chunk - 1, block);
      const int64_t end = last.first_row + (a->reverse ? 0 : last.rows - 1);
      const pal_plane plane = {.rows = 1, .n = t.n, .step = {1, 1, 0}};
      add_plane(run, &plane, sum,
                (const char *)run->scratch + (last.chunk * t.columns + t.first) * 4,
                (const char *)run->out[0] + (end * t.columns + t.first) * 4);
    }
  return PAL_OK;
}

/* Phase 2: adds these totals to every row. */
static pal_status rows_add(const pal_run *run) {
  const rows_attrs *a = run->attrs;
  const int64_t blocks = pal_blocks_of(run);
  for (int64_t task = run->begin; task < run->end; task++) {
    const tile t = tile_of(run, task / blocks, task % blocks);
    if (t.chunk == (a->reverse ? pal_chunks_of(run) - 1 : 0)) continue;
    const char *sum = (const char *)run->scratch + (t.chunk * t.columns + t.first) * 4;
    /* If the block has all columns, the rows are contiguous and one plane; otherwise each row is
     * one. */
    const bool dense = t.n == t.columns;
    pal_plane plane = {.rows = dense ? t.rows : 1, .n = t.n, .row = {t.n, 0, 0}, .step = {1, 1, 0}};
    if (t.columns == 1) plane = (pal_plane){.rows = 1, .n = t.rows, .step = {1, 0, 0}};
    for (int64_t r = 0; r < t.rows; r += dense ? t.rows : 1) {
      char *row = (char *)run->out[0] + ((t.first_row + r) * t.columns + t.first) * 4;
      add_plane(run, &plane, row, row, sum);
    }
  }
  return PAL_OK;
}

static pal_status rows_reference(const pal_reference *call) {
  const rows_attrs *a = call->attrs;
  const pal_folding f = pal_folding_of(&call->in_type[0], call->in_rows[0], 0);
  reference_columns(call, &f, a->reverse);
  return PAL_OK;
}

static pal_status rows_gradient(pal_gradient_call *call) {
  const rows_attrs *a = call->attrs, back = {!a->reverse};
  if (!pal_is_nil(call->out_grad[0]))
    call->in_grad[0] = pal_apply(call->graph, "cumsum_rows", call->out_grad, 1, &back, NULL);
  return PAL_OK;
}

static pal_value rows_sample(pal_case *random) {
  const pal_value x = sample_input(random, 1);
  const rows_attrs a = {pal_case_int(random, 0, 1)};
  return pal_apply(pal_case_graph(random), "cumsum_rows", &x, 1, &a, NULL);
}

/* ---- descriptors and builder --------------------------------------------------------- */

static const pal_op cumsum_op = {
    PAL_OP_HEAD("cumsum",
                "Inclusive running sums along an inner axis, with reverse = 1 from the end.\n"
                "f32 or i32 (wraps around). Gradient: the same op in the other direction.\n"
                "Row-local."),
    .min_in = 1,
    .max_in = 1,
    .fields = cumsum_fields,
    .n_fields = 2,
    .attrs_size = sizeof(cumsum_attrs),
    .infer = cumsum_infer,
    .gradient = cumsum_gradient,
    .reference = cumsum_reference,
    .phase = {{.run = cumsum_run}},
    .sample = cumsum_sample};
static const pal_op rows_op = {
    PAL_OP_HEAD("cumsum_rows",
                "Inclusive running sums over the active rows of axis 0, with reverse = 1 from the\n"
                "last. f32 or i32 (wraps around). Gradient: the same op in the other direction.\n"
                "Reads all rows."),
    .min_in = 1,
    .max_in = 1,
    .fields = rows_fields,
    .n_fields = 1,
    .attrs_size = sizeof(rows_attrs),
    .infer = rows_infer,
    .gradient = rows_gradient,
    .reference = rows_reference,
    .phase = {{.run = rows_within, .tasks = chunk_tasks},
              {.run = rows_before, .tasks = block_tasks},
              {.run = rows_add, .tasks = chunk_tasks}},
    .scratch = rows_scratch,
    .sample = rows_sample};

pal_value pal_cumsum(pal_graph *g, pal_value x, int axis) {
  if (axis < 0) axis += pal_type_of(g, x).rank;
  if (axis == 0) return pal_apply(g, "cumsum_rows", &x, 1, &(const rows_attrs){0}, NULL);
  const cumsum_attrs a = {axis, 0};
  return pal_apply(g, "cumsum", &x, 1, &a, NULL);
}

const pal_op *const pal_ops_cumsum[] = {&cumsum_op, &rows_op, NULL};
