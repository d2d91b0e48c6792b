/* SPDX-License-Identifier: Apache-2.0 */
/* layer_norm and rms_norm (floor 2). Both normalise the last axis; the result of a row depends on
 * that row only. */
#define PAL_NO_CALLER
#include <math.h>

#include "ops/norm.h"

typedef struct norm_attrs {
  double epsilon;
} norm_attrs;

static const pal_attr_field norm_fields[] = {PAL_FIELD(norm_attrs, epsilon, PAL_ATTR_FLOAT)};

static const void *input(const pal_run *run, int i) { return i < run->n_in ? run->in[i] : NULL; }

pal_status pal_norm_want_x(const pal_infer *call, int i, const char *what) {
  const pal_type *x = &call->in_type[i];
  const pal_status status = pal_want_dtype(call, i, PAL_F32, what);
  if (status) return status;
  if (x->rank < 2)
    return pal_fail(call->error, PAL_E_SHAPE, "%s must have at least 2 axes, not %d", what,
                    x->rank);
  if (pal_norm_width(x) > 0) return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE, "the last axis of %s is empty", what);
}

pal_status pal_norm_want_parameter(const pal_infer *call, int i, int64_t width, const char *what) {
  if (i >= call->n_in || !call->in_type[i].dtype) return PAL_OK;
  const pal_type *t = &call->in_type[i];
  if (t->dtype == PAL_F32 && t->rank == 1 && !t->symbol.id && t->dim[0] == width) return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE, "%s must be f32[%lld], static", what, (long long)width);
}

static pal_status norm_infer(pal_infer *call) {
  const double epsilon = ((const norm_attrs *)call->attrs)->epsilon;
  pal_status status = pal_norm_want_x(call, 0, "x");
  if (status) return status;
  const int64_t width = pal_norm_width(&call->in_type[0]);
  status = pal_norm_want_parameter(call, 1, width, "gain");
  if (!status) status = pal_norm_want_parameter(call, 2, width, "bias");
  if (status) return status;
  if (!(epsilon >= 0 && epsilon < INFINITY))
    return pal_fail(call->error, PAL_E_ARGUMENT, "epsilon is %g, must be 0 or more", epsilon);
  call->out_type[0] = call->in_type[0];
  call->out_type[1] = call->out_type[2] = pal_norm_statistic(&call->in_type[0]);
  return PAL_OK;
}

static pal_status layer_infer(pal_infer *call) {
  call->n_out = 3;
  return norm_infer(call);
}

static pal_status rms_infer(pal_infer *call) {
  call->n_out = 2;
  return norm_infer(call);
}

static pal_status norm_run(const pal_run *run) {
  const int64_t width = pal_norm_width(&run->in_type[0]);
  const pal_norm_span s = pal_norm_span_of(run, &run->in_type[0]);
  const pal_norm_forward call = {
      .rows = s.count,
      .width = width,
      .x = (const float *)run->in[0] + s.first * width,
      .gain = input(run, 1),
      .bias = input(run, 2),
      .epsilon = (float)((const norm_attrs *)run->attrs)->epsilon,
      .y = (float *)run->out[0] + s.first * width,
      .rstd = (float *)run->out[1] + s.first,
      .mean = run->n_out > 2 ? (float *)run->out[2] + s.first : NULL,
  };
  pal_kernels_of(run->isa)->norm.forward(&call);
  return PAL_OK;
}

static pal_status norm_reference(const pal_reference *call) {
  const double epsilon = ((const norm_attrs *)call->attrs)->epsilon;
  const int64_t width = pal_norm_width(&call->in_type[0]);
  const int64_t rows = pal_active(&call->in_type[0], call->in_rows[0]) / width;
  const double *gain = call->n_in > 1 ? call->in[1] : NULL;
  const double *bias = call->n_in > 2 ? call->in[2] : NULL;
  for (int64_t t = 0; t < rows; t++) {
    const double *x = call->in[0] + t * width;
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < width && call->n_out > 2; i++) mean += x[i] / (double)width;
    for (int64_t i = 0; i < width; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)width;
    const double rstd = 1 / sqrt(variance + epsilon);
    for (int64_t i = 0; i < width; i++)
      call->out[0][t * width + i] =
          (x[i] - mean) * rstd * (gain ? gain[i] : 1) + (bias ? bias[i] : 0);
    call->out[1][t] = rstd;
    if (call->n_out > 2) call->out[2][t] = mean;
  }
  return PAL_OK;
}

