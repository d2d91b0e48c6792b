/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that defines a reduction per sequence: y[s] = log of the sum of exp(x[t]) over the rows
 * t of sequence s.
 *
 *   cc -shared -fPIC op_segment_log_sum_exp.c $(pkg-config --cflags --libs palimpsest) -o op_segment_log_sum_exp.so
 *   $ palimpsest check-op segment_log_sum_exp --plugin ./op_segment_log_sum_exp.so
 *
 * Sequence s has the rows begin[s] to begin[s] + length[s] - 1 of x f32 [T, C]; rows may belong to
 * none. An empty sequence gives 0. A task, the executor's unit of work, is one sequence here. */
#include <math.h>
#include <palimpsest/palimpsest.h>

enum { X, BEGIN, LENGTH };

static pal_status infer(pal_infer *call) {
  const pal_type *x = &call->in_type[X], *begin = &call->in_type[BEGIN];
  if (x->dtype != PAL_F32 || x->rank != 2)
    return pal_fail(call->error, PAL_E_SHAPE, "x must be f32 [T, C]");
  if (begin->dtype != PAL_I32 || begin->rank != 1 || !pal_type_equal(begin, &call->in_type[LENGTH]))
    return pal_fail(call->error, PAL_E_SHAPE, "begin and length must be i32 [S]");
  call->n_out = 1;
  call->out_type[0] = *x;
  call->out_type[0].symbol = begin->symbol;
  call->out_type[0].dim[0] = begin->dim[0];
  return PAL_OK;
}

/* dx[t] = exp(x[t] - y[s]) dy[s]; a row of no sequence has s = -1, where gather_rows gives 0. */
static pal_status gradient(pal_gradient_call *call) {
  pal_graph *g = call->graph;
  const pal_value of = pal_ragged_index(g, call->in[BEGIN], call->in[LENGTH], call->in[X]).sequence;
  const pal_value share = pal_exp(g, pal_sub(g, call->in[X], pal_gather_rows(g, call->out[0], of)));
  call->in_grad[X] = pal_mul(g, share, pal_gather_rows(g, call->out_grad[0], of));
  return PAL_OK;
}

static pal_status reference(const pal_reference *call) {
  const int64_t wide = call->in_type[X].dim[1];
  for (int64_t s = 0; s < call->out_rows[0]; s++) {
    const double begin = call->in[BEGIN][s], n = call->in[LENGTH][s];
    if (n < 0 || (n > 0 && (begin < 0 || begin + n > (double)call->in_rows[X])))
      return pal_fail(call->error, PAL_E_ARGUMENT, "sequence %d is not in the rows", (int)s);
    for (int64_t c = 0; c < wide; c++) {
      double sum = 0;
      for (int64_t i = 0; i < (int64_t)n; i++)
        sum += exp(call->in[X][((int64_t)begin + i) * wide + c]);
      call->out[0][s * wide + c] = n > 0 ? log(sum) : 0;
    }
  }
  return PAL_OK;
}

static int64_t tasks(const pal_run *run) { return run->in_rows[BEGIN]; }

static pal_status run(const pal_run *run) {
  const int64_t wide = run->in_type[X].dim[1];
  for (int64_t s = run->begin; s < run->end; s++) {
    const int64_t begin = ((const int32_t *)run->in[BEGIN])[s];
    const int64_t n = ((const int32_t *)run->in[LENGTH])[s];
    if (n < 0 || (n > 0 && (begin < 0 || begin + n > run->in_rows[X])))
      return pal_fail(run->error, PAL_E_ARGUMENT, "sequence %d is not in the rows", (int)s);
    for (int64_t c = 0; c < wide; c++) {
      const float *x = (const float *)run->in[X] + (n > 0 ? begin * wide : 0) + c;
      float top = -INFINITY, sum = 0; /* the sum is of exp(x - top), which cannot overflow */
      for (int64_t i = 0; i < n; i++) top = fmaxf(top, x[i * wide]);
      for (int64_t i = 0; i < n; i++) sum += expf(x[i * wide] - top);
      ((float *)run->out[0])[s * wide + c] = n > 0 ? top + logf(sum) : 0;
    }
  }
  return PAL_OK;
}

/* A random case for the checks: sequences of any length with gaps between them. */
static pal_value sample(pal_case *random) {
  const pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, pal_case_size(random));
  pal_value in[3] = {pal_case_f32(random, type, -3, 3)};
  pal_case_ragged(random, &in[BEGIN], &in[LENGTH], NULL, NULL);
  return pal_apply(pal_case_graph(random), "segment_log_sum_exp", in, 3, NULL, NULL);
}

static const pal_op segment_log_sum_exp = {
    .abi_size = sizeof(pal_op),
    .name = "segment_log_sum_exp",
    .version = 1,
    .doc = "x f32 [T, C], begin, length i32 [S] -> f32 [S, C], log of sums of exp(x); none: 0.\n"
           "PAL_E_ARGUMENT: a sequence that does not lie in the rows.",
    .min_in = 3,
    .max_in = 3,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .phase = {{.run = run, .tasks = tasks}},
    .sample = sample,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_op(context, &segment_log_sum_exp, error);
}
PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "log_sum_exp", define};
