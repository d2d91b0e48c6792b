/* SPDX-License-Identifier: Apache-2.0 */
/* Floor 1 at its borders: constants in masses, no rows, hostile texts, no memory, and every refusal
 * of builders, definitions and counts. */
#include <check.h>
#include <palimpsest/plan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/exec.h"
#include "src/alloc.h"
#include "tests/fixture.h"
#include "tests/run.h"
#include "tests/toy.h"

static pal_value put_one(pal_value version, const char *name) {
  char index[32];
  snprintf(index, sizeof index, "%s at", name);
  return toy_put(g, version, pal_input(g, index, PAL_TYPE(PAL_I32, PAL_STATIC, 1)),
                 pal_input(g, name, PAL_TYPE(PAL_F32, PAL_STATIC, 1)));
}

/* ---- compilation ------------------------------------------------------------------------------------ */

typedef struct many {
  int64_t seed;
} many;
static const pal_attr_field many_fields[] = {PAL_FIELD(many, seed, PAL_ATTR_INT)};
static pal_status many_infer(pal_infer *c) {
  c->n_out = PAL_MAX_OUTPUTS;
  for (int i = 0; i < PAL_MAX_OUTPUTS; i++) c->out_type[i] = pal_type_scalar(PAL_F32);
  return PAL_OK;
}
static pal_status many_run(const pal_run *r) {
  for (int i = 0; i < PAL_MAX_OUTPUTS; i++)
    *(float *)r->out[i] = (float)(((const many *)r->attrs)->seed * PAL_MAX_OUTPUTS + i);
  return PAL_OK;
}
static pal_status many_reference(const pal_reference *r) {
  for (int i = 0; i < PAL_MAX_OUTPUTS; i++)
    r->out[i][0] = (double)(((const many *)r->attrs)->seed * PAL_MAX_OUTPUTS + i);
  return PAL_OK;
}
static const pal_op many_op = {.abi_size = sizeof(pal_op),
                               .name = "toy_many",
                               .doc = "constants",
                               .min_in = 1,
                               .max_in = 1,
                               .flags = PAL_OP_NO_GRADIENT,
                               .fields = many_fields,
                               .n_fields = 1,
                               .attrs_size = sizeof(many),
                               .infer = many_infer,
                               .reference = many_reference,
                               .phase = {{.run = many_run}},
                               .no_case = "a toy of the tests"};

START_TEST(many_constants_may_come_of_few_nodes) {
  ck_assert_int_eq(pal_define(context, "op", "toy_many", &many_op, &error), PAL_OK);
  enum { N = 13 }; /* with 3 more nodes a power of 2: no slack in tables sized by nodes */
  pal_value zero = pal_scalar(g, 0), out[PAL_MAX_OUTPUTS],
            sum = pal_input(g, "x", pal_type_scalar(PAL_F32));
  for (int64_t n = 0; n < N; n++) {
    pal_apply(g, "toy_many", &zero, 1, &(many){n}, out);
    for (int i = 0; i < PAL_MAX_OUTPUTS; i++) {
      char name[16];
      snprintf(name, sizeof name, "y%d", (int)n * PAL_MAX_OUTPUTS + i);
      pal_output(g, name, out[i]);
    }
  }
  pal_output(g, "x", sum);
  pal_exec *exec = compile();
  ck_assert_int_eq(pal_plan_statistics(exec->plan).steps, 0);
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  ck_assert_float_eq(*(const float *)pal_exec_output(exec, "y99", NULL), 99);
  discard(exec);
}
END_TEST

START_TEST(no_rows_and_no_room) {
  pal_symbol t = pal_symbol_new(g, "T", 0);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, 2));
  pal_output(g, "y", toy_neg(g, toy_neg(g, toy_keep(g, x, "K", 0))));
  pal_output(g, "sum", toy_total(g, pal_input(g, "none", PAL_TYPE(PAL_F32, PAL_STATIC, 0, 3))));
  pal_exec *exec = compile();
  ck_assert_int_eq(pal_exec_run(exec, &error), PAL_OK);
  int64_t rows = 1;
  ck_assert_ptr_nonnull(pal_exec_output(exec, "y", &rows));
  ck_assert_int_eq(rows, 0);
  ck_assert_float_eq(*(const float *)pal_exec_output(exec, "sum", NULL), 0);
  discard(exec);
}
END_TEST

/* ---- texts ------------------------------------------------------------------------------------------- */

#define TEXT(lines) "palimpsest-graph 1\n" lines

