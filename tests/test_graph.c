/* SPDX-License-Identifier: Apache-2.0 */
/* graph/ on the ops of toy.h: builder errors, rewrites, stages, memory plan, executor, effects,
 * loops, dump and parse. */
#include <check.h>
#include <palimpsest/plan.h>
#include <stdlib.h>
#include <string.h>

#include "graph/exec.h"
#include "src/alloc.h"
#include "tests/fixture.h"
#include "tests/run.h"
#include "tests/toy.h"

static pal_plan *exec_plan(const pal_exec *exec) { return exec->plan; }

START_TEST(first_error_names_the_callers_line) {
  pal_symbol t = pal_symbol_new(g, "T", 8);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, 4));
  pal_value w = pal_input(g, "w", PAL_TYPE(PAL_F32, PAL_STATIC, 4, 4));
  pal_here(g, "user.c", 41);
  pal_value bad = toy_mul(g, x, w);
  ck_assert(pal_is_nil(bad));
  pal_here(g, "user.c", 42);
  ck_assert(pal_is_nil(toy_neg(g, x))); /* nothing is appended any more */
  const pal_error *e = pal_graph_error(g);
  ck_assert_int_eq(e->code, PAL_E_SHAPE);
  ck_assert_msg(strstr(e->text, "user.c:41") && strstr(e->text, "toy_mul") &&
                    strstr(e->text, "[4,4]"),
                "%s", e->text);
  ck_assert_ptr_null(pal_compile(g, &error));
  ck_assert_str_eq(error.text, e->text);
}
END_TEST

START_TEST(unknown_ops_and_twice_taken_names) {
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 4));
  ck_assert(pal_is_nil(pal_apply(g, "no_such_op", &x, 1, NULL, NULL)));
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_NOT_FOUND);
  pal_graph *h = pal_graph_new(context, store);
  pal_input(h, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 4));
  pal_input(h, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 4));
  ck_assert_int_eq(pal_graph_error(h)->code, PAL_E_DUPLICATE);
  pal_graph_free(h);
}
END_TEST

START_TEST(common_subexpressions_and_dead_code) {
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 4));
  pal_value a = toy_mul(g, toy_neg(g, x), toy_neg(g, x));
  toy_neg(g, toy_neg(g, a)); /* dead */
  pal_output(g, "y", a);
  pal_plan *plan = pal_compile(g, &error);
  ck_assert_int_eq(pal_plan_statistics(plan).steps, 2);
  char *once = pal_plan_dump(plan);
  pal_graph *again = pal_rewrite(plan->graph, &error);
  char *twice = pal_graph_dump(again);
  ck_assert_str_eq(once, twice);
  free(once);
  free(twice);
  pal_graph_free(again);
  pal_plan_free(plan);
}
END_TEST

START_TEST(constants_fold) {
  float two[4] = {1, 2, 3, 4};
  pal_value c = pal_constant(g, PAL_TYPE(PAL_F32, PAL_STATIC, 4), two);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 4));
  pal_output(g, "y", toy_mul(g, x, toy_neg(g, toy_mul(g, c, pal_scalar(g, 3)))));
  pal_exec *exec = compile();
  ck_assert_int_eq(pal_plan_statistics(exec_plan(exec)).steps, 1);
  float *in = pal_exec_input(exec, "x");
  for (int i = 0; i < 4; i++) in[i] = 1;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  const float *y = pal_exec_output(exec, "y", NULL);
  for (int i = 0; i < 4; i++) ck_assert_float_eq(y[i], -3 * two[i]);
  discard(exec);
}
END_TEST

START_TEST(an_assignment_needs_a_whole_run) {
  pal_value v = pal_variable_new(g, "v", PAL_TYPE(PAL_F32, PAL_STATIC, 3), PAL_PARAMETER, PAL_ONES);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 3));
  pal_assign(g, v, toy_mul(g, v, x));
  toy_refuse(g, x);
  pal_output(g, "old", v);
  pal_exec *exec = compile();
  float *in = pal_exec_input(exec, "x");
  for (int i = 0; i < 3; i++) in[i] = 2;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  float *now = pal_variable_data(pal_store_find(store, "v"));
  for (int i = 0; i < 3; i++) ck_assert_float_eq(now[i], 4);
  ck_assert_float_eq(*(const float *)pal_exec_output(exec, "old", NULL), 2);
  in[1] = -1;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_E_NONFINITE);
  ck_assert_msg(strstr(error.text, "toy_refuse"), "%s", error.text);
  now = pal_variable_data(pal_store_find(store, "v"));
  for (int i = 0; i < 3; i++) ck_assert_float_eq(now[i], 4);
  discard(exec);
}
END_TEST

