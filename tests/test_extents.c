/* SPDX-License-Identifier: Apache-2.0 */
/* Extents of 0, huge sizes, and indices and counts out of range: either the graph is refused when
 * it is built, or the plan and the reference interpreter report the same error. */
#include <check.h>
#include <palimpsest/ops.h>
#include <palimpsest/plan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/run.h"

static pal_error error;

static pal_context *open_ops(pal_isa isa) {
  pal_error_clear(&error);
  pal_context *context =
      pal_context_new(&(pal_options){.threads = 2, .isa = pal_isa_name(isa)}, &error);
  ck_assert_msg(context && !pal_register_ops(context, &error), "%s", error.text);
  return context;
}

static pal_exec *open_exec(pal_graph *g, pal_plan **plan) {
  *plan = pal_compile(g, &error);
  ck_assert_msg(*plan != NULL, "%s", error.text);
  pal_exec *exec = pal_exec_new(*plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  return exec;
}

/* ---- products of nothing ------------------------------------------------------------------- */

enum { MATMUL, MATMUL_TURNED, OUTER, OUTER_TURNED, LINEAR, LINEAR_BIAS, FORMS };

static pal_value operand(pal_graph *g, const char *name, int64_t rows, int64_t columns) {
  return pal_input(g, name, PAL_TYPE(PAL_F32, PAL_STATIC, rows, columns));
}

static pal_value product(pal_graph *g, int form, int64_t m, int64_t n, int64_t k) {
  const bool a_turned = form == OUTER || form == OUTER_TURNED;
  const bool b_turned = form != MATMUL && form != OUTER;
  const pal_value a = a_turned ? operand(g, "a", k, m) : operand(g, "a", m, k);
  const pal_value b = b_turned ? operand(g, "b", n, k) : operand(g, "b", k, n);
  if (form < LINEAR) return pal_matmul(g, a, b, a_turned, b_turned);
  const pal_value bias =
      form == LINEAR_BIAS ? pal_input(g, "bias", PAL_TYPE(PAL_F32, PAL_STATIC, n)) : PAL_NIL;
  return pal_linear(g, a, b, bias);
}

static void run_product(pal_context *context, int form, pal_precision precision, int64_t m,
                        int64_t n, int64_t k) {
  pal_graph *g = pal_graph_new(context, NULL);
  pal_plan *plan;
  pal_graph_set_precision(g, precision);
  pal_output(g, "y", product(g, form, m, n, k));
  pal_exec *exec = open_exec(g, &plan);
  float *a = pal_exec_input(exec, "a"), *b = pal_exec_input(exec, "b"),
        *bias = form == LINEAR_BIAS ? pal_exec_input(exec, "bias") : NULL;
  for (int64_t i = 0; i < m * k; i++) a[i] = 1;
  for (int64_t i = 0; i < n * k; i++) b[i] = 2;
  for (int64_t i = 0; bias && i < n; i++) bias[i] = 5;
  for (int run = 0; run < 2; run++)
    ck_assert_msg(!(run ? pal_exec_run : pal_exec_run_serial)(exec, &error), "%s", error.text);
  const float *y = pal_exec_output(exec, "y", NULL);
  for (int64_t i = 0; i < m * n; i++)
    ck_assert_msg(y[i] == (float)(2 * k + (bias ? 5 : 0)), "form %d of %d x %d x %d: %g", form,
                  (int)m, (int)n, (int)k, (double)y[i]);
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
}

START_TEST(products_of_nothing) {
  static const int64_t extent[] = {0, 1, 5, 40};
  if (!pal_isa_available((pal_isa)_i)) return;
  pal_context *context = open_ops((pal_isa)_i);
  for (int form = 0; form < FORMS; form++)
    for (int p = PAL_PRECISION_F32; p <= PAL_PRECISION_BF16; p++)
      for (int i = 0; i < 64; i++) {
        const int64_t m = extent[i % 4], n = extent[i / 4 % 4], k = extent[i / 16];
        run_product(context, form, (pal_precision)p, m, n, k);
      }
  pal_context_free(context);
}
END_TEST

/* ---- texts ------------------------------------------------------------------------------- */

#define TEXT(lines) "palimpsest-graph 1\n" lines
#define PLAIN " copy 0 section 0 attrs "
#define I32(name, rows) "input \"" name "\" i32[" rows "]\n"

/* Graphs that no memory and no number could hold. */
START_TEST(graphs_that_are_refused) {
  static const char *const all[] = {
      TEXT("input \"x\" f32[5,48]\n" I32("g", "5,0") I32("b", "2") I32(
          "l", "2") "op \"segment_group_mean\" in 1 3 4 2" PLAIN "scope \"\" -> f32[5,48]\n"),
      TEXT("input \"x\" f32[1000000,50000000,1]\n"),
      TEXT("input \"w\" f32[1,500000000000000000]\n"),
      TEXT("input \"x\" f32[12]\n"
           "op \"reshape\" in 1" PLAIN "dims=[9223372036854775807 12] scope \"\" -> f32[12]\n"),
      TEXT("input \"x\" f32[0]\nop \"concat\" in 1 1" PLAIN
           "axis=-9223372036854775808 scope \"\" -> "
           "f32[0]\n"),
      TEXT("input \"x\" f32[2]\nop \"slice\" in 1" PLAIN
           "axis=0 begin=-9223372036854775808 end=9223372036854775807 scope \"\" -> f32[2]\n"),
      TEXT("symbol \"w\" 8\n" I32("t", "8")
               I32("b", "1") "op \"window_refill\" in 1 2 2 1 2 2 2" PLAIN
                             "window=9223372036854775807 binds=s1 scope \"\" -> i32[s1*1]\n"),
      TEXT("symbol \"e\" 8\n" I32("t", "8")
               I32("b", "1") "op \"edit\" in 1 1 1 1 1 2 2" PLAIN
                             "mask=4294967296 capacity=8 binds=s1 scope \"\" -> i32[s1*1]\n"),
  };
  pal_context *context = open_ops(PAL_ISA_GENERIC);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_error_clear(&error);
    pal_graph *g = pal_graph_parse(context, NULL, all[i], &error);
    ck_assert_msg(!g, "text %d is taken", (int)i);
    ck_assert_msg(error.code == PAL_E_SHAPE || error.code == PAL_E_ARGUMENT, "%d: %s", (int)i,
                  error.text);
  }
  pal_context_free(context);
}
END_TEST

