/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of graph/ where mistakes are easy: undoing the writes of a failed run, versions of
 * variables, loops, bound symbols, large plans, several instances of a plan, and a built-in op
 * defined once more outside the library. */
#include <check.h>
#include <palimpsest/gradient.h>
#include <palimpsest/ops.h>
#include <palimpsest/plan.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/gradient.h"
#include "graph/exec.h"
#include "src/alloc.h"
#include "tests/fixture.h"
#include "tests/run.h"
#include "tests/toy.h"

/* ---- writes in place --------------------------------------------------------------------- */

START_TEST(undo_finds_its_rows_unchanged) {
  pal_value cache =
      pal_variable_new(g, "cache", PAL_TYPE(PAL_F32, PAL_STATIC, 4), PAL_SCRATCH, PAL_ONES);
  pal_value in[3] = {cache, pal_input(g, "index", PAL_TYPE(PAL_I32, PAL_STATIC, 2)),
                     pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 2))};
  pal_value out[PAL_MAX_OUTPUTS];
  pal_apply(g, "toy_put", in, 3, NULL, out);
  toy_refuse(g, toy_neg(g, out[1])); /* would take the place of the saved rows */
  pal_exec *exec = compile();
  memcpy(pal_exec_input(exec, "index"), (int32_t[]){2, 0}, 2 * sizeof(int32_t));
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_E_NONFINITE);
  const float *now = pal_variable_data(pal_store_find(store, "cache"));
  for (int i = 0; i < 4; i++) ck_assert_float_eq(now[i], 1);
  discard(exec);
}
END_TEST

static pal_value put_one(pal_value version, const char *name) {
  char index[32];
  snprintf(index, sizeof index, "%s at", name);
  return toy_put(g, version, pal_input(g, index, PAL_TYPE(PAL_I32, PAL_STATIC, 1)),
                 pal_input(g, name, PAL_TYPE(PAL_F32, PAL_STATIC, 1)));
}

START_TEST(what_is_left_is_the_last_version) {
  pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, 2);
  for (int way = 0; way < 6; way++) {
    pal_value v = pal_variable_new(g, "v", type, PAL_SCRATCH, PAL_ONES);
    pal_value w = pal_variable_new(g, "w", type, PAL_SCRATCH, PAL_ONES);
    pal_value first = put_one(v, "one"), last = put_one(first, "two");
    if (way == 0) pal_output(g, "y", v);
    if (way == 1) pal_output(g, "y", first);
    if (way == 2) pal_output(g, "y", pal_stop_gradient(g, v));
    if (way == 3) pal_assign(g, w, v);
    if (way == 4) pal_loop(g, pal_input(g, "x", type), v);
    if (way < 5) {
      compile_refused(PAL_E_ARGUMENT);
      continue;
    }
    pal_output(g, "y", last);
    pal_assign(g, w, last);
    pal_exec *exec = compile();
    *(float *)pal_exec_input(exec, "two") = 5;
    ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
    ck_assert_float_eq(*(float *)pal_variable_data(pal_store_find(store, "w")), 5);
    ck_assert_float_eq(*(const float *)pal_exec_output(exec, "y", NULL), 5);
    discard(exec);
  }
}
END_TEST

/* ---- loops --------------------------------------------------------------------------------- */

START_TEST(loops_that_contradict_each_other_are_refused) {
  pal_value x = vector("x"), y = vector("y");
  pal_loop(g, x, toy_neg(g, y));
  pal_loop(g, x, toy_neg(g, x));
  refused(PAL_E_DUPLICATE);
  pal_value in[3];
  for (int i = 0; i < 3; i++) {
    const char *name[] = {"A", "B", "C"};
    in[i] = pal_input(g, name[i], PAL_TYPE(PAL_F32, pal_symbol_new(g, name[i], 4), 1));
  }
  pal_value again = pal_input(g, "again", pal_type_of(g, in[0]));
  pal_loop(g, in[0], in[1]);
  pal_loop(g, again, in[2]);
  refused(PAL_E_SHAPE);
}
END_TEST

