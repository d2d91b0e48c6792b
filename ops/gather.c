/* SPDX-License-Identifier: Apache-2.0 */
/* gather_rows, scatter_add_rows and write_rows: rows selected by an index (floor 2).
 *
 * gather and write copy rows as bytes, so they work for every dtype. scatter_add first sorts the
 * rows by index with a stable counting sort, so that each row of the result is summed by one task
 * in row order. */
#define PAL_NO_CALLER
#include <string.h>

#include "ops/common.h"

static size_t row_bytes(const pal_type *type) {
  return (size_t)pal_type_row(type) * pal_dtype_size(type->dtype);
}

static pal_status bad_index(const pal_run *run, int64_t row, int64_t index, int64_t rows,
                            const char *what) {
  return pal_fail(run->error, PAL_E_ARGUMENT, "%s: index %lld of row %lld is not in -1..%lld", what,
                  (long long)index, (long long)row, (long long)rows - 1);
}

static int64_t one(const pal_run *run) {
  (void)run;
  return 1;
}

/* ---- gather_rows ----------------------------------------------------------------------------- */

static pal_status gather_infer(pal_infer *call) {
  pal_status status = pal_want_dtype(call, 1, PAL_I32, "index");
  if (!status) status = pal_want_rank(call, 1, 1, "index");
  if (status) return status;
  if (call->in_type[0].rank < 1)
    return pal_fail(call->error, PAL_E_SHAPE, "x must have rows, it is a scalar");
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].symbol = call->in_type[1].symbol;
  call->out_type[0].dim[0] = call->in_type[1].dim[0];
  return PAL_OK;
}

static pal_status gather_run(const pal_run *run) {
  const size_t size = row_bytes(&run->out_type[0]);
  const int32_t *index = run->in[1];
  const char *from = run->in[0];
  char *to = run->out[0];
  const int64_t end = pal_last_row(run, &run->out_type[0]);
  for (int64_t t = pal_first_row(run, &run->out_type[0]); t < end; t++) {
    if (index[t] < -1 || index[t] >= run->in_rows[0])
      return bad_index(run, t, index[t], run->in_rows[0], "gather_rows");
    if (size == 0) continue; /* rows without elements may have no address */
    if (index[t] < 0) memset(to + (size_t)t * size, 0, size);
    else memcpy(to + (size_t)t * size, from + (size_t)index[t] * size, size);
  }
  return PAL_OK;
}

static pal_status gather_gradient(pal_gradient_call *call) {
  if (call->wanted & 1)
    call->in_grad[0] =
        pal_scatter_add_rows(call->graph, call->out_grad[0], call->in[1], call->in[0]);
  return PAL_OK;
}

static pal_status gather_reference(const pal_reference *c) {
  const int64_t wide = pal_type_row(&c->out_type[0]);
  const pal_status status = pal_reference_indices(c, 1, -1, c->in_rows[0]);
  if (status) return status;
  for (int64_t t = 0; t < c->out_rows[0]; t++)
    for (int64_t e = 0; e < wide; e++)
      c->out[0][t * wide + e] = c->in[1][t] < 0.0 ? 0.0 : c->in[0][(int64_t)c->in[1][t] * wide + e];
  return PAL_OK;
}

/* The type of a random tensor with these rows and none to two inner axes. */
static pal_type sample_type(pal_case *random, pal_symbol rows, int64_t extent) {
  if (pal_case_int(random, 0, 3) == 0) return PAL_TYPE(PAL_F32, rows, extent);
  if (pal_case_int(random, 0, 3) == 0) return PAL_TYPE(PAL_F32, rows, extent, 2, 3);
  return PAL_TYPE(PAL_F32, rows, extent, pal_case_size(random));
}

static pal_value gather_sample(pal_case *random) {
  const pal_symbol t = pal_case_rows(random);
  if (pal_case_int(random, 0, 1)) {
    const pal_symbol of = pal_case_int(random, 0, 1) ? t : pal_case_sequences(random);
    const pal_value x = pal_case_f32(random, sample_type(random, of, 1), -1.0, 1.0);
    return pal_gather_rows(pal_case_graph(random), x, pal_case_index(random, t, of));
  }
  const int64_t rows = pal_case_int(random, 1, 300);
  const pal_value x = pal_case_f32(random, sample_type(random, PAL_STATIC, rows), -1.0, 1.0);
  const pal_value index = pal_case_whole(random, PAL_TYPE(PAL_I32, t, 1), -1, rows - 1);
  return pal_gather_rows(pal_case_graph(random), x, index);
}

