/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of a graph name the file and line that called the builder, for ops, layers and models
 * alike, and print types with the names of their symbols. Like a plug-in, this file builds graphs
 * with the public headers only. */
#include <palimpsest/gradient.h>
#include <palimpsest/masked.h>
#include <palimpsest/optim.h>
#include <palimpsest/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab.h"
#include "tests/run.h"

enum { A, B, MASK, VOCABULARY };
static const pal_format format = {
    .vocabulary = VOCABULARY, .mask = MASK, .bos = -1, .eos = -1, .context = 16};

/* Runs a call that must fail and records its line. */
#define AT(call) ((void)(call), __LINE__)

/* ---- builders, one by one --------------------------------------------------------------- */

typedef struct site {
  const pal_model *model;
  pal_graph *g;
  pal_batch_values in;
} site;

static int linear(site *s) { return AT(pal_layer_linear(s->g, "x", PAL_NIL, 4, true, 1)); }
static int linear_with(site *s) {
  return AT(pal_layer_linear_with(s->g, "x", PAL_NIL, 4, true, 1, PAL_PLAIN));
}
static int norm(site *s) { return AT(pal_layer_norm_named(s->g, s->model, "x", PAL_NIL)); }
static int network_of_batch(site *s) {
  s->in.begin = s->in.time = PAL_NIL;
  return AT(pal_network_of_batch(s->g, &s->in));
}
static int network_of_step(site *s) { return AT(pal_network_of_step(s->g, &(pal_decoding){0})); }
static int backbone(site *s) {
  pal_network network = pal_network_of_batch(s->g, &s->in);
  network.position = PAL_NIL; /* the error is found in a function that the library calls */
  return AT(pal_backbone(s->g, s->model, &network));
}
static int logits(site *s) { return AT(pal_output_logits(s->g, s->model, PAL_NIL)); }
static int inputs(site *s) {
  return AT(pal_batch_inputs(s->g, pal_model_definition_of(s->model), 8, 2, false));
}
static int masked_loss(site *s) {
  pal_value part;
  s->in.column[PAL_COLUMN_TARGET] = PAL_NIL;
  return AT(pal_masked_loss(s->model, s->g, &s->in, &part));
}
static int masked_predict(site *s) {
  return AT(pal_masked_predict(s->model, s->g, &(pal_decoding){0}, NULL, 0));
}
static int masked_best(site *s) {
  return AT(pal_masked_best(s->g, &(pal_decoding){0}, &(pal_masked_step){.y = {0}}, PAL_NIL, 1));
}
static int masked_write(site *s) {
  pal_decoding d = {0};
  return AT(pal_masked_write(s->model, s->g, &d, &(pal_masked_step){.y = {0}}, PAL_NIL));
}
static int optimize(site *s) { return AT(pal_optimize(s->g, NULL, (pal_optim_call){0})); }
static int optimizer_state(site *s) {
  return AT(pal_optimizer_state(s->g, "mine", "mean", s->in.token));
}
static int global_norm(site *s) { return AT(pal_global_norm(s->g, &s->in.token, 1)); }
static int clip_factor(site *s) { return AT(pal_clip_factor(s->g, PAL_NIL, 1)); }
static int ema(site *s) { return AT(pal_ema(s->g, s->in.token, PAL_NIL, PAL_NIL)); }
static int stop_gradient(site *s) { return AT(pal_stop_gradient(s->g, PAL_NIL)); }
static int scope_pop(site *s) { return AT(pal_scope_pop(s->g)); }
static int recompute(site *s) {
  pal_recompute_begin(s->g);
  return AT(pal_recompute_begin(s->g));
}

START_TEST(builders_name_their_caller) {
  static int (*const wrong[])(site *) = {
      linear,          linear_with,  norm,          network_of_batch, network_of_step,
      backbone,        logits,       inputs,        masked_loss,      masked_predict,
      masked_best,     masked_write, optimize,      global_norm,      clip_factor,
      optimizer_state, ema,          stop_gradient, scope_pop,        recompute};
  static const char *const setting[] = {"width=8", "heads=1", "layers=1", "positions=learned",
                                        NULL};
  lab l;
  lab_open(&l, 1, "mdm", &format, setting);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    site s = {.model = l.model, .g = pal_graph_new(l.context, l.store)};
    ck_assert_ptr_nonnull(s.g);
    s.in = pal_batch_inputs(s.g, pal_model_definition_of(l.model), 8, 2, false);
    char place[200];
    snprintf(place, sizeof place, "%s:%d: ", __FILE__, wrong[i](&s));
    const char *text = pal_graph_error(s.g)->text;
    ck_assert_msg(strncmp(text, place, strlen(place)) == 0, "%zu: \"%s\", not \"%s\"", i, text,
                  place);
    pal_graph_free(s.g);
  }
  lab_close(&l);
}
END_TEST

/* ---- a definition that is wrong --------------------------------------------------------- */

