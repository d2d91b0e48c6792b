/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of graph/: very many constants, no rows, invalid texts of graphs, no memory, and every
 * error of builders, definitions and counts. */
#include <check.h>
#include <palimpsest/gradient.h>
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

/* ---- compilation ------------------------------------------------------------------------- */

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
static int64_t many_form(const pal_run *r) { return r->end; }
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
  ck_assert_int_eq(pal_define_op(context, &many_op, &error), PAL_OK);
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

/* ---- texts ------------------------------------------------------------------------------- */

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

/* ---- refusals ---------------------------------------------------------------------------- */

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

/* Members of two attributes, and a symbol with padding behind it. */
typedef struct sloped {
  double slope;
  pal_symbol of;
  int64_t shift;
} sloped;
#define SLOPE PAL_FIELD(sloped, slope, PAL_ATTR_FLOAT)
#define OF PAL_FIELD(sloped, of, PAL_ATTR_SYMBOL)
#define SHIFT PAL_FIELD(sloped, shift, PAL_ATTR_INT)

/* toy_many with one member changed is refused by that member's name. */
#define OP_REFUSED(what, change)                                                              \
  do {                                                                                        \
    pal_op op = many_op;                                                                      \
    op.name = "toy_wrong";                                                                    \
    change;                                                                                   \
    ck_assert_int_eq(pal_define_op(context, &op, &error), PAL_E_ARGUMENT);                    \
    ck_assert_msg(strstr(error.text, "op \"toy_wrong\": ") && strstr(error.text, what), "%s", \
                  error.text);                                                                \
    pal_error_clear(&error);                                                                  \
  } while (0)

START_TEST(incomplete_ops_are_refused) {
  OP_REFUSED("doc is missing", op.doc = NULL);
  OP_REFUSED("infer is missing", op.infer = NULL);
  OP_REFUSED("reference is missing", op.reference = NULL);
  OP_REFUSED("gradient is missing", op.flags = 0);
  OP_REFUSED("phase[0].run is missing", op.phase[0].run = NULL);
  OP_REFUSED("phase[1].run is missing", op.phase[2].run = many_run);
  OP_REFUSED("phase[1].run is missing", op.phase[1].tasks = many_form);
  OP_REFUSED("has no phases", op.flags |= PAL_OP_VIEW);
  OP_REFUSED("phase[0].form", op.phase[0].form = many_form);
  OP_REFUSED("sample is missing", op.no_case = NULL);
  OP_REFUSED("sample is missing", op.no_case = "");
  OP_REFUSED("unknown flags 0x60", op.flags |= 0x60);
  OP_REFUSED("\"path\"", op.flags |= PAL_OP_RANDOM);
  OP_REFUSED("\"binds\"", op.flags |= PAL_OP_BINDS);
  OP_REFUSED("inputs 1 to 25", op.max_in = PAL_MAX_INPUTS + 1);
  OP_REFUSED("inputs 2 to 1", op.min_in = 2);
  OP_REFUSED("inputs -1 to 1", op.min_in = -1);
  OP_REFUSED("optional has bit 1", op.optional = 2);
  OP_REFUSED("in_place has bit 1", op.in_place = 2);
  OP_REFUSED("writes has bit 1", op.writes = 2);
  OP_REFUSED("phase[0].reads", op.phase[0].reads = 2);
  OP_REFUSED("whole has bit 1", op.phase[3].whole = 4);
  OP_REFUSED("undo is missing", op.writes = 1);
  OP_REFUSED("saves the old rows", (op.writes = 1, op.undo = many_run));
  OP_REFUSED("writes is 0", op.undo = many_run);
  OP_REFUSED("cannot be left out",
             (op.writes = 1, op.undo = op.phase[1].run = many_run, op.min_in = 0));
  OP_REFUSED("one input",
             (op.writes = 3, op.undo = op.phase[1].run = many_run, op.min_in = op.max_in = 2));
}
END_TEST