pal_value pal_gather_rows(pal_graph *g, pal_value x, pal_value index) {
  const pal_value in[] = {x, index};
  return pal_apply(g, "gather_rows", in, 2, NULL, NULL);
}

static const pal_op gather = {
    PAL_OP_HEAD("gather_rows",
                "x [R, ...] of any dtype, index i32 [T] -> [T, ...]: row t is x[index[t]], or\n"
                "zeros if index[t] is -1. Only these rows of x are read.\n"
                "Gradient of x: scatter_add_rows(dout, index, x).\n"
                "PAL_E_ARGUMENT: an index below -1 or not below the active rows of x."),
    .min_in = 2,
    .max_in = 2,
    .infer = gather_infer,
    .gradient = gather_gradient,
    .reference = gather_reference,
    .phase = {{.run = gather_run, .whole = 1u << 0}},
    .sample = gather_sample,
};

/* ---- scatter_add_rows ------------------------------------------------------------------------ */

static pal_status scatter_infer(pal_infer *call) {
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "x");
  if (!status) status = pal_want_dtype(call, 1, PAL_I32, "index");
  if (!status) status = pal_want_rank(call, 1, 1, "index");
  if (!status) status = pal_want_rows(call, 0, 1, "x and index");
  if (!status) status = pal_want_rank(call, 2, call->in_type[0].rank, "like");
  if (status) return status;
  call->n_out = 1;
  call->out_type[0] = call->in_type[2];
  call->out_type[0].dtype = PAL_F32;
  for (int d = 1; d < call->in_type[0].rank; d++)
    if (call->in_type[0].dim[d] != call->in_type[2].dim[d])
      return pal_fail(call->error, PAL_E_SHAPE, "x and like differ in axis %d", d);
  return PAL_OK;
}

/* Scratch: int32 first[R + 1], where the list of each result row begins in order; then int32
 * order[T], the rows of x sorted by index. */
static size_t scatter_scratch(const pal_run *run) {
  return (size_t)(run->out_rows[0] + 1 + run->in_rows[1]) * sizeof(int32_t);
}

static pal_status scatter_sort(const pal_run *run) {
  if (run->begin >= run->end) return PAL_OK;
  const int64_t rows = run->out_rows[0], n = run->in_rows[1];
  const int32_t *index = run->in[1];
  int32_t *first = run->scratch, *order = first + rows + 1;
  memset(first, 0, (size_t)(rows + 1) * sizeof *first);
  for (int64_t t = 0; t < n; t++) {
    if (index[t] < -1 || index[t] >= rows)
      return bad_index(run, t, index[t], rows, "scatter_add_rows");
    if (index[t] >= 0) first[index[t]]++;
  }
  int32_t before = 0;
  for (int64_t r = 0; r <= rows; r++) {
    const int32_t here = first[r];
    first[r] = before;
    before += here;
  }
  for (int64_t t = 0; t < n; t++) /* afterwards first[r] is where the list of r ends */
    if (index[t] >= 0) order[first[index[t]]++] = (int32_t)t;
  return PAL_OK;
}

/* A task is a block of some rows and some columns of the result. */
static int64_t scatter_rows_per_task(const pal_run *run) {
  return run->out_rows[0] / PAL_SCATTER_ROWS + 1;
}

static int64_t scatter_columns(const pal_run *run) {
  return (pal_type_row(&run->out_type[0]) + PAL_SCATTER_COLUMNS - 1) / PAL_SCATTER_COLUMNS;
}

static int64_t scatter_tasks(const pal_run *run) {
  const int64_t per = scatter_rows_per_task(run);
  return (run->out_rows[0] + per - 1) / per * scatter_columns(run);
}

static pal_status scatter_sum(const pal_run *run) {
  const pal_rows_kernels *kernels = &pal_kernels_of(run->isa)->rows;
  const int64_t wide = pal_type_row(&run->out_type[0]), per = scatter_rows_per_task(run);
  const int32_t *last = run->scratch, *order = last + run->out_rows[0] + 1;
  for (int64_t t = run->begin; t < run->end; t++) {
    const int64_t c = t % scatter_columns(run) * PAL_SCATTER_COLUMNS;
    const int64_t n = wide - c < PAL_SCATTER_COLUMNS ? wide - c : PAL_SCATTER_COLUMNS;
    const int64_t begin = t / scatter_columns(run) * per;
    for (int64_t r = begin; r < begin + per && r < run->out_rows[0]; r++) {
      const int32_t from = r ? last[r - 1] : 0;
      kernels->sum((float *)run->out[0] + r * wide + c, (const float *)run->in[0] + c, wide,
                   order + from, last[r] - from, n, 1.0f);
    }
  }
  return PAL_OK;
}

