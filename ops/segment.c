/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions of the f32 rows of each sequence: segment_sum, segment_mean, segment_max (floor 2).
 *
 * A task is one sequence, so tasks write different rows, and each takes its rows in order. Rows of
 * no sequence are not read. */
#define PAL_NO_CALLER
#include "ops/segment.h"

#include <math.h>
#include <string.h>

/* ---- shared with other files -------------------------------------------------------------- */

pal_status pal_segment_want(const pal_infer *call, pal_dtype dtype, int more) {
  pal_status status = pal_want_dtype(call, 0, dtype, "x");
  if (!status && call->in_type[0].rank < 1)
    status = pal_fail(call->error, PAL_E_SHAPE, "x must have rows, it is a scalar");
  for (int i = 1; i < 3 + more && !status; i++) {
    const char *const name[] = {"begin", "length", "k"};
    status = pal_want_dtype(call, i, PAL_I32, name[i - 1]);
    if (!status) status = pal_want_rank(call, i, 1, name[i - 1]);
    if (!status) status = pal_want_rows(call, 1, i, "begin, length and k");
  }
  return status;
}

void pal_segment_per_sequence(pal_infer *call) {
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].symbol = call->in_type[1].symbol;
  call->out_type[0].dim[0] = call->in_type[1].dim[0];
}

int64_t pal_segment_tasks(const pal_run *run) { return run->in_rows[1]; }

pal_status pal_segment_rows(const pal_run *run, int64_t s, int64_t *begin, int64_t *length) {
  *begin = ((const int32_t *)run->in[1])[s];
  *length = ((const int32_t *)run->in[2])[s];
  if (*length == 0) *begin = 0;
  if (*length >= 0 && *begin >= 0 && *begin + *length <= run->in_rows[0]) return PAL_OK;
  return pal_fail(run->error, PAL_E_ARGUMENT,
                  "sequence %lld: begin %lld and length %lld do not lie within %lld active rows",
                  (long long)s, (long long)*begin, (long long)*length, (long long)run->in_rows[0]);
}

static pal_type sample_type(pal_case *random) {
  const pal_symbol t = pal_case_rows(random);
  if (pal_case_int(random, 0, 3) == 0) return PAL_TYPE(PAL_F32, t, 1);
  if (pal_case_int(random, 0, 3) == 0) return PAL_TYPE(PAL_F32, t, 1, 2, 3);
  return PAL_TYPE(PAL_F32, t, 1, pal_case_size(random));
}

pal_status pal_segment_clear(const pal_run *run) {
  const pal_type *type = &run->out_type[0];
  const size_t size = (size_t)pal_type_row(type) * pal_dtype_size(type->dtype);
  const int64_t first = pal_first_row(run, type), last = pal_last_row(run, type);
  if (last > first)
    memset((char *)run->out[0] + (size_t)first * size, 0, (size_t)(last - first) * size);
  return PAL_OK;
}

pal_value pal_segment_apply(pal_graph *g, const char *name, pal_value x, pal_value begin,
                            pal_value length) {
  const pal_value in[] = {x, begin, length};
  return pal_apply(g, name, in, 3, NULL, NULL);
}

/* ---- segment_sum, segment_mean, segment_max -------------------------------------------------- */

static pal_status infer_rows(pal_infer *call) {
  const pal_status status = pal_segment_want(call, PAL_F32, 0);
  pal_segment_per_sequence(call);
  return status;
}

typedef enum kind { SUM, MEAN, MAX } kind;

static pal_status reduce(const pal_run *run, kind how) {
  const pal_rows_kernels *kernels = &pal_kernels_of(run->isa)->rows;
  const int64_t wide = pal_type_row(&run->out_type[0]);
  for (int64_t s = run->begin; s < run->end; s++) {
    int64_t begin, n;
    const pal_status status = pal_segment_rows(run, s, &begin, &n);
    if (status) return status;
    const float *x = (const float *)run->in[0] + begin * wide;
    float *out = (float *)run->out[0] + s * wide;
    if (how == MAX && n > 0) kernels->max(out, x, wide, n, wide);
    else kernels->sum(out, x, wide, NULL, n, wide, how == MEAN && n > 0 ? (float)n : 1.0f);
  }
  return PAL_OK;
}

static pal_status run_sum(const pal_run *run) { return reduce(run, SUM); }
static pal_status run_mean(const pal_run *run) { return reduce(run, MEAN); }
static pal_status run_max(const pal_run *run) { return reduce(run, MAX); }

