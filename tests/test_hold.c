/* SPDX-License-Identifier: Apache-2.0 */
/* Instances whose weights are held (pal_exec_hold): weights are packed once, in the form that suits
 * the number of active rows, and packed again when they may have changed. */
#include <check.h>
#include <palimpsest/palimpsest.h>
#include <string.h>

#include "tests/run.h"

enum { K = 48, N = K, ROWS = 70 };

static pal_context *context;
static pal_store *store;
static pal_graph *g;
static pal_plan *plan;
static pal_exec *exec;
static pal_error error;

static void set_up(void) {
  memset(&error, 0, sizeof error);
  context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  store = pal_store_new(11);
  g = pal_graph_new(context, store);
}

static void tear_down(void) {
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_store_free(store);
  pal_context_free(context);
}

static pal_value weight(void) {
  return pal_variable_new(g, "w", PAL_TYPE(PAL_F32, PAL_STATIC, N, K), PAL_PARAMETER,
                          PAL_NORMAL(1));
}
static pal_value rows(void) {
  return pal_input(g, "x", PAL_TYPE(PAL_F32, pal_symbol_new(g, "T", ROWS), 1, K));
}
static void scale_weight(float by) {
  float *w = pal_variable_data(pal_store_find(store, "w"));
  for (int i = 0; i < N * K; i++) w[i] *= by;
}

static void compile(void) {
  plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  exec = pal_exec_new(plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  float *x = pal_exec_input(exec, "x");
  for (int i = 0; i < ROWS * K; i++) x[i] = (float)(i % 23) - 11;
}

static void hold(bool on) { ck_assert_msg(!pal_exec_hold(exec, on, &error), "%s", error.text); }

/* Runs the plan with so many rows and returns y. */
static void run(int n, float y[ROWS * N]) {
  ck_assert_msg(!pal_exec_count(exec, "T", n, &error), "%s", error.text);
  ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
  memcpy(y, pal_exec_output(exec, "y", NULL), sizeof *y * (size_t)(n * N));
}

static bool same(int n, const float *x, const float *y) {
  return memcmp(x, y, sizeof *x * (size_t)(n * N)) == 0;
}

/* Few rows and many want their weights in other forms, those of few not packed at all: whoever
 * comes first must not decide for all. _i: transposed or not, and the precision. */
START_TEST(results_are_those_of_others) {
  enum { RUNS = 9 };
  static const int count[2][RUNS] = {{3, 70, 5, 9, 0, 70, 1, 70, 4},
                                     {70, 3, 70, 1, 1, 6, 70, 0, 9}};
  static float plain[2][RUNS][ROWS * N], held[ROWS * N];
  const bool turned = _i & 1;
  pal_graph_set_precision(g, _i & 2 ? PAL_PRECISION_BF16 : PAL_PRECISION_F32);
  pal_output(g, "y", pal_matmul(g, rows(), weight(), false, turned));
  compile();
  ck_assert_uint_ge(pal_plan_statistics(plan).kept_bytes, N * K * sizeof(float) / 2);
  for (int order = 0; order < 2; order++)
    for (int i = 0; i < RUNS; i++) run(count[order][i], plain[order][i]);
  for (int order = 0; order < 2; order++) {
    hold(true);
    for (int i = 0; i < RUNS; i++) {
      run(count[order][i], held);
      ck_assert_msg(same(count[order][i], held, plain[order][i]), "%d rows, run %d of order %d",
                    count[order][i], i, order);
    }
  }
}
END_TEST

/* The rows of a product are bound in the run itself and pass from many to few; all beside a
 * team. */
START_TEST(rows_of_a_run_decide) {
  enum { LONG = 3000 };
  static float first[LONG * N], second[LONG * N];
  pal_context_set_threads(context, 2);
  const pal_symbol t = pal_symbol_new(g, "T", LONG), s = pal_symbol_new(g, "S", 2);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, K));
  pal_value of[3]; /* sequences: kept or not, begin, length */
  static const char *const name[] = {"keep", "begin", "length"};
  for (int i = 0; i < 3; i++) of[i] = pal_input(g, name[i], PAL_TYPE(PAL_I32, s, 1));
  const pal_compacted kept = pal_compact(g, of[0], of[1], of[2], x);
  pal_output(g, "y", pal_linear(g, pal_gather_rows(g, x, kept.row_source), weight(), PAL_NIL));
  plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  exec = pal_exec_new(plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  float *in = pal_exec_input(exec, "x");
  for (int i = 0; i < LONG * K; i++) in[i] = (float)(i % 23) - 11;
  int32_t *keep = pal_exec_input(exec, "keep"), *begin = pal_exec_input(exec, "begin");
  int32_t *length = pal_exec_input(exec, "length");
  keep[0] = 1, begin[0] = 0, length[0] = 3, begin[1] = 3, length[1] = LONG - 3;
  for (int held = 0; held < 2; held++) {
    hold(held);
    float *to = held ? second : first;
    for (int i = 0; i < 4; i++) { /* 3 rows, all, 3 again, all again */
      int64_t n;
      keep[1] = i & 1;
      ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
      const float *y = pal_exec_output(exec, "y", &n);
      ck_assert_int_eq(n, i & 1 ? LONG : 3);
      if (i & 1) memcpy(to, y, sizeof *y * LONG * N);
      else ck_assert(i == 0 || memcmp(y, to, sizeof *y * 3 * N) == 0);
    }
  }
  ck_assert(memcmp(first, second, sizeof first) == 0);
}
END_TEST

