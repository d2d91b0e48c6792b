/* SPDX-License-Identifier: Apache-2.0 */
/* factored_embedding and its backward op (floor 2); see factored.h.
 *
 * The op is linear in the table. Its backward op is the transposed linear map, whose gradient is
 * the forward op again. Sums are in a fixed order: rows t ascending, within a row f ascending. */
#define PAL_NO_CALLER
#include "ops/factored.h"

/* ---- shared -------------------------------------------------------------------------- */

pal_status pal_want_factor(const pal_infer *call, int i) {
  pal_status status;
  if ((status = pal_want_dtype(call, i, PAL_I32, "factor")) ||
      (status = pal_want_rank(call, i, 2, "factor")))
    return status;
  if (call->in_type[i].symbol.id)
    return pal_fail(call->error, PAL_E_SHAPE, "factor must be static");
  return PAL_OK;
}

pal_status pal_check_factor(pal_error *error, const int32_t *factor, const pal_type *type,
                            int64_t rows) {
  const int64_t n = type->dim[0] * type->dim[1];
  for (int64_t i = 0; i < n; i++)
    if (factor[i] < -1 || factor[i] >= rows)
      return pal_fail(error, PAL_E_ARGUMENT, "factor %d of token %lld is outside -1..%lld",
                      factor[i], (long long)(i / type->dim[1]), (long long)(rows - 1));
  return PAL_OK;
}

pal_value pal_case_factor(pal_case *random, int64_t tokens, int64_t per, int64_t rows) {
  return pal_case_whole(random, PAL_TYPE(PAL_I32, PAL_STATIC, tokens, per), -1, rows - 1);
}

static const pal_attr_field backward_fields[] = {PAL_FIELD(pal_factored_attrs, rows, PAL_ATTR_INT)};

static pal_status check_ids(pal_error *error, const int32_t *ids, int64_t first, int64_t last,
                            int64_t tokens) {
  for (int64_t t = first; t < last; t++)
    if (ids[t] < -1 || ids[t] >= tokens)
      return pal_fail(error, PAL_E_ARGUMENT, "token %d of row %lld is outside -1..%lld", ids[t],
                      (long long)t, (long long)(tokens - 1));
  return PAL_OK;
}

/* ---- factored_embedding -------------------------------------------------------------- */

static pal_status embedding_infer(pal_infer *call) {
  pal_status status;
  if ((status = pal_want_dtype(call, 0, PAL_F32, "table")) ||
      (status = pal_want_rank(call, 0, 2, "table")) || (status = pal_want_factor(call, 1)) ||
      (status = pal_want_dtype(call, 2, PAL_I32, "ids")) ||
      (status = pal_want_rank(call, 2, 1, "ids")))
    return status;
  if (call->in_type[0].symbol.id) return pal_fail(call->error, PAL_E_SHAPE, "table must be static");
  call->n_out = 1;
  call->out_type[0] =
      PAL_TYPE(PAL_F32, call->in_type[2].symbol, call->in_type[2].dim[0], call->in_type[0].dim[1]);
  return PAL_OK;
}

static pal_status embedding_gradient(pal_gradient_call *call) {
  const pal_value in[] = {call->out_grad[0], call->in[1], call->in[2]};
  const pal_factored_attrs attrs = {pal_type_of(call->graph, call->in[0]).dim[0]};
  if (call->wanted & 1)
    call->in_grad[0] = pal_apply(call->graph, "factored_embedding_backward", in, 3, &attrs, NULL);
  return PAL_OK;
}

static pal_status embedding_run(const pal_run *run) {
  const pal_update_kernels *kernels = &pal_kernels_of(run->isa)->update;
  const int64_t width = run->in_type[0].dim[1], per = run->in_type[1].dim[1];
  const int32_t *factor = run->in[1], *ids = run->in[2];
  const int64_t first = pal_first_row(run, &run->out_type[0]);
  const int64_t last = pal_last_row(run, &run->out_type[0]);
  const pal_status status = check_ids(run->error, ids, first, last, run->in_type[1].dim[0]);
  if (status) return status;
  for (int64_t t = first; t < last; t++) {
    const int32_t *row = ids[t] < 0 ? factor : factor + ids[t] * per;
    const int64_t n = ids[t] < 0 ? 0 : per;
    for (int64_t f = 0; f < n; f++)
      if (row[f] < -1 || row[f] >= run->in_type[0].dim[0])
        return pal_fail(run->error, PAL_E_ARGUMENT, "factor %d of token %d is outside -1..%lld",
                        row[f], ids[t], (long long)(run->in_type[0].dim[0] - 1));
    kernels->sum_rows(run->in[0], width, row, n, (float *)run->out[0] + t * width);
  }
  return PAL_OK;
}