typedef struct misfit {
  pal_status code;
  const char *op, *text;
  int32_t value[8]; /* of all elements of inputs "0", "1", ... that are i32 */
} misfit;

#define X "input \"x\" f32[4,2]\n"
#define OP(name, in, attrs, out) "op \"" name "\" in " in PLAIN attrs "scope \"\" -> " out "\n"
#define SEGMENTS(name, x, in, out) \
  x I32("0", "3") I32("1", "3") I32("2", "3") OP(name, in, "", out) "output \"y\" 5\n"
#define ATTENTION(in, more)                       \
  X I32("0", "1") I32("1", "1")                   \
      more OP("scaled_dot_product_attention", in, \
              "heads=1 scale=0x0p+0 causal=0 window=0 precision=0 ", "f32[4,2] f32[4,1]")
#define EDIT(capacity)                                                       \
  "symbol \"e\" 3\n" I32("0", "4") I32("1", "4") I32("2", "1") I32("3", "1") \
      OP("edit", "1 1 1 2 1 3 4", "mask=7 capacity=" capacity " binds=s1 ",  \
         "i32[s1*1] i32[s1*1] i32[1] i32[1] i32[1]") "output \"y\" 5\n"
#define COMPACT                                                                              \
  "symbol \"r\" 3\nsymbol \"k\" 1\n" I32("0", "2") I32("1", "2") I32("2", "2") I32("3", "4") \
      OP("compact", "1 2 3 4", "capacity=3 binds=s1 binds2=s2 ",                             \
         "i32[s1*1] i32[s2*1] i32[s2*1] i32[s2*1]") "output \"y\" 5\n"
#define REFILL                                                                               \
  "symbol \"w\" 2\n" I32("0", "4") I32("1", "1") I32("2", "1") I32("3", "4") I32("4", "1")   \
      I32("5", "1") I32("6", "1") OP("window_refill", "1 2 3 4 5 6 7", "window=4 binds=s1 ", \
                                     "i32[s1*1] i32[1] i32[1] i32[1] i32[4]") "output \"y\" 8\n"