START_TEST(writes_in_place_are_ordered_and_undone) {
  pal_symbol t = pal_symbol_new(g, "T", 4);
  pal_value cache =
      pal_variable_new(g, "cache", PAL_TYPE(PAL_F32, PAL_STATIC, 6, 2), PAL_SCRATCH, PAL_ONES);
  pal_value index = pal_input(g, "index", PAL_TYPE(PAL_I32, t, 1));
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, 2));
  pal_value next = toy_put(g, cache, index, x);
  pal_output(g, "after", toy_total(g, next));
  pal_output(g, "before", toy_total(g, cache)); /* built later, runs earlier */
  toy_refuse(g, toy_pick(g, next, index));
  pal_exec *exec = compile();
  int32_t *at = pal_exec_input(exec, "index");
  float *in = pal_exec_input(exec, "x");
  ck_assert_int_eq(pal_exec_count(exec, "T", 2, &error), PAL_OK);
  at[0] = 5, at[1] = 2;
  for (int i = 0; i < 4; i++) in[i] = 10;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  ck_assert_float_eq(*(const float *)pal_exec_output(exec, "before", NULL), 12);
  ck_assert_float_eq(*(const float *)pal_exec_output(exec, "after", NULL), 48);
  in[3] = -1;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_E_NONFINITE);
  const float *rows = pal_variable_data(pal_store_find(store, "cache"));
  for (int i = 0; i < 12; i++) ck_assert_float_eq(rows[i], i / 2 == 5 || i / 2 == 2 ? 10 : 1);
  discard(exec);
}
END_TEST

START_TEST(reading_a_version_after_its_successor_is_refused) {
  pal_value v = pal_variable_new(g, "v", PAL_TYPE(PAL_F32, PAL_STATIC, 2), PAL_SCRATCH, PAL_ONES);
  pal_value i = pal_input(g, "i", PAL_TYPE(PAL_I32, PAL_STATIC, 1));
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 1));
  pal_value next = toy_put(g, v, i, x);
  pal_output(g, "y", toy_mul(g, v, next)); /* both at once: impossible in place */
  ck_assert_ptr_null(pal_compile(g, &error));
  ck_assert_int_eq(error.code, PAL_E_ARGUMENT);
}
END_TEST

static void build_keep_loop(int64_t capacity) {
  pal_symbol t = pal_symbol_new(g, "T", capacity);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, 2));
  pal_value sign = pal_input(g, "sign", pal_type_scalar(PAL_F32));
  pal_value kept = toy_keep(g, toy_mul(g, x, sign), "kept", capacity);
  pal_output(g, "sum", toy_total(g, toy_neg(g, kept)));
  pal_loop(g, x, kept);
}

START_TEST(a_loop_carries_rows_and_count) {
  build_keep_loop(8);
  pal_exec *exec = compile();
  *(float *)pal_exec_input(exec, "sign") = 1;
  float *x = pal_exec_input(exec, "x");
  for (int i = 0; i < 8; i++) x[2 * i] = i % 2 ? (float)i : -1, x[2 * i + 1] = 100;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  ck_assert_int_eq(pal_exec_count_of(exec, "T"), 4);
  ck_assert_float_eq(*(const float *)pal_exec_output(exec, "sum", NULL), -(1 + 3 + 5 + 7 + 400));
  const float *looped = pal_exec_input(exec, "x");
  for (int i = 0; i < 4; i++) ck_assert_float_eq(looped[2 * i], (float)(2 * i + 1));
  pal_reference_result *reference = pal_exec_reference(exec, &error);
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  ck_assert_double_eq(*pal_reference_output(reference, "sum", NULL),
                      *(const float *)pal_exec_output(exec, "sum", NULL));
  pal_reference_free(reference);
  *(float *)pal_exec_input(exec, "sign") = -1;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  ck_assert_int_eq(pal_exec_count_of(exec, "T"), 0);
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK); /* no rows are legal */
  discard(exec);
}
END_TEST

START_TEST(over_capacity_says_how_much_and_changes_nothing) {
  pal_symbol t = pal_symbol_new(g, "T", 8);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, 1));
  pal_output(g, "y", toy_keep(g, x, "kept", 3));
  pal_exec *exec = compile();
  for (int i = 0; i < 8; i++) ((float *)pal_exec_input(exec, "x"))[i] = 1;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_E_CAPACITY);
  ck_assert_int_eq(error.needed, 8);
  pal_error_clear(&error);
  ck_assert_int_eq(pal_exec_count(exec, "T", 9, &error), PAL_E_CAPACITY);
  ck_assert_int_eq(pal_exec_count_of(exec, "T"), 8);
  discard(exec);
}
END_TEST

