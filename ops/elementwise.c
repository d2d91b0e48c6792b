/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of two operands that broadcast, and affine (floor 2).
 *
 * Invariants: every element is one IEEE operation (in affine a fused one) on its operands, so
 * results do not depend on how rows are split into ranges. i32 arithmetic wraps around. */
#define PAL_NO_CALLER
#include "ops/broadcast.h"

#include <math.h>

/* ---- shared by the binary ops -------------------------------------------------------- */

static pal_status binary_infer(pal_infer *call) {
  const pal_dtype dtype = call->in_type[0].dtype;
  if (dtype != PAL_F32 && dtype != PAL_I32)
    return pal_fail(call->error, PAL_E_SHAPE, "arithmetic is on f32 or i32, not %s; cast first",
                    pal_dtype_name(dtype));
  pal_status status = pal_want_dtype(call, 1, dtype, "the second operand");
  return status ? status : pal_broadcast_infer(call);
}

static pal_status div_infer(pal_infer *call) {
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "the dividend");
  return status ? status : binary_infer(call);
}

static pal_status binary_run(const pal_run *run, pal_binary_kind kind) {
  const pal_elementwise_kernels *k = &pal_kernels_of(run->isa)->elementwise;
  pal_nest nest;
  pal_nest_make(run, &nest);
  for (int64_t p = 0; p < nest.planes; p++) {
    int64_t at[PAL_OPERANDS];
    const int64_t to = pal_nest_at(&nest, p, at);
    if (run->out_type[0].dtype == PAL_F32)
      k->binary_f32(kind, &nest.plane, (float *)run->out[0] + to, (const float *)run->in[0] + at[0],
                    (const float *)run->in[1] + at[1]);
    else
      k->binary_i32(kind, &nest.plane, (int32_t *)run->out[0] + to,
                    (const int32_t *)run->in[0] + at[0], (const int32_t *)run->in[1] + at[1]);
  }
  return PAL_OK;
}

/* An integer modulo 2^32, as an i32. */
static double wrapped(int64_t x) {
  const int64_t low = x & 0xffffffff;
  return (double)(low > INT32_MAX ? low - ((int64_t)1 << 32) : low);
}

static double reference_one(pal_binary_kind kind, bool whole, double a, double b) {
  switch (kind) {
    case PAL_BINARY_ADD: return whole ? wrapped((int64_t)a + (int64_t)b) : a + b;
    case PAL_BINARY_SUB: return whole ? wrapped((int64_t)a - (int64_t)b) : a - b;
    case PAL_BINARY_MUL: return whole ? wrapped((int64_t)a * (int64_t)b) : a * b;
    case PAL_BINARY_DIV: return a / b;
    case PAL_BINARY_MIN: return a < b || isnan(a) ? a : b;
    case PAL_BINARY_MAX: return a > b || isnan(a) ? a : b;
    case PAL_BINARY_AND:
    case PAL_BINARY_OR: break;
  }
  return 0.0;
}

static pal_status binary_reference(const pal_reference *call, pal_binary_kind kind) {
  const pal_type *out = &call->out_type[0];
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] = reference_one(kind, out->dtype == PAL_I32,
                                    call->in[0][pal_broadcast_index(out, &call->in_type[0], i)],
                                    call->in[1][pal_broadcast_index(out, &call->in_type[1], i)]);
  return PAL_OK;
}

/* A random case. With `positive`, as division needs it, the operands lie in 0.5 .. 2. */
static pal_value binary_sample(pal_case *random, const char *name, bool i32, bool positive) {
  pal_type type[2];
  const bool whole = i32 && pal_case_int(random, 0, 3) == 0;
  pal_sample_broadcast(random, whole ? PAL_I32 : PAL_F32, 2, type);
  pal_value in[2];
  for (int k = 0; k < 2; k++)
    in[k] = whole      ? pal_case_whole(random, type[k], -70000, 70000)
            : positive ? pal_case_f32(random, type[k], 0.5, 2)
                       : pal_case_f32(random, type[k], -2, 2);
  return pal_apply(pal_case_graph(random), name, in, 2, NULL, NULL);
}

/* Sets the gradient of input i to `grad`, which has the output's shape, summed over the broadcast
 * axes. */
static void contribute(pal_gradient_call *call, int i, pal_value grad) {
  call->in_grad[i] = pal_sum_to(call->graph, grad, call->in[i]);
}
static bool wants(const pal_gradient_call *call, int i) {
  return !pal_is_nil(call->out_grad[0]) && (call->wanted >> i & 1);
}

/* ---- gradients ----------------------------------------------------------------------- */

static pal_status add_gradient(pal_gradient_call *call) {
  for (int i = 0; i < 2; i++)
    if (wants(call, i)) contribute(call, i, call->out_grad[0]);
  return PAL_OK;
}