START_TEST(two_inputs_change_places) {
  pal_symbol a = pal_symbol_new(g, "A", 6), b = pal_symbol_new(g, "B", 6);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, a, 1)),
            y = pal_input(g, "y", PAL_TYPE(PAL_F32, b, 1));
  pal_loop(g, x, y);
  pal_loop(g, y, x);
  pal_output(g, "was", x);
  pal_exec *exec = compile();
  pal_exec_count(exec, "A", 2, &error);
  pal_exec_count(exec, "B", 5, &error);
  for (int i = 0; i < 6; i++) {
    ((float *)pal_exec_input(exec, "x"))[i] = 1;
    ((float *)pal_exec_input(exec, "y"))[i] = 2;
  }
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  ck_assert_int_eq(pal_exec_count_of(exec, "A"), 5);
  ck_assert_int_eq(pal_exec_count_of(exec, "B"), 2);
  ck_assert_float_eq(((float *)pal_exec_input(exec, "x"))[4], 2);
  ck_assert_float_eq(((float *)pal_exec_input(exec, "y"))[1], 1);
  int64_t rows = 0; /* an output has the rows of its run, whatever the next will have */
  ck_assert_float_eq(((const float *)pal_exec_output(exec, "was", &rows))[1], 1);
  ck_assert_int_eq(rows, 2);
  pal_exec_count(exec, "A", 1, &error);
  pal_exec_output(exec, "was", &rows);
  ck_assert_int_eq(rows, 2);
  discard(exec);
}
END_TEST

/* ---- bound symbols ----------------------------------------------------------------------- */

/* The attributes of toy_keep. */
typedef struct keep {
  pal_symbol binds;
  int64_t capacity;
} keep;

START_TEST(a_symbol_is_bound_once_and_before_its_uses) {
  for (int way = 0; way < 4; way++) {
    pal_symbol t = pal_symbol_new(g, "T", 4), k = pal_symbol_new(g, "K", 4);
    pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1));
    keep attrs = {k, 4};
    if (way == 0) attrs.binds = PAL_STATIC;
    if (way == 1) attrs.binds = t;
    if (way == 2) pal_input(g, "early", PAL_TYPE(PAL_F32, k, 1));
    if (way == 3) pal_apply(g, "toy_keep", &x, 1, &attrs, NULL);
    pal_apply(g, "toy_keep", &x, 1, &attrs, NULL);
    refused(PAL_E_ARGUMENT);
  }
}
END_TEST

/* One builder call that is refused: the rows of x are counted by one symbol, those of y by
 * another. */
static void misuse(int way, pal_value x, pal_value y, pal_symbol rows) {
  const pal_type fixed = PAL_TYPE(PAL_F32, PAL_STATIC, 5), wrong = PAL_TYPE(PAL_F32, rows, 2, -1);
  const pal_value v = pal_variable_new(g, "v", fixed, PAL_STATE, PAL_ONES);
  pal_value given = pal_cast(g, y, PAL_I32), grad;
  switch (way) {
    case 0: pal_add(g, x, y); break;
    case 1: pal_broadcast_to(g, v, y); break;
    case 2: pal_sum_to(g, x, y); break;
    case 3: pal_sum_to(g, v, y); break;
    case 4: pal_assign(g, v, y); break;
    case 5: pal_loop(g, x, y); break;
    case 6: pal_apply(g, "toy_keep", &x, 1, &(keep){rows, 4}, NULL); break;
    case 7: pal_input(g, "z", wrong); break;
    case 8: pal_gradient(g, pal_sum_all(g, x), &given, 1, &grad); break;
    default: pal_gradient_from(g, &x, &y, 1, &x, 1, &grad);
  }
}

START_TEST(symbols_print_by_name) {
  static const char *const says[] = {"add(f32[tokens,4], f32[2*boards,4])",
                                     "broadcast_to(f32[5], symbol=boards)",
                                     "sum_to: f32[tokens,4] does not sum to f32[2*boards,4]",
                                     "sum_to: f32[5] does not sum to f32[2*boards,4]",
                                     "variable \"v\" is f32[5], but the value is f32[2*boards,4]",
                                     "not f32[tokens,4] and f32[2*boards,4]",
                                     "binds symbol \"boards\"",
                                     "f32[2*boards,-1]",
                                     "needs f32, not i32[2*boards,4]",
                                     "number 0, f32[tokens,4], is f32[2*boards,4]"};
  ck_assert_int_eq(pal_register_ops(context, &error), PAL_OK);
  pal_symbol_new(g, "unused", 9);
  const pal_symbol tokens = pal_symbol_new(g, "tokens", 8), boards = pal_symbol_new(g, "boards", 4);
  misuse(_i, pal_input(g, "x", PAL_TYPE(PAL_F32, tokens, 1, 4)),
         pal_input(g, "y", PAL_TYPE(PAL_F32, boards, 2, 4)), boards);
  const char *text = pal_graph_error(g)->text;
  ck_assert_msg(strstr(text, says[_i]) != NULL, "%s", text);
}
END_TEST