/* A random graph over three symbols: elementwise chains, gathers, totals. */
static pal_value random_graph(unsigned *seed, int steps, pal_value *sum) {
  pal_symbol t[3] = {pal_symbol_new(g, "A", 70), pal_symbol_new(g, "B", 33),
                     pal_symbol_new(g, "C", 5)};
  pal_value pool[3][64], index[3];
  int n[3] = {1, 1, 1};
  for (int s = 0; s < 3; s++) {
    pool[s][0] = pal_input(g, (const char *[]){"xa", "xb", "xc"}[s], PAL_TYPE(PAL_F32, t[s], 1, 3));
    index[s] = pal_input(g, (const char *[]){"ia", "ib", "ic"}[s], PAL_TYPE(PAL_I32, t[s], 1));
  }
  *sum = pal_scalar(g, 1);
  for (int i = 0; i < steps; i++) {
    int s = rand_r(seed) % 3, from = rand_r(seed) % 3;
    pal_value a = pool[s][rand_r(seed) % n[s]], b = pool[s][rand_r(seed) % n[s]], y;
    switch (rand_r(seed) % 4) {
      case 0: y = toy_neg(g, a); break;
      case 1: y = toy_mul(g, a, b); break;
      case 2: y = toy_pick(g, pool[from][rand_r(seed) % n[from]], index[s]); break;
      default: y = toy_mul(g, a, toy_mul(g, toy_total(g, b), pal_scalar(g, 0.001))); break;
    }
    if (n[s] < 64) pool[s][n[s]++] = y;
    else pool[s][rand_r(seed) % 64] = y;
    if (i % 7 == 0) *sum = toy_mul(g, *sum, toy_total(g, y));
  }
  return pool[0][n[0] - 1];
}

/* Bytes of two storages may meet only if no stage sees both: by brute force. */
static void check_overlaps(const pal_plan *plan) {
  for (size_t i = 1; i < plan->storage.n; i++)
    for (size_t k = i + 1; k < plan->storage.n; k++) {
      const pal_storage *a = &plan->storage.at[i], *b = &plan->storage.at[k];
      if (a->place != PAL_PLACE_ARENA || b->place != PAL_PLACE_ARENA || !a->bytes || !b->bytes)
        continue;
      bool time = a->first <= b->last && b->first <= a->last;
      bool space = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
      ck_assert_msg(!(time && space), "storages %zu and %zu share bytes", i, k);
    }
  ck_assert_uint_ge(plan->stats.arena_bytes, plan->stats.largest_live);
}

START_TEST(random_graphs_equal_the_reference) {
  unsigned seed = (unsigned)_i + 1;
  pal_value sum, y = random_graph(&seed, 5 + _i * 4, &sum);
  pal_output(g, "y", y);
  pal_output(g, "sum", sum);
  pal_exec *exec = compile();
  check_overlaps(exec_plan(exec));
  const char *count[] = {"A", "B", "C"};
  for (int trial = 0; trial < 4; trial++) {
    int64_t active[3] = {trial ? 1 + rand_r(&seed) % 70 : 70, trial ? 1 + rand_r(&seed) % 33 : 33,
                         trial ? 1 + rand_r(&seed) % 5 : 5};
    int64_t least = active[0] < active[1] ? active[0] : active[1];
    if (active[2] < least) least = active[2];
    for (int s = 0; s < 3; s++) {
      ck_assert_int_eq(pal_exec_count(exec, count[s], active[s], &error), PAL_OK);
      float *x = pal_exec_input(exec, (const char *[]){"xa", "xb", "xc"}[s]);
      int32_t *index = pal_exec_input(exec, (const char *[]){"ia", "ib", "ic"}[s]);
      for (int64_t i = 0; i < active[s]; i++) {
        index[i] = (int32_t)((unsigned)rand_r(&seed) % (unsigned)least);
        for (int k = 0; k < 3; k++) x[3 * i + k] = (float)(rand_r(&seed) % 1000) / 500 - 1;
      }
    }
    pal_reference_result *r = pal_exec_reference(exec, &error);
    ck_assert_msg(r != NULL, "%s", error.text);
    float first = 0;
    for (int threads = 1; threads <= 4; threads++) {
      pal_context_set_threads(context, threads);
      exec_plan(exec)->serial_seconds = 1; /* so that the team is used */
      ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
      const float *got = pal_exec_output(exec, "y", NULL);
      const double *want = pal_reference_output(r, "y", NULL);
      for (int64_t i = 0; i < 3 * active[0]; i++)
        ck_assert_double_eq_tol(got[i], want[i], 1e-4 * (1 + (want[i] < 0 ? -want[i] : want[i])));
      float total = *(const float *)pal_exec_output(exec, "sum", NULL);
      if (threads == 1) first = total;
      ck_assert_msg(memcmp(&first, &total, sizeof total) == 0, "%a on one thread, %a on %d",
                    (double)first, (double)total, threads);
    }
    pal_reference_free(r);
  }
  discard(exec);
}
END_TEST