static pal_status scatter_gradient(pal_gradient_call *call) {
  if (call->wanted & 1)
    call->in_grad[0] = pal_gather_rows(call->graph, call->out_grad[0], call->in[1]);
  return PAL_OK;
}

static pal_status scatter_reference(const pal_reference *c) {
  const int64_t wide = pal_type_row(&c->out_type[0]);
  const pal_status status = pal_reference_indices(c, 1, -1, c->out_rows[0]);
  if (status) return status;
  memset(c->out[0], 0, (size_t)(c->out_rows[0] * wide) * sizeof(double));
  for (int64_t t = 0; t < c->in_rows[1]; t++)
    for (int64_t e = 0; e < wide && c->in[1][t] >= 0.0; e++)
      c->out[0][(int64_t)c->in[1][t] * wide + e] += c->in[0][t * wide + e];
  return PAL_OK;
}

static pal_value scatter_sample(pal_case *random) {
  const pal_symbol t = pal_case_rows(random);
  const pal_type x = sample_type(random, t, 1);
  pal_type like = x;
  pal_value index;
  if (pal_case_int(random, 0, 1)) {
    like.symbol = pal_case_int(random, 0, 1) ? t : pal_case_sequences(random);
    index = pal_case_index(random, t, like.symbol);
  } else {
    like.symbol = PAL_STATIC;
    like.dim[0] = pal_case_int(random, 1, 300);
    index = pal_case_whole(random, PAL_TYPE(PAL_I32, t, 1), -1, like.dim[0] - 1);
  }
  return pal_scatter_add_rows(pal_case_graph(random), pal_case_f32(random, x, -1.0, 1.0), index,
                              pal_case_fixed(random, like, 0.0, 1.0));
}

pal_value pal_scatter_add_rows(pal_graph *g, pal_value x, pal_value index, pal_value like) {
  const pal_value in[] = {x, index, like};
  return pal_apply(g, "scatter_add_rows", in, 3, NULL, NULL);
}

static const pal_op scatter = {
    PAL_OP_HEAD("scatter_add_rows",
                "x f32 [T, ...], index i32 [T], like [R, ...] (only its shape is used) -> f32 [R,\n"
                "...]: row r is the sum of the rows t of x with index[t] = r, in row order. Rows\n"
                "with index -1 are dropped. Gradient of x: gather_rows(dout, index).\n"
                "PAL_E_ARGUMENT: an index below -1 or not below the active rows of like."),
    .min_in = 3,
    .max_in = 3,
    .infer = scatter_infer,
    .gradient = scatter_gradient,
    .reference = scatter_reference,
    .phase = {{.run = scatter_sort, .tasks = one, .reads = 1u << 1},
              {.run = scatter_sum, .tasks = scatter_tasks, .reads = 1u << 0 | 1u << 1}},
    .scratch = scatter_scratch,
    .sample = scatter_sample,
};

/* ---- write_rows ------------------------------------------------------------------------------ */

static pal_status write_infer(pal_infer *call) {
  const pal_type *x = &call->in_type[2];
  pal_status status = pal_want_dtype(call, 1, PAL_I32, "index");
  if (!status) status = pal_want_rank(call, 1, 1, "index");
  if (!status) status = pal_want_rows(call, 2, 1, "x and index");
  if (!status) status = pal_want_dtype(call, 2, call->in_type[0].dtype, "x");
  if (!status) status = pal_want_rank(call, 2, call->in_type[0].rank, "x");
  if (status) return status;
  for (int d = 1; d < x->rank; d++)
    if (x->dim[d] != call->in_type[0].dim[d])
      return pal_fail(call->error, PAL_E_SHAPE, "x and the variable differ in axis %d", d);
  call->n_out = 2;
  call->out_type[0] = call->in_type[0];
  call->out_type[1] = *x;
  return PAL_OK;
}

static int64_t write_tasks(const pal_run *run) {
  return (run->in_rows[1] + PAL_WRITE_ROWS - 1) / PAL_WRITE_ROWS;
}

static int64_t write_end(const pal_run *run) {
  const int64_t end = run->end * PAL_WRITE_ROWS;
  return end < run->in_rows[1] ? end : run->in_rows[1];
}

/* Phase 0: checks every index and saves the old rows. Nothing is written before all of this has
 * succeeded. */