static pal_status reference(const pal_reference *c, kind how) {
  const int64_t wide = pal_type_row(&c->out_type[0]);
  const pal_status status = pal_reference_sequences(c, 1, c->in_rows[0], true);
  if (status) return status;
  for (int64_t s = 0; s < c->out_rows[0]; s++) {
    const int64_t begin = (int64_t)c->in[1][s], n = (int64_t)c->in[2][s];
    for (int64_t e = 0; e < wide; e++) {
      double sum = 0.0, top = n > 0 ? c->in[0][begin * wide + e] : 0.0;
      for (int64_t i = begin; i < begin + n; i++) {
        sum += c->in[0][i * wide + e];
        top = fmax(top, c->in[0][i * wide + e]);
      }
      c->out[0][s * wide + e] = how == MAX ? top : how == MEAN && n > 0 ? sum / (double)n : sum;
    }
  }
  return PAL_OK;
}

static pal_status reference_sum(const pal_reference *c) { return reference(c, SUM); }
static pal_status reference_mean(const pal_reference *c) { return reference(c, MEAN); }
static pal_status reference_max(const pal_reference *c) { return reference(c, MAX); }

/* Gives every row the gradient of its sequence; rows of no sequence get 0. */
static pal_value spread(pal_gradient_call *call, pal_value grad) {
  const pal_ragged r = pal_ragged_index(call->graph, call->in[1], call->in[2], call->in[0]);
  return pal_gather_rows(call->graph, grad, r.sequence);
}

static pal_status gradient_sum(pal_gradient_call *call) {
  if (call->wanted & 1) call->in_grad[0] = spread(call, call->out_grad[0]);
  return PAL_OK;
}

static pal_status gradient_mean(pal_gradient_call *call) {
  if (!(call->wanted & 1)) return PAL_OK;
  pal_graph *g = call->graph;
  pal_type type = pal_type_of(g, call->out_grad[0]);
  for (int d = 1; d < type.rank; d++) type.dim[d] = 1;
  const pal_value n = pal_clamp(g, pal_cast(g, call->in[2], PAL_F32), 1.0, 2147483648.0);
  call->in_grad[0] = spread(call, pal_div(g, call->out_grad[0], pal_reshape(g, n, type)));
  return PAL_OK;
}

static pal_status gradient_max(pal_gradient_call *call) {
  const pal_value in[] = {call->in[0], call->in[1], call->in[2], call->out[0], call->out_grad[0]};
  if (call->wanted & 1)
    call->in_grad[0] = pal_apply(call->graph, "segment_max_backward", in, 5, NULL, NULL);
  return PAL_OK;
}

static pal_value sample(pal_case *random, const char *name) {
  pal_value begin, length;
  const pal_value x = pal_case_f32(random, sample_type(random), -1.0, 1.0);
  pal_case_ragged(random, &begin, &length, NULL, NULL);
  return pal_segment_apply(pal_case_graph(random), name, x, begin, length);
}

static pal_value sample_sum(pal_case *random) { return sample(random, "segment_sum"); }
static pal_value sample_mean(pal_case *random) { return sample(random, "segment_mean"); }
static pal_value sample_max(pal_case *random) { return sample(random, "segment_max"); }

pal_value pal_segment_sum(pal_graph *g, pal_value x, pal_value begin, pal_value length) {
  return pal_segment_apply(g, "segment_sum", x, begin, length);
}
pal_value pal_segment_mean(pal_graph *g, pal_value x, pal_value begin, pal_value length) {
  return pal_segment_apply(g, "segment_mean", x, begin, length);
}
pal_value pal_segment_max(pal_graph *g, pal_value x, pal_value begin, pal_value length) {
  return pal_segment_apply(g, "segment_max", x, begin, length);
}

#define SEGMENT_DOC \
  "x f32 [T, ...], begin, length i32 [S] -> [S, ...]: for each sequence s and element the "
#define SEGMENT_ROWS "rows begin[s] .. begin[s] + length[s] - 1; 0 if length is 0.\n"

static const pal_op segment_sum = {
    PAL_OP_HEAD(
        "segment_sum", SEGMENT_DOC
        "sum of\n" SEGMENT_ROWS
        "Rows are added in order in blocks of 64, then the blocks in order.\n"
        "Gradient: each row gets that of its sequence, rows of no sequence 0." PAL_SEGMENT_ERROR),
    .min_in = 3,
    .max_in = 3,
    .infer = infer_rows,
    .gradient = gradient_sum,
    .reference = reference_sum,
    .phase = {{.run = run_sum, .tasks = pal_segment_tasks}},
    .sample = sample_sum,
};

