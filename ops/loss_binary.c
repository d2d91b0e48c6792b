/* SPDX-License-Identifier: Apache-2.0 */
/* binary_cross_entropy_with_logits, and exclude (floor 2). Both are row-local. */
#define PAL_NO_CALLER
#include <math.h>
#include <string.h>

#include "ops/loss.h"

/* ---- binary_cross_entropy_with_logits ------------------------------------------------------ */

static pal_status binary_infer(pal_infer *call) {
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "logits");
  if (status) return status;
  for (int i = 1; i < call->n_in; i++)
    if (call->in_type[i].dtype && !pal_type_equal(&call->in_type[i], &call->in_type[0]))
      return pal_fail(call->error, PAL_E_SHAPE, "%s must have the type of the logits",
                      i == 1 ? "target" : "weight");
  return pal_infer_same(call);
}

static pal_status binary_run(const pal_run *run) {
  const pal_type *type = &run->out_type[0];
  const int64_t row = pal_type_row(type), first = pal_first_row(run, type) * row;
  pal_kernels_of(run->isa)->norm.binary_cross_entropy(
      pal_loss_rows(run, 0), pal_loss_rows(run, 1), pal_loss_rows(run, 2),
      pal_last_row(run, type) * row - first, (float *)run->out[0] + first);
  return PAL_OK;
}

static pal_status binary_reference(const pal_reference *call) {
  const double *weight = call->n_in > 2 ? call->in[2] : NULL;
  for (int64_t i = 0; i < pal_active(&call->in_type[0], call->in_rows[0]); i++) {
    const double x = call->in[0][i], target = call->in[1][i];
    const double loss = fmax(x, 0) - x * target + log1p(exp(-fabs(x)));
    call->out[0][i] = weight ? loss * weight[i] : loss;
  }
  return PAL_OK;
}

static pal_status binary_gradient(pal_gradient_call *call) {
  pal_graph *g = call->graph;
  const pal_value x = call->in[0], target = call->in[1], dloss = call->out_grad[0];
  const pal_value weight = call->n_in > 2 ? call->in[2] : PAL_NIL;
  if (pal_is_nil(dloss)) return PAL_OK;
  const pal_value scale = pal_is_nil(weight) ? dloss : pal_mul(g, dloss, weight);
  if (call->wanted & 1) call->in_grad[0] = pal_mul(g, pal_sub(g, pal_sigmoid(g, x), target), scale);
  if (call->wanted & 2) call->in_grad[1] = pal_affine(g, pal_mul(g, x, scale), -1, 0);
  if (call->wanted & 4)
    call->in_grad[2] =
        pal_mul(g, dloss, pal_binary_cross_entropy_with_logits(g, x, target, PAL_NIL));
  return PAL_OK;
}

static pal_value binary_sample(pal_case *random) {
  const pal_symbol rows = pal_case_int(random, 0, 3) ? pal_case_rows(random) : PAL_STATIC;
  const int64_t first = rows.id ? 1 : pal_case_size(random);
  pal_type type = PAL_TYPE(PAL_F32, rows, first);
  if (pal_case_int(random, 0, 2) == 0) type = PAL_TYPE(PAL_F32, rows, first, 3);
  const pal_value x = pal_case_f32(random, type, -9, 9), target = pal_case_f32(random, type, 0, 1);
  const pal_value weight = pal_case_int(random, 0, 1) ? pal_case_f32(random, type, 0, 2) : PAL_NIL;
  return pal_binary_cross_entropy_with_logits(pal_case_graph(random), x, target, weight);
}

const pal_op pal_op_binary_cross_entropy = {
    PAL_OP_HEAD("binary_cross_entropy_with_logits",
                "Inputs: logits x, target in 0..1, weight (optional), f32 of the same shape.\n"
                "Elementwise, loss = weight (max(x, 0) - x target + log(1 + exp(-|x|))), in nats.\n"
                "dx = weight (sigmoid(x) - target) dloss; dtarget = -weight x dloss; dweight =\n"
                "dloss times the loss without weight."),
    .min_in = 2,
    .max_in = 3,
    .optional = 1u << 2,
    .in_place = 1u << 0 | 1u << 1 | 1u << 2,
    .infer = binary_infer,
    .gradient = binary_gradient,
    .reference = binary_reference,
    .phase = {{.run = binary_run}},
    .sample = binary_sample,
};

/* ---- exclude ------------------------------------------------------------------------------- */

typedef struct exclude_attrs {
  pal_ints classes;
  int64_t zero; /* 1: the classes become 0 instead of -inf, as in the gradient */
} exclude_attrs;