START_TEST(a_count_beyond_its_symbol_stops_the_run) {
  pal_symbol t = pal_symbol_new(g, "T", 4096), k = pal_symbol_new(g, "K", 2);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1));
  keep attrs = {k, 1 << 20}; /* an op that allows more than there is room for */
  pal_value kept = pal_apply(g, "toy_keep", &x, 1, &attrs, NULL);
  pal_output(g, "y", toy_neg(g, kept));
  pal_exec *exec = compile();
  for (int i = 0; i < 4096; i++) ((float *)pal_exec_input(exec, "x"))[i] = 1;
  for (int threads = 1; threads <= 2; threads++) {
    pal_context_set_threads(context, threads);
    exec->plan->serial_seconds = 1;
    ck_assert_int_eq(pal_exec_run(exec, &error), PAL_E_CAPACITY);
    ck_assert_int_eq(error.needed, 4096);
    pal_error_clear(&error);
  }
  memset(pal_exec_input(exec, "x"), 0, 4096 * sizeof(float));
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  discard(exec);
}
END_TEST

/* ---- failures in chains ------------------------------------------------------------------ */

START_TEST(a_failure_in_a_chain_names_its_op) {
  pal_symbol t = pal_symbol_new(g, "T", 4);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1));
  pal_value y = toy_neg(g, x);
  pal_here(g, "user.c", 77);
  toy_refuse(g, y);
  pal_output(g, "z", toy_neg(g, y));
  pal_exec *exec = compile();
  ck_assert_int_eq(pal_plan_statistics(exec->plan).chains, 1);
  *(float *)pal_exec_input(exec, "x") = 1;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_E_NONFINITE);
  ck_assert_msg(strstr(error.text, "toy_refuse") && strstr(error.text, "user.c:77"), "%s",
                error.text);
  discard(exec);
}
END_TEST

/* ---- at size, side by side --------------------------------------------------------------- */

/* Chains over two symbols, gathers between them, a bound symbol, sums. */
static void build_mixed(pal_graph *in, int64_t rows, int64_t sequences) {
  pal_symbol t = pal_symbol_new(in, "T", rows), s = pal_symbol_new(in, "S", sequences);
  pal_value x = pal_input(in, "x", PAL_TYPE(PAL_F32, t, 1, 3));
  pal_value y = pal_input(in, "y", PAL_TYPE(PAL_F32, s, 1, 3));
  pal_value of = pal_input(in, "of", PAL_TYPE(PAL_I32, t, 1));
  pal_value a = toy_neg(in, toy_mul(in, x, toy_pick(in, y, of)));
  pal_value kept = toy_keep(in, a, "K", rows);
  pal_output(in, "a", toy_mul(in, toy_neg(in, a), toy_total(in, y)));
  pal_output(in, "kept", toy_neg(in, toy_mul(in, kept, kept)));
  pal_output(in, "sum", toy_total(in, toy_mul(in, kept, toy_total(in, a))));
}

static void fill_mixed(pal_exec *exec, int64_t rows, int64_t sequences, unsigned seed) {
  pal_error e = {0};
  float *x = pal_exec_input(exec, "x"), *y = pal_exec_input(exec, "y");
  int32_t *of = pal_exec_input(exec, "of");
  if (pal_exec_count(exec, "T", rows, &e) || pal_exec_count(exec, "S", sequences, &e)) abort();
  for (int64_t i = 0; i < 3 * rows; i++) x[i] = (float)(rand_r(&seed) % 2001) / 777 - 1;
  for (int64_t i = 0; i < 3 * sequences; i++) y[i] = (float)(rand_r(&seed) % 2001) / 777 - 1;
  for (int64_t i = 0; i < rows; i++)
    of[i] = (int32_t)((unsigned)rand_r(&seed) % (unsigned)sequences);
}

static void same_outputs(const pal_exec *one, const pal_exec *two) {
  const char *name[] = {"a", "kept", "sum"};
  for (int i = 0; i < 3; i++) {
    int64_t n, m;
    const float *p = pal_exec_output(one, name[i], &n), *q = pal_exec_output(two, name[i], &m);
    ck_assert_int_eq(n, m);
    ck_assert_mem_eq(p, q, (size_t)(i < 2 ? 3 * n : 1) * sizeof *p);
  }
}