static const pal_column columns[] = {PAL_TARGET_COLUMNS};
static const char *const parts[] = {"loss"};
static int loss_line, step_line;

static pal_status no_rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                          bool evaluate, pal_batch *batch, pal_error *error) {
  (void)model, (void)example, (void)rng, (void)evaluate, (void)batch, (void)error;
  return PAL_E_UNSUPPORTED;
}

/* The layer's input has one column for each token, not rows and columns. */
static void wrong_loss(const pal_model *model, pal_graph *g, const pal_batch_values *in,
                       pal_value *part) {
  const pal_network network = pal_network_of_batch(g, in);
  const pal_value hidden = pal_backbone(g, model, &network);
  loss_line = AT(pal_layer_linear(g, "extra", in->token, 4, false, 1));
  part[0] = pal_sum_all(g, hidden);
}

static void wrong_step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  const pal_masked_step now = pal_masked_predict(model, g, d, NULL, 0);
  step_line = AT(pal_masked_write(model, g, d, &now, now.logits));
}

static void names_line(const pal_error *error, int line) {
  char place[200];
  snprintf(place, sizeof place, "%s:%d: ", __FILE__, line);
  ck_assert_msg(strstr(error->text, place) != NULL, "\"%s\", not \"%s\"", error->text, place);
}

START_TEST(definitions_name_their_line) {
  static const pal_model_definition wrong = {.abi_size = sizeof wrong,
                                             .name = "wrong",
                                             .doc = "A test.",
                                             .form = PAL_FORM_ANSWER,
                                             .column = columns,
                                             .n_columns = 2,
                                             .part = parts,
                                             .n_parts = 1,
                                             .rows = no_rows,
                                             .loss = wrong_loss,
                                             .start = pal_masked_start,
                                             .step = wrong_step};
  static const char *const setting[] = {"width=8", "heads=1", "layers=1"};
  lab l;
  lab_open(&l, 1, "arm", &format, NULL);
  pal_model_free(l.model);
  ck_assert_msg(!pal_define_model(l.context, &wrong, &l.error), "%s", l.error.text);
  l.model = pal_model_new(l.context, l.store, "wrong", &format, setting, 3, &l.error);
  ck_assert_msg(l.model != NULL, "%s", l.error.text);
  pal_error error = {0};
  ck_assert(pal_weights_save(l.model, "/dev/null", false, NULL, 0, &error) != PAL_OK);
  names_line(&error, loss_line);
  ck_assert_msg(strstr(error.text, "i32[T]") != NULL, "%s", error.text);
  pal_error_clear(&error);
  const pal_decode_options options = {.sequences = 2, .max_steps = 4};
  ck_assert_ptr_null(pal_decoder_new(l.model, &options, &error));
  names_line(&error, step_line);
  lab_close(&l);
}
END_TEST

/* ---- symbols ---------------------------------------------------------------------------- */

static void says(pal_graph *g, const char *words) {
  const char *text = pal_graph_error(g)->text;
  ck_assert_msg(strstr(text, words) != NULL, "\"%s\" lacks \"%s\"", text, words);
}

START_TEST(symbols_print_by_name) {
  lab l;
  lab_open(&l, 1, "arm", &format, NULL);
  for (int i = 0; i < 5; i++) {
    pal_graph *g = pal_graph_new(l.context, l.store);
    const pal_symbol rows = pal_symbol_new(g, "rows", 8), pairs = pal_symbol_new(g, "pairs", 8);
    const pal_type two = PAL_TYPE(PAL_F32, pairs, 2, 4);
    const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, rows, 1, 4));
    const pal_value y = pal_input(g, "y", two), w = pal_input(g, "w", PAL_TYPE(PAL_I32, rows, 1));
    pal_value dx;
    char text[64];
    ck_assert_str_eq(pal_graph_type_print(g, &two, text, sizeof text), "f32[2*pairs,4]");
    if (i == 0) pal_add(g, x, y), says(g, "f32[rows,4], f32[2*pairs,4]");
    if (i == 1) pal_loop(g, x, y), says(g, "f32[rows,4] and f32[2*pairs,4]");
    if (i == 2) pal_gradient(g, pal_sum_all(g, x), &w, 1, &dx), says(g, "i32[rows]");
    if (i == 3) pal_input(g, "z", PAL_TYPE(PAL_F32, rows, -1)), says(g, "f32[-1*rows]");
    if (i == 4) {
      pal_output(g, "z", pal_exp(g, y));
      pal_plan *plan = pal_compile(g, &l.error);
      ck_assert_msg(plan != NULL, "%s", l.error.text);
      char *report = pal_plan_report(plan);
      ck_assert_msg(report && strstr(report, " -> f32[2*pairs,4]"), "%s", report);
      free(report);
      pal_plan_free(plan);
    }
    pal_graph_free(g);
  }
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("caller");
  TCase *c = tcase_create("caller");
  tcase_add_test(c, builders_name_their_caller);
  tcase_add_test(c, definitions_name_their_line);
  tcase_add_test(c, symbols_print_by_name);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
