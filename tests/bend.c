/* SPDX-License-Identifier: Apache-2.0 */
/* Three elementwise ops that only the tests define, in plain C; their gradients consist of them
 * too, so that they can be differentiated any number of times. */
#define PAL_NO_CALLER
#include "tests/bend.h"

#include <palimpsest/check.h>

typedef struct line_attrs {
  double slope, shift;
} line_attrs;

static int64_t element(const pal_run *r, int64_t row) {
  const pal_type *t = &r->out_type[0];
  return row * (t->symbol.id ? t->dim[0] : 1) * pal_type_row(t);
}

static int64_t elements(const pal_reference *r) {
  return r->out_rows[0] * pal_type_row(&r->out_type[0]);
}

static pal_status infer(pal_infer *c) {
  for (int i = 1; i < c->n_in; i++)
    if (!pal_type_equal(&c->in_type[0], &c->in_type[i]))
      return pal_fail(c->error, PAL_E_SHAPE, "operands differ");
  c->n_out = 1;
  c->out_type[0] = c->in_type[0];
  return PAL_OK;
}

static pal_value sample_input(pal_case *random) {
  pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, pal_case_size(random));
  return pal_case_f32(random, type, -2, 2);
}

/* ---- bend_mul ------------------------------------------------------------------------- */

static pal_status mul_gradient(pal_gradient_call *c) {
  for (int i = 0; i < 2; i++)
    if (c->wanted >> i & 1) c->in_grad[i] = bend_mul(c->graph, c->out_grad[0], c->in[1 - i]);
  return PAL_OK;
}

static pal_status mul_reference(const pal_reference *r) {
  for (int64_t i = 0; i < elements(r); i++) r->out[0][i] = r->in[0][i] * r->in[1][i];
  return PAL_OK;
}

static pal_status mul_run(const pal_run *r) {
  const float *a = r->in[0], *b = r->in[1];
  for (int64_t i = element(r, r->begin); i < element(r, r->end); i++)
    ((float *)r->out[0])[i] = a[i] * b[i];
  return PAL_OK;
}

static pal_value mul_sample(pal_case *random) {
  pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 2, pal_case_size(random));
  pal_value a = pal_case_f32(random, type, -2, 2), b = pal_case_f32(random, type, -2, 2);
  return bend_mul(pal_case_graph(random), a, b);
}

const pal_op bend_mul_op = {.abi_size = sizeof(pal_op),
                            .name = "bend_mul",
                            .version = 1,
                            .doc = "a b",
                            .min_in = 2,
                            .max_in = 2,
                            .in_place = 3,
                            .infer = infer,
                            .gradient = mul_gradient,
                            .reference = mul_reference,
                            .phase = {{.run = mul_run}},
                            .sample = mul_sample};

pal_value bend_mul(pal_graph *g, pal_value a, pal_value b) {
  return pal_apply(g, "bend_mul", (pal_value[]){a, b}, 2, NULL, NULL);
}

/* ---- bend_line ------------------------------------------------------------------------ */

static const pal_attr_field line_fields[] = {PAL_FIELD(line_attrs, slope, PAL_ATTR_FLOAT),
                                             PAL_FIELD(line_attrs, shift, PAL_ATTR_FLOAT)};

static pal_status line_gradient(pal_gradient_call *c) {
  c->in_grad[0] = bend_line(c->graph, c->out_grad[0], ((const line_attrs *)c->attrs)->slope, 0);
  return PAL_OK;
}

static pal_status line_reference(const pal_reference *r) {
  const line_attrs *a = r->attrs;
  for (int64_t i = 0; i < elements(r); i++) r->out[0][i] = r->in[0][i] * a->slope + a->shift;
  return PAL_OK;
}

static pal_status line_run(const pal_run *r) {
  const line_attrs *a = r->attrs;
  const float *x = r->in[0];
  for (int64_t i = element(r, r->begin); i < element(r, r->end); i++)
    ((float *)r->out[0])[i] = x[i] * (float)a->slope + (float)a->shift;
  return PAL_OK;
}

static pal_value line_sample(pal_case *random) {
  double slope = pal_case_real(random, -2, 2);
  return bend_line(pal_case_graph(random), sample_input(random), slope, 1);
}

const pal_op bend_line_op = {.abi_size = sizeof(pal_op),
                             .name = "bend_line",
                             .version = 1,
                             .doc = "slope x + shift",
                             .min_in = 1,
                             .max_in = 1,
                             .in_place = 1,
                             .fields = line_fields,
                             .n_fields = 2,
                             .attrs_size = sizeof(line_attrs),
                             .infer = infer,
                             .gradient = line_gradient,
                             .reference = line_reference,
                             .phase = {{.run = line_run}},
                             .sample = line_sample};

pal_value bend_line(pal_graph *g, pal_value x, double slope, double shift) {
  return pal_apply(g, "bend_line", &x, 1, &(line_attrs){slope, shift}, NULL);
}

/* ---- bend_bell: y' = -2 x y^2 ------------------------------------------------------------- */

static pal_status bell_gradient(pal_gradient_call *c) {
  pal_value square = bend_mul(c->graph, c->out[0], c->out[0]);
  pal_value slope = bend_mul(c->graph, bend_line(c->graph, c->in[0], -2, 0), square);
  c->in_grad[0] = bend_mul(c->graph, c->out_grad[0], slope);
  return PAL_OK;
}

static pal_status bell_reference(const pal_reference *r) {
  for (int64_t i = 0; i < elements(r); i++) r->out[0][i] = 1 / (1 + r->in[0][i] * r->in[0][i]);
  return PAL_OK;
}

static pal_status bell_run(const pal_run *r) {
  const float *x = r->in[0];
  for (int64_t i = element(r, r->begin); i < element(r, r->end); i++)
    ((float *)r->out[0])[i] = 1 / (1 + x[i] * x[i]);
  return PAL_OK;
}

static pal_value bell_sample(pal_case *random) {
  return bend_bell(pal_case_graph(random), sample_input(random));
}

const pal_op bend_bell_op = {.abi_size = sizeof(pal_op),
                             .name = "bend_bell",
                             .version = 1,
                             .doc = "1 / (1 + x^2)",
                             .min_in = 1,
                             .max_in = 1,
                             .in_place = 1,
                             .infer = infer,
                             .gradient = bell_gradient,
                             .reference = bell_reference,
                             .phase = {{.run = bell_run}},
                             .sample = bell_sample};

pal_value bend_bell(pal_graph *g, pal_value x) {
  return pal_apply(g, "bend_bell", &x, 1, NULL, NULL);
}

pal_status bend_define(pal_context *context, pal_error *error) {
  const pal_op *all[] = {&bend_mul_op, &bend_line_op, &bend_bell_op};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_status status = pal_define_op(context, all[i], error);
    if (status) return status;
  }
  return PAL_OK;
}