/* The promise is the caller's: what he changes is seen when holding begins anew, or ends. */
START_TEST(weights_are_packed_once) {
  static float before[ROWS * N], after[ROWS * N], y[ROWS * N];
  pal_output(g, "y", pal_linear(g, rows(), weight(), PAL_NIL));
  compile();
  run(ROWS, before);
  scale_weight(2);
  run(ROWS, after);
  ck_assert(!same(ROWS, before, after));
  for (int end = 0; end < 2; end++) {
    hold(true);
    run(ROWS, y);
    ck_assert(same(ROWS, y, after));
    scale_weight(0.5f);
    run(ROWS, y);
    ck_assert_msg(same(ROWS, y, after), "packed again");
    hold(end == 0);
    run(ROWS, y);
    ck_assert_msg(same(ROWS, y, before), "not packed again");
    scale_weight(2);
  }
}
END_TEST

START_TEST(a_failed_run_leaves_nothing) {
  static float after[ROWS * N], y[ROWS * N];
  const pal_value x = rows();
  pal_check_finite(g, x, "x");
  pal_output(g, "y", pal_linear(g, x, weight(), PAL_NIL));
  compile();
  scale_weight(2);
  run(ROWS, after);
  scale_weight(0.5f);
  hold(true);
  run(ROWS, y);
  scale_weight(2);
  float *in = pal_exec_input(exec, "x");
  const float whole = in[0];
  in[0] = 1.0f / 0.0f;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_E_NONFINITE);
  memset(&error, 0, sizeof error);
  in[0] = whole;
  run(ROWS, y);
  ck_assert(same(ROWS, y, after));
}
END_TEST

/* A plan that changes the weights itself, by assignment or in place, does not cache packed ones. */
START_TEST(own_changes_are_seen) {
  static float plain[3][ROWS * N], y[ROWS * N];
  const pal_value w = weight(), x = rows();
  if (_i == 0) {
    pal_output(g, "y", pal_linear(g, x, w, PAL_NIL));
    pal_assign(g, w, pal_affine(g, w, 0.5, 0));
  } else {
    const pal_value row = pal_input(g, "row", PAL_TYPE(PAL_F32, PAL_STATIC, 1, K));
    const pal_value at = pal_input(g, "at", PAL_TYPE(PAL_I32, PAL_STATIC, 1));
    pal_output(g, "y", pal_linear(g, x, pal_write_rows(g, w, at, row), PAL_NIL));
  }
  compile();
  ck_assert_uint_eq(pal_plan_statistics(plan).kept_bytes, 0);
  for (int held = 0; held < 2; held++) {
    pal_variable_reset(pal_store_find(store, "w"));
    hold(held);
    for (int i = 0; i < 3; i++) {
      if (_i) *(int32_t *)pal_exec_input(exec, "at") = i;
      run(ROWS, held ? y : plain[i]);
      if (held) ck_assert_msg(same(ROWS, y, plain[i]), "run %d", i);
      else if (i) ck_assert(!same(ROWS, plain[i], plain[i - 1]));
    }
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("hold");
  TCase *c = tcase_create("hold");
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_loop_test(c, results_are_those_of_others, 0, 4);
  tcase_add_test(c, rows_of_a_run_decide);
  tcase_add_test(c, weights_are_packed_once);
  tcase_add_test(c, a_failed_run_leaves_nothing);
  tcase_add_loop_test(c, own_changes_are_seen, 0, 2);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