START_TEST(hostile_texts_are_refused) {
  static const struct {
    pal_status code;
    const char *text;
  } all[] = {
      {PAL_E_FORMAT, ""},
      {PAL_E_FORMAT, TEXT("nonsense\n")},
      {PAL_E_FORMAT, TEXT("input \"x f32[1]\n")},
      {PAL_E_FORMAT, TEXT("input \"x\" f33[1]\n")},
      {PAL_E_FORMAT, TEXT("input \"x\" f32[s1*1]\n")},
      {PAL_E_FORMAT, TEXT("input \"x\" f32[1,1,1,1,1,1,1]\n")},
      {PAL_E_FORMAT, TEXT("input \"x\" f32[-1]\n")},
      {PAL_E_FORMAT, TEXT("input \"x\" f32[99999999999999999999]\n")},
      {PAL_E_FORMAT, TEXT("input \"x\" f32[1] more\n")},
      {PAL_E_SHAPE, TEXT("input \"x\" f32[500000000000000000,4]\n")},
      {PAL_E_SHAPE, TEXT("input \"x\" f32[0,500000000000000000,500000000000000000]\n")},
      {PAL_E_SHAPE, TEXT("symbol \"T\" 2000000000\ninput \"x\" f32[s1*500000000000000000,0]\n")},
      {PAL_E_FORMAT, TEXT("symbol \"T\" 3000000000\n")},
      {PAL_E_DUPLICATE, TEXT("symbol \"T\" 1\nsymbol \"T\" 1\n")},
      {PAL_E_FORMAT, TEXT("constant f32[2] 00000000\n")},
      {PAL_E_FORMAT, TEXT("constant f32[1] 0000zz00\n")},
      {PAL_E_ARGUMENT, TEXT("variable \"h1\" i32[2] role 0 init 0 nan\n")},
      {PAL_E_ARGUMENT, TEXT("variable \"h2\" u8[2] role 0 init 0 0x1p+70\n")},
      {PAL_E_FORMAT, TEXT("variable \"h3\" f32[2] role 9 init 0 0\n")},
      {PAL_E_ARGUMENT, TEXT("variable \"\" f32[2] role 0 init 0 0\n")},
      {PAL_E_FORMAT, TEXT("op \"none\" in copy 0 section 0 attrs scope \"\" ->\n")},
      {PAL_E_FORMAT, TEXT("op \"toy_neg\" in 7 copy 0 section 0 attrs scope \"\" ->\n")},
      {PAL_E_ARGUMENT, TEXT("op \"toy_neg\" in 0 copy 0 section 0 attrs scope \"\" ->\n")},
      {PAL_E_ARGUMENT, TEXT("op \"toy_neg\" in copy 0 section 0 attrs scope \"\" ->\n")},
      {PAL_E_FORMAT,
       TEXT(
           "input \"x\" f32[1]\nop \"toy_neg\" in 1 copy 0 section 0 attrs scope \"\" -> f32[2]\n")},
      {PAL_E_ARGUMENT,
       TEXT("input \"x\" f32[1]\nop \"toy_keep\" in 1 copy 0 section 0 attrs binds=s0 capacity=9 "
            "scope \"\" -> f32[1]\n")},
      {PAL_E_FORMAT, TEXT("output \"y\" 1\n")},
      {PAL_E_ARGUMENT, TEXT("output \"y\" 0\n")},
      {PAL_E_ARGUMENT, TEXT("assign 0 0\n")},
      {PAL_E_SHAPE, TEXT("loop 0 0\n")},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_graph *h = pal_graph_parse(context, store, all[i].text, &error);
    ck_assert_msg(!h && error.code == all[i].code, "text %zu: %s: %s", i,
                  pal_status_name(error.code), error.text);
    pal_error_clear(&error);
  }
}
END_TEST

