/* SPDX-License-Identifier: Apache-2.0 */
/* See fixture.h. */
#include "tests/fixture.h"

#include <check.h>
#include <string.h>

#include "graph/exec.h"
#include "tests/toy.h"

pal_context *context;
pal_store *store;
pal_graph *g;
pal_error error;

void fixture_set_up(void) {
  memset(&error, 0, sizeof error);
  context = pal_context_new(&(pal_options){.threads = 3}, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  ck_assert_int_eq(toy_define(context, &error), PAL_OK);
  store = pal_store_new(7);
  g = pal_graph_new(context, store);
}

void fixture_tear_down(void) {
  pal_graph_free(g);
  pal_store_free(store);
  pal_context_free(context);
}

pal_exec *compile(void) {
  pal_plan *plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  pal_exec *exec = pal_exec_new(plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  return exec;
}

void discard(pal_exec *exec) {
  pal_plan *plan = exec->plan;
  pal_exec_free(exec);
  pal_plan_free(plan);
}

void refused(pal_status code) {
  ck_assert_msg(pal_graph_error(g)->code == code, "%s: %s",
                pal_status_name(pal_graph_error(g)->code), pal_graph_error(g)->text);
  pal_graph_free(g);
  g = pal_graph_new(context, store);
}

void compile_refused(pal_status code) {
  ck_assert_ptr_null(pal_compile(g, &error));
  ck_assert_msg(error.code == code, "%s: %s", pal_status_name(error.code), error.text);
  pal_error_clear(&error);
  pal_graph_free(g);
  g = pal_graph_new(context, store);
}

pal_value vector(const char *name) { return pal_input(g, name, PAL_TYPE(PAL_F32, PAL_STATIC, 3)); }
