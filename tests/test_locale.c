/* SPDX-License-Identifier: Apache-2.0 */
/* In a host program whose locale writes decimal commas, settings, dumps, messages and JSON still
 * have decimal points. The test compiles such a locale itself, since few machines have one
 * installed. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* mkdtemp, setenv */
#endif
#include <palimpsest/palimpsest.h>

#include <check.h>
#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <palimpsest/task.h>
#include <palimpsest/train.h>

#include "src/number.h"
#include "tests/run.h"

static char folder[] = "/tmp/pal-locale-XXXXXX";

/* Sets a locale with commas for this process, or says that there is none. */
static bool set_commas(void) {
  static const char source[] =
      "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\ngrouping 3;3\n"
      "END LC_NUMERIC\n";
  static const char pattern[] = "/tmp/pal-locale-XXXXXX";
  char text[256];
  memcpy(folder, pattern, sizeof folder);
  if (!mkdtemp(folder)) return false;
  snprintf(text, sizeof text, "%s/source", folder);
  FILE *file = fopen(text, "w");
  if (file) fputs(source, file), fclose(file);
  snprintf(text, sizeof text, "localedef -c -i %s/source -f UTF-8 %s/comma >/dev/null 2>&1", folder,
           folder);
  const int ignored = system(text); /* it warns of the categories that are left out */
  (void)ignored;
  setenv("LOCPATH", folder, 1);
  const bool set = setlocale(LC_NUMERIC, "comma") || setlocale(LC_NUMERIC, "de_DE.UTF-8");
  snprintf(text, sizeof text, "rm -rf %s", folder);
  if (system(text) != 0) fprintf(stderr, "%s stays behind\n", folder);
  if (!set) fprintf(stderr, "no locale with commas can be made here: this test is left out\n");
  return set;
}

/* Settings that are numbers, from here on to what the optimizer uses. */
static void check_training(pal_context *c) {
  static const char *const small[] = {"width=16", "layers=1", "heads=1"};
  static const char *const train[] = {"steps=50", "warmup=0", "rate=0.01"};
  pal_error e = {0};
  pal_task *t = pal_task_new(c, "parity", NULL, 0, &e);
  pal_store *s = pal_store_new(1);
  pal_model *m = pal_model_new(c, s, "arm", pal_task_format(t), small, 3, &e);
  pal_stream stream;
  ck_assert(!pal_task_definition_of(t)->stream(t, PAL_FORM_ANSWER, 1, &stream, &e));
  pal_trainer *r = pal_trainer_new(m, &stream, train, 3, &e);
  ck_assert_msg(r != NULL, "%s", e.text);
  pal_step_report report;
  ck_assert(!pal_trainer_step(r, &report, &e));
  ck_assert_double_eq_tol(report.rate, 0.01, 1e-3);
  pal_trainer_free(r);
  if (stream.free) stream.free(stream.self);
  pal_model_free(m);
  pal_store_free(s);
  pal_task_free(t);
}

static void check_dump(pal_context *c) {
  pal_error e = {0};
  pal_store *s = pal_store_new(1), *again = pal_store_new(1);
  pal_graph *g = pal_graph_new(c, s);
  pal_variable_new(g, "w", PAL_TYPE(PAL_F32, PAL_STATIC, 4), PAL_PARAMETER, PAL_NORMAL(0.02));
  char *dump = pal_graph_dump(g);
  ck_assert_ptr_nonnull(strstr(dump, "0x1.47ae147ae147bp-6"));
  pal_graph *h = pal_graph_parse(c, again, dump, &e);
  ck_assert_msg(h != NULL, "%s", e.text);
  free(dump);
  pal_graph_free(h);
  pal_graph_free(g);
  pal_store_free(again);
  pal_store_free(s);
}

START_TEST(commas) {
  if (!set_commas()) return;
  char text[32];
  snprintf(text, sizeof text, "%g", 0.5);
  ck_assert_str_eq(text, "0,5"); /* it is such a locale */
  char *end;
  ck_assert_double_eq(pal_number_parse("0.25x", &end), 0.25);
  ck_assert_str_eq(end, "x");
  pal_error error = {0};
  pal_fail(&error, PAL_E_ARGUMENT, "%g", 0.5);
  ck_assert_str_eq(error.text, "0.5");
  const pal_options options = {.threads = 1};
  pal_context *c = pal_open(&options, NULL);
  check_training(c);
  check_dump(c);
  pal_context_free(c);
  json_t *number = json_real(0.5), *read = json_loads("[0.25]", 0, NULL);
  char *json = json_dumps(number, JSON_ENCODE_ANY);
  ck_assert_str_eq(json, "0.5");
  ck_assert_double_eq(json_real_value(json_array_get(read, 0)), 0.25);
  free(json);
  json_decref(number);
  json_decref(read);
  snprintf(text, sizeof text, "%g", 0.5);
  ck_assert_str_eq(text, "0,5"); /* the host's own is as it was */
}
END_TEST

int main(void) {
  Suite *suite = suite_create("locale");
  TCase *all = tcase_create("locale");
  tcase_add_test(all, commas);
  suite_add_tcase(suite, all);
  return run_suite(suite);
}