START_TEST(capacity_is_no_part_of_the_numbers) {
  build_mixed(g, 1000, 90);
  pal_exec *large = compile();
  const int64_t size[][2] = {{1000, 90}, {517, 64}, {64, 3}, {17, 1}, {1, 1}};
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    pal_graph_free(g);
    g = pal_graph_new(context, store);
    build_mixed(g, size[i][0], size[i][1]);
    pal_exec *exact = compile();
    fill_mixed(large, size[i][0], size[i][1], 5);
    fill_mixed(exact, size[i][0], size[i][1], 5);
    for (int threads = 1; threads <= 4; threads++) {
      pal_context_set_threads(context, threads);
      large->plan->serial_seconds = 1e9;
      ck_assert_int_eq(pal_exec_run(large, &error), PAL_OK);
      ck_assert_int_eq(pal_exec_run_serial(exact, &error), PAL_OK);
      same_outputs(large, exact);
    }
    discard(exact);
  }
  discard(large);
}
END_TEST

typedef struct lane {
  pal_exec *exec;
  const pal_exec *want[8];
  bool serial;
  int wrong;
} lane;

static void *run_lane(void *data) {
  lane *l = data;
  pal_error e = {0};
  for (int i = 0; i < 64; i++) {
    const pal_exec *want = l->want[i % 8];
    fill_mixed(l->exec, 40 + 100 * (i % 8), 1 + i % 8, (unsigned)i % 8);
    if (l->serial ? pal_exec_run_serial(l->exec, &e) : pal_exec_run(l->exec, &e)) l->wrong++;
    int64_t n, m;
    const float *a = pal_exec_output(l->exec, "kept", &n), *b = pal_exec_output(want, "kept", &m);
    if (n != m || memcmp(a, b, (size_t)(3 * n) * sizeof *a) != 0) l->wrong++;
    a = pal_exec_output(l->exec, "sum", NULL);
    b = pal_exec_output(want, "sum", NULL);
    if (memcmp(a, b, sizeof *a) != 0) l->wrong++;
  }
  return NULL;
}

START_TEST(two_instances_run_at_once) {
  build_mixed(g, 1000, 90);
  pal_exec *want[8];
  want[0] = compile();
  pal_plan *plan = want[0]->plan;
  plan->serial_seconds = 1e9;
  for (int i = 0; i < 8; i++) {
    if (i) want[i] = pal_exec_new(plan, &error);
    fill_mixed(want[i], 40 + 100 * i, 1 + i, (unsigned)i);
    ck_assert_int_eq(pal_exec_run_serial(want[i], &error), PAL_OK);
  }
  lane lanes[2] = {{.serial = _i == 0}, {.serial = _i == 0}};
  pthread_t thread[2];
  for (int k = 0; k < 2; k++) {
    lanes[k].exec = pal_exec_new(plan, &error);
    for (int i = 0; i < 8; i++) lanes[k].want[i] = want[i];
    ck_assert_int_eq(pthread_create(&thread[k], NULL, run_lane, &lanes[k]), 0);
  }
  for (int k = 0; k < 2; k++) {
    pthread_join(thread[k], NULL);
    ck_assert_int_eq(lanes[k].wrong, 0);
    pal_exec_free(lanes[k].exec);
  }
  for (int i = 1; i < 8; i++) pal_exec_free(want[i]);
  discard(want[0]);
}
END_TEST

/* ---- a built-in op made again through the public headers --------------------------------- */

static pal_status twin_infer(pal_infer *c) {
  if (c->in_type[0].dtype != PAL_F32) return pal_fail(c->error, PAL_E_SHAPE, "x must be f32");
  c->n_out = 1;
  c->out_type[0] = c->in_type[0];
  return PAL_OK;
}
static pal_status twin_run(const pal_run *r) {
  const pal_type *t = &r->out_type[0];
  int64_t row = (t->symbol.id ? t->dim[0] : 1) * pal_type_row(t);
  const float *x = r->in[0];
  for (int64_t i = r->begin * row; i < r->end * row; i++)
    ((float *)r->out[0])[i] = x[i] < 0 ? 0 : x[i];
  return PAL_OK;
}
static pal_status twin_reference(const pal_reference *r) {
  for (int64_t i = 0; i < r->out_rows[0] * pal_type_row(&r->out_type[0]); i++)
    r->out[0][i] = r->in[0][i] < 0 ? 0 : r->in[0][i];
  return PAL_OK;
}
static pal_status twin_gradient(pal_gradient_call *c) {
  pal_graph *in = c->graph;
  if (pal_is_nil(c->out_grad[0])) return PAL_OK;
  const pal_value y_dy[] = {c->out[0], c->out_grad[0]};
  c->in_grad[0] = pal_apply(in, "relu_backward", y_dy, 2, NULL, NULL);
  return PAL_OK;
}
static const pal_op twin_op = {.abi_size = sizeof(pal_op),
                               .name = "rule",
                               .doc = "relu again",
                               .min_in = 1,
                               .max_in = 1,
                               .in_place = 1,
                               .infer = twin_infer,
                               .gradient = twin_gradient,
                               .reference = twin_reference,
                               .phase = {{.run = twin_run}},
                               .no_case = "a twin of relu"};

