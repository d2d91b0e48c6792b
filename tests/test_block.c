/* SPDX-License-Identifier: Apache-2.0 */
/* Variables that are parts of one block of memory: each can be read, written, saved and loaded as a
 * variable of its own, whether it is changed by itself or as part of the block. */
#include <check.h>
#include <palimpsest/ops.h>
#include <palimpsest/plan.h>
#include <stdio.h>
#include <string.h>

#include "graph/parts.h"
#include "src/alloc.h"
#include "tests/run.h"

enum { PARTS = 4, MOST = 40 };
static const char *const name[PARTS] = {"a", "b", "c", "d"};
static const int64_t size[PARTS] = {15, 16, 1, 40};

static pal_context *context;
static pal_store *store;
static pal_variable *part[PARTS];
static pal_error error;

static void set_up(void) {
  memset(&error, 0, sizeof error);
  context = pal_context_new(NULL, &error);
  ck_assert_msg(context && !pal_register_ops(context, &error), "%s", error.text);
  store = pal_store_new(5);
  for (int i = 0; i < PARTS; i++)
    ck_assert(!pal_store_variable(store, name[i], PAL_TYPE(PAL_F32, PAL_STATIC, size[i]),
                                  i % 2 ? PAL_STATE : PAL_PARAMETER, PAL_NORMAL(1), &part[i],
                                  &error));
}

static void tear_down(void) {
  pal_store_free(store);
  pal_context_free(context);
}

static pal_variable *block_of(pal_variable *const *list, int n) {
  pal_variable *block = NULL;
  ck_assert_msg(!pal_store_block(store, list, n, &block, &error), "%s", error.text);
  return block;
}

static float *data(pal_variable *v) { return pal_variable_data(v); }

/* The contents of all parts. */
typedef struct contents {
  float x[PARTS][MOST];
} contents;

static contents remember(void) {
  contents c;
  memset(&c, 0, sizeof c);
  for (int i = 0; i < PARTS; i++) memcpy(c.x[i], data(part[i]), pal_variable_bytes(part[i]));
  return c;
}

static void expect(const contents *c) {
  for (int i = 0; i < PARTS; i++)
    ck_assert_mem_eq(data(part[i]), c->x[i], pal_variable_bytes(part[i]));
}

static bool is_in(pal_variable *v, pal_variable *block) {
  const char *at = pal_variable_data(v), *from = pal_variable_data(block);
  return at >= from && at + pal_variable_bytes(v) <= from + pal_variable_bytes(block);
}

START_TEST(parts_stay_variables) {
  data(part[0])[3] = 7;
  const contents before = remember();
  pal_variable *block = block_of(part, PARTS);
  expect(&before);
  ck_assert_int_eq(pal_variable_role(block), PAL_SCRATCH);
  ck_assert_uint_eq(pal_variable_bytes(block), (16 + 16 + 16 + 48) * sizeof(float));
  ck_assert_uint_eq(pal_store_count(store), PARTS + 1);
  const float *from = data(block);
  for (int i = 0; i < PARTS; i++) {
    ck_assert(is_in(part[i], block));
    ck_assert_uint_eq((uintptr_t)data(part[i]) % 64, 0);
    ck_assert_ptr_eq(pal_store_find(store, name[i]), part[i]);
    ck_assert_int_eq(pal_variable_role(part[i]), i % 2 ? PAL_STATE : PAL_PARAMETER);
    ck_assert_int_eq(pal_variable_type(part[i])->dim[0], size[i]);
  }
  ck_assert(from[15] == 0 && from[33] == 0 && from[47] == 0 && from[88] == 0 && from[95] == 0);
  ck_assert_ptr_eq(block_of(part, PARTS), block);
  ck_assert_ptr_eq(data(block), from);
  ck_assert_uint_eq(pal_store_count(store), PARTS + 1);
}
END_TEST

