/* SPDX-License-Identifier: Apache-2.0 */
/* pal_gradient and recompute sections on the three ops of bend.h, which shows that they know no op
 * by name; then on graphs of built-in ops, by the Taylor test. */
#include <check.h>
#include <palimpsest/gradient.h>
#include <palimpsest/check.h>
#include <palimpsest/ops.h>
#include <stdlib.h>
#include <string.h>

#include "autograd/accumulate.h"
#include "src/alloc.h"
#include "tests/bend.h"
#include "tests/run.h"

enum { ROWS = 40, WIDTH = 8 };

static pal_context *context;
static pal_store *store;
static pal_graph *g;
static pal_symbol rows;
static pal_error error;

static void set_up(void) {
  memset(&error, 0, sizeof error);
  context = pal_context_new(&(pal_options){.threads = 2}, &error);
  ck_assert_msg(context && !bend_define(context, &error), "%s", error.text);
  store = pal_store_new(3);
  g = pal_graph_new(context, store);
  rows = pal_symbol_new(g, "T", ROWS);
}

static void tear_down(void) {
  pal_graph_free(g);
  pal_store_free(store);
  pal_context_free(context);
}

static pal_value input(const char *name) {
  return pal_input(g, name, PAL_TYPE(PAL_F32, rows, 1, WIDTH));
}

/* A plan and its instance; inputs hold a fixed pattern. */
typedef struct ready {
  pal_plan *plan;
  pal_exec *exec;
} ready;

static ready get_ready(int64_t count) {
  ready r = {.plan = pal_compile(g, &error)};
  ck_assert_msg(r.plan != NULL, "%s", error.text);
  r.exec = pal_exec_new(r.plan, &error);
  ck_assert_msg(r.exec && !pal_exec_count(r.exec, "T", count, &error), "%s", error.text);
  static const char *const names[] = {"x", "y"};
  for (int n = 0; n < 2; n++) {
    float *data = pal_exec_input(r.exec, names[n]);
    for (int64_t i = 0; data && i < count * WIDTH; i++)
      data[i] = (float)((i * 37 + n * 11) % 64) / 32 - 0.9f;
  }
  return r;
}

static void run(ready r) { ck_assert_msg(!pal_exec_run(r.exec, &error), "%s", error.text); }

static const float *output(ready r, const char *name) {
  const float *data = pal_exec_output(r.exec, name, NULL);
  ck_assert_ptr_nonnull(data);
  return data;
}

static void finish(ready r) {
  pal_exec_free(r.exec);
  pal_plan_free(r.plan);
}

static void check_taylor(pal_value loss, const pal_value *wrt, int n, ready r) {
  pal_status status = pal_check_gradient(context, g, loss, wrt, n, r.exec, 11, &error);
  ck_assert_msg(status == PAL_OK, "%s", error.text);
}

/* ---- values -------------------------------------------------------------------------- */

START_TEST(a_closed_form) { /* L = sum x^2 y: dL/dx = 2xy, dL/dy = x^2 */
  pal_value x = input("x"), y = input("y"), grad[2];
  pal_value loss = bend_mul(g, bend_mul(g, x, x), y);
  pal_gradient(g, loss, (pal_value[]){x, y}, 2, grad);
  pal_output(g, "dx", grad[0]);
  pal_output(g, "dy", grad[1]);
  ready r = get_ready(ROWS);
  run(r);
  const float *in = pal_exec_input(r.exec, "x"), *by = pal_exec_input(r.exec, "y");
  for (int i = 0; i < ROWS * WIDTH; i++) {
    ck_assert_float_eq_tol(output(r, "dx")[i], 2 * in[i] * by[i], 1e-6f);
    ck_assert_float_eq_tol(output(r, "dy")[i], in[i] * in[i], 1e-6f);
  }
  finish(r);
}
END_TEST

/* A value with many consumers, an intermediate wrt, one that is not reached. */
static pal_value tangle(pal_value x, pal_value y, pal_value *middle) {
  pal_value a = bend_bell(g, x), b = bend_mul(g, a, y);
  *middle = bend_mul(g, a, b);
  pal_value sum = bend_mul(g, *middle, bend_line(g, a, 0.5, 1));
  for (int i = 0; i < 30; i++) sum = bend_mul(g, bend_line(g, sum, 0.9, 0.1), bend_bell(g, b));
  return bend_mul(g, sum, bend_mul(g, *middle, x));
}

START_TEST(many_consumers) {
  pal_value x = input("x"), y = input("y"), middle;
  pal_value loss = tangle(x, y, &middle);
  ready r = get_ready(17);
  check_taylor(loss, (pal_value[]){x, y}, 2, r);
  finish(r);
}
END_TEST

