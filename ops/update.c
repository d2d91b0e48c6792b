/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizer updates: adamw_update, sgd_update, ema_update (floor 2).
 *
 * They are elementwise and without side effects; the outputs are the new values. The powers of the
 * betas are computed in double precision by repeated squaring and not by pow, whose bits differ
 * between C libraries. */
#define PAL_NO_CALLER
#include "ops/update.h"

#include <math.h>

#include "ops/common.h"

/* base^n for an integer n >= 0. */
static double power(double base, int64_t n) {
  double result = 1.0;
  for (; n > 0; n >>= 1) {
    if (n & 1) result *= base;
    base *= base;
  }
  return result;
}

/* Input 0 must be f32. Of the other inputs that are given, those in the bit set `scalars` must be
 * f32 scalars, and the rest must have the type of input 0. */
static pal_status want_alike(pal_infer *call, uint32_t scalars) {
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "the first input");
  for (int i = 1; i < call->n_in && !status; i++) {
    if (call->in_type[i].dtype == PAL_NONE) continue;
    if (scalars >> i & 1) {
      status = pal_want_dtype(call, i, PAL_F32, "rate, step, decay and scale");
      if (!status) status = pal_want_rank(call, i, 0, "rate, step, decay and scale");
    } else if (!pal_type_equal(&call->in_type[i], &call->in_type[0])) {
      status = pal_fail(call->error, PAL_E_SHAPE, "inputs 0 and %d must have the same type", i);
    }
  }
  return status;
}

/* The first element and the number of elements of the range of rows that a call works on. */
static int64_t range(const pal_run *run, int64_t *first) {
  const pal_type *type = &run->out_type[0];
  const int64_t row = pal_type_row(type);
  *first = pal_first_row(run, type) * row;
  return pal_last_row(run, type) * row - *first;
}

/* ---- adamw_update -------------------------------------------------------------------- */

enum { P, G, M, V, RATE, STEP, SCALE, AVERAGE, DECAY };
enum { NEW_P, NEW_M, NEW_V, NEW_AVERAGE };

static const pal_attr_field adamw_fields[] = {
    PAL_FIELD(pal_adamw_attrs, beta1, PAL_ATTR_FLOAT),
    PAL_FIELD(pal_adamw_attrs, beta2, PAL_ATTR_FLOAT),
    PAL_FIELD(pal_adamw_attrs, epsilon, PAL_ATTR_FLOAT),
    PAL_FIELD(pal_adamw_attrs, weight_decay, PAL_ATTR_FLOAT),
};

static pal_status adamw_infer(pal_infer *call) {
  const pal_adamw_attrs *a = call->attrs;
  const bool average = call->n_in > AVERAGE && call->in_type[AVERAGE].dtype != PAL_NONE;
  const bool decay = call->n_in > DECAY && call->in_type[DECAY].dtype != PAL_NONE;
  const pal_status status = want_alike(call, 1u << RATE | 1u << STEP | 1u << SCALE | 1u << DECAY);
  if (status) return status;
  if (average != decay)
    return pal_fail(call->error, PAL_E_ARGUMENT,
                    "average and decay must both be given or both be left out");
  if (!(a->beta1 >= 0 && a->beta1 < 1 && a->beta2 >= 0 && a->beta2 < 1))
    return pal_fail(call->error, PAL_E_ARGUMENT, "beta1 and beta2 must lie in [0, 1)");
  if (!(a->epsilon >= 0 && a->weight_decay >= 0))
    return pal_fail(call->error, PAL_E_ARGUMENT, "epsilon and weight_decay must not be negative");
  call->n_out = average ? 4 : 3;
  for (int i = 0; i < call->n_out; i++) call->out_type[i] = call->in_type[P];
  return PAL_OK;
}