static pal_status embedding_reference(const pal_reference *call) {
  const int64_t width = call->in_type[0].dim[1], per = call->in_type[1].dim[1];
  const pal_status status = pal_reference_indices(call, 2, -1, call->in_type[1].dim[0]);
  if (status) return status;
  for (int64_t i = 0; i < call->in_rows[2] * per; i++) { /* only tokens that occur are checked */
    const int64_t id = (int64_t)call->in[2][i / per];
    const double row = id < 0 ? -1 : call->in[1][id * per + i % per];
    if (!(row >= -1 && row < (double)call->in_type[0].dim[0]))
      return pal_fail(call->error, PAL_E_ARGUMENT, "factor %g of token %lld is outside -1..%lld",
                      row, (long long)id, (long long)call->in_type[0].dim[0] - 1);
  }
  for (int64_t i = 0; i < call->out_rows[0] * width; i++) {
    const int64_t id = (int64_t)call->in[2][i / width];
    double sum = 0;
    for (int64_t f = 0; id >= 0 && f < per; f++) {
      const int64_t row = (int64_t)call->in[1][id * per + f];
      if (row >= 0) sum += call->in[0][row * width + i % width];
    }
    call->out[0][i] = sum;
  }
  return PAL_OK;
}

static pal_value embedding_sample(pal_case *random) {
  const int64_t rows = pal_case_int(random, 1, 12), tokens = pal_case_int(random, 1, 20);
  const pal_type table = PAL_TYPE(PAL_F32, PAL_STATIC, rows, pal_case_size(random));
  const pal_value x = pal_case_f32(random, table, -1, 1);
  const pal_value factor = pal_case_factor(random, tokens, pal_case_int(random, 1, 4), rows);
  const pal_value ids =
      pal_case_whole(random, PAL_TYPE(PAL_I32, pal_case_rows(random), 1), -1, tokens - 1);
  return pal_factored_embedding(pal_case_graph(random), x, factor, ids);
}

static const pal_op embedding_op = {
    PAL_OP_HEAD(
        "factored_embedding",
        "table f32 [R, D], factor i32 [V, F], ids i32 [T] -> f32 [T, D]:\n"
        "y[t] = sum over f of table[factor[ids[t], f]], skipping entries of -1; zeros\n"
        "where the id is -1. Gradient of table: factored_embedding_backward. An id or\n"
        "entry out of range: PAL_E_ARGUMENT. Row t of y depends on row t of ids and on the whole\n"
        "table."),
    .min_in = 3,
    .max_in = 3,
    .infer = embedding_infer,
    .gradient = embedding_gradient,
    .reference = embedding_reference,
    .phase = {{.run = embedding_run}},
    .sample = embedding_sample,
};

pal_value pal_factored_embedding(pal_graph *g, pal_value table, pal_value factor, pal_value ids) {
  const pal_value in[] = {table, factor, ids};
  return pal_apply(g, embedding_op.name, in, 3, NULL, NULL);
}

/* ---- factored_embedding_backward: a task is 16 columns of the table ------------------ */

static pal_status spread_infer(pal_infer *call) {
  const pal_factored_attrs *a = call->attrs;
  pal_status status;
  if ((status = pal_want_dtype(call, 0, PAL_F32, "dy")) ||
      (status = pal_want_rank(call, 0, 2, "dy")) || (status = pal_want_factor(call, 1)) ||
      (status = pal_want_dtype(call, 2, PAL_I32, "ids")) ||
      (status = pal_want_rank(call, 2, 1, "ids")) ||
      (status = pal_want_rows(call, 0, 2, "dy and ids")))
    return status;
  if (a->rows < 0) return pal_fail(call->error, PAL_E_ARGUMENT, "rows must not be negative");
  call->n_out = 1;
  call->out_type[0] = PAL_TYPE(PAL_F32, PAL_STATIC, a->rows, call->in_type[0].dim[1]);
  return PAL_OK;
}

