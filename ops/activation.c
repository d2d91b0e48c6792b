/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise functions of one operand: exp, log, tanh, sigmoid, erf, sqrt, relu, silu, gelu,
 * clamp, and the backward ops of some (floor 2).
 *
 * Invariant: the result of an element depends on that element alone. exp, log, tanh and erf are
 * those of the vector library on every instruction set, with an error of at most 1 ulp. */
#define PAL_NO_CALLER
#include <math.h>

#include "ops/broadcast.h"

/* ---- shared -------------------------------------------------------------------------- */

static pal_status unary_infer(pal_infer *call) {
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "x");
  return status ? status : pal_infer_same(call);
}

typedef struct range {
  int64_t first, n;
} range;

/* The elements of the rows that a call works on. All operands have the shape of the output. */
static range elements_of(const pal_run *run) {
  const pal_type *type = &run->out_type[0];
  const int64_t row = pal_type_row(type), first = pal_first_row(run, type) * row;
  return (range){first, pal_last_row(run, type) * row - first};
}

static pal_status unary_run(const pal_run *run, pal_unary_kind kind, double p, double q) {
  const range e = elements_of(run);
  pal_kernels_of(run->isa)->elementwise.unary(kind, (float)p, (float)q,
                                              (float *)run->out[0] + e.first,
                                              (const float *)run->in[0] + e.first, e.n);
  return PAL_OK;
}

static pal_status unary_reference(const pal_reference *call, double (*f)(double)) {
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] = f(call->in[0][i]);
  return PAL_OK;
}

static pal_value unary_sample(pal_case *random, const char *name, double low, double high,
                              const void *attrs) {
  pal_type type;
  pal_sample_broadcast(random, PAL_F32, 1, &type);
  const pal_value x = pal_case_f32(random, type, low, high);
  return pal_apply(pal_case_graph(random), name, &x, 1, attrs, NULL);
}

/* ---- reference functions ------------------------------------------------------------- */

static double sigmoid_of(double x) { return 1.0 / (1.0 + exp(-x)); }
static double relu_of(double x) { return x < 0.0 ? 0.0 : x; }
static double silu_of(double x) { return x * sigmoid_of(x); }
static double silu_slope_of(double x) {
  const double s = sigmoid_of(x);
  return s + x * s * (1.0 - s);
}
static const double pi = 3.14159265358979323846;
static double gelu_of(double x, bool tanh_form) {
  if (!tanh_form) return x * 0.5 * (1.0 + erf(x / sqrt(2.0)));
  return 0.5 * x * (1.0 + tanh(sqrt(2.0 / pi) * (x + 0.044715 * x * x * x)));
}
static double gelu_slope_of(double x, bool tanh_form) {
  if (!tanh_form) return 0.5 * (1.0 + erf(x / sqrt(2.0))) + x * exp(-0.5 * x * x) / sqrt(2.0 * pi);
  const double c = sqrt(2.0 / pi), t = tanh(c * (x + 0.044715 * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044715 * x * x);
}

/* ---- gradients ----------------------------------------------------------------------- */

#define GRADIENT(op, expression)                                              \
  static pal_status op##_gradient(pal_gradient_call *call) {                  \
    pal_graph *const g = call->graph;                                         \
    const pal_value d = call->out_grad[0], x = call->in[0], y = call->out[0]; \
    (void)x, (void)y;                                                         \
    if (!pal_is_nil(d)) call->in_grad[0] = (expression);                      \
    return PAL_OK;                                                            \
  }

GRADIENT(exp, pal_mul(g, d, y))
GRADIENT(log, pal_div(g, d, x))
GRADIENT(tanh, pal_mul(g, d, pal_affine(g, pal_mul(g, y, y), -1.0, 1.0)))
GRADIENT(sigmoid, pal_mul(g, d, pal_mul(g, y, pal_affine(g, y, -1.0, 1.0))))
GRADIENT(erf, pal_mul(g, pal_affine(g, d, 2.0 / sqrt(pi), 0.0),
                      pal_exp(g, pal_affine(g, pal_mul(g, x, x), -1.0, 0.0))))
GRADIENT(sqrt, pal_div(g, pal_affine(g, d, 0.5, 0.0), y))
GRADIENT(relu, pal_apply(g, "relu_backward", (const pal_value[]){y, d}, 2, NULL, NULL))
GRADIENT(silu, pal_apply(g, "silu_backward", (const pal_value[]){x, d}, 2, NULL, NULL))

