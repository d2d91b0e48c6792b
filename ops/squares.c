/* SPDX-License-Identifier: Apache-2.0 */
/* sum_squares of many tensors in one op (floor 2), for the norm of a gradient.
 *
 * Invariant: the order of additions is that of sum_all of the squares of each tensor, then from
 * left to right over the tensors. A task is a chunk of rows of one tensor, and results do not
 * depend on threads. */
#define PAL_NO_CALLER
#include "ops/reduce.h"
#include "ops/update.h"

enum { START, FIRST };

/* Whether a tensor has at most one axis: its chunks are then chunks of elements, otherwise of
 * rows. */
static bool is_line(const pal_type *type) { return type->rank < 2; }

static int64_t chunks(int64_t rows) { return (rows + PAL_CHUNK_ROWS - 1) / PAL_CHUNK_ROWS; }

static pal_status infer(pal_infer *call) {
  for (int i = 0; i < call->n_in; i++) {
    if (i == START && call->in_type[i].dtype == PAL_NONE) continue;
    const pal_status status = pal_want_dtype(call, i, PAL_F32, "what is squared");
    if (status) return status;
  }
  if (call->in_type[START].dtype != PAL_NONE) {
    const pal_status status = pal_want_rank(call, START, 0, "the start");
    if (status) return status;
  }
  call->n_out = 1;
  call->out_type[0] = pal_type_scalar(PAL_F32);
  return PAL_OK;
}

static int64_t fold_tasks(const pal_run *run) {
  int64_t n = 0;
  for (int i = FIRST; i < run->n_in; i++) n += chunks(run->in_rows[i]);
  return n;
}

static int64_t one_task(const pal_run *run) {
  (void)run;
  return 1;
}

static size_t scratch(const pal_run *run) { return (size_t)fold_tasks(run) * sizeof(float); }

/* The sum of the squares of one chunk of input i. */
static float fold_chunk(const pal_run *run, int i, int64_t chunk) {
  const pal_reduce_kernels *k = &pal_kernels_of(run->isa)->reduce;
  const int64_t columns = pal_type_row(&run->in_type[i]), first = chunk * PAL_CHUNK_ROWS;
  const int64_t left = run->in_rows[i] - first, n = left < PAL_CHUNK_ROWS ? left : PAL_CHUNK_ROWS;
  const float *x = (const float *)run->in[i] + first * columns;
  float row[PAL_CHUNK_ROWS], sum;
  if (is_line(&run->in_type[i])) {
    k->row_squares(&sum, x, 1, n);
  } else {
    k->row_squares(row, x, n, columns);
    k->row_sum(&sum, row, 1, n);
  }
  return sum;
}

static pal_status fold(const pal_run *run) {
  float *part = run->scratch;
  int64_t before = 0; /* number of tasks of the tensors before this one */
  for (int i = FIRST; i < run->n_in; i++) {
    const int64_t n = chunks(run->in_rows[i]), end = run->end < before + n ? run->end : before + n;
    for (int64_t task = run->begin > before ? run->begin : before; task < end; task++)
      part[task] = fold_chunk(run, i, task - before);
    before += n;
  }
  return PAL_OK;
}

/* Adds the chunks of each tensor by a binary tree, then the tensors in order. */
static pal_status combine(const pal_run *run) {
  if (run->begin >= run->end) return PAL_OK;
  float *part = run->scratch, total = 0;
  for (int i = FIRST; i < run->n_in; i++) {
    const int64_t n = chunks(run->in_rows[i]);
    for (int64_t apart = 1; apart < n; apart *= 2)
      for (int64_t a = 0; a + apart < n; a += 2 * apart) part[a] += part[a + apart];
    const float sum = n > 0 ? part[0] : 0.0f;
    if (i > FIRST) total += sum;
    else total = run->in[START] ? *(const float *)run->in[START] + sum : sum;
    part += n;
  }
  *(float *)run->out[0] = total;
  return PAL_OK;
}

static pal_status gradient(pal_gradient_call *call) {
  pal_graph *g = call->graph;
  const pal_value dy = call->out_grad[0];
  if (call->wanted >> START & 1) call->in_grad[START] = dy;
  const pal_value twice = pal_affine(g, dy, 2, 0);
  for (int i = FIRST; i < call->n_in; i++)
    if (call->wanted >> i & 1) call->in_grad[i] = pal_mul(g, call->in[i], twice);
  return PAL_OK;
}

static pal_status reference(const pal_reference *call) {
  double sum = call->in[START] ? *call->in[START] : 0;
  for (int i = FIRST; i < call->n_in; i++) {
    const int64_t n = pal_active(&call->in_type[i], call->in_rows[i]);
    for (int64_t e = 0; e < n; e++) sum += call->in[i][e] * call->in[i][e];
  }
  *call->out[0] = sum;
  return PAL_OK;
}

static pal_value sample(pal_case *random) {
  pal_value x[5], start = PAL_NIL;
  const int n = (int)pal_case_int(random, 1, 5);
  if (pal_case_int(random, 0, 1)) start = pal_case_f32(random, pal_type_scalar(PAL_F32), 0, 4);
  for (int i = 0; i < n; i++)
    x[i] = pal_case_f32(random, pal_sample_tensor(random, PAL_F32, 0), -1, 1);
  return pal_sum_squares(pal_case_graph(random), start, x, n);
}

static const pal_op squares = {
    PAL_OP_HEAD("sum_squares",
                "Inputs: start, an optional f32 scalar; x1, x2, ... f32 of any shapes. Output:\n"
                "the scalar start + sum of x1^2 + sum of x2^2 + ..., over active rows.\n"
                "Gradients: dy, 2 x1 dy, 2 x2 dy, ... Reads all rows."),
    .min_in = 2,
    .max_in = PAL_MAX_INPUTS,
    .optional = 1u << START,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .phase = {{.run = fold, .tasks = fold_tasks, .reads = ~(1u << START)},
              {.run = combine, .tasks = one_task, .reads = 1u << START}},
    .scratch = scratch,
    .sample = sample,
};

pal_value pal_sum_squares(pal_graph *g, pal_value start, const pal_value *x, int n) {
  pal_value in[PAL_MAX_INPUTS] = {start};
  for (int at = 0; at < n;) {
    int m = FIRST;
    while (m < PAL_MAX_INPUTS && at < n) in[m++] = x[at++];
    in[START] = pal_apply(g, squares.name, in, m, NULL, NULL);
  }
  return in[START];
}

const pal_op *const pal_ops_squares[] = {&squares, NULL};