static pal_exec *build_with(const char *name) {
  pal_graph_free(g);
  g = pal_graph_new(context, store);
  pal_symbol t = pal_symbol_new(g, "T", 300);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, 40));
  pal_value w =
      pal_variable_new(g, "w", PAL_TYPE(PAL_F32, PAL_STATIC, 40), PAL_PARAMETER, PAL_NORMAL(1));
  pal_value h = pal_mul(g, x, w), grad;
  h = pal_apply(g, name, &h, 1, NULL, NULL);
  h = pal_mul(g, h, w);
  h = pal_apply(g, name, &h, 1, NULL, NULL);
  pal_gradient(g, pal_sum_all(g, pal_mul(g, h, h)), &w, 1, &grad);
  pal_output(g, "y", h);
  pal_output(g, "dw", grad);
  return compile();
}

START_TEST(an_op_from_outside_is_as_good_as_a_built_in) {
  ck_assert_int_eq(pal_register_ops(context, &error), PAL_OK);
  ck_assert_int_eq(pal_define_op(context, &twin_op, &error), PAL_OK);
  pal_exec *exec[2] = {build_with("relu"), build_with("rule")};
  pal_plan_stats a = pal_plan_statistics(exec[0]->plan), b = pal_plan_statistics(exec[1]->plan);
  ck_assert_int_eq(a.steps, b.steps);
  ck_assert_int_eq(a.stages, b.stages);
  ck_assert_int_eq(a.chains, b.chains);
  ck_assert_int_gt(a.chains, 0);
  ck_assert_uint_eq(a.arena_bytes, b.arena_bytes);
  ck_assert_uint_eq(a.largest_live, b.largest_live);
  ck_assert_uint_eq(a.task_scratch_bytes, b.task_scratch_bytes);
  ck_assert_double_eq(a.flops, b.flops);
  ck_assert_double_eq(a.bytes, b.bytes);
  char *text[2] = {pal_plan_report(exec[0]->plan), pal_plan_report(exec[1]->plan)};
  for (char *at = text[1]; (at = strstr(at, "rule ")) != NULL; at++) memcpy(at, "relu", 4);
  ck_assert_str_eq(text[0], text[1]);
  free(text[0]);
  free(text[1]);
  for (int k = 0; k < 2; k++) {
    unsigned seed = 3;
    pal_exec_count(exec[k], "T", 277, &error);
    float *x = pal_exec_input(exec[k], "x");
    for (int i = 0; i < 277 * 40; i++) x[i] = (float)(rand_r(&seed) % 2001) / 1000 - 1;
    ck_assert_int_eq(pal_exec_run(exec[k], &error), PAL_OK);
  }
  ck_assert_mem_eq(pal_exec_output(exec[0], "y", NULL), pal_exec_output(exec[1], "y", NULL),
                   277 * 40 * sizeof(float));
  ck_assert_mem_eq(pal_exec_output(exec[0], "dw", NULL), pal_exec_output(exec[1], "dw", NULL),
                   40 * sizeof(float));
  discard(exec[0]);
  discard(exec[1]);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("plan");
  TCase *c = tcase_create("plan");
  tcase_set_timeout(c, 120);
  tcase_add_checked_fixture(c, fixture_set_up, fixture_tear_down);
  tcase_add_test(c, undo_finds_its_rows_unchanged);
  tcase_add_test(c, what_is_left_is_the_last_version);
  tcase_add_test(c, loops_that_contradict_each_other_are_refused);
  tcase_add_test(c, two_inputs_change_places);
  tcase_add_test(c, a_symbol_is_bound_once_and_before_its_uses);
  tcase_add_loop_test(c, symbols_print_by_name, 0, 10);
  tcase_add_test(c, a_count_beyond_its_symbol_stops_the_run);
  tcase_add_test(c, a_failure_in_a_chain_names_its_op);
  tcase_add_test(c, capacity_is_no_part_of_the_numbers);
  tcase_add_loop_test(c, two_instances_run_at_once, 0, 2);
  tcase_add_test(c, an_op_from_outside_is_as_good_as_a_built_in);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
