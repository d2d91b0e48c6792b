/* SPDX-License-Identifier: Apache-2.0 */
/* The op edit against a sequential implementation of the paper's g, in batches of random cases that
 * run as compiled graphs; and pal_transition_apply, which is the same on the host. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <palimpsest/model.h>
#include <palimpsest/ops.h>

#include "tests/rows.h"
#include "tests/run.h"

enum { LONGEST = 12 };

/* ---- edit ---------------------------------------------------------------------------- */

static const char *const edit_inputs[] = {"tokens", "y", "remask", "insert", "remove"};

typedef struct edit_run {
  pal_plan *plan;
  pal_exec *exec;
  int32_t *row[5], *begin, *length; /* inputs */
  int32_t mask;
  int64_t capacity;
} edit_run;

static edit_run edit_start(int32_t mask, int64_t capacity) {
  pal_graph *g = pal_graph_new(rows_context, NULL);
  const pal_symbol rows = pal_symbol_new(g, "T", ROWS);
  const pal_symbol sequences = pal_symbol_new(g, "S", SEQUENCES);
  pal_value in[5];
  for (int i = 0; i < 5; i++) in[i] = pal_input(g, edit_inputs[i], PAL_TYPE(PAL_I32, rows, 1));
  const pal_value begin = pal_input(g, "begin", PAL_TYPE(PAL_I32, sequences, 1));
  const pal_value length = pal_input(g, "length", PAL_TYPE(PAL_I32, sequences, 1));
  const pal_edited new =
      pal_edit(g, in[0], in[1], in[2], in[3], in[4], begin, length, mask, capacity);
  pal_output(g, "new_tokens", new.tokens);
  pal_output(g, "source", new.source);
  pal_output(g, "new_begin", new.begin);
  pal_output(g, "new_length", new.length);
  pal_output(g, "changed", new.changed);
  edit_run r = {.mask = mask, .capacity = capacity ? capacity : 2 * ROWS};
  r.exec = rows_start(g, &r.plan);
  for (int i = 0; i < 5; i++) r.row[i] = rows_input(r.exec, edit_inputs[i]);
  r.begin = rows_input(r.exec, "begin");
  r.length = rows_input(r.exec, "length");
  return r;
}

/* A sequential implementation of g: from x, y and the flags of n rows, the new rows and their
 * sources. */
static int64_t g_statement(int32_t *const x[5], int64_t at, int64_t n, int32_t mask, int32_t *token,
                           int32_t *source) {
  int64_t m = 0;
  for (int64_t k = at; k < at + n; k++) {
    if (x[4][k] && x[0][k] == mask) continue;
    token[m] = x[2][k] ? mask : x[0][k] == mask ? x[1][k] : x[0][k];
    source[m++] = (int32_t)k;
    if (!x[3][k]) continue;
    token[m] = mask;
    source[m++] = -1;
  }
  return m;
}

/* Fills a random batch, rows in gaps and beyond the active ones included. */
static int edit_draw(const edit_run *r) {
  const int n = rows_below(SEQUENCES + 1), odds = 1 + rows_below(8);
  const int64_t rows = rows_lay_out(n, LONGEST, r->begin, r->length);
  for (int64_t i = 0; i < rows + 9; i++) {
    r->row[0][i] = rows_below(4);
    r->row[1][i] = rows_below(4);
    for (int f = 2; f < 5; f++) r->row[f][i] = rows_below(odds) ? 0 : 1 - 2 * rows_below(2);
  }
  rows_set_counts(r->exec, n, rows);
  return n;
}

/* Checks that pal_transition_apply gives the same for the rows that start at `at`. */
static void apply_compare(const edit_run *r, int64_t at, int n, const int32_t *token, int64_t m) {
  uint8_t flag[3][LONGEST];
  int32_t next[2 * LONGEST];
  for (int f = 0; f < 3; f++)
    for (int i = 0; i < n; i++) flag[f][i] = r->row[2 + f][at + i] != 0;
  const pal_transition t = {.state = r->row[0] + at,
                            .y = r->row[1] + at,
                            .remask = flag[0],
                            .insert = flag[1],
                            .remove = flag[2],
                            .n = n};
  ck_assert_int_eq(pal_transition_apply(&t, r->mask, next, 2 * LONGEST), m);
  ck_assert(!memcmp(next, token, (size_t)m * sizeof *token));
}

static void edit_compare(const edit_run *r, int n, int64_t total) {
  int32_t token[2 * LONGEST], source[2 * LONGEST];
  const int32_t *new_tokens = rows_output(r->exec, "new_tokens", total);
  const int32_t *new_source = rows_output(r->exec, "source", total);
  const int32_t *begin = rows_output(r->exec, "new_begin", n);
  const int32_t *length = rows_output(r->exec, "new_length", n);
  const int32_t *changed = rows_output(r->exec, "changed", n);
  int64_t at = 0;
  for (int s = 0; s < n; s++) {
    const int64_t m = g_statement(r->row, r->begin[s], r->length[s], r->mask, token, source);
    ck_assert_int_eq(begin[s], at);
    ck_assert_int_eq(length[s], m);
    ck_assert(!memcmp(new_tokens + at, token, (size_t)m * sizeof *token));
    ck_assert(!memcmp(new_source + at, source, (size_t)m * sizeof *source));
    const int same =
        m == r->length[s] && !memcmp(token, r->row[0] + r->begin[s], (size_t)m * sizeof *token);
    ck_assert_int_eq(changed[s], !same);
    apply_compare(r, r->begin[s], r->length[s], token, m);
    at += m;
  }
}

