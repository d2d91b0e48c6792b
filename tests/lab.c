/* SPDX-License-Identifier: Apache-2.0 */
/* See lab.h. */
#include "tests/lab.h"

#include <check.h>
#include <palimpsest/gradient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lab_isa;

void lab_open(lab *l, int threads, const char *definition, const pal_format *format,
              const char *const *setting) {
  memset(l, 0, sizeof *l);
  pal_options options = {.threads = threads, .isa = lab_isa};
  int n = 0;
  l->context = pal_context_new(&options, &l->error);
  ck_assert_msg(l->context && !pal_register_ops(l->context, &l->error) &&
                    !pal_register_optimizers(l->context, &l->error) &&
                    !pal_register_models(l->context, &l->error),
                "%s", l->error.text);
  l->store = pal_store_new(7);
  while (setting && setting[n]) n++;
  l->model = pal_model_new(l->context, l->store, definition, format, setting, n, &l->error);
  ck_assert_msg(l->model != NULL, "%s", l->error.text);
}

void lab_close(lab *l) {
  pal_exec_free(l->exec);
  pal_plan_free(l->plan);
  pal_model_free(l->model);
  pal_store_free(l->store);
  pal_context_free(l->context);
}

void lab_define(lab *l, pal_model_definition *decoding) {
  const pal_model_definition *arm = pal_lookup(l->context, "model", "arm");
  decoding->doc = "decodes";
  decoding->rows = arm->rows;
  decoding->loss = arm->loss;
  decoding->part = arm->part;
  decoding->n_parts = arm->n_parts;
  ck_assert_msg(!pal_define_model(l->context, decoding, &l->error), "%s", l->error.text);
}

void lab_shake(lab *l, double scale) {
  pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(l->store, i)) != NULL; i++) {
    if (pal_variable_role(v) != PAL_PARAMETER) continue;
    pal_rng rng = pal_rng_new(11, pal_variable_name(v), 0, 0);
    const double middle = strstr(pal_variable_name(v), "gain") ? 1 : 0;
    float *x = pal_variable_data(v);
    for (size_t e = 0; e < pal_variable_bytes(v) / sizeof *x; e++)
      x[e] = (float)(middle + scale * pal_rng_normal(&rng));
  }
}

/* AdamW on every parameter that building the loss has created. */
static void build_steps(lab *l, pal_graph *g, pal_value total) {
  enum { MOST = 128 };
  const pal_optimizer *adamw = pal_lookup(l->context, "optimizer", "adamw");
  const pal_value rate = pal_input(g, "rate", pal_type_scalar(PAL_F32));
  const pal_value step = pal_input(g, "step", pal_type_scalar(PAL_F32));
  pal_value p[MOST], gradient[MOST];
  const size_t variables = pal_store_count(l->store);
  int n = 0;
  for (size_t i = 0; i < variables && n < MOST; i++) {
    const pal_variable *v = pal_store_at(l->store, i);
    if (pal_variable_role(v) == PAL_PARAMETER) p[n++] = pal_variable_old(g, pal_variable_name(v));
  }
  pal_gradient(g, total, p, n, gradient);
  for (int i = 0; i < n; i++)
    pal_optimize(g, adamw,
                 (pal_optim_call){.options = &adamw->defaults,
                                  .parameter = p[i],
                                  .gradient = gradient[i],
                                  .rate = rate,
                                  .step = step});
}

void lab_build(lab *l, bool training) {
  pal_exec_free(l->exec);
  pal_plan_free(l->plan);
  pal_graph *g = pal_graph_new(l->context, l->store);
  const pal_model_definition *definition = pal_model_definition_of(l->model);
  const pal_batch_values in = pal_batch_inputs(g, definition, LAB_ROWS, LAB_SEQUENCES, training);
  pal_value part[PAL_MAX_PARTS] = {{0}}, total = PAL_NIL;
  definition->loss(l->model, g, &in, part);
  for (int k = 0; k < definition->n_parts; k++) {
    char name[16];
    snprintf(name, sizeof name, "part%d", k);
    pal_output(g, name, part[k]);
    const pal_value scaled =
        pal_mul(g, part[k], pal_sum_all(g, pal_slice(g, in.scale, 0, k, k + 1)));
    total = k ? pal_add(g, total, scaled) : scaled;
  }
  pal_output(g, "total", total);
  if (training) build_steps(l, g, total);
  l->plan = pal_compile(g, &l->error);
  pal_graph_free(g);
  ck_assert_msg(l->plan != NULL, "%s", l->error.text);
  l->exec = pal_exec_new(l->plan, &l->error);
  ck_assert_msg(l->exec != NULL, "%s", l->error.text);
  l->batch = pal_batch_of(l->exec, definition);
}

void lab_add(lab *l, const pal_example *example, uint64_t step, bool evaluate) {
  pal_rng rng = pal_rng_new(3, "lab", step, example->id);
  const pal_model_definition *definition = pal_model_definition_of(l->model);
  ck_assert_msg(!definition->rows(l->model, example, &rng, evaluate, &l->batch, &l->error), "%s",
                l->error.text);
}

double lab_run(lab *l, int step, double rate) {
  float *scale = pal_exec_input(l->exec, "scale");
  for (int k = 0; k < pal_model_definition_of(l->model)->n_parts; k++)
    scale[k] = l->batch.count[k] > 0 ? (float)(1 / l->batch.count[k]) : 0;
  int32_t *seed = pal_exec_input(l->exec, "seed");
  seed[0] = 5;
  seed[2] = step;
  if (pal_exec_input(l->exec, "rate")) {
    *(float *)pal_exec_input(l->exec, "rate") = (float)rate;
    *(float *)pal_exec_input(l->exec, "step") = (float)step;
  }
  ck_assert(!pal_exec_count(l->exec, "T", l->batch.rows, &l->error));
  ck_assert(!pal_exec_count(l->exec, "S", l->batch.sequences, &l->error));
  ck_assert_msg(!pal_exec_run(l->exec, &l->error), "%s", l->error.text);
  return (double)*(const float *)pal_exec_output(l->exec, "total", NULL);
}

double lab_sum(lab *l) {
  lab_run(l, 0, 0);
  return (double)*(const float *)pal_exec_output(l->exec, "part0", NULL);
}

void lab_keep(int index, const pal_decoded *decoded, void *data) {
  lab_decoded *k = (lab_decoded *)data + index;
  ck_assert_int_le(decoded->n, LAB_TOKENS);
  k->n = decoded->n;
  k->passes = decoded->forward_passes;
  k->halted = decoded->halted;
  k->times++;
  memcpy(k->token, decoded->token, sizeof *k->token * (size_t)decoded->n);
}

void lab_decode(lab *l, const pal_decode_options *options, const pal_example *prompt, int n,
                lab_decoded *out) {
  memset(out, 0, sizeof *out * (size_t)n);
  pal_decoder *decoder = pal_decoder_new(l->model, options, &l->error);
  ck_assert_msg(decoder != NULL, "%s", l->error.text);
  ck_assert_msg(!pal_decode(decoder, prompt, n, lab_keep, out, &l->error), "%s", l->error.text);
  pal_decoder_free(decoder);
  for (int i = 0; i < n; i++) ck_assert_int_eq(out[i].times, 1);
}

void lab_assert_same(const lab_decoded *a, const lab_decoded *b) {
  ck_assert_int_eq(a->n, b->n);
  ck_assert_int_eq(a->passes, b->passes);
  ck_assert_int_eq(a->halted, b->halted);
  ck_assert_mem_eq(a->token, b->token, sizeof *a->token * (size_t)a->n);
}