static const misfit misfits[] = {
    {PAL_E_ARGUMENT,
     "gather_rows",
     TEXT(X I32("0", "1") OP("gather_rows", "1 2", "", "f32[1,2]") "output \"y\" 3\n"),
     {4}},
    {PAL_E_ARGUMENT,
     "gather_rows",
     TEXT(X I32("0", "1") OP("gather_rows", "1 2", "", "f32[1,2]") "output \"y\" 3\n"),
     {-2}},
    {PAL_E_ARGUMENT,
     "scatter_add_rows",
     TEXT(X I32("0", "4") OP("scatter_add_rows", "1 2 1", "", "f32[4,2]") "output \"y\" 3\n"),
     {4}},
    {PAL_E_ARGUMENT,
     "write_rows",
     TEXT("variable \"v\" f32[3,2] role 2 init 0 0x0p+0\n" X I32("0", "4")
              OP("write_rows", "1 3 2", "", "f32[3,2] f32[4,2]") "output \"y\" 4\n"),
     {3}},
    {PAL_E_ARGUMENT,
     "embedding",
     TEXT(X I32("0", "1") OP("embedding", "1 2", "", "f32[1,2]") "output \"y\" 3\n"),
     {-1}},
    {PAL_E_ARGUMENT,
     "one_hot",
     TEXT(I32("0", "1") OP("one_hot", "1", "classes=3 ", "f32[1,3]") "output \"y\" 2\n"),
     {3}},
    {PAL_E_ARGUMENT,
     "factored_embedding",
     TEXT(X I32("0", "3,2") I32("1", "1")
              OP("factored_embedding", "1 2 3", "", "f32[1,2]") "output \"y\" 4\n"),
     {4, 2}},
    {PAL_E_ARGUMENT,
     "factored_embedding",
     TEXT(X I32("0", "3,2") I32("1", "1")
              OP("factored_embedding", "1 2 3", "", "f32[1,2]") "output \"y\" 4\n"),
     {0, 3}},
    {PAL_E_ARGUMENT,
     "factored_embedding_backward",
     TEXT(X I32("0", "3,2") I32("1", "4")
              OP("factored_embedding_backward", "1 2 3", "rows=5 ", "f32[5,2]") "output \"y\" 4\n"),
     {0, 3}},
    {PAL_E_ARGUMENT,
     "factored_logits",
     TEXT(X I32("0", "3,2") OP("factored_logits", "1 2", "", "f32[4,3]") "output \"y\" 3\n"),
     {2}},
    {PAL_E_ARGUMENT,
     "factored_logits_backward",
     TEXT(X I32("0", "2,2")
              OP("factored_logits_backward", "1 2", "rows=3 ", "f32[4,3]") "output \"y\" 3\n"),
     {3}},
    {PAL_E_ARGUMENT, "segment_sum", TEXT(SEGMENTS("segment_sum", X, "1 2 3", "f32[3,2]")), {2, 3}},
    {PAL_E_ARGUMENT,
     "segment_max",
     TEXT(SEGMENTS("segment_max", X, "1 2 3", "f32[3,2]")),
     {INT32_MAX, INT32_MAX}},
    {PAL_E_ARGUMENT,
     "segment_mean",
     TEXT(SEGMENTS("segment_mean", X, "1 2 3", "f32[3,2]")),
     {0, -1}},
    {PAL_E_ARGUMENT,
     "segment_any",
     TEXT(SEGMENTS("segment_any", I32("x", "4"), "1 2 3", "i32[3]")),
     {-1, 2}},
    {PAL_E_ARGUMENT,
     "segment_argmax",
     TEXT(SEGMENTS("segment_argmax", "input \"x\" f32[4]\n", "1 2 3", "i32[3]")),
     {4, 1}},
    {PAL_E_ARGUMENT,
     "segment_top_k",
     TEXT(SEGMENTS("segment_top_k", "input \"x\" f32[4]\n", "1 2 3 4", "i32[4]")),
     {0, 5}},
    {PAL_E_ARGUMENT,
     "segment_budget",
     TEXT("input \"x\" f32[4]\n" I32("0", "2")
              I32("1", "2") "input \"cost\" f32[4]\n"
                            "input \"budget\" f32[2]\n" OP("segment_budget", "1 2 3 4 5", "",
                                                           "i32[4]") "output \"y\" 6\n"),
     {0, 5}},
    {PAL_E_ARGUMENT,
     "segment_group_mean",
     TEXT(X I32("0", "3") I32("1", "3") I32("2", "4,1")
              OP("segment_group_mean", "1 2 3 4", "", "f32[4,2]") "output \"y\" 5\n"),
     {1, 4}},
    {PAL_E_ARGUMENT,
     "ragged_index",
     TEXT(X I32("0", "2") I32("1", "2")
              OP("ragged_index", "2 3 1", "", "i32[4] i32[4]") "output \"y\" 4\n"),
     {3, 2}},
    {PAL_E_ARGUMENT,
     "ragged_index", /* overlapping */
     TEXT(X I32("0", "2") I32("1", "2")
              OP("ragged_index", "2 3 1", "", "i32[4] i32[4]") "output \"y\" 4\n"),
     {1, 2}},
    {PAL_E_ARGUMENT, "edit", TEXT(EDIT("3")), {0, 0, 2, 3}},
    {PAL_E_CAPACITY, "edit", TEXT(EDIT("3")), {0, 1, 0, 2}},
    {PAL_E_CAPACITY, "edit", TEXT(EDIT("100")), {0, 1, 0, 2}},
    {PAL_E_ARGUMENT, "compact", TEXT(COMPACT), {1, 3, 2}},
    {PAL_E_CAPACITY, "compact", TEXT(COMPACT), {1, 0, 1}}, /* two sequences, of two rows */
    {PAL_E_CAPACITY, "compact", TEXT(COMPACT), {1, 0, 4}},
    {PAL_E_ARGUMENT, "window_refill", TEXT(REFILL), {0, 0, 0, 0, 2, 0, 1}},
    {PAL_E_ARGUMENT, "window_refill", TEXT(REFILL), {0, 0, 0, 0, 0, 0, 5}},
    {PAL_E_CAPACITY, "window_refill", TEXT(REFILL), {0, 0, 1, 0, 0, 0, 4}},
    {PAL_E_ARGUMENT,
     "scaled_dot_product_attention",
     TEXT(ATTENTION("1 1 1 2 3 0 0 0 0 0 0 0 0 0 0 0 0 0", "") "output \"y\" 4\n"),
     {1, 4}},
    {PAL_E_ARGUMENT,
     "scaled_dot_product_attention", /* positions 0 to 2 in a table of 2 */
     TEXT(ATTENTION("1 1 1 2 3 0 0 0 0 4 5 0 0 0 0 0 0 0",
                    "input \"bias\" f32[1,3]\n" I32("2", "2,2")) "output \"y\" 6\n"),
     {0, 3, 0}},
    {PAL_E_ARGUMENT,
     "scaled_dot_product_attention",
     TEXT(ATTENTION("1 1 1 2 3 0 0 0 0 4 5 0 0 0 0 0 0 0",
                    "input \"bias\" f32[1,3]\n" I32("2", "2,2")) "output \"y\" 6\n"),
     {0, 2, 3}},
    {PAL_E_ARGUMENT,
     "scaled_dot_product_attention", /* a row of kind 2 of 2 */
     TEXT(ATTENTION("1 1 1 2 3 0 0 0 0 0 0 0 0 4 5 5 5 5",
                    I32("2", "2,2") I32("3", "4")) "output \"y\" 6\n"),
     {0, 4, 3, 2}},
    {PAL_E_ARGUMENT,
     "scaled_dot_product_attention", /* a set of blocks beyond all of them */
     TEXT(ATTENTION("1 1 1 2 3 0 0 0 0 0 0 0 0 4 5 5 5 5",
                    I32("2", "2,2") I32("3", "4")) "output \"y\" 6\n"),
     {0, 4, 8, 1}},
    {PAL_E_ARGUMENT,
     "adamw_update", /* step 0 */
     TEXT(X
          "input \"s\" f32[]\n" OP("adamw_update", "1 1 1 1 2 2",
                                   "beta1=0x1p-1 beta2=0x1p-1 epsilon=0x1p-9 weight_decay=0x0p+0 ",
                                   "f32[4,2] f32[4,2] f32[4,2]") "output \"y\" 3\n"),
     {0}},
    {PAL_E_ARGUMENT,
     "cross_entropy",
     TEXT(X I32("0", "4") OP("cross_entropy", "1 2", "", "f32[4] f32[4]") "output \"y\" 3\n"),
     {2}},
};