static pal_status adamw_run(const pal_run *run) {
  const pal_adamw_attrs *a = run->attrs;
  const float rate = *(const float *)run->in[RATE], count = *(const float *)run->in[STEP];
  const bool average = run->n_out > NEW_AVERAGE;
  const float average_decay = average ? *(const float *)run->in[DECAY] : 0.0f;
  int64_t i;
  const int64_t n = range(run, &i);
  if (n == 0) return PAL_OK;
  if (!(count >= 1.0f && count < 0x1p62f))
    return pal_fail(run->error, PAL_E_ARGUMENT, "adamw_update: step is %g, must be 1 or more",
                    (double)count);
  const int64_t n_steps = (int64_t)count;
  const pal_adamw_step step = {
      .beta1 = (float)a->beta1,
      .rest1 = (float)(1.0 - a->beta1),
      .beta2 = (float)a->beta2,
      .rest2 = (float)(1.0 - a->beta2),
      .correct1 = (float)(1.0 / (1.0 - power(a->beta1, n_steps))),
      .correct2 = (float)(1.0 / (1.0 - power(a->beta2, n_steps))),
      .epsilon = (float)a->epsilon,
      .rate = rate,
      .decay = (float)((double)rate * a->weight_decay),
      .scale = run->n_in > SCALE && run->in[SCALE] ? *(const float *)run->in[SCALE] : 1.0f,
      .average_decay = average_decay,
      .average_rest = (float)(1.0 - (double)average_decay),
  };
  const float *const *in = (const float *const *)run->in;
  float *const *out = (float *const *)run->out;
  const pal_adamw_arrays x = {
      .p = in[P] + i,
      .g = in[G] + i,
      .m = in[M] + i,
      .v = in[V] + i,
      .average = average ? in[AVERAGE] + i : NULL,
      .new_p = out[NEW_P] + i,
      .new_m = out[NEW_M] + i,
      .new_v = out[NEW_V] + i,
      .new_average = average ? out[NEW_AVERAGE] + i : NULL,
  };
  pal_kernels_of(run->isa)->update.adamw(&step, &x, n);
  return PAL_OK;
}

static pal_status adamw_reference(const pal_reference *call) {
  const pal_adamw_attrs *a = call->attrs;
  const int64_t n = pal_active(&call->in_type[0], call->in_rows[0]);
  const double rate = *call->in[RATE], step = floor(*call->in[STEP]);
  if (n > 0 && !(step >= 1 && step < 0x1p62))
    return pal_fail(call->error, PAL_E_ARGUMENT, "step is %g, must be 1 or more", step);
  const double scale = call->n_in > SCALE && call->in[SCALE] ? *call->in[SCALE] : 1;
  for (int64_t i = 0; i < n; i++) {
    const double p = call->in[P][i], g = call->in[G][i] * scale;
    const double m = a->beta1 * call->in[M][i] + (1 - a->beta1) * g;
    const double v = a->beta2 * call->in[V][i] + (1 - a->beta2) * g * g;
    const double m_hat = m / (1 - pow(a->beta1, step)), v_hat = v / (1 - pow(a->beta2, step));
    const double next = p - rate * (m_hat / (sqrt(v_hat) + a->epsilon) + a->weight_decay * p);
    call->out[NEW_P][i] = next;
    call->out[NEW_M][i] = m;
    call->out[NEW_V][i] = v;
    if (call->n_out > NEW_AVERAGE) {
      const double d = *call->in[DECAY];
      call->out[NEW_AVERAGE][i] = d * call->in[AVERAGE][i] + (1 - d) * next;
    }
  }
  return PAL_OK;
}

/* The type of a random parameter: of rank 0 to 2, or with symbolic rows. */
static pal_type sample_type(pal_case *random) {
  const int64_t size = pal_case_size(random);
  switch (pal_case_int(random, 0, 3)) {
    case 0: return pal_type_scalar(PAL_F32);
    case 1: return PAL_TYPE(PAL_F32, PAL_STATIC, size);
    case 2: return PAL_TYPE(PAL_F32, PAL_STATIC, pal_case_int(random, 1, 9), size);
    default: return PAL_TYPE(PAL_F32, pal_case_rows(random), 1, size);
  }
}

static pal_value adamw_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  const pal_type type = sample_type(random);
  const pal_adamw_attrs attrs = {0.9, 0.999, 1e-8, pal_case_real(random, 0, 0.1)};
  pal_adamw_values in = {
      .parameter = pal_case_fixed(random, type, -1, 1),
      .gradient = pal_case_fixed(random, type, -1, 1),
      .first = pal_case_fixed(random, type, -1, 1),
      .second = pal_case_fixed(random, type, 0.1, 1),
      .rate = pal_scalar(g, pal_case_real(random, 0.001, 0.1)),
      .step = pal_scalar(g, (double)pal_case_int(random, 1, 5000)),
  };
  if (pal_case_int(random, 0, 1)) in.scale = pal_scalar(g, pal_case_real(random, 0.01, 1));
  if (pal_case_int(random, 0, 1)) {
    in.average = pal_case_fixed(random, type, -1, 1);
    in.decay = pal_case_fixed(random, pal_type_scalar(PAL_F32), 0, 1);
  }
  return pal_adamw_update(g, &in, &attrs).parameter;
}

