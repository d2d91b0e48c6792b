/* Floor 1 where it is easily wrong: what a failed run takes back, versions of variables, loops,
 * bound symbols, hostile texts, refusals, plans at size, instances side by side, and a built-in
 * op made again outside the tree. */
#include <check.h>
#include <palimpsest/ops.h>
#include <palimpsest/plan.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/exec.h"
#include "src/alloc.h"
#include "tests/toy.h"

static pal_context *context;
static pal_store *store;
static pal_graph *g;
static pal_error error;

static void set_up(void) {
  memset(&error, 0, sizeof error);
  context = pal_context_new(&(pal_options){.threads = 2}, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  ck_assert_int_eq(toy_define(context, &error), PAL_OK);
  store = pal_store_new(7);
  g = pal_graph_new(context, store);
}

static void tear_down(void) {
  pal_graph_free(g);
  pal_store_free(store);
  pal_context_free(context);
}

static pal_exec *compile(void) {
  pal_plan *plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  pal_exec *exec = pal_exec_new(plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  return exec;
}

static void discard(pal_exec *exec) {
  pal_plan *plan = exec->plan;
  pal_exec_free(exec);
  pal_plan_free(plan);
}

/* Fails the test unless the graph has been refused with `code`; then begins a new graph. */
static void refused(pal_status code) {
  ck_assert_msg(pal_graph_error(g)->code == code, "%s: %s", pal_status_name(pal_graph_error(g)->code),
                pal_graph_error(g)->text);
  pal_graph_free(g);
  g = pal_graph_new(context, store);
}

static void compile_refused(pal_status code) {
  ck_assert_ptr_null(pal_compile(g, &error));
  ck_assert_msg(error.code == code, "%s: %s", pal_status_name(error.code), error.text);
  pal_error_clear(&error);
  pal_graph_free(g);
  g = pal_graph_new(context, store);
}

static pal_value vector(const char *name) {
  return pal_input(g, name, PAL_TYPE(PAL_F32, PAL_STATIC, 3));
}

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
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, a, 1)), y = pal_input(g, "y", PAL_TYPE(PAL_F32, b, 1));
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

/* ---- bound symbols ---------------------------------------------------------------------------- */

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

/* ---- failures in chains -------------------------------------------------------------------------- */

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
  ck_assert_msg(strstr(error.text, "toy_refuse") && strstr(error.text, "user.c:77"), "%s", error.text);
  discard(exec);
}
END_TEST

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
static const pal_op many_op = {.abi_size = sizeof(pal_op), .name = "toy_many", .doc = "constants",
                               .min_in = 1, .max_in = 1, .flags = PAL_OP_NO_GRADIENT,
                               .fields = many_fields, .n_fields = 1, .attrs_size = sizeof(many),
                               .infer = many_infer, .reference = many_reference,
                               .phase = {{.run = many_run}}, .no_case = "a toy of the tests"};