/* ---- ops without attributes ---------------------------------------------------------- */

#define UNARY(op, kind, function, sample_call, doc_string)                                    \
  static pal_status op##_run(const pal_run *run) { return unary_run(run, kind, 0, 0); }       \
  static pal_status op##_reference(const pal_reference *call) {                               \
    return unary_reference(call, function);                                                   \
  }                                                                                           \
  static pal_value op##_sample(pal_case *random) { return sample_call; }                      \
  static const pal_op op##_op = {PAL_OP_HEAD(#op, doc_string "\nf32, any shape. Row-local."), \
                                 .min_in = 1,                                                 \
                                 .max_in = 1,                                                 \
                                 .in_place = 1,                                               \
                                 .infer = unary_infer,                                        \
                                 .gradient = op##_gradient,                                   \
                                 .reference = op##_reference,                                 \
                                 .phase = {{.run = op##_run}},                                \
                                 .sample = op##_sample};                                      \
  pal_value pal_##op(pal_graph *g, pal_value x) { return pal_apply(g, #op, &x, 1, NULL, NULL); }

#define BETWEEN(name, low, high) unary_sample(random, name, low, high, NULL)

/* Numbers of both signs, but never near 0, where the derivative jumps and the gradient test would
 * fail. */
static pal_value relu_case(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  pal_type type;
  pal_sample_broadcast(random, PAL_I32, 1, &type);
  const pal_value step = pal_cast(g, pal_case_whole(random, type, -2, 1), PAL_F32);
  type.dtype = PAL_F32;
  return pal_relu(g, pal_add(g, step, pal_case_f32(random, type, 0.1, 0.9)));
}

UNARY(exp, PAL_UNARY_EXP, exp, BETWEEN("exp", -4, 2), "e^x.\nGradient: dy y.")
UNARY(log, PAL_UNARY_LOG, log, BETWEEN("log", 0.2, 3), "Natural logarithm.\nGradient: dy / x.")
UNARY(tanh, PAL_UNARY_TANH, tanh, BETWEEN("tanh", -3, 3), "tanh x.\nGradient: dy (1 - y^2).")
UNARY(sigmoid, PAL_UNARY_SIGMOID, sigmoid_of, BETWEEN("sigmoid", -5, 5),
      "1 / (1 + e^-x).\nGradient: dy y (1 - y).")
UNARY(erf, PAL_UNARY_ERF, erf, BETWEEN("erf", -2, 2),
      "Error function.\nGradient: dy 2/sqrt(pi) exp(-x^2).")
UNARY(sqrt, PAL_UNARY_SQRT, sqrt, BETWEEN("sqrt", 0.2, 3), "Square root.\nGradient: dy / (2 y).")
UNARY(relu, PAL_UNARY_RELU, relu_of, relu_case(random),
      "x < 0 ? 0 : x; NaN gives NaN.\nGradient: relu_backward.")
UNARY(silu, PAL_UNARY_SILU, silu_of, BETWEEN("silu", -5, 5),
      "x sigmoid(x) (arXiv 1702.03118).\nGradient: silu_backward.")

/* ---- gelu ---------------------------------------------------------------------------- */

typedef struct gelu_attrs {
  int64_t tanh_form;
} gelu_attrs;

static const pal_attr_field gelu_fields[] = {PAL_FIELD(gelu_attrs, tanh_form, PAL_ATTR_INT)};

static pal_unary_kind gelu_kind(const void *attrs) {
  return ((const gelu_attrs *)attrs)->tanh_form ? PAL_UNARY_GELU_TANH : PAL_UNARY_GELU_ERF;
}

static pal_status gelu_gradient(pal_gradient_call *call) {
  const pal_value in[2] = {call->in[0], call->out_grad[0]};
  if (!pal_is_nil(in[1]))
    call->in_grad[0] = pal_apply(call->graph, "gelu_backward", in, 2, call->attrs, NULL);
  return PAL_OK;
}

static pal_status gelu_run(const pal_run *run) {
  return unary_run(run, gelu_kind(run->attrs), 0, 0);
}

static pal_status gelu_reference(const pal_reference *call) {
  const gelu_attrs *a = call->attrs;
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] = gelu_of(call->in[0][i], a->tanh_form);
  return PAL_OK;
}

static pal_value gelu_sample(pal_case *random) {
  const gelu_attrs a = {pal_case_int(random, 0, 1)};
  return unary_sample(random, "gelu", a.tanh_form ? -4 : -2, 4, &a); /* below -2, 1 + erf cancels */
}

static const pal_op gelu_op = {
    PAL_OP_HEAD("gelu",
                "x Phi(x), where Phi is the normal distribution function (arXiv 1606.08415). f32,\n"
                "any shape. With tanh_form = 0: x (1 + erf(x / sqrt 2)) / 2;\n"
                "with tanh_form = 1: x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.\n"
                "Gradient: gelu_backward. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .in_place = 1,
    .fields = gelu_fields,
    .n_fields = 1,
    .attrs_size = sizeof(gelu_attrs),
    .infer = unary_infer,
    .gradient = gelu_gradient,
    .reference = gelu_reference,
    .phase = {{.run = gelu_run}},
    .sample = gelu_sample};

pal_value pal_gelu(pal_graph *g, pal_value x, bool tanh_form) {
  const gelu_attrs a = {tanh_form};
  return pal_apply(g, "gelu", &x, 1, &a, NULL);
}

/* ---- backward ops: x and dy to dx ---------------------------------------------------- */

static pal_status backward_infer(pal_infer *call) {
  if (pal_type_equal(&call->in_type[0], &call->in_type[1])) return unary_infer(call);
  return pal_fail(call->error, PAL_E_SHAPE, "x and dy must have the same type");
}

static pal_status backward_run(const pal_run *run, pal_unary_kind kind) {
  const range e = elements_of(run);
  pal_kernels_of(run->isa)->elementwise.unary_backward(kind, (float *)run->out[0] + e.first,
                                                       (const float *)run->in[0] + e.first,
                                                       (const float *)run->in[1] + e.first, e.n);
  return PAL_OK;
}

/* A case with x outside of low .. high. Inside, the derivative crosses 0, so its relative error in
 * f32 has no bound. */
static pal_value backward_sample(pal_case *random, const char *name, double low, double high,
                                 const void *attrs) {
  pal_type type;
  pal_sample_broadcast(random, PAL_F32, 1, &type);
  const bool left = pal_case_int(random, 0, 1);
  const pal_value in[2] = {pal_case_fixed(random, type, left ? low - 1 : high, left ? low : 4),
                           pal_case_fixed(random, type, -1, 1)};
  return pal_apply(pal_case_graph(random), name, in, 2, attrs, NULL);
}

/* relu_backward takes y instead of x, which have the same sign, so x need not be stored for the
 * backward pass. It is linear in dy. */
static pal_status relu_backward_gradient(pal_gradient_call *call) {
  const pal_value in[2] = {call->in[0], call->out_grad[0]};
  if (!pal_is_nil(in[1]) && (call->wanted & 2))
    call->in_grad[1] = pal_apply(call->graph, "relu_backward", in, 2, NULL, NULL);
  return PAL_OK;
}
static pal_status relu_backward_run(const pal_run *run) {
  return backward_run(run, PAL_UNARY_RELU);
}
static pal_status relu_backward_reference(const pal_reference *call) {
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] = call->in[0][i] > 0.0 ? call->in[1][i] : 0.0;
  return PAL_OK;
}
static pal_value relu_backward_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  const pal_value y = relu_case(random);
  const pal_value in[2] = {y, pal_case_f32(random, pal_type_of(g, y), -1, 1)};
  return pal_apply(g, "relu_backward", in, 2, NULL, NULL);
}