static const pal_op adamw_op = {
    PAL_OP_HEAD("adamw_update",
                "Inputs: parameter p, gradient g, moments m and v, f32 of the same shape;\n"
                "learning rate and step, f32 scalars. Optional: scale, an f32 scalar that\n"
                "multiplies g; a moving average a like p together with its decay d, an f32\n"
                "scalar. Outputs: new p, m, v and, with a, new a. With t = step, counted from 1:\n"
                "m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;\n"
                "p = p - rate weight_decay p\n"
                "      - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon);\n"
                "a = d a + (1 - d) p with the new p.\n"
                "AdamW, with decoupled weight decay: Loshchilov and Hutter, arXiv 1711.05101.\n"
                "It has no gradient, since an update is the end of a training step."),
    .min_in = 6,
    .max_in = 9,
    .optional = 1u << SCALE | 1u << AVERAGE | 1u << DECAY,
    .flags = PAL_OP_NO_GRADIENT,
    .in_place = 3,
    .fields = adamw_fields,
    .n_fields = sizeof adamw_fields / sizeof *adamw_fields,
    .attrs_size = sizeof(pal_adamw_attrs),
    .infer = adamw_infer,
    .reference = adamw_reference,
    .phase = {{.run = adamw_run}},
    .sample = adamw_sample,
};

pal_adamw_results pal_adamw_update(pal_graph *g, const pal_adamw_values *x,
                                   const pal_adamw_attrs *attrs) {
  const pal_value in[] = {x->parameter, x->gradient, x->first,   x->second, x->rate,
                          x->step,      x->scale,    x->average, x->decay};
  pal_value out[PAL_MAX_OUTPUTS] = {PAL_NIL};
  pal_apply(g, adamw_op.name, in, 9, attrs, out);
  return (pal_adamw_results){out[NEW_P], out[NEW_M], out[NEW_V], out[NEW_AVERAGE]};
}

/* ---- sgd_update ---------------------------------------------------------------------- */

static const pal_attr_field sgd_fields[] = {
    PAL_FIELD(pal_sgd_attrs, momentum, PAL_ATTR_FLOAT),
    PAL_FIELD(pal_sgd_attrs, weight_decay, PAL_ATTR_FLOAT),
    PAL_FIELD(pal_sgd_attrs, nesterov, PAL_ATTR_INT),
};

static pal_status sgd_infer(pal_infer *call) {
  const pal_sgd_attrs *a = call->attrs;
  const bool velocity = call->in_type[2].dtype != PAL_NONE;
  const pal_status status = want_alike(call, 1u << 3);
  if (status) return status;
  if (!(a->momentum >= 0 && a->momentum < 1 && a->weight_decay >= 0))
    return pal_fail(call->error, PAL_E_ARGUMENT,
                    "momentum must lie in [0, 1) and weight_decay must not be negative");
  if (!velocity && a->momentum > 0)
    return pal_fail(call->error, PAL_E_ARGUMENT, "momentum %g needs a velocity", a->momentum);
  call->n_out = velocity ? 2 : 1;
  for (int i = 0; i < call->n_out; i++) call->out_type[i] = call->in_type[0];
  return PAL_OK;
}

static pal_status sgd_run(const pal_run *run) {
  const pal_sgd_attrs *a = run->attrs;
  const float rate = *(const float *)run->in[3];
  const pal_sgd_step step = {(float)a->momentum, rate, (float)((double)rate * a->weight_decay),
                             a->nesterov != 0};
  int64_t i;
  const int64_t n = range(run, &i);
  const float *const *in = (const float *const *)run->in;
  float *const *out = (float *const *)run->out;
  pal_kernels_of(run->isa)->update.sgd(&step, in[0] + i, in[1] + i, in[2] ? in[2] + i : NULL, n,
                                       out[0] + i, in[2] ? out[1] + i : NULL);
  return PAL_OK;
}

static pal_status sgd_reference(const pal_reference *call) {
  const pal_sgd_attrs *a = call->attrs;
  const int64_t n = pal_active(&call->in_type[0], call->in_rows[0]);
  const double rate = *call->in[3];
  for (int64_t i = 0; i < n; i++) {
    const double p = call->in[0][i], g = call->in[1][i];
    double d = g;
    if (call->in[2]) {
      const double velocity = a->momentum * call->in[2][i] + g;
      call->out[1][i] = velocity;
      d = a->nesterov ? g + a->momentum * velocity : velocity;
    }
    call->out[0][i] = p - rate * a->weight_decay * p - rate * d;
  }
  return PAL_OK;
}