static void fill(pal_exec *exec, const misfit *m) {
  for (int i = 0; i < 8; i++) {
    const char name[] = {(char)('0' + i), 0};
    char line[16];
    snprintf(line, sizeof line, "\"%s\" i32[", name);
    int32_t *to = pal_exec_input(exec, name);
    if (!to) continue;
    int64_t n = 1;
    for (const char *at = strstr(m->text, line) + strlen(line) - 1; *at != ']'; at++)
      if (*at == '[' || *at == ',') n *= atoi(at + 1);
    for (int64_t e = 0; e < n; e++) to[e] = m->value[i];
  }
}

START_TEST(plan_and_reference_refuse_alike) {
  const misfit *m = &misfits[_i];
  pal_context *context = open_ops(PAL_ISA_GENERIC);
  pal_store *store = pal_store_new(1);
  pal_graph *g = pal_graph_parse(context, store, m->text, &error);
  pal_plan *plan;
  ck_assert_msg(g != NULL, "%s: %s", m->op, error.text);
  pal_exec *exec = open_exec(g, &plan);
  fill(exec, m);
  pal_reference_result *r = pal_exec_reference(exec, &error);
  ck_assert_msg(!r && error.code == m->code, "%s, reference: %s: %s", m->op,
                pal_status_name(error.code), error.text);
  ck_assert_msg(strstr(error.text, m->op) != NULL, "%s", error.text);
  pal_error_clear(&error);
  ck_assert_msg(pal_exec_run(exec, &error) == m->code, "%s, plan: %s: %s", m->op,
                pal_status_name(error.code), error.text);
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_store_free(store);
  pal_context_free(context);
}
END_TEST

