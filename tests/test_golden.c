/* SPDX-License-Identifier: Apache-2.0 */
/* Golden values: logits, loss and all gradients of one small transformer of each kind are compared
 * with an independent implementation in NumPy in double precision (tools/golden.py, which wrote
 * tests/golden/models.json). Both the plan in f32 and the reference interpreter in double must
 * agree with it. */
#include <check.h>
#include <jansson.h>
#include <math.h>
#include <palimpsest/palimpsest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/columns.h"
#include "tests/run.h"

enum { VOCABULARY = 7, MASK = 6, SEQUENCES = 3, ROWS = 9, MOST = 64 };
static const int32_t tokens[ROWS] = {0, 3, 5, 1, 6, 2, 6, 4, 6};
static const int lengths[SEQUENCES] = {3, 5, 1};

static json_t *golden;

static void load(void) {
  const char *folder = getenv("srcdir");
  char path[4096];
  json_error_t error;
  snprintf(path, sizeof path, "%s/tests/golden/models.json", folder ? folder : ".");
  golden = json_load_file(path, 0, &error);
  ck_assert_msg(golden != NULL, "%s:%d: %s", path, error.line, error.text);
}

/* The same numbers as in tools/golden.py. */
static void fill(pal_variable *v) {
  const char *name = pal_variable_name(v);
  int phase = 0;
  for (const char *c = name; *c; c++) phase += (unsigned char)*c;
  size_t n = strlen(name);
  bool gain = n > 5 && strcmp(name + n - 5, ".gain") == 0;
  float *x = pal_variable_data(v);
  for (size_t i = 0; i < pal_variable_bytes(v) / sizeof *x; i++)
    x[i] = (float)(sin(1.3 * (double)i + phase % 97) * (gain ? 0.1 : 0.3) + (gain ? 1 : 0));
}

static void fill_batch(pal_batch *b, pal_error *error) {
  for (int s = 0, at = 0; s < SEQUENCES; at += lengths[s++]) {
    ck_assert_int_ge(pal_batch_add(b, tokens + at, lengths[s], (uint64_t)s, error), 0);
    if (reals_of(b, "time")) reals_of(b, "time")[s] = 0.125f * (float)(s + 1);
  }
  for (int r = 0; r < ROWS; r++) {
    integers_of(b, "target")[r] = r % 3 == 1 ? -1 : (r * 5 + 2) % 6;
    reals_of(b, "weight")[r] = 0.5f + 0.25f * (float)(r % 4);
    if (!reals_of(b, "remask")) continue;
    reals_of(b, "remask")[r] = r % 2 == 0;
    reals_of(b, "insert")[r] = r % 3 == 0;
    reals_of(b, "remove")[r] = r % 4 == 1;
    reals_of(b, "edit_weight")[r] = r % 5 != 4;
  }
}

/* Compares output `name` of both interpreters with the golden list. */
static void compare(const pal_exec *exec, const pal_reference_result *reference, const char *name,
                    const json_t *want, const char *model) {
  const float *got = pal_exec_output(exec, name, NULL);
  const double *exact = pal_reference_output(reference, name, NULL);
  size_t n = json_is_array(want) ? json_array_size(want) : 1;
  double most = 0;
  for (size_t i = 0; i < n; i++)
    most = fmax(most, fabs(json_number_value(n > 1 || json_is_array(want) ? json_array_get(want, i)
                                                                          : want)));
  for (size_t i = 0; i < n; i++) {
    double w = json_number_value(json_is_array(want) ? json_array_get(want, i) : want);
    ck_assert_msg(fabs(exact[i] - w) <= 1e-9 * (1 + most),
                  "%s, %s[%zu]: reference %.12g, golden %.12g", model, name, i, exact[i], w);
    ck_assert_msg(fabs((double)got[i] - w) <= 2e-5 * (0.05 + most),
                  "%s, %s[%zu]: f32 %.9g, golden %.9g", model, name, i, (double)got[i], w);
  }
}

static size_t read_settings(const json_t *settings, char text[][64], const char **list) {
  size_t n = 0;
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)settings, key, value) {
    snprintf(text[n], sizeof text[n], "%s=%s", key, json_string_value(value));
    list[n] = text[n];
    n++;
  }
  return n;
}

START_TEST(agrees_with_numpy) {
  load();
  json_t *c = json_array_get(json_object_get(golden, "cases"), (size_t)_i);
  const char *name = json_string_value(json_object_get(c, "model")), *setting[MOST];
  char text[MOST][64];
  size_t n = read_settings(json_object_get(c, "settings"), text, setting);
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  pal_store *store = pal_store_new(1);
  pal_format format = {.vocabulary = VOCABULARY, .mask = MASK, .bos = -1, .eos = -1, .context = 5};
  pal_model *model = pal_model_new(context, store, name, &format, setting, (int)n, &error);
  ck_assert_msg(model != NULL, "%s", error.text);

  pal_graph *g = pal_graph_new(context, store);
  const pal_model_definition *definition = pal_model_definition_of(model);
  pal_batch_values in = pal_batch_inputs(g, definition, ROWS + 3, SEQUENCES + 1, true);
  pal_value part[PAL_MAX_PARTS] = {{0}};
  definition->loss(model, g, &in, part);
  pal_value loss = part[0];
  for (int k = 1; k < definition->n_parts; k++) loss = pal_add(g, loss, part[k]);
  pal_network network = pal_network_of_batch(g, &in);
  network.causal = strcmp(name, "arm") == 0;
  pal_output(g, "logits", pal_output_logits(g, model, pal_backbone(g, model, &network)));
  pal_output(g, "loss", loss);
  pal_value wrt[MOST], gradient[MOST];
  int parameters = (int)pal_store_count(store);
  for (int i = 0; i < parameters; i++) {
    fill(pal_store_at(store, (size_t)i));
    wrt[i] = pal_variable_old(g, pal_variable_name(pal_store_at(store, (size_t)i)));
  }
  pal_gradient(g, loss, wrt, parameters, gradient);
  for (int i = 0; i < parameters; i++)
    pal_output(g, pal_variable_name(pal_store_at(store, (size_t)i)), gradient[i]);

  pal_plan *plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  pal_exec *exec = pal_exec_new(plan, &error);
  pal_batch batch = pal_batch_of(exec, definition);
  fill_batch(&batch, &error);
  pal_exec_count(exec, "T", ROWS, &error);
  pal_exec_count(exec, "S", SEQUENCES, &error);
  ck_assert_msg(pal_exec_run(exec, &error) == PAL_OK, "%s", error.text);
  pal_reference_result *reference = pal_exec_reference(exec, &error);
  ck_assert_msg(reference != NULL, "%s", error.text);

  compare(exec, reference, "logits", json_object_get(c, "logits"), name);
  compare(exec, reference, "loss", json_object_get(c, "loss"), name);
  json_t *gradients = json_object_get(c, "gradients");
  ck_assert_uint_eq(json_object_size(gradients), (size_t)parameters);
  const char *key;
  json_t *value;
  json_object_foreach(gradients, key, value) compare(exec, reference, key, value, name);

  pal_reference_free(reference);
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_model_free(model);
  pal_store_free(store);
  pal_context_free(context);
  json_decref(golden);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("golden");
  TCase *c = tcase_create("golden");
  tcase_add_loop_test(c, agrees_with_numpy, 0, 4);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