START_TEST(an_intermediate_value) {
  pal_value x = input("x"), y = input("y"), middle, grad[3];
  pal_value loss = tangle(x, y, &middle);
  pal_gradient(g, loss, (pal_value[]){middle, x, loss}, 3, grad);
  pal_output(g, "middle", grad[0]);
  pal_output(g, "x", grad[1]);
  pal_output(g, "loss", grad[2]);
  pal_gradient(g, loss, &x, 1, grad);
  pal_output(g, "x alone", grad[0]);
  ready r = get_ready(5);
  run(r);
  ck_assert_mem_eq(output(r, "x"), output(r, "x alone"), 5 * WIDTH * sizeof(float));
  for (int i = 0; i < 5 * WIDTH; i++) ck_assert_float_eq(output(r, "loss")[i], 1);
  finish(r);
}
END_TEST

START_TEST(what_is_not_reached_gets_zeros) {
  pal_value x = input("x"), y = input("y"), grad[2];
  pal_value through = pal_stop_gradient(g, bend_bell(g, y));
  pal_gradient(g, bend_mul(g, x, through), (pal_value[]){y, x}, 2, grad);
  pal_output(g, "dy", grad[0]);
  pal_output(g, "dx", grad[1]);
  ready r = get_ready(3);
  run(r);
  for (int i = 0; i < 3 * WIDTH; i++) {
    ck_assert_float_eq(output(r, "dy")[i], 0);
    ck_assert_float_ne(output(r, "dx")[i], 0);
  }
  finish(r);
}
END_TEST

START_TEST(second_derivatives) {
  pal_value x = input("x"), y = input("y"), middle, grad;
  pal_value loss = tangle(x, y, &middle);
  pal_gradient(g, loss, &x, 1, &grad);
  pal_value slope = bend_mul(g, grad, y);
  ready r = get_ready(6);
  check_taylor(slope, (pal_value[]){x, y}, 2, r);
  finish(r);
}
END_TEST

/* ---- recompute sections -------------------------------------------------------------- */

enum { SECTIONS = 6, DEPTH = 8 };

static pal_value deep(pal_value x, pal_value w, bool recompute) {
  for (int s = 0; s < SECTIONS; s++) {
    if (recompute) pal_recompute_begin(g);
    for (int i = 0; i < DEPTH; i++) x = bend_mul(g, bend_bell(g, bend_line(g, x, 1.1, 0.2)), w);
    if (recompute) pal_recompute_end(g);
  }
  return x;
}

typedef struct deep_result {
  float data[2][ROWS * WIDTH];
  pal_plan_stats stats;
} deep_result;

static void run_deep(bool recompute, deep_result *result) {
  tear_down();
  set_up();
  pal_value x = input("x"), y = input("y"), grad[2];
  pal_value w = bend_line(g, y, 0.3, 1);
  pal_gradient(g, deep(x, w, recompute), (pal_value[]){x, y}, 2, grad);
  pal_output(g, "dx", grad[0]);
  pal_output(g, "dy", grad[1]);
  char *text = pal_graph_dump(g);
  pal_graph *parsed = pal_graph_parse(context, store, text, &error);
  ck_assert_msg(parsed != NULL, "%s", error.text);
  char *again = pal_graph_dump(parsed);
  ck_assert_str_eq(text, again);
  free(text);
  free(again);
  pal_graph_free(parsed);
  ready r = get_ready(ROWS);
  run(r);
  memcpy(result->data[0], output(r, "dx"), sizeof result->data[0]);
  memcpy(result->data[1], output(r, "dy"), sizeof result->data[1]);
  result->stats = pal_plan_statistics(r.plan);
  finish(r);
}

START_TEST(sections_give_the_same_bits_in_less_memory) {
  deep_result plain, again;
  run_deep(false, &plain);
  run_deep(true, &again);
  ck_assert_mem_eq(plain.data, again.data, sizeof plain.data);
  ck_assert_int_gt(again.stats.steps, plain.stats.steps); /* the copies were not merged away */
  ck_assert_msg(again.stats.arena_bytes * 2 < plain.stats.arena_bytes, "%zu against %zu bytes",
                again.stats.arena_bytes, plain.stats.arena_bytes);
}
END_TEST

START_TEST(sections_pass_the_taylor_test) {
  pal_value x = input("x"), y = input("y");
  pal_value loss = deep(x, y, true);
  ready r = get_ready(4);
  check_taylor(loss, (pal_value[]){x, y}, 2, r);
  finish(r);
}
END_TEST

/* A graph read back has its sections and knows which marks copies have: its next gradient is the
 * same. */
