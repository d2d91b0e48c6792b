/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that defines an op: softsign, y = x / (1 + |x|), with its gradient.
 *
 *   cc -shared -fPIC op_softsign.c $(pkg-config --cflags --libs palimpsest) -o op_softsign.so
 *   $ palimpsest check-op softsign --plugin ./op_softsign.so
 *
 * It is treated like a built-in op: shape errors name the caller's line; the planner may fuse it
 * into a chain with other ops and run it in threads; check-op tests it by its reference and its
 * sample. */
#include <palimpsest/palimpsest.h>

#include <math.h>

static pal_status infer(pal_infer *call) {
  if (call->in_type[0].dtype != PAL_F32) return pal_fail(call->error, PAL_E_SHAPE, "x must be f32");
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  return PAL_OK;
}

/* dx = dy / (1 + |x|)^2 = dy (1 - |y|)^2, built from other ops, so it has a gradient in turn. */
static pal_status gradient(pal_gradient_call *call) {
  pal_graph *g = call->graph;
  pal_value y = call->out[0], size = pal_maximum(g, y, pal_affine(g, y, -1, 0));
  pal_value slope = pal_affine(g, size, -1, 1);
  call->in_grad[0] = pal_mul(g, call->out_grad[0], pal_mul(g, slope, slope));
  return PAL_OK;
}

static pal_status reference(const pal_reference *call) {
  int64_t n = call->in_rows[0] * pal_type_row(&call->in_type[0]);
  for (int64_t i = 0; i < n; i++) call->out[0][i] = call->in[0][i] / (1 + fabs(call->in[0][i]));
  return PAL_OK;
}

/* Computes rows call->begin to call->end - 1. An op of one such phase is row-local: the executor
 * chooses the rows, and may run it in a chain with other row-local ops. */
static pal_status run(const pal_run *call) {
  const pal_type *type = &call->out_type[0];
  int64_t row = pal_type_row(type) * (type->symbol.id ? type->dim[0] : 1);
  const float *x = call->in[0];
  float *y = call->out[0];
  for (int64_t i = call->begin * row; i < call->end * row; i++) y[i] = x[i] / (1 + fabsf(x[i]));
  return PAL_OK;
}

/* A random case for the checks. It avoids 0, where the derivative of |x| jumps. */
static pal_value sample(pal_case *random) {
  pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, pal_case_size(random));
  double sign = pal_case_int(random, 0, 1) ? 1 : -1;
  pal_value x = pal_case_f32(random, type, sign > 0 ? 0.1 : -3, sign > 0 ? 3 : -0.1);
  return pal_apply(pal_case_graph(random), "softsign", &x, 1, NULL, NULL);
}

static const pal_op softsign = {
    .abi_size = sizeof(pal_op),
    .name = "softsign",
    .version = 1,
    .doc = "x [T, ...] f32 -> x / (1 + |x|), elementwise. Gradient: dy (1 - |y|)^2. Row-local.",
    .min_in = 1,
    .max_in = 1,
    .in_place = 1,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .phase = {{.run = run}},
    .sample = sample,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_op(context, &softsign, error);
}

PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "softsign", define};