START_TEST(parsing_and_compiling_without_memory) {
  char text[16384] = TEXT("symbol \"T\" 4\ninput \""), line[512];
  memset(line, 'x', 400);
  line[400] = 0;
  strcat(strcat(text, line), "\" f32[s1*1]\n");
  for (int i = 1; i <= 16; i++) /* names long enough to need blocks of their own now and then */
    snprintf(text + strlen(text), sizeof text - strlen(text),
             "op \"toy_neg\" in %d copy 0 section 0 attrs scope \"%s\" -> f32[s1*1]\n", i, line);
  strcat(text, "output \"y\" 17\n");
  for (int64_t n = 1; n < 4000; n++) {
    pal_error e = {0};
    pal_alloc_fail_after(n);
    pal_graph *h = pal_graph_parse(context, store, text, &e);
    pal_plan *plan = h ? pal_compile(h, &e) : NULL;
    pal_exec *exec = plan ? pal_exec_new(plan, &e) : NULL;
    pal_alloc_fail_after(0);
    ck_assert_msg(exec || e.code == PAL_E_MEMORY, "%s", e.text);
    if (h) {
      char *again = pal_graph_dump(h);
      ck_assert_str_eq(text, again);
      free(again);
    }
    if (exec) {
      ck_assert_ptr_nonnull(pal_exec_input(exec, line));
      for (size_t i = 1; i < plan->graph->node.n; i++)
        if (plan->graph->node.at[i].kind == PAL_NODE_OP)
          ck_assert_str_eq(plan->graph->node.at[i].scope, line);
    }
    bool whole = exec != NULL;
    pal_exec_free(exec);
    pal_plan_free(plan);
    pal_graph_free(h);
    if (whole) return;
  }
  ck_abort_msg("the sequence never ran to its end");
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------------------ */

START_TEST(builders_refuse) {
  pal_value x = vector("x"), nowhere = {1000};
  pal_type f32 = pal_type_of(g, x);
  pal_value v = pal_variable_new(g, "v", f32, PAL_STATE, PAL_ZEROS);
  ck_assert_ptr_null(pal_variable_of(g, nowhere));
#define REFUSED(code, statement)  \
  do {                            \
    statement;                    \
    refused(code);                \
    x = vector("x");              \
    v = pal_variable_old(g, "v"); \
  } while (0)
  REFUSED(PAL_E_ARGUMENT, toy_neg(g, nowhere));
  REFUSED(PAL_E_ARGUMENT, toy_neg(g, PAL_NIL));
  REFUSED(PAL_E_ARGUMENT, pal_apply(g, "toy_neg", NULL, 0, NULL, NULL));
  REFUSED(PAL_E_ARGUMENT, pal_apply(g, "toy_keep", &x, 1, NULL, NULL));
  REFUSED(PAL_E_ARGUMENT, toy_put(g, x, x, x));
  REFUSED(PAL_E_NOT_FOUND, pal_apply(g, "none", &x, 1, NULL, NULL));
  REFUSED(PAL_E_NOT_FOUND, pal_variable_old(g, "none"));
  REFUSED(PAL_E_SHAPE,
          pal_variable_new(g, "v", PAL_TYPE(PAL_F32, PAL_STATIC, 4), PAL_STATE, PAL_ZEROS));
  REFUSED(PAL_E_SHAPE, pal_variable_new(g, "v", f32, PAL_SCRATCH, PAL_ZEROS));
  REFUSED(PAL_E_ARGUMENT, pal_assign(g, x, x));
  REFUSED(PAL_E_ARGUMENT, pal_assign(g, nowhere, x));
  REFUSED(PAL_E_SHAPE, pal_assign(g, v, pal_scalar(g, 1)));
  REFUSED(PAL_E_SHAPE, pal_assign(g, v, nowhere));
  REFUSED(PAL_E_DUPLICATE, (pal_assign(g, v, x), pal_assign(g, v, x)));
  REFUSED(PAL_E_DUPLICATE, (pal_output(g, "y", x), pal_output(g, "y", x)));
  REFUSED(PAL_E_ARGUMENT, pal_output(g, "y", nowhere));
  REFUSED(PAL_E_SHAPE, pal_loop(g, nowhere, x));
  REFUSED(PAL_E_SHAPE, pal_loop(g, x, pal_scalar(g, 1)));
  REFUSED(PAL_E_SHAPE, pal_loop(g, v, x));
  REFUSED(PAL_E_ARGUMENT, pal_symbol_new(g, "T", -1));
  REFUSED(PAL_E_DUPLICATE, (pal_symbol_new(g, "T", 1), pal_symbol_new(g, "T", 1)));
  REFUSED(PAL_E_SHAPE, pal_input(g, "y", (pal_type){.dtype = PAL_NONE}));
  REFUSED(PAL_E_SHAPE, pal_input(g, "y", (pal_type){.dtype = PAL_F32, .symbol = {9}, .rank = 1}));
  REFUSED(PAL_E_SHAPE, pal_constant(g, PAL_TYPE(PAL_F32, pal_symbol_new(g, "T", 1), 1), "    "));
  REFUSED(PAL_E_ARGUMENT, pal_scope_pop(g));
  REFUSED(PAL_E_ARGUMENT, (pal_recompute_begin(g), pal_recompute_begin(g)));
  pal_graph_free(g);
  g = pal_graph_new(context, NULL);
  pal_variable_new(g, "v", f32, PAL_STATE, PAL_ZEROS);
  refused(PAL_E_ARGUMENT);
  put_one(pal_variable_old(g, "v"), "one");
  put_one(pal_variable_old(g, "v"), "two");
  compile_refused(PAL_E_ARGUMENT);
  put_one(v = pal_variable_old(g, "v"), "one");
  pal_assign(g, v, vector("x"));
  compile_refused(PAL_E_ARGUMENT);
  ck_assert_ptr_null(pal_compile(NULL, &error));
  ck_assert_int_eq(error.code, PAL_E_MEMORY);
}
END_TEST

START_TEST(definitions_and_counts_are_refused) {
  const struct {
    pal_status code;
    pal_op op;
  } all[] = {
      {PAL_E_ABI, {.abi_size = 1}},
      {PAL_E_ARGUMENT, {.infer = NULL, .doc = "x"}},
      {PAL_E_ARGUMENT, {.flags = 0}},
      {PAL_E_ARGUMENT, {.flags = PAL_OP_NO_GRADIENT | PAL_OP_VIEW, .no_case = NULL}},
      {PAL_E_ARGUMENT, {.flags = PAL_OP_NO_GRADIENT | PAL_OP_RANDOM, .no_case = "x"}},
      {PAL_E_ARGUMENT, {.flags = PAL_OP_NO_GRADIENT | PAL_OP_BINDS, .no_case = "x"}},
      {PAL_E_ARGUMENT, {.flags = PAL_OP_NO_GRADIENT, .no_case = "x", .max_in = PAL_MAX_INPUTS + 1}},
      {PAL_E_ARGUMENT, {.flags = PAL_OP_NO_GRADIENT, .no_case = "x", .writes = 1}},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_op op = many_op;
    op.name = "toy_wrong";
    op.flags = all[i].op.flags;
    op.no_case = all[i].op.no_case;
    op.writes = all[i].op.writes;
    if (all[i].op.abi_size) op.abi_size = all[i].op.abi_size;
    if (all[i].op.max_in) op.max_in = all[i].op.max_in;
    if (all[i].op.doc) op.infer = NULL;
    ck_assert_msg(pal_define(context, "op", op.name, &op, &error) == all[i].code, "op %zu: %s", i,
                  error.text);
    pal_error_clear(&error);
  }
  ck_assert_int_eq(pal_define(context, "op", "toy_neg", &many_op, NULL), PAL_E_DUPLICATE);
  ck_assert_int_eq(pal_define(context, "op", "x", NULL, NULL), PAL_E_ARGUMENT);
  ck_assert_int_eq(pal_plugin_load(context, "/nowhere.so", NULL), PAL_E_NOT_FOUND);
  ck_assert_int_eq(pal_plugin_load(context, "libm.so.6", NULL), PAL_E_ABI);
  ck_assert_ptr_null(pal_context_new(&(pal_options){.isa = "abacus"}, &error));
  ck_assert_int_eq(error.code, PAL_E_ARGUMENT);
  pal_output(g, "y",
             toy_neg(g, pal_input(g, "x", PAL_TYPE(PAL_F32, pal_symbol_new(g, "T", 4), 1))));
  pal_error_clear(&error);
  pal_exec *exec = compile();
  ck_assert_int_eq(pal_exec_count(exec, "U", 1, NULL), PAL_E_NOT_FOUND);
  ck_assert_int_eq(pal_exec_count(exec, "T", -1, NULL), PAL_E_ARGUMENT);
  ck_assert_int_eq(pal_exec_count(exec, "T", 5, &error), PAL_E_CAPACITY);
  ck_assert_int_eq(error.needed, 5);
  ck_assert_ptr_null(pal_exec_input(exec, "z"));
  ck_assert_ptr_null(pal_exec_output(exec, "z", NULL));
  ck_assert_int_eq(pal_exec_count_of(exec, "z"), -1);
  discard(exec);
}
END_TEST

START_TEST(variables_begin_as_asked_in_every_type) {
  pal_variable *v = NULL;
  const pal_dtype dtype[] = {PAL_F32, PAL_BF16, PAL_I32, PAL_U8};
  const unsigned char three[][4] = {{0, 0, 0x40, 0x40}, {0x40, 0x40}, {3, 0, 0, 0}, {3}};
  for (int i = 0; i < 4; i++) {
    char name[2] = {(char)('a' + i), 0};
    pal_init init = {PAL_INIT_CONSTANT, 3};
    ck_assert_int_eq(pal_store_variable(store, name, PAL_TYPE(dtype[i], PAL_STATIC, 5), PAL_STATE,
                                        init, &v, &error),
                     PAL_OK);
    for (size_t k = 0; k < 5; k++) {
      size_t size = pal_dtype_size(dtype[i]);
      ck_assert_mem_eq((char *)pal_variable_data(v) + k * size, three[i], size);
    }
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("refusal");
  TCase *c = tcase_create("refusal");
  tcase_set_timeout(c, 120);
  tcase_add_checked_fixture(c, fixture_set_up, fixture_tear_down);
  tcase_add_test(c, many_constants_may_come_of_few_nodes);
  tcase_add_test(c, no_rows_and_no_room);
  tcase_add_test(c, hostile_texts_are_refused);
  tcase_add_test(c, parsing_and_compiling_without_memory);
  tcase_add_test(c, builders_refuse);
  tcase_add_test(c, definitions_and_counts_are_refused);
  tcase_add_test(c, variables_begin_as_asked_in_every_type);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