/* Where there is no element to update, plan and reference both leave step 0 alone. */
START_TEST(an_update_of_nothing) {
  pal_context *context = open_ops(PAL_ISA_GENERIC);
  pal_plan *plan;
  pal_graph *g =
      pal_graph_parse(context, NULL,
                      TEXT("symbol \"rows\" 5\ninput \"x\" f32[s1*1,0]\ninput \"s\" f32[]\n" OP(
                          "adamw_update", "1 1 1 1 2 2",
                          "beta1=0x1p-1 beta2=0x1p-1 epsilon=0x1p-9 weight_decay=0x0p+0 ",
                          "f32[s1*1,0] f32[s1*1,0] f32[s1*1,0]") "output \"y\" 3\n"),
                      &error);
  ck_assert_msg(g != NULL, "%s", error.text);
  pal_exec *exec = open_exec(g, &plan);
  pal_reference_result *r = pal_exec_reference(exec, &error);
  ck_assert_msg(r != NULL, "%s", error.text);
  ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
  pal_reference_free(r);
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_context_free(context);
}
END_TEST

/* A million kept sequences where there is room for one: none is written. */
START_TEST(compact_compares_before_it_writes) {
  enum { S = 1000000 };
  pal_context *context = open_ops(PAL_ISA_GENERIC);
  pal_plan *plan;
  pal_graph *g = pal_graph_parse(
      context, NULL,
      TEXT("symbol \"S\" 1000000\nsymbol \"T\" 8\nsymbol \"r\" 8\nsymbol \"k\" 1\n" I32(
          "keep", "s1*1") I32("begin", "s1*1") I32("length", "s1*1") I32("like", "s2*1")
               OP("compact", "1 2 3 4", "capacity=8 binds=s3 binds2=s4 ",
                  "i32[s3*1] i32[s4*1] i32[s4*1] i32[s4*1]") "output \"source\" 6\n"),
      &error);
  ck_assert_msg(g != NULL, "%s", error.text);
  pal_exec *exec = open_exec(g, &plan);
  int32_t *keep = pal_exec_input(exec, "keep");
  for (int i = 0; i < S; i++) keep[i] = 1;
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_E_CAPACITY);
  ck_assert_int_eq(error.needed, S);
  memset(keep, 0, S * sizeof *keep);
  keep[S - 1] = 1;
  pal_error_clear(&error);
  int64_t rows = 0;
  ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
  ck_assert_int_eq(*(const int32_t *)pal_exec_output(exec, "source", &rows), S - 1);
  ck_assert_int_eq(rows, 1);
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_context_free(context);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("extents");
  TCase *tests = tcase_create("extents");
  tcase_add_loop_test(tests, products_of_nothing, 0, PAL_ISA_COUNT);
  tcase_add_test(tests, graphs_that_are_refused);
  tcase_add_loop_test(tests, plan_and_reference_refuse_alike, 0,
                      (int)(sizeof misfits / sizeof *misfits));
  tcase_add_test(tests, an_update_of_nothing);
  tcase_add_test(tests, compact_compares_before_it_writes);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