START_TEST(reset) {
  const contents first = remember();
  pal_variable *block = block_of(part, PARTS);
  for (int turn = 0; turn < 2; turn++) { /* one by one, and through the block */
    for (int i = 0; i < PARTS; i++) memset(data(part[i]), 0, pal_variable_bytes(part[i]));
    for (int i = 0; i < PARTS && !turn; i++) pal_variable_reset(part[i]);
    if (turn) pal_variable_reset(block);
    expect(&first);
    ck_assert(is_in(part[2], block));
  }
}
END_TEST

START_TEST(misuse) {
  pal_variable *whole, *other, *got = NULL;
  ck_assert(!pal_store_variable(store, "count", PAL_TYPE(PAL_I32, PAL_STATIC, 4), PAL_STATE,
                                PAL_ZEROS, &other, &error));
  whole = block_of(part, 2);
  pal_variable *const wrong[][3] = {
      {part[2], other, part[3]}, {part[2], part[3], part[2]}, {whole, part[2], part[3]}};
  static const char *const says[] = {"\"count\"", "twice", "a block itself"};
  const contents before = remember();
  const size_t n = pal_store_count(store);
  for (int i = 0; i < 3; i++) {
    error = (pal_error){0};
    ck_assert_int_eq(pal_store_block(store, wrong[i], 3, &got, &error), PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, says[i]) != NULL, "%s", error.text);
  }
  ck_assert_int_eq(pal_store_block(store, part, 0, &got, &error), PAL_E_ARGUMENT);
  ck_assert(got == NULL && pal_store_count(store) == n);
  expect(&before);
  ck_assert(is_in(part[0], whole) && is_in(part[1], whole));
}
END_TEST

START_TEST(memory_runs_out) {
  const contents before = remember();
  pal_variable *block = NULL;
  int failed = 0;
  for (int64_t i = 1; !block; i++, failed++) {
    error = (pal_error){0};
    pal_alloc_fail_after(i);
    const pal_status status = pal_store_block(store, part, PARTS, &block, &error);
    pal_alloc_fail_after(0);
    ck_assert_int_eq(status, block ? PAL_OK : PAL_E_MEMORY);
    expect(&before);
  }
  ck_assert_int_ge(failed, 3);
  ck_assert(is_in(part[3], block));
}
END_TEST

/* ---- runs ------------------------------------------------------------------------------ */

typedef struct job {
  pal_plan *plan;
  pal_exec *exec;
} job;

/* variable <- 2 variable + 1; its old and new contents are outputs. */
static job doubling(pal_variable *v) {
  pal_graph *g = pal_graph_new(context, store);
  const pal_value old = pal_variable_old(g, pal_variable_name(v)), next = pal_affine(g, old, 2, 1);
  pal_assign(g, old, next);
  pal_output(g, "old", old);
  pal_output(g, "new", next);
  job j = {.plan = pal_compile(g, &error)};
  j.exec = j.plan ? pal_exec_new(j.plan, &error) : NULL;
  ck_assert_msg(j.exec != NULL, "%s", error.text);
  pal_graph_free(g);
  return j;
}

static void run(job *j) { ck_assert_msg(!pal_exec_run(j->exec, &error), "%s", error.text); }

static void finish(job *j) {
  pal_exec_free(j->exec);
  pal_plan_free(j->plan);
}

static void doubled(contents *c, int i) {
  for (int k = 0; k < size[i]; k++) c->x[i][k] = 2 * c->x[i][k] + 1;
}

/* Plans of a part, of its block and of another block that wants some of the parts, made before or
 * after the blocks, in any order: each finds what the last one has left. */
