/* SPDX-License-Identifier: Apache-2.0 */
/* softmax and log_softmax over the last axis (floor 2).
 *
 * Both are row-local. The largest element of a row is subtracted before exp. Sums are taken in 16
 * lanes and then by a fixed tree over the lanes. */
#define PAL_NO_CALLER
#include <math.h>

#include "ops/common.h"

static pal_status softmax_infer(pal_infer *call) {
  const pal_type *x = &call->in_type[0];
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "x");
  if (status) return status;
  if (x->rank < 2)
    return pal_fail(call->error, PAL_E_SHAPE, "x must be rows of classes; reshape it to [1, N]");
  if (x->dim[x->rank - 1] == 0)
    return pal_fail(call->error, PAL_E_SHAPE, "the last axis has no classes");
  return pal_infer_same(call);
}

static pal_status backward_infer(pal_infer *call) {
  if (pal_type_equal(&call->in_type[0], &call->in_type[1])) return softmax_infer(call);
  return pal_fail(call->error, PAL_E_SHAPE, "y and dy must have the same type");
}

/* The rows of n classes that a call works on, from element `first` on. */
typedef struct classes {
  int64_t first, rows, n;
} classes;

static classes classes_of(const pal_run *run) {
  const pal_type *type = &run->in_type[0];
  const int64_t n = type->dim[type->rank - 1], row = pal_type_row(type);
  const int64_t first = pal_first_row(run, type), rows = pal_last_row(run, type) - first;
  return (classes){first * row, rows * (row / n), n};
}

/* ---- run ----------------------------------------------------------------------------- */

static pal_status softmax_run(const pal_run *run) {
  const classes c = classes_of(run);
  pal_kernels_of(run->isa)->reduce.softmax((float *)run->out[0] + c.first,
                                           (const float *)run->in[0] + c.first, c.rows, c.n);
  return PAL_OK;
}

static pal_status log_softmax_run(const pal_run *run) {
  const classes c = classes_of(run);
  pal_kernels_of(run->isa)->reduce.log_softmax((float *)run->out[0] + c.first,
                                               (const float *)run->in[0] + c.first, c.rows, c.n);
  return PAL_OK;
}

static pal_status softmax_backward_run(const pal_run *run) {
  const classes c = classes_of(run);
  pal_kernels_of(run->isa)->reduce.softmax_backward(
      (float *)run->out[0] + c.first, (const float *)run->in[0] + c.first,
      (const float *)run->in[1] + c.first, c.rows, c.n);
  return PAL_OK;
}

static pal_status log_softmax_backward_run(const pal_run *run) {
  const classes c = classes_of(run);
  pal_kernels_of(run->isa)->reduce.log_softmax_backward(
      (float *)run->out[0] + c.first, (const float *)run->in[0] + c.first,
      (const float *)run->in[1] + c.first, c.rows, c.n);
  return PAL_OK;
}

/* ---- reference ----------------------------------------------------------------------- */

static int64_t reference_rows(const pal_reference *call, int64_t *n) {
  const pal_type *type = &call->in_type[0];
  *n = type->dim[type->rank - 1];
  return call->in_rows[0] * (pal_type_row(type) / *n);
}

static pal_status log_softmax_reference(const pal_reference *call) {
  int64_t n;
  for (int64_t r = 0, rows = reference_rows(call, &n); r < rows; r++) {
    const double *x = call->in[0] + r * n;
    double most = x[0], sum = 0.0;
    for (int64_t i = 1; i < n; i++) most = fmax(most, x[i]);
    for (int64_t i = 0; i < n; i++) sum += exp(x[i] - most);
    for (int64_t i = 0; i < n; i++) call->out[0][r * n + i] = x[i] - most - log(sum);
  }
  return PAL_OK;
}

static pal_status softmax_reference(const pal_reference *call) {
  int64_t n;
  log_softmax_reference(call);
  for (int64_t i = 0, all = reference_rows(call, &n) * n; i < all; i++)
    call->out[0][i] = exp(call->out[0][i]);
  return PAL_OK;
}

/* dx = y (dy - sum(y dy)) for softmax, dy - exp(y) sum(dy) for log_softmax. */
static pal_status backward_reference(const pal_reference *call, bool of_log) {
  int64_t n;
  for (int64_t r = 0, rows = reference_rows(call, &n); r < rows; r++) {
    const double *y = call->in[0] + r * n, *dy = call->in[1] + r * n;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += of_log ? dy[i] : y[i] * dy[i];
    for (int64_t i = 0; i < n; i++)
      call->out[0][r * n + i] = of_log ? dy[i] - exp(y[i]) * sum : y[i] * (dy[i] - sum);
  }
  return PAL_OK;
}
static pal_status softmax_backward_reference(const pal_reference *call) {
  return backward_reference(call, false);
}
static pal_status log_softmax_backward_reference(const pal_reference *call) {
  return backward_reference(call, true);
}