static const pal_attr_field exclude_fields[] = {
    PAL_FIELD(exclude_attrs, classes, PAL_ATTR_INTS),
    PAL_FIELD(exclude_attrs, zero, PAL_ATTR_INT),
};

static pal_status exclude_infer(pal_infer *call) {
  const pal_ints classes = ((const exclude_attrs *)call->attrs)->classes;
  const pal_type *x = &call->in_type[0];
  const pal_status status = pal_want_dtype(call, 0, PAL_F32, "logits");
  if (status) return status;
  if (x->rank < 2)
    return pal_fail(call->error, PAL_E_SHAPE, "logits must have at least 2 axes, not %d", x->rank);
  for (size_t k = 0; k < classes.n; k++)
    if (classes.at[k] < 0 || classes.at[k] >= x->dim[x->rank - 1])
      return pal_fail(call->error, PAL_E_ARGUMENT,
                      "class %lld, to be excluded, is not one of the %lld classes",
                      (long long)classes.at[k], (long long)x->dim[x->rank - 1]);
  return pal_infer_same(call);
}

static pal_status exclude_run(const pal_run *run) {
  const exclude_attrs *a = run->attrs;
  const pal_type *type = &run->out_type[0];
  const int64_t row = pal_type_row(type), width = type->dim[type->rank - 1];
  const int64_t first = pal_first_row(run, type) * row, last = pal_last_row(run, type) * row;
  const float *x = run->in[0];
  float *y = run->out[0];
  if (x != y && last > first) memcpy(y + first, x + first, (size_t)(last - first) * sizeof *y);
  for (int64_t t = first; t < last; t += width)
    for (size_t k = 0; k < a->classes.n; k++) y[t + a->classes.at[k]] = a->zero ? 0.0f : -INFINITY;
  return PAL_OK;
}

static pal_status exclude_reference(const pal_reference *call) {
  const exclude_attrs *a = call->attrs;
  const pal_type *type = &call->in_type[0];
  const int64_t width = type->dim[type->rank - 1];
  for (int64_t i = 0; i < pal_active(type, call->in_rows[0]); i++) {
    call->out[0][i] = call->in[0][i];
    for (size_t k = 0; k < a->classes.n; k++)
      if (i % width == a->classes.at[k]) call->out[0][i] = a->zero ? 0 : -INFINITY;
  }
  return PAL_OK;
}

static pal_status exclude_gradient(pal_gradient_call *call) {
  if (pal_is_nil(call->out_grad[0])) return PAL_OK;
  const exclude_attrs attrs = {.classes = ((const exclude_attrs *)call->attrs)->classes, .zero = 1};
  call->in_grad[0] = pal_apply(call->graph, "exclude", call->out_grad, 1, &attrs, NULL);
  return PAL_OK;
}

static pal_value exclude_sample(pal_case *random) {
  const pal_symbol rows = pal_case_int(random, 0, 3) ? pal_case_rows(random) : PAL_STATIC;
  const int64_t width = pal_case_size(random);
  const pal_value x = pal_case_f32(random, PAL_TYPE(PAL_F32, rows, rows.id ? 1 : 7, width), -2, 2);
  int64_t classes[3];
  for (int k = 0; k < 3; k++) classes[k] = pal_case_int(random, 0, width - 1);
  const exclude_attrs attrs = {.classes = {classes, (size_t)pal_case_int(random, 0, 3)},
                               .zero = pal_case_int(random, 0, 1)};
  return pal_apply(pal_case_graph(random), "exclude", &x, 1, &attrs, NULL);
}

const pal_op pal_op_exclude = {
    PAL_OP_HEAD("exclude",
                "Logits f32 [T, ..., V], with the given classes of the last axis replaced by -inf\n"
                "(by 0 with zero = 1). Row-local. Gradient: dy with 0 at these classes."),
    .min_in = 1,
    .max_in = 1,
    .in_place = 1,
    .fields = exclude_fields,
    .n_fields = 2,
    .attrs_size = sizeof(exclude_attrs),
    .infer = exclude_infer,
    .gradient = exclude_gradient,
    .reference = exclude_reference,
    .phase = {{.run = exclude_run}},
    .sample = exclude_sample,
};

/* ---- builders ------------------------------------------------------------------------------ */

pal_value pal_binary_cross_entropy_with_logits(pal_graph *g, pal_value logits, pal_value target,
                                               pal_value weight) {
  return pal_apply(g, "binary_cross_entropy_with_logits",
                   (const pal_value[]){logits, target, weight}, 3, NULL, NULL);
}

pal_value pal_exclude(pal_graph *g, pal_value logits, pal_ints classes) {
  const exclude_attrs attrs = {.classes = classes};
  return pal_apply(g, "exclude", &logits, 1, &attrs, NULL);
}