static pal_status write_save(const pal_run *run) {
  const size_t size = row_bytes(&run->in_type[2]);
  const int32_t *index = run->in[1];
  for (int64_t t = run->begin * PAL_WRITE_ROWS; t < write_end(run); t++) {
    if (index[t] < -1 || index[t] >= run->in_rows[0])
      return bad_index(run, t, index[t], run->in_rows[0], "write_rows");
    if (size == 0) continue;
    char *to = (char *)run->out[1] + (size_t)t * size;
    if (index[t] < 0) memset(to, 0, size);
    else memcpy(to, (const char *)run->in[0] + (size_t)index[t] * size, size);
  }
  return PAL_OK;
}

/* Copies rows begin .. end - 1 of `rows` to their places in the variable. */
static void write_from(const pal_run *run, const void *rows, int64_t begin, int64_t end) {
  const size_t size = row_bytes(&run->in_type[2]);
  const int32_t *index = run->in[1];
  for (int64_t t = begin; t < end && size > 0; t++)
    if (index[t] >= 0)
      memcpy((char *)run->out[0] + (size_t)index[t] * size, (const char *)rows + (size_t)t * size,
             size);
}

static pal_status write_run(const pal_run *run) {
  write_from(run, run->in[2], run->begin * PAL_WRITE_ROWS, write_end(run));
  return PAL_OK;
}

static pal_status write_undo(const pal_run *run) {
  write_from(run, run->out[1], 0, run->in_rows[1]);
  return PAL_OK;
}

static pal_status write_reference(const pal_reference *c) {
  const int64_t wide = pal_type_row(&c->out_type[0]);
  const pal_status status = pal_reference_indices(c, 1, -1, c->in_rows[0]);
  if (status) return status;
  memcpy(c->out[0], c->in[0], (size_t)(c->out_rows[0] * wide) * sizeof(double));
  for (int64_t t = 0; t < c->in_rows[1]; t++) {
    for (int64_t e = 0; e < wide; e++) {
      const int64_t at = (int64_t)c->in[1][t] * wide + e;
      c->out[1][t * wide + e] = at < 0 ? 0.0 : c->in[0][at];
      if (at >= 0) c->out[0][at] = c->in[2][t * wide + e];
    }
  }
  return PAL_OK;
}

/* The indices are distinct, since the number of rows is a prime. */
static pal_value write_sample(pal_case *random) {
  enum { ROWS = 61 };
  pal_graph *g = pal_case_graph(random);
  const int64_t n = pal_case_int(random, 1, ROWS), first = pal_case_int(random, 0, ROWS - 1);
  const int64_t stride = pal_case_int(random, 1, ROWS - 1);
  int32_t at[ROWS];
  for (int64_t t = 0; t < n; t++)
    at[t] = pal_case_int(random, 0, 4) ? (int32_t)((first + t * stride) % ROWS) : -1;
  pal_type type = sample_type(random, PAL_STATIC, ROWS);
  const pal_value variable = pal_variable_new(g, "cache", type, PAL_SCRATCH, PAL_UNIFORM(1.0));
  type.dim[0] = n;
  const pal_value x = pal_case_fixed(random, type, -1.0, 1.0);
  return pal_write_rows(g, variable, pal_constant(g, PAL_TYPE(PAL_I32, PAL_STATIC, n), at), x);
}

pal_value pal_write_rows(pal_graph *g, pal_value variable, pal_value index, pal_value x) {
  const pal_value in[] = {variable, index, x};
  return pal_apply(g, "write_rows", in, 3, NULL, NULL);
}

static const pal_op write_rows = {
    PAL_OP_HEAD("write_rows",
                "Inputs: a version of a variable [R, ...]; index i32 [T], distinct; x [T, ...] of\n"
                "the same dtype. Output 0 is the next version of the variable, with row index[t]\n"
                "replaced by x[t]; -1 is dropped. It is written in place: no other row is\n"
                "touched. Output 1 is the rows as they were, [T, ...], with zeros where index is\n"
                "-1; they are put back if the run fails. There is no gradient.\n"
                "PAL_E_ARGUMENT, before anything is written: an index below -1 or not below R."),
    .min_in = 3,
    .max_in = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .writes = 1u << 0,
    .infer = write_infer,
    .reference = write_reference,
    .phase = {{.run = write_save, .tasks = write_tasks, .reads = 1u << 0 | 1u << 1},
              {.run = write_run, .tasks = write_tasks}},
    .undo = write_undo,
    .sample = write_sample,
};

const pal_op *const pal_ops_gather[] = {&gather, &scatter, &write_rows, NULL};