START_TEST(everybody_sees_the_present) {
  pal_variable *some[] = {part[3], part[1]};
  job early = doubling(part[1]);
  if (_i % 2) run(&early), pal_variable_reset(part[1]);
  contents c = remember();
  pal_variable *all = block_of(part, PARTS), *two = block_of(some, 2);
  job jobs[] = {early, doubling(part[1]), doubling(all), doubling(two), doubling(part[0])};
  expect(&c);
  uint32_t random = 17 + (uint32_t)_i;
  for (int t = 0; t < 200; t++) {
    random = random * 1664525u + 1013904223u;
    const int k = (int)((random >> 16) % 5);
    if (t % 16 == 0) { /* keeps numbers finite; and the host writes parts too */
      for (int i = 0; i < PARTS; i++) pal_variable_reset(part[i]);
      c = remember();
    }
    const contents before = c;
    run(&jobs[k]);
    if (k < 2) doubled(&c, 1);
    else if (k == 2)
      for (int i = 0; i < PARTS; i++) doubled(&c, i);
    else if (k == 3) doubled(&c, 1), doubled(&c, 3);
    else doubled(&c, 0);
    expect(&c);
    const int of = k < 2 ? 1 : k == 4 ? 0 : -1;
    if (of < 0) continue;
    ck_assert_mem_eq(pal_exec_output(jobs[k].exec, "old", NULL), before.x[of],
                     pal_variable_bytes(part[of]));
    ck_assert_mem_eq(pal_exec_output(jobs[k].exec, "new", NULL), c.x[of],
                     pal_variable_bytes(part[of]));
  }
  for (int i = 0; i < 5; i++) finish(&jobs[i]);
}
END_TEST

/* In-place writes of rows change the block, and are undone there when the run fails. */
START_TEST(rows_in_place) {
  pal_variable *block = block_of(part, PARTS);
  pal_graph *g = pal_graph_new(context, store);
  const pal_value old = pal_variable_old(g, "d");
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 2));
  const pal_value index = pal_input(g, "index", PAL_TYPE(PAL_I32, PAL_STATIC, 2));
  const pal_value now = pal_write_rows(g, old, index, x);
  pal_check_finite(g, pal_sum_all(g, now), "the sum");
  job j = {.plan = pal_compile(g, &error)};
  j.exec = j.plan ? pal_exec_new(j.plan, &error) : NULL;
  ck_assert_msg(j.exec != NULL, "%s", error.text);
  contents c = remember();
  for (int turn = 0; turn < 2; turn++) {
    memcpy(pal_exec_input(j.exec, "index"), (int32_t[]){5, 39}, 2 * sizeof(int32_t));
    memcpy(pal_exec_input(j.exec, "x"), (float[]){turn ? INFINITY : 3, 4}, 2 * sizeof(float));
    c.x[3][5] = 3;
    c.x[3][39] = 4;
    ck_assert_int_eq(pal_exec_run(j.exec, &error), turn ? PAL_E_NONFINITE : PAL_OK);
    expect(&c);
    ck_assert(is_in(part[3], block));
  }
  finish(&j);
  pal_graph_free(g);
}
END_TEST

/* A plan that changes a variable must not have the same contents under a second name. */
START_TEST(shared_contents_are_refused) {
  pal_variable *some[] = {part[3], part[1]};
  pal_variable *all = block_of(part, PARTS), *two = block_of(some, 2);
  pal_variable *const pair[][2] = {{all, part[1]}, {part[0], all}, {all, two}, {two, part[0]}};
  for (int i = 0; i < 4; i++)
    for (int change = 0; change < 3; change++) { /* nothing, the first, the second */
      error = (pal_error){0};
      pal_graph *g = pal_graph_new(context, store);
      pal_value v[2];
      for (int k = 0; k < 2; k++) {
        v[k] = pal_variable_old(g, pal_variable_name(pair[i][k]));
        pal_output(g, k ? "second" : "first", pal_sum_all(g, v[k]));
        if (change == k + 1) pal_assign(g, v[k], pal_affine(g, v[k], 2, 0));
      }
      pal_plan *plan = pal_compile(g, &error);
      const bool refused = change && i < 3;
      ck_assert_msg((plan == NULL) == refused, "pair %d, change %d: %s", i, change, error.text);
      if (refused) ck_assert_msg(strstr(error.text, "share contents") != NULL, "%s", error.text);
      pal_plan_free(plan);
      pal_graph_free(g);
    }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("block");
  TCase *tests = tcase_create("block");
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, parts_stay_variables);
  tcase_add_test(tests, reset);
  tcase_add_test(tests, misuse);
  tcase_add_test(tests, memory_runs_out);
  tcase_add_loop_test(tests, everybody_sees_the_present, 0, 8);
  tcase_add_test(tests, rows_in_place);
  tcase_add_test(tests, shared_contents_are_refused);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
