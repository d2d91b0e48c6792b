/* SPDX-License-Identifier: Apache-2.0 */
/* segment_budget: the best rows of each sequence whose costs fit a budget (floor 2). */
#define PAL_NO_CALLER
#include "ops/heap.h"
#include "ops/segment.h"

#include <math.h>
#include <string.h>

static pal_status budget_infer(pal_infer *call) {
  pal_status status = pal_segment_want(call, PAL_F32, 0);
  if (!status) status = pal_want_rank(call, 0, 1, "x");
  for (int i = 3; i < 5 && !status; i++) {
    const char *name = i == 3 ? "cost" : "budget";
    status = pal_want_dtype(call, i, PAL_F32, name);
    if (!status) status = pal_want_rank(call, i, 1, name);
    if (!status)
      status = pal_want_rows(call, i == 3 ? 0 : 1, i, i == 3 ? "x and cost" : "begin and budget");
  }
  if (status) return status;
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].dtype = PAL_I32;
  return PAL_OK;
}

/* Scratch: int32 [T]. The heap of a sequence takes the entries of its own rows. */
static size_t budget_scratch(const pal_run *run) {
  return (size_t)run->in_rows[0] * sizeof(int32_t);
}

static pal_status budget_run(const pal_run *run) {
  const float *x = run->in[0], *cost = run->in[3];
  for (int64_t s = run->begin; s < run->end; s++) {
    int64_t begin, n, left = 0;
    const pal_status status = pal_segment_rows(run, s, &begin, &n);
    if (status) return status;
    const double budget = ((const float *)run->in[4])[s];
    int32_t *heap = (int32_t *)run->scratch + begin;
    for (int64_t i = begin; i < begin + n; i++)
      if (x[i] > -INFINITY) heap[left++] = (int32_t)i;
    for (int64_t i = left / 2; i-- > 0;) pal_heap_sink(x, heap, i, left, true);
    for (double spent = 0; left > 0 && spent <= budget;) {
      ((int32_t *)run->out[0])[heap[0]] = 1;
      spent += (double)cost[heap[0]];
      heap[0] = heap[--left];
      pal_heap_sink(x, heap, 0, left, true);
    }
  }
  return PAL_OK;
}

/* Adds, for every row, the costs of the rows of its sequence that rank before it. */
static pal_status budget_reference(const pal_reference *c) {
  const double *x = c->in[0];
  const pal_status status = pal_reference_sequences(c, 1, c->in_rows[0], true);
  if (status) return status;
  memset(c->out[0], 0, (size_t)c->out_rows[0] * sizeof(double));
  for (int64_t s = 0; s < c->in_rows[1]; s++) {
    const int64_t begin = (int64_t)c->in[1][s], end = begin + (int64_t)c->in[2][s];
    for (int64_t i = begin; i < end; i++) {
      double spent = 0.0;
      for (int64_t j = begin; j < end; j++)
        if (x[j] > x[i] || (x[j] == x[i] && j < i)) spent += c->in[3][j];
      if (x[i] > -INFINITY && spent <= c->in[4][s]) c->out[0][i] = 1.0;
    }
  }
  return PAL_OK;
}

/* Multiples of 0.25: some scores are equal, and sums of costs are exact. */
static pal_value quarters(pal_case *random, pal_symbol rows, int64_t low, int64_t high) {
  const pal_value whole = pal_case_whole(random, PAL_TYPE(PAL_I32, rows, 1), low, high);
  pal_graph *g = pal_case_graph(random);
  return pal_affine(g, pal_cast(g, whole, PAL_F32), 0.25, 0.0);
}

static pal_value budget_sample(pal_case *random) {
  pal_value begin, length;
  const pal_symbol rows = pal_case_rows(random);
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  const pal_value x = quarters(random, rows, -6, 6), cost = quarters(random, rows, 0, 4);
  const pal_value budget = quarters(random, pal_case_sequences(random), -1, 12);
  return pal_segment_budget(pal_case_graph(random), x, begin, length, cost, budget);
}

pal_value pal_segment_budget(pal_graph *g, pal_value x, pal_value begin, pal_value length,
                             pal_value cost, pal_value budget) {
  const pal_value in[] = {x, begin, length, cost, budget};
  return pal_apply(g, "segment_budget", in, 5, NULL, NULL);
}

const pal_op pal_op_segment_budget = {
    PAL_OP_HEAD(
        "segment_budget",
        "x f32 [T], begin, length i32 [S], cost f32 [T] >= 0, budget f32 [S] -> i32 [T]: 1\n"
        "in the rows of sequence s for which the costs of all rows of the sequence with a\n"
        "larger x, or an equal x and an earlier place, add up to at most budget[s]; else 0.\n"
        "Rows with -inf or NaN are never selected." PAL_SEGMENT_ERROR),
    .min_in = 5,
    .max_in = 5,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = budget_infer,
    .reference = budget_reference,
    .phase = {{.run = pal_segment_clear, .reads = 1u << 1},
              {.run = budget_run, .tasks = pal_segment_tasks}},
    .scratch = budget_scratch,
    .sample = budget_sample,
};