static pal_value sgd_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  const pal_type type = sample_type(random);
  const bool plain = pal_case_int(random, 0, 2) == 0;
  const pal_sgd_attrs attrs = {plain ? 0.0 : pal_case_real(random, 0, 0.99),
                               pal_case_real(random, 0, 0.1), pal_case_int(random, 0, 1)};
  const pal_value p = pal_case_fixed(random, type, -1, 1);
  const pal_value gradient = pal_case_fixed(random, type, -1, 1);
  const pal_value velocity = plain ? PAL_NIL : pal_case_fixed(random, type, -1, 1);
  const pal_value rate = pal_scalar(g, pal_case_real(random, 0.001, 0.5));
  return pal_sgd_update(g, p, gradient, velocity, rate, &attrs, NULL);
}

static const pal_op sgd_op = {
    PAL_OP_HEAD("sgd_update",
                "Inputs: parameter p, gradient g, velocity b, f32 of the same shape (b may be nil\n"
                "if momentum is 0); learning rate, an f32 scalar. Outputs: new p and, with b, new\n"
                "b: b = momentum b + g;  d = nesterov ? g + momentum b : b (without b: d = g);\n"
                "p = p - rate weight_decay p - rate d.\n"
                "Momentum as in PyTorch (Sutskever et al., ICML 2013), with decoupled weight\n"
                "decay. It has no gradient, since an update is the end of a training step."),
    .min_in = 4,
    .max_in = 4,
    .optional = 4,
    .flags = PAL_OP_NO_GRADIENT,
    .in_place = 3,
    .fields = sgd_fields,
    .n_fields = sizeof sgd_fields / sizeof *sgd_fields,
    .attrs_size = sizeof(pal_sgd_attrs),
    .infer = sgd_infer,
    .reference = sgd_reference,
    .phase = {{.run = sgd_run}},
    .sample = sgd_sample,
};

pal_value pal_sgd_update(pal_graph *g, pal_value parameter, pal_value gradient, pal_value velocity,
                         pal_value rate, const pal_sgd_attrs *attrs, pal_value *new_velocity) {
  const pal_value in[] = {parameter, gradient, velocity, rate};
  pal_value out[PAL_MAX_OUTPUTS];
  pal_apply(g, sgd_op.name, in, 4, attrs, out);
  if (new_velocity) *new_velocity = out[1];
  return out[0];
}

/* ---- ema_update ---------------------------------------------------------------------- */

static pal_status ema_infer(pal_infer *call) {
  const pal_status status = want_alike(call, 1u << 2);
  if (status) return status;
  return pal_infer_same(call);
}

static pal_status ema_run(const pal_run *run) {
  const float decay = *(const float *)run->in[2];
  int64_t i;
  const int64_t n = range(run, &i);
  pal_kernels_of(run->isa)->update.ema(decay, (float)(1.0 - (double)decay),
                                       (const float *)run->in[0] + i, (const float *)run->in[1] + i,
                                       n, (float *)run->out[0] + i);
  return PAL_OK;
}

static pal_status ema_reference(const pal_reference *call) {
  const int64_t n = pal_active(&call->in_type[0], call->in_rows[0]);
  const double d = *call->in[2];
  for (int64_t i = 0; i < n; i++) call->out[0][i] = d * call->in[0][i] + (1 - d) * call->in[1][i];
  return PAL_OK;
}

static pal_value ema_sample(pal_case *random) {
  const pal_type type = sample_type(random);
  const pal_value ema = pal_case_fixed(random, type, -1, 1);
  const pal_value value = pal_case_fixed(random, type, -1, 1);
  const pal_value decay = pal_case_fixed(random, pal_type_scalar(PAL_F32), 0, 1);
  return pal_ema_update(pal_case_graph(random), ema, value, decay);
}

static const pal_op ema_op = {
    PAL_OP_HEAD("ema_update",
                "Inputs: moving average e and value x, f32 of the same shape; decay d, an f32\n"
                "scalar. Output: d e + (1 - d) x.\n"
                "It has no gradient, since an update is the end of a training step."),
    .min_in = 3,
    .max_in = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .in_place = 3,
    .infer = ema_infer,
    .reference = ema_reference,
    .phase = {{.run = ema_run}},
    .sample = ema_sample,
};

pal_value pal_ema_update(pal_graph *g, pal_value ema, pal_value value, pal_value decay) {
  const pal_value in[] = {ema, value, decay};
  return pal_apply(g, ema_op.name, in, 3, NULL, NULL);
}

const pal_op *const pal_ops_update[] = {&adamw_op, &sgd_op, &ema_op, NULL};
