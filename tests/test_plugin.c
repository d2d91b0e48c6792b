/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in whose registration fails leaves no definition behind. (Plug-ins that work are tested by
 * examples/build_installed.sh.) */
#include <check.h>
#include <dlfcn.h>
#include <palimpsest/palimpsest.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/run.h"

static const char half[] = "tests/.libs/half_plugin.so";

static void count(const char *name, const void *definition, void *data) {
  (void)name;
  (void)definition;
  ++*(int *)data;
}

static int definitions(const pal_context *context) {
  static const char *const kind[] = {"op", "optimizer", "model", "task"};
  int n = 0;
  for (size_t k = 0; k < sizeof kind / sizeof *kind; k++) pal_each(context, kind[k], count, &n);
  return n;
}

START_TEST(half_a_plugin_is_none) {
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  const int before = definitions(context);
  for (int twice = 0; twice < 2; twice++) { /* its own names are not in its way the second time */
    ck_assert_int_eq(pal_plugin_load(context, half, &error), PAL_E_ABI);
    ck_assert_msg(strstr(error.text, "op definition") != NULL, "%s", error.text);
    pal_error_clear(&error);
    ck_assert_ptr_null(pal_lookup(context, "model", "half"));
    ck_assert_ptr_null(pal_lookup(context, "task", "half"));
    ck_assert_int_eq(definitions(context), before);
  }
  /* A name without a slash is a file of the current folder. */
  ck_assert_int_eq(chdir("tests/.libs"), 0);
  ck_assert_int_eq(pal_plugin_load(context, "half_plugin.so", &error), PAL_E_ABI);
  ck_assert_int_eq(chdir("../.."), 0);
  ck_assert_msg(strstr(error.text, "op definition") != NULL, "%s", error.text);
  pal_error_clear(&error);
  pal_model_definition own = *(const pal_model_definition *)pal_lookup(context, "model", "mdm");
  own.name = "half";
  ck_assert_int_eq(pal_define_model(context, &own, &error), PAL_OK);
  ck_assert_int_eq(definitions(context), before + 1);
  pal_context_free(context);
}
END_TEST

/* What loading says of the plug-in as it stands. */
static void refused(pal_context *context, pal_status code, const char *words) {
  pal_error error = {0};
  ck_assert_int_eq(pal_plugin_load(context, half, &error), code);
  ck_assert_msg(strstr(error.text, words) != NULL, "%s", error.text);
}

START_TEST(an_incomplete_plugin_is_refused) {
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  void *handle = dlopen(half, RTLD_NOW | RTLD_LOCAL); /* stays in memory between the loads */
  ck_assert_msg(handle != NULL, "%s", dlerror());
  pal_plugin *plugin = dlsym(handle, "palimpsest_plugin");
  ck_assert_ptr_nonnull(plugin);
  const pal_plugin whole = *plugin;
  plugin->define = NULL;
  refused(context, PAL_E_ARGUMENT, "has no define");
  *plugin = whole;
  plugin->name = NULL;
  refused(context, PAL_E_ARGUMENT, "has no name");
  *plugin = whole;
  plugin->abi++;
  refused(context, PAL_E_ABI, "rebuild the plug-in");
  *plugin = whole;
  dlclose(handle);
  pal_context_free(context);
}
END_TEST

/* A task without one of the members that it needs is refused by the member's name. */
START_TEST(incomplete_tasks_are_refused) {
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  const pal_task_definition *parity = pal_lookup(context, "task", "parity"),
                            *sudoku = pal_lookup(context, "task", "sudoku");
#define REFUSED(of, member)                                                                      \
  do {                                                                                           \
    pal_task_definition d = *(of);                                                               \
    d.name = "own", d.member = NULL;                                                             \
    ck_assert_int_eq(pal_define_task(context, &d, &error), PAL_E_ARGUMENT);                      \
    ck_assert_msg(strstr(error.text, "task \"own\": " #member " is missing"), "%s: %s", #member, \
                  error.text);                                                                   \
    pal_error_clear(&error);                                                                     \
  } while (0)
  REFUSED(parity, doc);
  REFUSED(parity, open);
  REFUSED(parity, close);
  REFUSED(parity, stream);
  REFUSED(parity, set_name);
  REFUSED(parity, set_size);
  REFUSED(parity, instance);
  REFUSED(parity, answer_room);
  REFUSED(parity, step_cap);
  REFUSED(parity, score);
  REFUSED(parity, print);
  REFUSED(sudoku, read);
  REFUSED(sudoku, write);
  REFUSED(sudoku, train_size);
  REFUSED(sudoku, train_instance);
#undef REFUSED
  ck_assert_int_eq(pal_define_task(context, NULL, &error), PAL_E_ARGUMENT);
  pal_error_clear(&error);
  pal_task_definition d = *parity;
  d.name = "own", d.abi_size--;
  ck_assert_int_eq(pal_define_task(context, &d, &error), PAL_E_ABI);
  pal_context_free(context);
}
END_TEST

static double nothing(const pal_task *task, const pal_judged *judged) {
  (void)task, (void)judged;
  return 0;
}

/* Columns that no report can have are refused by their names. */
START_TEST(columns_of_reports_are_checked) {
  static const pal_report_column good = {"near", "how near", PAL_REPORT_MEAN, nothing, NULL};
  pal_report_column two[2];
  struct {
    pal_report_column column;
    const char *says;
  } bad[7];
  const int n = (int)(sizeof bad / sizeof *bad);
  for (int i = 0; i < n; i++) bad[i].column = good;
  bad[0].column.name = "a b", bad[0].says = "no name of a-z";
  bad[1].column.name = "exact", bad[1].says = "\"exact\", has the name of a column that all";
  bad[2].column.name = "first", bad[2].says = "\"first\", is declared twice";
  bad[3].column.doc = NULL, bad[3].says = "\"near\", has no doc";
  bad[4].column.kind = 0, bad[4].says = "no known kind";
  bad[5].column.value = NULL, bad[5].says = "needs a value";
  bad[6].column.kind = PAL_REPORT_COUNT, bad[6].says = "needs a total";
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  pal_task_definition own = *(const pal_task_definition *)pal_lookup(context, "task", "parity");
  own.name = "half", own.report = two, own.n_report = 2;
  for (int i = 0; i < n; i++) {
    two[0] = good, two[0].name = "first", two[1] = bad[i].column;
    ck_assert_int_eq(pal_define_task(context, &own, &error), PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, bad[i].says) != NULL, "%d: %s", i, error.text);
    pal_error_clear(&error);
  }
  own.n_report = PAL_MAX_REPORT_COLUMNS + 1;
  ck_assert_int_eq(pal_define_task(context, &own, &error), PAL_E_ARGUMENT);
  pal_error_clear(&error);
  own.n_report = 2, two[1] = good;
  ck_assert_msg(pal_define_task(context, &own, &error) == PAL_OK, "%s", error.text);
  pal_context_free(context);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("plugin");
  TCase *tests = tcase_create("plugin");
  tcase_add_test(tests, columns_of_reports_are_checked);
  tcase_add_test(tests, half_a_plugin_is_none);
  tcase_add_test(tests, an_incomplete_plugin_is_refused);
  tcase_add_test(tests, incomplete_tasks_are_refused);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
