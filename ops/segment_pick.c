/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions per sequence: segment_any, segment_argmax, segment_top_k (floor 2).
 *
 * They compare and do no arithmetic, so they are exact. A task is one sequence. In comparisons of
 * size a NaN counts as -inf. */
#define PAL_NO_CALLER
#include "ops/heap.h"
#include "ops/segment.h"

#include <math.h>
#include <string.h>

static pal_status want_vector(const pal_infer *call, pal_dtype dtype, int more) {
  const pal_status status = pal_segment_want(call, dtype, more);
  return status ? status : pal_want_rank(call, 0, 1, "x");
}

static pal_status infer_i32(pal_infer *call, pal_dtype from) {
  const pal_status status = want_vector(call, from, 0);
  if (status) return status;
  pal_segment_per_sequence(call);
  call->out_type[0].dtype = PAL_I32;
  return PAL_OK;
}

/* Multiples of 0.25, so that some are equal. */
static pal_value sample_scores(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  const pal_type type = PAL_TYPE(PAL_I32, pal_case_rows(random), 1);
  return pal_affine(g, pal_cast(g, pal_case_whole(random, type, -6, 6), PAL_F32), 0.25, 0.0);
}

/* ---- segment_any ----------------------------------------------------------------------------- */

static pal_status any_infer(pal_infer *call) { return infer_i32(call, PAL_I32); }

static pal_status any_run(const pal_run *run) {
  for (int64_t s = run->begin; s < run->end; s++) {
    int64_t begin, n;
    const pal_status status = pal_segment_rows(run, s, &begin, &n);
    if (status) return status;
    const int32_t *x = (const int32_t *)run->in[0] + begin;
    int64_t i = 0;
    while (i < n && x[i] == 0) i++;
    ((int32_t *)run->out[0])[s] = i < n;
  }
  return PAL_OK;
}

static pal_status any_reference(const pal_reference *c) {
  const pal_status status = pal_reference_sequences(c, 1, c->in_rows[0], true);
  if (status) return status;
  for (int64_t s = 0; s < c->out_rows[0]; s++) {
    c->out[0][s] = 0.0;
    for (int64_t i = 0; i < (int64_t)c->in[2][s]; i++)
      if (c->in[0][(int64_t)c->in[1][s] + i] != 0.0) c->out[0][s] = 1.0;
  }
  return PAL_OK;
}

static pal_value any_sample(pal_case *random) {
  pal_value begin, length;
  const int64_t most = pal_case_int(random, 0, 2);
  const pal_value x =
      pal_case_whole(random, PAL_TYPE(PAL_I32, pal_case_rows(random), 1), -most, most / 2);
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  return pal_segment_any(pal_case_graph(random), x, begin, length);
}

pal_value pal_segment_any(pal_graph *g, pal_value x, pal_value begin, pal_value length) {
  return pal_segment_apply(g, "segment_any", x, begin, length);
}

const pal_op pal_op_segment_any = {
    PAL_OP_HEAD("segment_any",
                "x i32 [T], begin, length i32 [S] -> i32 [S]: 1 if a row of the sequence is not\n"
                "0, else 0." PAL_SEGMENT_ERROR),
    .min_in = 3,
    .max_in = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = any_infer,
    .reference = any_reference,
    .phase = {{.run = any_run, .tasks = pal_segment_tasks}},
    .sample = any_sample,
};

/* ---- segment_argmax -------------------------------------------------------------------------- */

static pal_status argmax_infer(pal_infer *call) { return infer_i32(call, PAL_F32); }

static pal_status argmax_run(const pal_run *run) {
  for (int64_t s = run->begin; s < run->end; s++) {
    int64_t begin, n;
    const pal_status status = pal_segment_rows(run, s, &begin, &n);
    if (status) return status;
    const float *x = run->in[0];
    int64_t best = n > 0 ? begin : -1;
    for (int64_t i = begin + 1; i < begin + n; i++)
      if (x[i] > x[best] || (isnan(x[best]) && x[i] > -INFINITY)) best = i;
    ((int32_t *)run->out[0])[s] = (int32_t)best;
  }
  return PAL_OK;
}

static pal_status argmax_reference(const pal_reference *c) {
  const pal_status status = pal_reference_sequences(c, 1, c->in_rows[0], true);
  if (status) return status;
  for (int64_t s = 0; s < c->out_rows[0]; s++) {
    double top = -INFINITY;
    c->out[0][s] = c->in[2][s] > 0.0 ? c->in[1][s] : -1.0;
    for (int64_t i = (int64_t)c->in[1][s]; i < (int64_t)(c->in[1][s] + c->in[2][s]); i++) {
      if (!(c->in[0][i] > top)) continue;
      top = c->in[0][i];
      c->out[0][s] = (double)i;
    }
  }
  return PAL_OK;
}

