/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in for Palimpsest with the op NAME, a start to be changed.
 *
 * As it stands it computes y = a x^2 with an attribute a. "Here:" marks what an op of your own
 * changes. `make` builds it, and `make check` compares kernel, reference and gradient on random
 * cases. doc/write-an-op.md of Palimpsest describes every part, and the header palimpsest/op.h has
 * the whole contract. A graph applies it by its name, with pal_apply(g, "NAME", ...). */
#include <palimpsest/palimpsest.h>

#include <stddef.h>

/* Attributes of the op, and the table that describes each member. Nodes with the same inputs and
 * attributes are computed once. Here: your own; without any, leave out the fields below. */
typedef struct own_attrs {
  double a;
} own_attrs;

static const pal_attr_field fields[] = {PAL_FIELD(own_attrs, a, PAL_ATTR_FLOAT)};

/* Refuses inputs that the op cannot take, and sets the types of the outputs. Here: the shapes. */
static pal_status infer(pal_infer *call) {
  if (call->in_type[0].dtype != PAL_F32) return pal_fail(call->error, PAL_E_SHAPE, "x must be f32");
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  return PAL_OK;
}

/* Builds the gradient of other ops: dx = dy 2 a x. Here: that of your formula. */
static pal_status gradient(pal_gradient_call *call) {
  const own_attrs *own = call->attrs;
  const pal_value twice = pal_affine(call->graph, call->in[0], 2 * own->a, 0);
  call->in_grad[0] = pal_mul(call->graph, call->out_grad[0], twice);
  return PAL_OK;
}

/* The same values in double precision, with plain loops; only the check calls it. Here: the formula
 * once more, as directly as possible. */
static pal_status reference(const pal_reference *call) {
  const own_attrs *own = call->attrs;
  const int64_t n = call->in_rows[0] * pal_type_row(&call->in_type[0]);
  for (int64_t i = 0; i < n; i++) call->out[0][i] = own->a * call->in[0][i] * call->in[0][i];
  return PAL_OK;
}

/* The kernel: rows call->begin to call->end - 1, which the executor chooses. Here: the formula, in
 * single precision. */
static pal_status run(const pal_run *call) {
  const own_attrs *own = call->attrs;
  const pal_type *type = &call->out_type[0];
  const int64_t row = pal_type_row(type) * (type->symbol.id ? type->dim[0] : 1);
  const float *x = call->in[0], a = (float)own->a;
  float *y = call->out[0];
  for (int64_t i = call->begin * row; i < call->end * row; i++) y[i] = a * x[i] * x[i];
  return PAL_OK;
}

/* Makes a random case for the check: inputs of any size whose values suit the op. */
static pal_value sample(pal_case *random) {
  const pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, pal_case_size(random));
  const pal_value x = pal_case_f32(random, type, -2, 2);
  const own_attrs attrs = {.a = 0.5 * (double)pal_case_int(random, 1, 4)};
  return pal_apply(pal_case_graph(random), "NAME", &x, 1, &attrs, NULL);
}

static const pal_op definition = {
    .abi_size = sizeof(pal_op),
    .name = "NAME",
    .version = 1,
    .doc = "x [T, ...] f32 -> a x^2, elementwise. Gradient: dy 2 a x. Row-local.",
    .attrs_size = sizeof(own_attrs),
    .fields = fields,
    .n_fields = 1,
    .min_in = 1,
    .max_in = 1,
    .in_place = 1, /* the output may take the place of the input in memory */
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .phase = {{.run = run}},
    .sample = sample,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_op(context, &definition, error);
}

PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "NAME", define};