static pal_status sub_gradient(pal_gradient_call *call) {
  if (wants(call, 0)) contribute(call, 0, call->out_grad[0]);
  if (wants(call, 1)) { /* summed before it is negated, since the sum has fewer elements */
    contribute(call, 1, call->out_grad[0]);
    call->in_grad[1] = pal_affine(call->graph, call->in_grad[1], -1.0, 0.0);
  }
  return PAL_OK;
}

static pal_status mul_gradient(pal_gradient_call *call) {
  for (int i = 0; i < 2; i++)
    if (wants(call, i))
      contribute(call, i, pal_mul(call->graph, call->out_grad[0], call->in[1 - i]));
  return PAL_OK;
}

static pal_status div_gradient(pal_gradient_call *call) {
  pal_graph *g = call->graph;
  if (pal_is_nil(call->out_grad[0])) return PAL_OK;
  const pal_value da = pal_div(g, call->out_grad[0], call->in[1]);
  if (wants(call, 0)) contribute(call, 0, da);
  if (wants(call, 1)) {
    contribute(call, 1, pal_mul(g, da, call->out[0]));
    call->in_grad[1] = pal_affine(g, call->in_grad[1], -1.0, 0.0);
  }
  return PAL_OK;
}

/* The gradient of minimum and maximum: where the operands are equal the first one gets it. */
static pal_status choice_gradient(pal_gradient_call *call, pal_relation first_when) {
  pal_graph *g = call->graph;
  if (pal_is_nil(call->out_grad[0])) return PAL_OK;
  const pal_value first = pal_compare(g, call->in[0], call->in[1], first_when);
  const pal_value none = pal_scalar(g, 0.0), d = call->out_grad[0];
  if (wants(call, 0)) contribute(call, 0, pal_where(g, first, d, none));
  if (wants(call, 1)) contribute(call, 1, pal_where(g, first, none, d));
  return PAL_OK;
}
static pal_status minimum_gradient(pal_gradient_call *call) {
  return choice_gradient(call, PAL_LE);
}
static pal_status maximum_gradient(pal_gradient_call *call) {
  return choice_gradient(call, PAL_GE);
}

/* ---- the binary ops ------------------------------------------------------------------ */

/* Operands of minimum and maximum are integers plus a fraction below 0.4, in the second operand 0.5
 * more. So no two operands are nearly equal, where the derivative jumps. */
static pal_value choice_sample(pal_case *random, const char *name) {
  if (pal_case_int(random, 0, 3) == 0) return binary_sample(random, name, true, false);
  pal_type type[2];
  pal_value in[2];
  pal_graph *g = pal_case_graph(random);
  pal_sample_broadcast(random, PAL_F32, 2, type);
  for (int k = 0; k < 2; k++) {
    pal_type whole = type[k];
    whole.dtype = PAL_I32;
    const pal_value steps = pal_cast(g, pal_case_whole(random, whole, -3, 3), PAL_F32);
    const double low = k ? 0.5 : 0.0;
    in[k] = pal_add(g, steps, pal_case_f32(random, type[k], low, low + 0.4));
  }
  return pal_apply(g, name, in, 2, NULL, NULL);
}