START_TEST(dump_parse_dump_is_stable) {
  unsigned seed = (unsigned)_i + 100;
  pal_value sum, y = random_graph(&seed, 40, &sum);
  pal_value v = pal_variable_new(g, "odd \"name\"", PAL_TYPE(PAL_F32, PAL_STATIC, 2, 3), PAL_STATE,
                                 PAL_NORMAL(0.02));
  pal_assign(g, v, toy_mul(g, v, sum));
  pal_value kept = toy_keep(g, y, "kept", 70);
  pal_output(g, "kept", kept);
  char *text = pal_graph_dump(g);
  pal_graph *h = pal_graph_parse(context, store, text, &error);
  ck_assert_msg(h != NULL, "%s", error.text);
  char *again = pal_graph_dump(h);
  ck_assert_str_eq(text, again);
  for (size_t cut = 20; cut < strlen(text);
       cut += 37) { /* truncated texts fail or parse, never crash */
    char *part = strdup(text);
    part[cut] = 0;
    pal_error e = {0};
    pal_graph *broken = pal_graph_parse(context, store, part, &e);
    ck_assert(broken != NULL || e.code != PAL_OK);
    pal_graph_free(broken);
    part[cut - 1] = '#';
    pal_error_clear(&e);
    pal_graph_free(pal_graph_parse(context, store, part, &e));
    free(part);
  }
  free(text);
  free(again);
  pal_graph_free(h);
}
END_TEST

START_TEST(every_allocation_may_fail) {
  for (int64_t n = 1; n < 4000; n++) {
    pal_error e = {0};
    pal_alloc_fail_after(n);
    pal_store *s = pal_store_new(1);
    pal_graph *h = s ? pal_graph_new(context, s) : NULL;
    pal_plan *plan = NULL;
    pal_exec *exec = NULL;
    if (h) {
      pal_symbol t = pal_symbol_new(h, "T", 4);
      pal_value x = pal_input(h, "x", PAL_TYPE(PAL_F32, t, 1, 2));
      pal_value v = pal_variable_new(h, "v", pal_type_scalar(PAL_F32), PAL_STATE, PAL_ONES);
      pal_value y = toy_total(h, toy_neg(h, toy_mul(h, x, v)));
      pal_assign(h, v, y);
      pal_output(h, "y", y);
      plan = pal_compile(h, &e);
      exec = plan ? pal_exec_new(plan, &e) : NULL;
      if (exec) pal_exec_run(exec, &e);
    }
    bool whole = exec && e.code == PAL_OK;
    pal_alloc_fail_after(0);
    ck_assert(whole || !h || e.code == PAL_E_MEMORY);
    pal_exec_free(exec);
    pal_plan_free(plan);
    pal_graph_free(h);
    pal_store_free(s);
    if (whole) return;
  }
  ck_abort_msg("the sequence never ran to its end");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("graph");
  TCase *c = tcase_create("graph");
  tcase_set_timeout(c, 120);
  tcase_add_checked_fixture(c, fixture_set_up, fixture_tear_down);
  tcase_add_test(c, first_error_names_the_callers_line);
  tcase_add_test(c, unknown_ops_and_twice_taken_names);
  tcase_add_test(c, common_subexpressions_and_dead_code);
  tcase_add_test(c, constants_fold);
  tcase_add_test(c, an_assignment_needs_a_whole_run);
  tcase_add_test(c, writes_in_place_are_ordered_and_undone);
  tcase_add_test(c, reading_a_version_after_its_successor_is_refused);
  tcase_add_test(c, a_loop_carries_rows_and_count);
  tcase_add_test(c, over_capacity_says_how_much_and_changes_nothing);
  tcase_add_loop_test(c, random_graphs_equal_the_reference, 0, 40);
  tcase_add_loop_test(c, dump_parse_dump_is_stable, 0, 4);
  tcase_add_test(c, every_allocation_may_fail);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