/* One random batch; returns its number of sequences, or -1 when it was over capacity. */
static int edit_batch(const edit_run *r) {
  int32_t token[2 * LONGEST], source[2 * LONGEST];
  pal_error error = {0};
  const int n = edit_draw(r);
  int64_t total = 0;
  for (int s = 0; s < n; s++)
    total += g_statement(r->row, r->begin[s], r->length[s], r->mask, token, source);
  const pal_status status =
      rows_below(2) ? pal_exec_run(r->exec, &error) : pal_exec_run_serial(r->exec, &error);
  if (total > r->capacity) {
    ck_assert_int_eq(status, PAL_E_CAPACITY);
    ck_assert_int_eq(error.needed, total);
    return -1;
  }
  ck_assert_msg(status == PAL_OK, "%s", error.text);
  edit_compare(r, n, total);
  return n;
}

START_TEST(edit_is_g) {
  edit_run r = edit_start(2, 0);
  for (int64_t cases = 0; cases < 1000000;) {
    const int n = edit_batch(&r);
    ck_assert_int_ge(n, 0);
    cases += n;
  }
  rows_stop(r.exec, r.plan);
}
END_TEST

START_TEST(a_transition_without_labels_or_room) {
  static const int32_t state[] = {7, 1, 7}, y[] = {-1, -1, 3};
  static const uint8_t insert[] = {0, 1, 1};
  int32_t next[4] = {9, 9, 9, 9};
  pal_transition t = {.state = state, .n = 3};
  ck_assert_int_eq(pal_transition_apply(&t, 7, next, 4),
                   3); /* masks that nothing is said of stay */
  ck_assert(!memcmp(next, (const int32_t[]){7, 1, 7, 9}, sizeof next));
  t.y = y;
  t.insert = insert;
  ck_assert_int_eq(pal_transition_apply(&t, 7, next, 3), 5);
  ck_assert(!memcmp(next, (const int32_t[]){7, 1, 7, 9}, sizeof next));
  ck_assert_int_eq(pal_transition_apply(&t, 7, next, 4), 5);
  ck_assert_int_eq(next[3], 3);
  t.n = 0;
  ck_assert_int_eq(pal_transition_apply(&t, 7, NULL, 0), 0);
}
END_TEST

START_TEST(edit_over_capacity) {
  int fitted = 0, over = 0;
  for (int64_t capacity = 1; capacity < 5000; capacity = 2 * capacity + 7) {
    edit_run r = edit_start(0, capacity);
    for (int i = 0; i < 100; i++) *(edit_batch(&r) < 0 ? &over : &fitted) += 1;
    rows_stop(r.exec, r.plan);
  }
  ck_assert(fitted > 100 && over > 100);
}
END_TEST

START_TEST(edit_refuses_bad_sequences) {
  static const int32_t bad[][2] = {{-1, 2}, {0, -1}, {9, 2}, {11, 0}, {INT32_MAX, INT32_MAX}};
  edit_run r = edit_start(0, 0);
  rows_set_counts(r.exec, 40, 10);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_error error = {0};
    r.begin[33] = bad[i][0];
    r.length[33] = bad[i][1];
    ck_assert_int_eq(pal_exec_run(r.exec, &error), PAL_E_ARGUMENT);
    ck_assert_msg(strstr(error.text, "sequence 33"), "%s", error.text);
  }
  r.begin[33] = 10; /* an empty sequence may stand at the end */
  r.length[33] = 0;
  pal_error error = {0};
  ck_assert_msg(!pal_exec_run(r.exec, &error), "%s", error.text);
  rows_output(r.exec, "new_tokens", 0);
  rows_stop(r.exec, r.plan);
}
END_TEST

START_TEST(edits_of_one_scope_bind_symbols_of_their_own) {
  pal_graph *g = pal_graph_new(rows_context, NULL);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_I32, pal_symbol_new(g, "T", 8), 1));
  const pal_value s = pal_input(g, "s", PAL_TYPE(PAL_I32, pal_symbol_new(g, "S", 8), 1));
  const pal_edited a = pal_edit(g, x, x, x, x, x, s, s, 0, 0);
  const pal_edited b = pal_edit(g, x, x, x, x, x, s, s, 0, 5);
  ck_assert_msg(!pal_graph_error(g)->code, "%s", pal_graph_error(g)->text);
  ck_assert_int_ne(a.symbol.id, b.symbol.id);
  ck_assert_int_eq(pal_symbol_capacity(g, a.symbol), 16);
  ck_assert_int_eq(pal_symbol_capacity(g, b.symbol), 5);
  pal_graph_free(g);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("edit");
  TCase *tests = tcase_create("edit");
  tcase_add_checked_fixture(tests, rows_set_up, rows_tear_down);
  tcase_add_test(tests, edit_is_g);
  tcase_add_test(tests, a_transition_without_labels_or_room);
  tcase_add_test(tests, edit_over_capacity);
  tcase_add_test(tests, edit_refuses_bad_sequences);
  tcase_add_test(tests, edits_of_one_scope_bind_symbols_of_their_own);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