START_TEST(many_constants_may_come_of_few_nodes) {
  ck_assert_int_eq(pal_define(context, "op", "toy_many", &many_op, &error), PAL_OK);
  enum { N = 14 };
  pal_value zero = pal_scalar(g, 0), out[PAL_MAX_OUTPUTS], sum = pal_input(g, "x", pal_type_scalar(PAL_F32));
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
      {PAL_E_FORMAT, TEXT("op \"none\" in copy 0 attrs scope \"\" ->\n")},
      {PAL_E_FORMAT, TEXT("op \"toy_neg\" in 7 copy 0 attrs scope \"\" ->\n")},
      {PAL_E_ARGUMENT, TEXT("op \"toy_neg\" in 0 copy 0 attrs scope \"\" ->\n")},
      {PAL_E_ARGUMENT, TEXT("op \"toy_neg\" in copy 0 attrs scope \"\" ->\n")},
      {PAL_E_FORMAT, TEXT("input \"x\" f32[1]\nop \"toy_neg\" in 1 copy 0 attrs scope \"\" -> f32[2]\n")},
      {PAL_E_ARGUMENT, TEXT("input \"x\" f32[1]\nop \"toy_keep\" in 1 copy 0 attrs binds=s0 capacity=9 "
                            "scope \"\" -> f32[1]\n")},
      {PAL_E_FORMAT, TEXT("output \"y\" 1\n")},
      {PAL_E_ARGUMENT, TEXT("output \"y\" 0\n")},
      {PAL_E_ARGUMENT, TEXT("assign 0 0\n")},
      {PAL_E_SHAPE, TEXT("loop 0 0\n")},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_graph *h = pal_graph_parse(context, store, all[i].text, &error);
    ck_assert_msg(!h && error.code == all[i].code, "text %zu: %s: %s", i, pal_status_name(error.code),
                  error.text);
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
             "op \"toy_neg\" in %d copy 0 attrs scope \"%s\" -> f32[s1*1]\n", i, line);
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
#define REFUSED(code, statement) \
  do {                           \
    statement;                   \
    refused(code);               \
    x = vector("x");             \
    v = pal_variable_old(g, "v"); \
  } while (0)
  REFUSED(PAL_E_ARGUMENT, toy_neg(g, nowhere));
  REFUSED(PAL_E_ARGUMENT, toy_neg(g, PAL_NIL));
  REFUSED(PAL_E_ARGUMENT, pal_apply(g, "toy_neg", NULL, 0, NULL, NULL));
  REFUSED(PAL_E_ARGUMENT, pal_apply(g, "toy_keep", &x, 1, NULL, NULL));
  REFUSED(PAL_E_ARGUMENT, toy_put(g, x, x, x));
  REFUSED(PAL_E_NOT_FOUND, pal_apply(g, "none", &x, 1, NULL, NULL));
  REFUSED(PAL_E_NOT_FOUND, pal_variable_old(g, "none"));
  REFUSED(PAL_E_SHAPE, pal_variable_new(g, "v", PAL_TYPE(PAL_F32, PAL_STATIC, 4), PAL_STATE, PAL_ZEROS));
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
    ck_assert_msg(pal_define(context, "op", op.name, &op, &error) == all[i].code, "op %zu: %s", i, error.text);
    pal_error_clear(&error);
  }
  ck_assert_int_eq(pal_define(context, "op", "toy_neg", &many_op, NULL), PAL_E_DUPLICATE);
  ck_assert_int_eq(pal_define(context, "op", "x", NULL, NULL), PAL_E_ARGUMENT);
  ck_assert_int_eq(pal_plugin_load(context, "/nowhere.so", NULL), PAL_E_NOT_FOUND);
  ck_assert_int_eq(pal_plugin_load(context, "libm.so.6", NULL), PAL_E_ABI);
  ck_assert_ptr_null(pal_context_new(&(pal_options){.isa = "abacus"}, &error));
  ck_assert_int_eq(error.code, PAL_E_ARGUMENT);
  pal_output(g, "y", toy_neg(g, pal_input(g, "x", PAL_TYPE(PAL_F32, pal_symbol_new(g, "T", 4), 1))));
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
    ck_assert_int_eq(pal_store_variable(store, name, PAL_TYPE(dtype[i], PAL_STATIC, 5), PAL_STATE, init, &v,
                                        &error), PAL_OK);
    for (size_t k = 0; k < 5; k++) {
      size_t size = pal_dtype_size(dtype[i]);
      ck_assert_mem_eq((char *)pal_variable_data(v) + k * size, three[i], size);
    }
  }
}
END_TEST

/* ---- at size, side by side --------------------------------------------------------------------------------- */

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
  for (int64_t i = 0; i < rows; i++) of[i] = (int32_t)((unsigned)rand_r(&seed) % (unsigned)sequences);
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

/* ---- a built-in op made again through the public headers ----------------------------------------------------- */

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
  for (int64_t i = r->begin * row; i < r->end * row; i++) ((float *)r->out[0])[i] = x[i] < 0 ? 0 : x[i];
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
  pal_value positive = pal_compare(in, c->in[0], pal_scalar(in, 0), PAL_GT);
  c->in_grad[0] = pal_where(in, positive, c->out_grad[0], pal_scalar(in, 0));
  return PAL_OK;
}
static const pal_op twin_op = {.abi_size = sizeof(pal_op), .name = "rule", .doc = "relu again",
                               .min_in = 1, .max_in = 1, .in_place = 1, .infer = twin_infer,
                               .gradient = twin_gradient, .reference = twin_reference,
                               .phase = {{.run = twin_run}}, .no_case = "a twin of relu"};

static pal_exec *build_with(const char *name) {
  pal_graph_free(g);
  g = pal_graph_new(context, store);
  pal_symbol t = pal_symbol_new(g, "T", 300);
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, 40));
  pal_value w = pal_variable_new(g, "w", PAL_TYPE(PAL_F32, PAL_STATIC, 40), PAL_PARAMETER, PAL_NORMAL(1));
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
  ck_assert_int_eq(pal_define(context, "op", "rule", &twin_op, &error), PAL_OK);
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
  tcase_add_checked_fixture(c, set_up, tear_down);
  tcase_add_test(c, undo_finds_its_rows_unchanged);
  tcase_add_test(c, what_is_left_is_the_last_version);
  tcase_add_test(c, loops_that_contradict_each_other_are_refused);
  tcase_add_test(c, two_inputs_change_places);
  tcase_add_test(c, a_symbol_is_bound_once_and_before_its_uses);
  tcase_add_test(c, a_count_beyond_its_symbol_stops_the_run);
  tcase_add_test(c, a_failure_in_a_chain_names_its_op);
  tcase_add_test(c, many_constants_may_come_of_few_nodes);
  tcase_add_test(c, no_rows_and_no_room);
  tcase_add_test(c, hostile_texts_are_refused);
  tcase_add_test(c, parsing_and_compiling_without_memory);
  tcase_add_test(c, builders_refuse);
  tcase_add_test(c, definitions_and_counts_are_refused);
  tcase_add_test(c, variables_begin_as_asked_in_every_type);
  tcase_add_test(c, capacity_is_no_part_of_the_numbers);
  tcase_add_loop_test(c, two_instances_run_at_once, 0, 2);
  tcase_add_test(c, an_op_from_outside_is_as_good_as_a_built_in);
  suite_add_tcase(suite, c);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