START_TEST(a_parsed_graph_has_its_sections) {
  pal_value x = input("x"), y = input("y"), first, grad[2];
  const pal_value loss = deep(x, y, true);
  pal_gradient(g, loss, &x, 1, &first);
  char *text = pal_graph_dump(g);
  ck_assert_ptr_nonnull(strstr(text, " section 6 "));
  pal_graph *parsed = pal_graph_parse(context, store, text, &error);
  ck_assert_msg(parsed != NULL, "%s", error.text);
  free(text);
  for (int k = 0; k < 2; k++) {
    pal_graph *h = k ? parsed : g;
    pal_gradient(h, bend_mul(h, loss, first), (pal_value[]){x, y}, 2, grad);
    pal_output(h, "dx", grad[0]);
    pal_output(h, "dy", grad[1]);
  }
  char *mine = pal_graph_dump(g), *its = pal_graph_dump(parsed);
  ck_assert_ptr_nonnull(strstr(mine, " copy 12 "));
  ck_assert_str_eq(mine, its);
  free(mine);
  free(its);
  pal_graph_free(parsed);
}
END_TEST

/* ---- failures ------------------------------------------------------------------------ */

static pal_status wrong_type(pal_gradient_call *c) {
  c->in_grad[0] = pal_scalar(c->graph, 1);
  return PAL_OK;
}

static pal_status no_gradient(pal_gradient_call *c) {
  (void)c;
  return PAL_E_UNSUPPORTED;
}

static pal_status bad_builder(pal_gradient_call *c) {
  c->in_grad[0] = bend_mul(c->graph, c->out_grad[0], pal_scalar(c->graph, 2));
  return PAL_OK;
}

static void expect_failure(pal_status (*gradient)(pal_gradient_call *), const char *what) {
  pal_op op = bend_bell_op;
  op.name = "bend_odd";
  op.gradient = gradient;
  ck_assert_int_eq(pal_define_op(context, &op, &error), PAL_OK);
  pal_value x = input("x"), grad;
  pal_value odd = pal_apply(g, "bend_odd", &x, 1, NULL, NULL);
  pal_gradient(g, bend_bell(g, bend_line(g, odd, 2, 0)), &x, 1, &grad);
  ck_assert(pal_is_nil(grad));
  const char *text = pal_graph_error(g)->text;
  ck_assert_msg(strstr(text, what) && strstr(text, "bend_bell, bend_line, bend_odd") &&
                    strstr(text, "test_gradient.c"),
                "%s", text);
}

START_TEST(a_gradient_of_another_type) { expect_failure(wrong_type, "is f32[] where the input"); }
END_TEST
START_TEST(a_gradient_that_is_refused) { expect_failure(no_gradient, "gradient function of op"); }
END_TEST
START_TEST(a_gradient_that_cannot_be_built) { expect_failure(bad_builder, "operands differ"); }
END_TEST

START_TEST(arguments_that_make_no_sense) {
  pal_value tokens = pal_input(g, "tokens", PAL_TYPE(PAL_I32, rows, 1)), x = input("x"), grad;
  pal_gradient(g, bend_bell(g, x), &tokens, 1, &grad);
  ck_assert(pal_is_nil(grad));
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_SHAPE);
  ck_assert_msg(strstr(pal_graph_error(g)->text, "i32"), "%s", pal_graph_error(g)->text);
}
END_TEST

START_TEST(a_gradient_inside_a_section) {
  pal_value x = input("x"), grad;
  pal_recompute_begin(g);
  pal_gradient(g, bend_bell(g, x), &x, 1, &grad);
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_ARGUMENT);
}
END_TEST

START_TEST(every_allocation_may_fail) {
  bool done = false;
  for (int64_t n = 1; !done; n++) {
    ck_assert_int_lt(n, 5000);
    pal_graph_free(g);
    g = pal_graph_new(context, store);
    rows = pal_symbol_new(g, "T", ROWS);
    pal_value x = input("x"), y = input("y"), grad[2];
    pal_value loss = deep(x, y, true);
    ck_assert_int_eq(pal_graph_error(g)->code, PAL_OK);
    pal_alloc_fail_after(n);
    pal_gradient(g, loss, (pal_value[]){x, y}, 2, grad);
    pal_alloc_fail_after(0);
    done = pal_graph_error(g)->code == PAL_OK;
    if (!done) ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_MEMORY);
    ck_assert(pal_is_nil(grad[0]) != done);
  }
}
END_TEST

/* ---- built-in ops -------------------------------------------------------------------- */