/* ---- gradients ----------------------------------------------------------------------- */

static pal_status gradient_by(pal_gradient_call *call, const char *backward) {
  const pal_value in[2] = {call->out[0], call->out_grad[0]};
  if (!pal_is_nil(in[1])) call->in_grad[0] = pal_apply(call->graph, backward, in, 2, NULL, NULL);
  return PAL_OK;
}
static pal_status softmax_gradient(pal_gradient_call *call) {
  return gradient_by(call, "softmax_backward");
}
static pal_status log_softmax_gradient(pal_gradient_call *call) {
  return gradient_by(call, "log_softmax_backward");
}

/* ---- samples ------------------------------------------------------------------------- */

static pal_type sample_type(pal_case *random) {
  const bool middle = pal_case_int(random, 0, 2) == 0, symbolic = pal_case_int(random, 0, 3) > 0;
  const int64_t n = pal_case_size(random), rows = pal_case_int(random, 1, symbolic ? 2 : 5);
  const int64_t dim[3] = {rows, middle ? pal_case_int(random, 1, 3) : n, n};
  return pal_type_make(PAL_F32, symbolic ? pal_case_rows(random) : PAL_STATIC, dim, 2 + middle);
}

static pal_value softmax_sample(pal_case *random) {
  const pal_value x = pal_case_f32(random, sample_type(random), -4, 4);
  return pal_softmax(pal_case_graph(random), x);
}
static pal_value log_softmax_sample(pal_case *random) {
  const pal_value x = pal_case_f32(random, sample_type(random), -4, 4);
  return pal_log_softmax(pal_case_graph(random), x);
}
static pal_value softmax_backward_sample(pal_case *random) {
  const pal_type type = sample_type(random);
  const pal_value in[2] = {pal_case_fixed(random, type, 0, 0.5),
                           pal_case_fixed(random, type, -1, 1)};
  return pal_apply(pal_case_graph(random), "softmax_backward", in, 2, NULL, NULL);
}
static pal_value log_softmax_backward_sample(pal_case *random) {
  const pal_type type = sample_type(random);
  const pal_value in[2] = {pal_case_fixed(random, type, -6, -0.5),
                           pal_case_fixed(random, type, -1, 1)};
  return pal_apply(pal_case_graph(random), "log_softmax_backward", in, 2, NULL, NULL);
}

/* ---- descriptors --------------------------------------------------------------------- */

static const pal_op softmax_op = {
    PAL_OP_HEAD("softmax",
                "exp(x - max) / sum exp(x - max) along the last axis of f32 x, [T, ..., V].\n"
                "Gradient: softmax_backward. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .in_place = 1,
    .infer = softmax_infer,
    .gradient = softmax_gradient,
    .reference = softmax_reference,
    .phase = {{.run = softmax_run}},
    .sample = softmax_sample};
static const pal_op log_softmax_op = {
    PAL_OP_HEAD("log_softmax",
                "x - max - log sum exp(x - max) along the last axis of f32 x, [T, ..., V].\n"
                "Gradient: log_softmax_backward. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .in_place = 1,
    .infer = softmax_infer,
    .gradient = log_softmax_gradient,
    .reference = log_softmax_reference,
    .phase = {{.run = log_softmax_run}},
    .sample = log_softmax_sample};
static const pal_op softmax_backward_op = {
    PAL_OP_HEAD("softmax_backward",
                "y = softmax(x) and dy -> y (dy - sum(y dy)) along the last axis.\n"
                "Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = backward_infer,
    .reference = softmax_backward_reference,
    .phase = {{.run = softmax_backward_run}},
    .sample = softmax_backward_sample};
static const pal_op log_softmax_backward_op = {
    PAL_OP_HEAD("log_softmax_backward",
                "y = log_softmax(x) and dy -> dy - exp(y) sum(dy) along the last axis.\n"
                "Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = backward_infer,
    .reference = log_softmax_backward_reference,
    .phase = {{.run = log_softmax_backward_run}},
    .sample = log_softmax_backward_sample};

pal_value pal_softmax(pal_graph *g, pal_value x) {
  return pal_apply(g, "softmax", &x, 1, NULL, NULL);
}
pal_value pal_log_softmax(pal_graph *g, pal_value x) {
  return pal_apply(g, "log_softmax", &x, 1, NULL, NULL);
}

const pal_op *const pal_ops_softmax[] = {&softmax_op, &log_softmax_op, &softmax_backward_op,
                                         &log_softmax_backward_op, NULL};