static const pal_op segment_mean = {
    PAL_OP_HEAD("segment_mean", SEGMENT_DOC
                "mean of\n" SEGMENT_ROWS
                "Gradient: each row gets that of its sequence divided by length, rows of no\n"
                "sequence 0." PAL_SEGMENT_ERROR),
    .min_in = 3,
    .max_in = 3,
    .infer = infer_rows,
    .gradient = gradient_mean,
    .reference = reference_mean,
    .phase = {{.run = run_mean, .tasks = pal_segment_tasks}},
    .sample = sample_mean,
};

static const pal_op segment_max = {
    PAL_OP_HEAD("segment_max", SEGMENT_DOC
                "largest of\n" SEGMENT_ROWS
                "Gradient: for each element, the first row that has the maximum gets it, all\n"
                "others 0." PAL_SEGMENT_ERROR),
    .min_in = 3,
    .max_in = 3,
    .infer = infer_rows,
    .gradient = gradient_max,
    .reference = reference_max,
    .phase = {{.run = run_max, .tasks = pal_segment_tasks}},
    .sample = sample_max,
};

/* ---- segment_max_backward -------------------------------------------------------------------- */

static pal_status max_backward_infer(pal_infer *call) {
  const pal_status status = pal_segment_want(call, PAL_F32, 0);
  if (status) return status;
  pal_segment_per_sequence(call);
  if (!pal_type_equal(&call->in_type[3], &call->out_type[0]) ||
      !pal_type_equal(&call->in_type[4], &call->out_type[0]))
    return pal_fail(call->error, PAL_E_SHAPE, "out and dout must have the type of segment_max(x)");
  return pal_infer_same(call);
}

static pal_status max_backward_run(const pal_run *run) {
  const int64_t wide = pal_type_row(&run->out_type[0]);
  for (int64_t s = run->begin; s < run->end; s++) {
    int64_t begin, n;
    const pal_status status = pal_segment_rows(run, s, &begin, &n);
    if (status) return status;
    const float *x = (const float *)run->in[0] + begin * wide;
    const float *top = (const float *)run->in[3] + s * wide;
    const float *grad = (const float *)run->in[4] + s * wide;
    float *out = (float *)run->out[0] + begin * wide;
    for (int64_t e = 0; e < wide; e++) {
      int64_t i = 0;
      while (i < n && x[i * wide + e] != top[e]) i++;
      if (i < n) out[i * wide + e] = grad[e];
    }
  }
  return PAL_OK;
}

static pal_status max_backward_reference(const pal_reference *c) {
  const int64_t wide = pal_type_row(&c->out_type[0]);
  const pal_status status = pal_reference_sequences(c, 1, c->in_rows[0], true);
  if (status) return status;
  memset(c->out[0], 0, (size_t)(c->out_rows[0] * wide) * sizeof(double));
  for (int64_t s = 0; s < c->in_rows[1]; s++) {
    for (int64_t e = 0; e < wide; e++) {
      for (int64_t i = 0; i < (int64_t)c->in[2][s]; i++) {
        const int64_t at = ((int64_t)c->in[1][s] + i) * wide + e;
        if (c->in[0][at] != c->in[3][s * wide + e]) continue;
        c->out[0][at] = c->in[4][s * wide + e];
        break;
      }
    }
  }
  return PAL_OK;
}

static pal_value max_backward_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  pal_value in[5];
  in[0] = pal_case_f32(random, sample_type(random), -1.0, 1.0);
  pal_case_ragged(random, &in[1], &in[2], NULL, NULL);
  in[3] = pal_segment_max(g, in[0], in[1], in[2]);
  in[4] = pal_case_fixed(random, pal_type_of(g, in[3]), -1.0, 1.0);
  return pal_apply(g, "segment_max_backward", in, 5, NULL, NULL);
}

static const pal_op segment_max_backward = {
    PAL_OP_HEAD("segment_max_backward",
                "x f32 [T, ...], begin, length i32 [S], out = segment_max(x) and dout [S, ...] ->\n"
                "dx [T, ...]: for each sequence and element, dout in the first row that equals\n"
                "out, else 0." PAL_SEGMENT_ERROR),
    .min_in = 5,
    .max_in = 5,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = max_backward_infer,
    .reference = max_backward_reference,
    .phase = {{.run = pal_segment_clear, .reads = 1u << 1},
              {.run = max_backward_run, .tasks = pal_segment_tasks}},
    .sample = max_backward_sample,
};

const pal_op *const pal_ops_segment[] = {&segment_sum,
                                         &segment_mean,
                                         &segment_max,
                                         &segment_max_backward,
                                         &pal_op_segment_any,
                                         &pal_op_segment_argmax,
                                         &pal_op_segment_top_k,
                                         &pal_op_segment_budget,
                                         &pal_op_segment_group_mean,
                                         NULL};