static pal_status spread_gradient(pal_gradient_call *call) {
  if (call->wanted & 1)
    call->in_grad[0] =
        pal_factored_embedding(call->graph, call->out_grad[0], call->in[1], call->in[2]);
  return PAL_OK;
}

static int64_t spread_tasks(const pal_run *run) {
  return (run->in_type[0].dim[1] + PAL_FACTORED_COLUMNS - 1) / PAL_FACTORED_COLUMNS;
}

static pal_status spread_run(const pal_run *run) {
  const pal_factored_attrs *a = run->attrs;
  const int64_t width = run->in_type[0].dim[1];
  pal_status status;
  if ((status = check_ids(run->error, run->in[2], 0, run->in_rows[2], run->in_type[1].dim[0])) ||
      (status = pal_check_factor(run->error, run->in[1], &run->in_type[1], a->rows)))
    return status;
  for (int64_t task = run->begin; task < run->end; task++) {
    const int64_t first = task * PAL_FACTORED_COLUMNS;
    const int64_t n = width - first < PAL_FACTORED_COLUMNS ? width - first : PAL_FACTORED_COLUMNS;
    pal_kernels_of(run->isa)->update.scatter_columns(run->in[0], width, first, n, run->in[2],
                                                     run->in_rows[2], run->in[1],
                                                     run->in_type[1].dim[1], run->out[0], a->rows);
  }
  return PAL_OK;
}

static pal_status spread_reference(const pal_reference *call) {
  const pal_factored_attrs *a = call->attrs;
  const int64_t width = call->in_type[0].dim[1], per = call->in_type[1].dim[1];
  if (width == 0) return PAL_OK; /* there are no tasks, so the kernel checks nothing */
  pal_status status = pal_reference_indices(call, 2, -1, call->in_type[1].dim[0]);
  if (!status) status = pal_reference_indices(call, 1, -1, a->rows);
  if (status) return status;
  for (int64_t i = 0; i < a->rows * width; i++) {
    call->out[0][i] = 0;
    for (int64_t t = 0; t < call->in_rows[2]; t++)
      for (int64_t f = 0; call->in[2][t] >= 0 && f < per; f++)
        if (call->in[1][(int64_t)call->in[2][t] * per + f] == (double)(i / width))
          call->out[0][i] += call->in[0][t * width + i % width];
  }
  return PAL_OK;
}

static pal_value spread_sample(pal_case *random) {
  const pal_factored_attrs attrs = {pal_case_int(random, 1, 12)};
  const int64_t tokens = pal_case_int(random, 1, 20);
  const pal_symbol rows = pal_case_rows(random);
  const pal_type type = PAL_TYPE(PAL_F32, rows, 1, pal_case_size(random));
  const pal_value dy = pal_case_f32(random, type, -1, 1);
  const pal_value factor = pal_case_factor(random, tokens, pal_case_int(random, 1, 4), attrs.rows);
  const pal_value ids = pal_case_whole(random, PAL_TYPE(PAL_I32, rows, 1), -1, tokens - 1);
  const pal_value in[] = {dy, factor, ids};
  return pal_apply(pal_case_graph(random), "factored_embedding_backward", in, 3, &attrs, NULL);
}

static const pal_op spread_op = {
    PAL_OP_HEAD("factored_embedding_backward",
                "dy f32 [T, D], factor i32 [V, F], ids i32 [T] -> f32 [R, D] with R = `rows`:\n"
                "row r is the sum of dy[t] over all (t, f) with factor[ids[t], f] = r, in the\n"
                "order of t, then f. The transposed of factored_embedding, which is its gradient."),
    .min_in = 3,
    .max_in = 3,
    .fields = backward_fields,
    .n_fields = 1,
    .attrs_size = sizeof(pal_factored_attrs),
    .infer = spread_infer,
    .gradient = spread_gradient,
    .reference = spread_reference,
    .phase = {{.run = spread_run, .tasks = spread_tasks}},
    .sample = spread_sample,
};

const pal_op *const pal_ops_factored[] = {&embedding_op, &spread_op, NULL};