#define BINARY(op, kind, infer_function, sample_call, doc_string)                                 \
  static pal_status op##_run(const pal_run *run) { return binary_run(run, kind); }                \
  static pal_status op##_reference(const pal_reference *call) {                                   \
    return binary_reference(call, kind);                                                          \
  }                                                                                               \
  static pal_value op##_sample(pal_case *random) { return sample_call; }                          \
  static const pal_op op##_op = {PAL_OP_HEAD(#op, doc_string "\nOperands broadcast. Row-local."), \
                                 .min_in = 2,                                                     \
                                 .max_in = 2,                                                     \
                                 .in_place = 3,                                                   \
                                 .infer = infer_function,                                         \
                                 .gradient = op##_gradient,                                       \
                                 .reference = op##_reference,                                     \
                                 .phase = {{.run = op##_run}},                                    \
                                 .sample = op##_sample};                                          \
  pal_value pal_##op(pal_graph *g, pal_value a, pal_value b) {                                    \
    return pal_apply(g, #op, (const pal_value[]){a, b}, 2, NULL, NULL);                           \
  }

BINARY(add, PAL_BINARY_ADD, binary_infer, binary_sample(random, "add", true, false),
       "a + b, f32 or i32 (wraps).\nGradient: dy to both.")
BINARY(sub, PAL_BINARY_SUB, binary_infer, binary_sample(random, "sub", true, false),
       "a - b, f32 or i32 (wraps).\nGradient: dy to a, -dy to b.")
BINARY(mul, PAL_BINARY_MUL, binary_infer, binary_sample(random, "mul", true, false),
       "a * b, f32 or i32 (wraps).\nGradient: dy b to a, dy a to b.")
BINARY(div, PAL_BINARY_DIV, div_infer, binary_sample(random, "div", false, true),
       "a / b, f32.\nGradient: dy / b to a, -dy y / b to b.")
BINARY(minimum, PAL_BINARY_MIN, binary_infer, choice_sample(random, "minimum"),
       "The smaller of a and b, f32 or i32; NaN if either is NaN.\n"
       "Gradient: dy to the smaller, to a if they are equal.")
BINARY(maximum, PAL_BINARY_MAX, binary_infer, choice_sample(random, "maximum"),
       "The larger of a and b, f32 or i32; NaN if either is NaN.\n"
       "Gradient: dy to the larger, to a if they are equal.")

/* ---- affine -------------------------------------------------------------------------- */

typedef struct affine_attrs {
  double scale, shift;
} affine_attrs;

static const pal_attr_field affine_fields[] = {PAL_FIELD(affine_attrs, scale, PAL_ATTR_FLOAT),
                                               PAL_FIELD(affine_attrs, shift, PAL_ATTR_FLOAT)};

static bool whole_i32(double x) {
  return x >= (double)INT32_MIN && x <= (double)INT32_MAX && floor(x) >= x;
}

static pal_status affine_infer(pal_infer *call) {
  const affine_attrs *a = call->attrs;
  const pal_dtype dtype = call->in_type[0].dtype;
  if (dtype == PAL_I32 && !(whole_i32(a->scale) && whole_i32(a->shift)))
    return pal_fail(call->error, PAL_E_SHAPE,
                    "scale %g and shift %g must be integers within i32, since x is i32", a->scale,
                    a->shift);
  if (dtype != PAL_I32 && dtype != PAL_F32)
    return pal_fail(call->error, PAL_E_SHAPE, "arithmetic is on f32 or i32, not %s; cast first",
                    pal_dtype_name(dtype));
  return pal_infer_same(call);
}

static pal_status affine_gradient(pal_gradient_call *call) {
  const affine_attrs *a = call->attrs;
  if (wants(call, 0)) call->in_grad[0] = pal_affine(call->graph, call->out_grad[0], a->scale, 0.0);
  return PAL_OK;
}

static pal_status affine_reference(const pal_reference *call) {
  const affine_attrs *a = call->attrs;
  const bool whole = call->out_type[0].dtype == PAL_I32;
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++) {
    const double x = call->in[0][i];
    call->out[0][i] = whole ? wrapped((int64_t)x * (int64_t)a->scale + (int64_t)a->shift)
                            : x * a->scale + a->shift;
  }
  return PAL_OK;
}

static pal_status affine_run(const pal_run *run) {
  const affine_attrs *a = run->attrs;
  const pal_type *type = &run->out_type[0];
  const int64_t row = pal_type_row(type), first = pal_first_row(run, type) * row;
  const int64_t n = pal_last_row(run, type) * row - first;
  if (type->dtype == PAL_F32) {
    pal_kernels_of(run->isa)->elementwise.unary(PAL_UNARY_AFFINE, (float)a->scale, (float)a->shift,
                                                (float *)run->out[0] + first,
                                                (const float *)run->in[0] + first, n);
    return PAL_OK;
  }
  const uint32_t scale = (uint32_t)(int32_t)a->scale, shift = (uint32_t)(int32_t)a->shift;
  const int32_t *x = (const int32_t *)run->in[0] + first;
  int32_t *out = (int32_t *)run->out[0] + first;
  for (int64_t i = 0; i < n; i++) out[i] = (int32_t)((uint32_t)x[i] * scale + shift);
  return PAL_OK;
}

static pal_value affine_sample(pal_case *random) {
  pal_type type;
  const bool whole = pal_case_int(random, 0, 3) == 0;
  pal_sample_broadcast(random, whole ? PAL_I32 : PAL_F32, 1, &type);
  affine_attrs a = {(double)pal_case_int(random, -24, 24), (double)pal_case_int(random, -9, 9)};
  if (whole) a = (affine_attrs){a.scale * 10007, a.shift * 2e8};
  else a = (affine_attrs){a.scale / 8, a.shift / 8}; /* exact in f32 */
  const pal_value x =
      whole ? pal_case_whole(random, type, -70000, 70000) : pal_case_f32(random, type, -2, 2);
  return pal_apply(pal_case_graph(random), "affine", &x, 1, &a, NULL);
}

static const pal_op affine_op = {
    PAL_OP_HEAD("affine",
                "x * scale + shift: f32, rounded once, or i32 with integers (wraps around).\n"
                "Gradient: dy * scale. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .in_place = 1,
    .fields = affine_fields,
    .n_fields = 2,
    .attrs_size = sizeof(affine_attrs),
    .infer = affine_infer,
    .gradient = affine_gradient,
    .reference = affine_reference,
    .phase = {{.run = affine_run}},
    .sample = affine_sample};

pal_value pal_affine(pal_graph *g, pal_value x, double scale, double shift) {
  const affine_attrs a = {scale, shift};
  return pal_apply(g, "affine", &x, 1, &a, NULL);
}

const pal_op *const pal_ops_elementwise[] = {&add_op,     &sub_op,     &mul_op,    &div_op,
                                             &minimum_op, &maximum_op, &affine_op, NULL};