static pal_value argmax_sample(pal_case *random) {
  pal_value begin, length;
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  return pal_segment_argmax(pal_case_graph(random), sample_scores(random), begin, length);
}

pal_value pal_segment_argmax(pal_graph *g, pal_value x, pal_value begin, pal_value length) {
  return pal_segment_apply(g, "segment_argmax", x, begin, length);
}

const pal_op pal_op_segment_argmax = {
    PAL_OP_HEAD(
        "segment_argmax",
        "x f32 [T], begin, length i32 [S] -> i32 [S]: the row of x with the largest element of\n"
        "the sequence, the first of equals; a NaN counts as -inf. -1 if length\n"
        "is 0." PAL_SEGMENT_ERROR),
    .min_in = 3,
    .max_in = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = argmax_infer,
    .reference = argmax_reference,
    .phase = {{.run = argmax_run, .tasks = pal_segment_tasks}},
    .sample = argmax_sample,
};

/* ---- segment_top_k --------------------------------------------------------------------------- */

static pal_status top_k_infer(pal_infer *call) {
  const pal_status status = want_vector(call, PAL_F32, 1);
  if (status) return status;
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].dtype = PAL_I32;
  return PAL_OK;
}

/* Scratch: int32 [T]. The heap of a sequence takes the entries of its own rows. */
static size_t top_k_scratch(const pal_run *run) {
  return (size_t)run->in_rows[0] * sizeof(int32_t);
}

static pal_status top_k_run(const pal_run *run) {
  const float *x = run->in[0];
  for (int64_t s = run->begin; s < run->end; s++) {
    int64_t begin, n, kept = 0;
    const pal_status status = pal_segment_rows(run, s, &begin, &n);
    if (status) return status;
    const int64_t k = ((const int32_t *)run->in[3])[s];
    int32_t *heap = (int32_t *)run->scratch + begin;
    for (int64_t i = begin; i < begin + n && k > 0; i++) {
      if (!(x[i] > -INFINITY)) continue;
      if (kept < k) {
        heap[kept] = (int32_t)i;
        pal_heap_lift(x, heap, kept++, false); /* the worst row selected so far is at the top */
      } else if (pal_ranks_before(x, (int32_t)i, heap[0])) {
        heap[0] = (int32_t)i;
        pal_heap_sink(x, heap, 0, kept, false);
      }
    }
    for (int64_t i = 0; i < kept; i++) ((int32_t *)run->out[0])[heap[i]] = 1;
  }
  return PAL_OK;
}

/* Computes the rank of every row, the number of rows of its sequence that rank before it. */
static pal_status top_k_reference(const pal_reference *c) {
  const double *x = c->in[0];
  const pal_status status = pal_reference_sequences(c, 1, c->in_rows[0], true);
  if (status) return status;
  memset(c->out[0], 0, (size_t)c->out_rows[0] * sizeof(double));
  for (int64_t s = 0; s < c->in_rows[1]; s++) {
    const int64_t begin = (int64_t)c->in[1][s], end = begin + (int64_t)c->in[2][s];
    for (int64_t i = begin; i < end; i++) {
      double rank = 0.0;
      for (int64_t j = begin; j < end; j++)
        if (x[j] > x[i] || (x[j] == x[i] && j < i)) rank += 1.0;
      if (x[i] > -INFINITY && rank < c->in[3][s]) c->out[0][i] = 1.0;
    }
  }
  return PAL_OK;
}

static pal_value top_k_sample(pal_case *random) {
  pal_value begin, length;
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  const pal_value k =
      pal_case_whole(random, PAL_TYPE(PAL_I32, pal_case_sequences(random), 1), -1, 9);
  return pal_segment_top_k(pal_case_graph(random), sample_scores(random), begin, length, k);
}

pal_value pal_segment_top_k(pal_graph *g, pal_value x, pal_value begin, pal_value length,
                            pal_value k) {
  const pal_value in[] = {x, begin, length, k};
  return pal_apply(g, "segment_top_k", in, 4, NULL, NULL);
}

const pal_op pal_op_segment_top_k = {
    PAL_OP_HEAD("segment_top_k",
                "x f32 [T], begin, length, k i32 [S] -> i32 [T]: 1 in the k[s] rows of sequence s\n"
                "with the largest x, the first of equals, else 0. Rows with -inf or NaN are never\n"
                "selected, so there may be fewer than k." PAL_SEGMENT_ERROR),
    .min_in = 4,
    .max_in = 4,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = top_k_infer,
    .reference = top_k_reference,
    .phase = {{.run = pal_segment_clear, .reads = 1u << 1},
              {.run = top_k_run, .tasks = pal_segment_tasks}},
    .scratch = top_k_scratch,
    .sample = top_k_sample,
};