/* Nodes are merged when their fields are equal, so fields must be the struct, the whole struct. */
START_TEST(unsound_attribute_tables_are_refused) {
#define TABLE_REFUSED(what, size, ...)                              \
  do {                                                              \
    const pal_attr_field table[] = {__VA_ARGS__};                   \
    OP_REFUSED(what, (op.fields = table, op.attrs_size = size,      \
                      op.n_fields = sizeof table / sizeof *table)); \
  } while (0)
  OP_REFUSED("n_fields is 0", op.n_fields = 0);
  OP_REFUSED("fields is missing", op.fields = NULL);
  OP_REFUSED("bytes 0 to 7", (op.fields = NULL, op.n_fields = 0));
  OP_REFUSED("\"seed\" lies outside the 0 bytes", op.attrs_size = 0);
  TABLE_REFUSED("\"shift\" lies outside the 16 bytes", 16, SLOPE, OF, SHIFT);
  TABLE_REFUSED("\"far\" lies outside", sizeof(sloped), SLOPE, {"far", PAL_ATTR_INT, SIZE_MAX - 7});
  TABLE_REFUSED("bytes 8 to 15", sizeof(sloped), SLOPE, SHIFT);
  TABLE_REFUSED("bytes 10 to 23", sizeof(sloped), OF, SLOPE);
  TABLE_REFUSED("bytes 0 to 7", sizeof(sloped), SHIFT, OF);
  TABLE_REFUSED("bytes 2 to 3", 4, {"of", PAL_ATTR_SYMBOL, 0});
  TABLE_REFUSED("\"slope\" and \"of\" overlap", sizeof(sloped), SLOPE, {"of", PAL_ATTR_SYMBOL, 6},
                SHIFT);
  TABLE_REFUSED("\"slope\" is declared twice", sizeof(sloped), SLOPE, OF,
                {"slope", PAL_ATTR_INT, offsetof(sloped, shift)});
  TABLE_REFUSED("begins at byte 4", 12, {"shift", PAL_ATTR_INT, 4}, {"of", PAL_ATTR_SYMBOL, 0});
  TABLE_REFUSED("attribute 0 needs a name", 8, {NULL, PAL_ATTR_INT, 0});
  TABLE_REFUSED("attribute 0 needs a name", 8, {"a=b", PAL_ATTR_INT, 0});
  TABLE_REFUSED("\"shift\" has an unknown kind, 9", 8, {"shift", (pal_attr_kind)9, 0});
  TABLE_REFUSED("not the flag PAL_OP_BINDS", 2, {"binds", PAL_ATTR_SYMBOL, 0});
  static const pal_attr_field whole[] = {SHIFT, SLOPE, OF}; /* in any order */
  static pal_op op;
  op = many_op;
  op.name = "toy_right";
  op.fields = whole;
  op.n_fields = 3;
  op.attrs_size = sizeof(sloped);
  ck_assert_msg(!pal_define_op(context, &op, &error), "%s", error.text);
}
END_TEST

START_TEST(definitions_and_counts_are_refused) {
  pal_op op = many_op;
  ck_assert_int_eq(pal_define_op(context, NULL, &error), PAL_E_ARGUMENT);
  ck_assert_str_eq(error.text, "the op definition is NULL");
  pal_error_clear(&error);
  op.name = "";
  ck_assert_int_eq(pal_define_op(context, &op, &error), PAL_E_ARGUMENT);
  ck_assert_str_eq(error.text, "the op definition has no name");
  pal_error_clear(&error);
  op.name = "toy_neg";
  ck_assert_int_eq(pal_define_op(context, &op, &error), PAL_E_DUPLICATE);
  ck_assert_msg(strstr(error.text, "op \"toy_neg\"") != NULL, "%s", error.text);
  pal_error_clear(&error);
  op.abi_size--;
  ck_assert_int_eq(pal_define_op(context, &op, &error), PAL_E_ABI);
  ck_assert_msg(strstr(error.text, "bytes") != NULL, "%s", error.text);
  pal_error_clear(&error);
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
  tcase_add_test(c, incomplete_ops_are_refused);
  tcase_add_test(c, unsound_attribute_tables_are_refused);
  tcase_add_test(c, definitions_and_counts_are_refused);
  tcase_add_test(c, variables_begin_as_asked_in_every_type);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
