/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every check of the op checker on every built-in op: values against the reference in double,
 * gradients by the Taylor test, and equal bits for all numbers of active rows, contents of inactive
 * rows, instruction sets, threads, in-place updates and capacities. */
#include <check.h>
#include <math.h>
#include <palimpsest/check.h>
#include <palimpsest/ops.h>
#include <palimpsest/plan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/accumulate.h"
#include "tests/bend.h"
#include "tests/run.h"

enum { MOST_OPS = 256, CASES = 8, SEED = 1 };

static const char *names[MOST_OPS];
static int n_ops;

static pal_context *open_all(void) {
  pal_error error = {0};
  pal_context *context = pal_context_new(NULL, &error);
  if (!context || pal_register_ops(context, &error) || pal_register_autograd(context, &error)) {
    fprintf(stderr, "%s\n", error.text);
    exit(EXIT_FAILURE);
  }
  return context;
}

static void list(const char *name, const void *definition, void *data) {
  (void)definition;
  (void)data;
  if (n_ops < MOST_OPS) names[n_ops++] = name;
}

START_TEST(an_op_passes_every_check) {
  pal_context *context = open_all();
  pal_error error = {0};
  pal_status status = pal_check_op(context, names[_i], SEED, CASES, &error);
  ck_assert_msg(status == PAL_OK, "%s: %s", names[_i], error.text);
  pal_context_free(context);
}
END_TEST

/* Far below zero gelu is zero, however large x is, and far above x; an infinity below has no
 * gelu. */
START_TEST(gelu_far_out) {
  static const float far[] = {-1e38f, -1e30f, -1e4f, -100.0f, -20.0f,
                              20.0f,  100.0f, 1e4f,  1e30f,   -INFINITY};
  enum { N = sizeof far / sizeof *far };
  pal_error error = {0};
  pal_context *context = open_all();
  pal_graph *g = pal_graph_new(context, NULL);
  pal_output(g, "y", pal_gelu(g, pal_constant(g, PAL_TYPE(PAL_F32, PAL_STATIC, N), far), true));
  pal_plan *plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  pal_exec *exec = pal_exec_new(plan, &error);
  ck_assert_msg(exec && !pal_exec_run(exec, &error), "%s", error.text);
  const float *y = pal_exec_output(exec, "y", NULL);
  for (int i = 0; i < N - 1; i++)
    ck_assert_msg(y[i] == (far[i] > 0 ? far[i] : 0), "gelu(%g) = %g", (double)far[i], (double)y[i]);
  ck_assert(isnan(y[N - 1]));
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_context_free(context);
}
END_TEST

/* Nodes that differ in attributes alone are not one node, wherever their hashes meet in the table
 * of those that are there: of so many some do. */
START_TEST(attributes_tell_nodes_apart) {
  enum { N = 100 };
  char name[N][16];
  pal_error error = {0};
  pal_context *context = open_all();
  pal_graph *g = pal_graph_new(context, NULL);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 1));
  for (int i = 0; i < N; i++) {
    snprintf(name[i], sizeof name[i], "y%d", i);
    pal_output(g, name[i], pal_affine(g, x, i + 1, 0));
  }
  pal_plan *plan = pal_compile(g, &error);
  pal_exec *exec = plan ? pal_exec_new(plan, &error) : NULL;
  ck_assert_msg(exec != NULL, "%s", error.text);
  *(float *)pal_exec_input(exec, "x") = 5;
  ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
  for (int i = 0; i < N; i++)
    ck_assert(*(const float *)pal_exec_output(exec, name[i], NULL) == 5.0f * (float)(i + 1));
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_context_free(context);
}
END_TEST

START_TEST(an_unknown_op) {
  pal_context *context = open_all();
  pal_error error = {0};
  ck_assert_int_eq(pal_check_op(context, "no_such_op", 1, 1, &error), PAL_E_NOT_FOUND);
  pal_context_free(context);
}
END_TEST

int main(void) {
  pal_context *context = open_all();
  pal_each(context, "op", list, NULL);
  Suite *suite = suite_create("ops");
  TCase *tests = tcase_create("ops");
  tcase_add_loop_test(tests, an_op_passes_every_check, 0, n_ops);
  tcase_add_test(tests, gelu_far_out);
  tcase_add_test(tests, attributes_tell_nodes_apart);
  tcase_add_test(tests, an_unknown_op);
  suite_add_tcase(suite, tests);
  const int status = run_suite(suite);
  pal_context_free(context);
  return status;
}