/* The gradient of both ops. rms_norm has no mean, so what belongs to it is nil. */
static pal_status norm_gradient(pal_gradient_call *call) {
  pal_graph *g = call->graph;
  const bool layer = call->n_out > 2;
  const pal_value x = call->in[0], gain = call->n_in > 1 ? call->in[1] : PAL_NIL;
  const pal_value rstd = call->out[1], mean = layer ? call->out[2] : PAL_NIL;
  const pal_value dy = call->out_grad[0];
  pal_value out[PAL_MAX_OUTPUTS];
  if (call->wanted & 1) {
    const pal_value in[] = {
        x, rstd, mean, gain, dy, call->out_grad[1], layer ? call->out_grad[2] : PAL_NIL};
    call->in_grad[0] = pal_apply(g, "norm_backward", in, 7, NULL, NULL);
  }
  if ((call->wanted & 6) && !pal_is_nil(dy)) {
    const pal_value in[] = {x, rstd, mean, dy};
    pal_apply(g, "norm_backward_parameters", in, 4, NULL, out);
    if (call->wanted & 2) call->in_grad[1] = out[0];
    if (call->wanted & 4) call->in_grad[2] = out[1];
  }
  return PAL_OK;
}

pal_value pal_norm_sample_rows(pal_case *random, pal_value *vector, int n) {
  const pal_symbol rows = pal_case_int(random, 0, 3) ? pal_case_rows(random) : PAL_STATIC;
  const int64_t first = rows.id ? 1 : pal_case_int(random, 1, 5);
  /* Rows of one or two elements are not drawn: their variance may be 0, and the result rounding
   * errors. */
  const int64_t width = pal_case_int(random, 0, 3) ? 3 + pal_case_size(random) : 200;
  const pal_type flat = PAL_TYPE(PAL_F32, rows, first, width);
  const pal_type deep = PAL_TYPE(PAL_F32, rows, first, 3, width);
  const pal_value x = pal_case_f32(random, pal_case_int(random, 0, 2) ? flat : deep, -2, 2);
  for (int i = 0; i < n; i++)
    vector[i] = pal_case_int(random, 0, 2)
                    ? pal_case_f32(random, PAL_TYPE(PAL_F32, PAL_STATIC, width), -1, 1)
                    : PAL_NIL;
  return x;
}

static pal_value layer_sample(pal_case *random) {
  pal_value parameter[2];
  const pal_value x = pal_norm_sample_rows(random, parameter, 2);
  return pal_layer_norm(pal_case_graph(random), x, parameter[0], parameter[1], 1e-2);
}

static const pal_op layer_norm = {
    PAL_OP_HEAD("layer_norm",
                "y = (x - mean) rstd gain + bias over the last axis (Ba et al., arXiv\n"
                "1607.06450). x f32 [T, ..., D]; gain, bias f32 [D], each optional. Outputs: y,\n"
                "rstd [T, ...] and mean [T, ...]; rstd = 1 / sqrt(variance + epsilon), the\n"
                "variance being divided by D. Row-local. Gradients: norm_backward,\n"
                "norm_backward_parameters."),
    .min_in = 1,
    .max_in = 3,
    .optional = 1u << 1 | 1u << 2,
    .in_place = 1,
    .fields = norm_fields,
    .n_fields = 1,
    .attrs_size = sizeof(norm_attrs),
    .infer = layer_infer,
    .gradient = norm_gradient,
    .reference = norm_reference,
    .phase = {{.run = norm_run}},
    .sample = layer_sample,
};

static pal_value rms_sample(pal_case *random) {
  pal_value gain;
  const pal_value x = pal_norm_sample_rows(random, &gain, 1);
  return pal_rms_norm(pal_case_graph(random), x, gain, 1e-2);
}

static const pal_op rms_norm = {
    PAL_OP_HEAD("rms_norm",
                "y = x rstd gain over the last axis (Zhang and Sennrich, arXiv 1910.07467).\n"
                "x f32 [T, ..., D]; gain f32 [D], optional. Outputs: y and rstd [T, ...];\n"
                "rstd = 1 / sqrt(mean of x^2 + epsilon).\n"
                "Row-local. Gradients: norm_backward, norm_backward_parameters."),
    .min_in = 1,
    .max_in = 2,
    .optional = 1u << 1,
    .in_place = 1,
    .fields = norm_fields,
    .n_fields = 1,
    .attrs_size = sizeof(norm_attrs),
    .infer = rms_infer,
    .gradient = norm_gradient,
    .reference = norm_reference,
    .phase = {{.run = norm_run}},
    .sample = rms_sample,
};

/* ---- builders ------------------------------------------------------------------------------ */

pal_value pal_layer_norm(pal_graph *g, pal_value x, pal_value gain, pal_value bias,
                         double epsilon) {
  const norm_attrs attrs = {.epsilon = epsilon};
  return pal_apply(g, "layer_norm", (const pal_value[]){x, gain, bias}, 3, &attrs, NULL);
}

pal_value pal_rms_norm(pal_graph *g, pal_value x, pal_value gain, double epsilon) {
  const norm_attrs attrs = {.epsilon = epsilon};
  return pal_apply(g, "rms_norm", (const pal_value[]){x, gain}, 2, &attrs, NULL);
}

const pal_op *const pal_ops_norm[] = {&layer_norm, &rms_norm, &pal_op_norm_backward,
                                      &pal_op_norm_backward_parameters, NULL};
