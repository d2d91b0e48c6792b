/* SPDX-License-Identifier: Apache-2.0 */
/* See rows.h. */
#include "tests/rows.h"

#include <check.h>
#include <palimpsest/ops.h>

pal_context *rows_context;
static pal_rng rng;

void rows_set_up(void) {
  pal_error error = {0};
  rows_context = pal_context_new(NULL, &error);
  ck_assert_msg(rows_context && !pal_register_ops(rows_context, &error), "%s", error.text);
  rng = pal_rng_new(7, "test_edit", 0, 0);
}

void rows_tear_down(void) { pal_context_free(rows_context); }

int32_t rows_below(int n) { return (int32_t)pal_rng_below(&rng, (uint32_t)n); }

pal_exec *rows_start(pal_graph *graph, pal_plan **plan) {
  pal_error error = {0};
  *plan = pal_compile(graph, &error);
  ck_assert_msg(*plan != NULL, "%s", error.text);
  pal_exec *exec = pal_exec_new(*plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  pal_graph_free(graph);
  return exec;
}

void rows_stop(pal_exec *exec, pal_plan *plan) {
  pal_exec_free(exec);
  pal_plan_free(plan);
}

void rows_set_counts(pal_exec *exec, int64_t sequences, int64_t rows) {
  pal_error error = {0};
  pal_exec_count(exec, "S", sequences, &error);
  ck_assert_msg(!pal_exec_count(exec, "T", rows, &error) && !error.code, "%s", error.text);
}

int32_t *rows_input(pal_exec *exec, const char *name) {
  int32_t *data = pal_exec_input(exec, name);
  ck_assert_ptr_nonnull(data);
  return data;
}

const int32_t *rows_output(const pal_exec *exec, const char *name, int64_t want_rows) {
  int64_t rows = -1;
  const int32_t *data = pal_exec_output(exec, name, &rows);
  ck_assert_ptr_nonnull(data);
  ck_assert_int_eq(rows, want_rows);
  return data;
}

/* Lays `n` sequences of at most `longest` rows out with gaps; returns the rows used. */
int64_t rows_lay_out(int n, int longest, int32_t *begin, int32_t *length) {
  int64_t at = 0;
  for (int s = 0; s < n; s++) {
    at += rows_below(4) ? 0 : rows_below(4);
    begin[s] = (int32_t)at;
    length[s] = rows_below(longest + 1);
    at += length[s];
  }
  return at + rows_below(3);
}