START_TEST(a_small_network) {
  ck_assert_msg(!pal_register_ops(context, &error), "%s", error.text);
  pal_value x = input("x"), target = pal_input(g, "target", PAL_TYPE(PAL_I32, rows, 1));
  pal_value parameter[4];
  pal_scope_push(g, "net");
  parameter[0] = pal_variable_new(g, "w1", PAL_TYPE(PAL_F32, PAL_STATIC, 12, WIDTH), PAL_PARAMETER,
                                  PAL_NORMAL(0.5));
  parameter[1] =
      pal_variable_new(g, "b1", PAL_TYPE(PAL_F32, PAL_STATIC, 12), PAL_PARAMETER, PAL_NORMAL(0.5));
  parameter[2] =
      pal_variable_new(g, "gain", PAL_TYPE(PAL_F32, PAL_STATIC, 12), PAL_PARAMETER, PAL_ONES);
  parameter[3] = pal_variable_new(g, "w2", PAL_TYPE(PAL_F32, PAL_STATIC, 5, 12), PAL_PARAMETER,
                                  PAL_NORMAL(0.5));
  pal_scope_pop(g);
  pal_recompute_begin(g);
  pal_value hidden = pal_gelu(g, pal_linear(g, x, parameter[0], parameter[1]), false);
  pal_value normal = pal_rms_norm(g, hidden, parameter[2], 1e-5);
  pal_recompute_end(g);
  pal_value logits = pal_linear(g, normal, parameter[3], PAL_NIL);
  pal_value loss = pal_cross_entropy(g, logits, target, PAL_NIL, (pal_ints){0});
  ready r = get_ready(9);
  int32_t *classes = pal_exec_input(r.exec, "target");
  for (int i = 0; i < 9; i++) classes[i] = i % 6 - 1;
  pal_value wrt[] = {x, parameter[0], parameter[1], parameter[2], parameter[3]};
  check_taylor(loss, wrt, 5, r);
  finish(r);
}
END_TEST

/* Dropout in a section draws again what it drew. */
static void run_dropout(bool recompute, float *gradient) {
  tear_down();
  set_up();
  ck_assert_msg(!pal_register_ops(context, &error), "%s", error.text);
  pal_value x = input("x"), grad;
  pal_random random = {pal_input(g, "seed", PAL_TYPE(PAL_I32, PAL_STATIC, 3)),
                       pal_input(g, "sample", PAL_TYPE(PAL_I32, rows, 1)),
                       pal_input(g, "position", PAL_TYPE(PAL_I32, rows, 1))};
  pal_value h = x;
  for (int i = 0; i < 3; i++) {
    pal_scope_push(g, "layer.%d", i);
    if (recompute) pal_recompute_begin(g);
    h = pal_silu(g, pal_dropout(g, pal_silu(g, h), 0.3, random));
    if (recompute) pal_recompute_end(g);
    pal_scope_pop(g);
  }
  pal_gradient(g, h, &x, 1, &grad);
  pal_output(g, "dx", grad);
  ready r = get_ready(ROWS);
  memcpy(pal_exec_input(r.exec, "seed"), (int32_t[]){4, 0, 9}, 3 * sizeof(int32_t));
  for (int i = 0; i < ROWS; i++) ((int32_t *)pal_exec_input(r.exec, "position"))[i] = i;
  run(r);
  memcpy(gradient, output(r, "dx"), ROWS * WIDTH * sizeof(float));
  finish(r);
}

START_TEST(sections_replay_their_draws) {
  float plain[ROWS * WIDTH], again[ROWS * WIDTH];
  run_dropout(false, plain);
  run_dropout(true, again);
  ck_assert_mem_eq(plain, again, sizeof plain);
  int dropped = 0;
  for (int i = 0; i < ROWS * WIDTH; i++) dropped += plain[i] == 0;
  ck_assert_int_gt(dropped, ROWS * WIDTH / 2);
  ck_assert_int_lt(dropped, ROWS * WIDTH * 4 / 5);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("gradient");
  TCase *tests = tcase_create("gradient");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, a_closed_form);
  tcase_add_test(tests, many_consumers);
  tcase_add_test(tests, an_intermediate_value);
  tcase_add_test(tests, what_is_not_reached_gets_zeros);
  tcase_add_test(tests, second_derivatives);
  tcase_add_test(tests, sections_give_the_same_bits_in_less_memory);
  tcase_add_test(tests, sections_pass_the_taylor_test);
  tcase_add_test(tests, a_parsed_graph_has_its_sections);
  tcase_add_test(tests, a_gradient_of_another_type);
  tcase_add_test(tests, a_gradient_that_is_refused);
  tcase_add_test(tests, a_gradient_that_cannot_be_built);
  tcase_add_test(tests, arguments_that_make_no_sense);
  tcase_add_test(tests, a_gradient_inside_a_section);
  tcase_add_test(tests, every_allocation_may_fail);
  tcase_add_test(tests, a_small_network);
  tcase_add_test(tests, sections_replay_their_draws);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