static pal_status silu_backward_run(const pal_run *run) {
  return backward_run(run, PAL_UNARY_SILU);
}
static pal_status gelu_backward_run(const pal_run *run) {
  return backward_run(run, gelu_kind(run->attrs));
}
static pal_status silu_backward_reference(const pal_reference *call) {
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] = call->in[1][i] * silu_slope_of(call->in[0][i]);
  return PAL_OK;
}
static pal_status gelu_backward_reference(const pal_reference *call) {
  const gelu_attrs *a = call->attrs;
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] = call->in[1][i] * gelu_slope_of(call->in[0][i], a->tanh_form);
  return PAL_OK;
}
static pal_value silu_backward_sample(pal_case *random) {
  return backward_sample(random, "silu_backward", -1.6, -0.9, NULL);
}
static pal_value gelu_backward_sample(pal_case *random) {
  const gelu_attrs a = {pal_case_int(random, 0, 1)};
  return backward_sample(random, "gelu_backward", -1.1, -0.5, &a);
}

static const pal_op relu_backward_op = {
    PAL_OP_HEAD("relu_backward", "y and dy, f32 of the same shape: dy where y > 0, else 0.\n"
                                 "Gradient of dy: the same op; y has none. Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 3,
    .infer = backward_infer,
    .gradient = relu_backward_gradient,
    .reference = relu_backward_reference,
    .phase = {{.run = relu_backward_run}},
    .sample = relu_backward_sample};
static const pal_op silu_backward_op = {
    PAL_OP_HEAD("silu_backward",
                "x and dy, f32 of the same shape: dy s (1 + x (1 - s)), s = sigmoid(x).\n"
                "Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = backward_infer,
    .reference = silu_backward_reference,
    .phase = {{.run = silu_backward_run}},
    .sample = silu_backward_sample};
static const pal_op gelu_backward_op = {
    PAL_OP_HEAD("gelu_backward",
                "x and dy, f32 of the same shape: dy times the derivative of gelu at x, for the\n"
                "same tanh_form. Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .fields = gelu_fields,
    .n_fields = 1,
    .attrs_size = sizeof(gelu_attrs),
    .infer = backward_infer,
    .reference = gelu_backward_reference,
    .phase = {{.run = gelu_backward_run}},
    .sample = gelu_backward_sample};

/* ---- clamp --------------------------------------------------------------------------- */

typedef struct clamp_attrs {
  double low, high;
} clamp_attrs;

static const pal_attr_field clamp_fields[] = {PAL_FIELD(clamp_attrs, low, PAL_ATTR_FLOAT),
                                              PAL_FIELD(clamp_attrs, high, PAL_ATTR_FLOAT)};

static pal_status clamp_infer(pal_infer *call) {
  const clamp_attrs *a = call->attrs;
  if (a->low <= a->high) return unary_infer(call);
  return pal_fail(call->error, PAL_E_ARGUMENT, "low %g must not exceed high %g", a->low, a->high);
}

static pal_status clamp_gradient(pal_gradient_call *call) {
  const clamp_attrs *a = call->attrs;
  pal_graph *g = call->graph;
  const pal_value x = call->in[0], d = call->out_grad[0];
  if (pal_is_nil(d)) return PAL_OK;
  const pal_value inside = pal_and(g, pal_compare(g, x, pal_scalar(g, a->low), PAL_GE),
                                   pal_compare(g, x, pal_scalar(g, a->high), PAL_LE));
  call->in_grad[0] = pal_where(g, inside, d, pal_scalar(g, 0.0));
  return PAL_OK;
}

static pal_status clamp_reference(const pal_reference *call) {
  const clamp_attrs *a = call->attrs;
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++) {
    const double x = call->in[0][i];
    call->out[0][i] = x < a->low ? a->low : x > a->high ? a->high : x;
  }
  return PAL_OK;
}

static pal_status clamp_run(const pal_run *run) {
  const clamp_attrs *a = run->attrs;
  return unary_run(run, PAL_UNARY_CLAMP, a->low, a->high);
}

/* Numbers below, inside or above the bounds, never near one, where the derivative jumps. */
static pal_value clamp_sample(pal_case *random) {
  const clamp_attrs a = {-1.25, 1.5};
  const int64_t where = pal_case_int(random, 0, 2);
  const double low = where == 0 ? -3.0 : where == 1 ? -1.2 : 1.6;
  const double high = where == 0 ? -1.3 : where == 1 ? 1.4 : 3.0;
  return unary_sample(random, "clamp", low, high, &a);
}

static const pal_op clamp_op = {
    PAL_OP_HEAD("clamp", "x limited to low .. high, f32, any shape; NaN gives NaN.\n"
                         "Gradient: dy where low <= x <= high. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .in_place = 1,
    .fields = clamp_fields,
    .n_fields = 2,
    .attrs_size = sizeof(clamp_attrs),
    .infer = clamp_infer,
    .gradient = clamp_gradient,
    .reference = clamp_reference,
    .phase = {{.run = clamp_run}},
    .sample = clamp_sample};

pal_value pal_clamp(pal_graph *g, pal_value x, double low, double high) {
  const clamp_attrs a = {low, high};
  return pal_apply(g, "clamp", &x, 1, &a, NULL);
}

const pal_op *const pal_ops_activation[] = {
    &exp_op,           &log_op,           &tanh_op,          &sigmoid_op, &erf_op,
    &sqrt_op,          &relu_op,          &silu_op,          &gelu_op,    &clamp_op,
    &relu_backward_op, &silu_backward_op, &gelu_backward_op, NULL};
