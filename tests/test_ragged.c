/* SPDX-License-Identifier: Apache-2.0 */
/* Ops on ragged sequences against simple implementations, in batches of random cases that run as
 * compiled graphs: window_refill against a list, ragged_index and compact against loops. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <palimpsest/ops.h>

#include "tests/rows.h"
#include "tests/run.h"

/* ---- window_refill ------------------------------------------------------------------- */

enum { DEQUES = 7, ROOM = 90 };

/* A sequence as one list: window first, then tail. */
typedef struct deque {
  int32_t at[4 * ROOM];
  int n;
} deque;

typedef struct refill_run {
  pal_plan *plan;
  pal_exec *exec;
  int32_t *tokens, *begin, *length, *tail, *cursor, *low, *high; /* inputs */
  int window;
} refill_run;

static refill_run refill_start(int window) {
  pal_graph *g = pal_graph_new(rows_context, NULL);
  const pal_type each = PAL_TYPE(PAL_I32, pal_symbol_new(g, "S", DEQUES), 1);
  const pal_type rows = PAL_TYPE(PAL_I32, pal_symbol_new(g, "T", DEQUES * ROOM), 1);
  const pal_type tail = PAL_TYPE(PAL_I32, PAL_STATIC, DEQUES * ROOM);
  const pal_value x = pal_input(g, "tokens", rows), b = pal_input(g, "begin", each);
  const pal_value l = pal_input(g, "length", each), t = pal_input(g, "tail", tail);
  const pal_value c = pal_input(g, "cursor", each), low = pal_input(g, "low", each);
  const pal_value high = pal_input(g, "high", each);
  const pal_refilled new = pal_window_refill(g, x, b, l, t, c, low, high, window);
  pal_output(g, "new_tokens", new.tokens);
  pal_output(g, "new_begin", new.begin);
  pal_output(g, "new_length", new.length);
  pal_output(g, "new_cursor", new.cursor);
  pal_output(g, "push_index", new.push_index);
  refill_run r = {.window = window};
  r.exec = rows_start(g, &r.plan);
  r.tokens = rows_input(r.exec, "tokens");
  r.begin = rows_input(r.exec, "begin");
  r.length = rows_input(r.exec, "length");
  r.tail = rows_input(r.exec, "tail");
  r.cursor = rows_input(r.exec, "cursor");
  r.low = rows_input(r.exec, "low");
  r.high = rows_input(r.exec, "high");
  return r;
}

/* The windows change at random, as by an edit; each deque is told. Returns the active rows. */
static int64_t refill_edit(const refill_run *r, deque *d) {
  const int64_t rows = rows_lay_out(DEQUES, 2 * r->window, r->begin, r->length);
  for (int64_t i = 0; i < rows; i++) r->tokens[i] = rows_below(1000);
  for (int s = 0; s < DEQUES; s++) {
    const int tail = r->high[s] - r->cursor[s], window = r->length[s];
    memcpy(d[s].at, r->tokens + r->begin[s], sizeof(int32_t) * (size_t)window);
    memcpy(d[s].at + window, r->tail + r->cursor[s], sizeof(int32_t) * (size_t)tail);
    d[s].n = window + tail;
  }
  rows_set_counts(r->exec, DEQUES, rows);
  return rows;
}

/* Rows that sequence s's tail must hold after the refill. */
static int tail_after(const refill_run *r, const deque *d) {
  return d->n > r->window ? d->n - r->window : 0;
}

/* What the host sees of a refill: windows are the first rows of the lists, and the tails, with the
 * pushed rows written, the rest. */
static void refill_compare(const refill_run *r, const deque *d, int64_t rows) {
  const int32_t *begin = rows_output(r->exec, "new_begin", DEQUES);
  const int32_t *length = rows_output(r->exec, "new_length", DEQUES);
  const int32_t *cursor = rows_output(r->exec, "new_cursor", DEQUES);
  const int32_t *push = rows_output(r->exec, "push_index", rows);
  int64_t total = 0, pushed = 0;
  for (int64_t i = 0; i < rows; i++) {
    if (push[i] < 0) continue;
    r->tail[push[i]] = r->tokens[i];
    pushed++;
  }
  for (int s = 0; s < DEQUES; s++) {
    const int tail = tail_after(r, &d[s]), window = d[s].n - tail;
    ck_assert_int_eq(begin[s], total);
    ck_assert_int_eq(length[s], window);
    ck_assert_int_eq(r->high[s] - cursor[s], tail);
    ck_assert(!memcmp(r->tail + cursor[s], d[s].at + window, sizeof(int32_t) * (size_t)tail));
    if (cursor[s] < r->cursor[s]) pushed -= r->cursor[s] - cursor[s];
    total += window;
  }
  ck_assert_int_eq(pushed, 0); /* no row is pushed but those the cursors say */
  const int32_t *tokens = rows_output(r->exec, "new_tokens", total);
  for (int s = 0; s < DEQUES; s++)
    ck_assert(!memcmp(tokens + begin[s], d[s].at, sizeof(int32_t) * (size_t)length[s]));
  memcpy(r->cursor, cursor, sizeof(int32_t) * DEQUES);
}

START_TEST(refill_is_a_deque) {
  static deque d[DEQUES];
  for (int window = 1; window <= 9; window++) {
    refill_run r = refill_start(window);
    int over = 0;
    for (int s = 0; s < DEQUES; s++) {
      r.low[s] = s * ROOM;
      r.high[s] = (s + 1) * ROOM - rows_below(3);
      r.cursor[s] = r.high[s] - rows_below(r.high[s] - r.low[s]);
    }
    for (int i = 0; i < DEQUES * ROOM; i++) r.tail[i] = rows_below(1000);
    for (int step = 0; step < 2000; step++) {
      pal_error error = {0};
      const int64_t rows = refill_edit(&r, d);
      int full = -1;
      for (int s = DEQUES - 1; s >= 0; s--)
        if (tail_after(&r, &d[s]) > r.high[s] - r.low[s]) full = s;
      const pal_status status = pal_exec_run(r.exec, &error);
      if (full >= 0) {
        ck_assert_int_eq(status, PAL_E_CAPACITY);
        ck_assert_int_eq(error.needed, tail_after(&r, &d[full]));
        for (int s = 0; s < DEQUES; s++) r.cursor[s] = r.high[s] - rows_below(ROOM / 2);
        over++;
      } else {
        ck_assert_msg(status == PAL_OK, "%s", error.text);
        refill_compare(&r, d, rows);
      }
    }
    ck_assert_int_gt(over, 0);
    rows_stop(r.exec, r.plan);
  }
}
END_TEST

/* Nothing deeper in the tail than the window matters, and tails need not be near one another. */
START_TEST(refill_reads_a_window_of_the_tail) {
  refill_run r = refill_start(4);
  rows_set_counts(r.exec, 1, 1);
  r.length[0] = 1;
  r.high[0] = DEQUES * ROOM;
  for (int i = 0; i < DEQUES * ROOM; i++) r.tail[i] = i < 3 ? i + 10 : -77;
  r.tokens[0] = 9;
  pal_error error = {0};
  ck_assert_msg(!pal_exec_run(r.exec, &error), "%s", error.text);
  const int32_t *tokens = rows_output(r.exec, "new_tokens", 4);
  for (int i = 0; i < 4; i++) ck_assert_int_eq(tokens[i], 9 + i);
  ck_assert_int_eq(*rows_output(r.exec, "new_cursor", 1), 3);
  r.cursor[0] = -1;
  ck_assert_int_eq(pal_exec_run(r.exec, &error), PAL_E_ARGUMENT);
  rows_stop(r.exec, r.plan);
}
END_TEST

/* ---- ragged_index and compact -------------------------------------------------------- */

typedef struct ragged_run {
  pal_plan *plan;
  pal_exec *exec;
  int32_t *keep, *begin, *length;
} ragged_run;

static ragged_run ragged_start(void) {
  pal_graph *g = pal_graph_new(rows_context, NULL);
  const pal_type each = PAL_TYPE(PAL_I32, pal_symbol_new(g, "S", SEQUENCES), 1);
  const pal_value like =
      pal_input(g, "like", PAL_TYPE(PAL_U8, pal_symbol_new(g, "T", 3 * ROWS), 1));
  const pal_value keep = pal_input(g, "keep", each);
  const pal_value begin = pal_input(g, "begin", each), length = pal_input(g, "length", each);
  const pal_ragged at = pal_ragged_index(g, begin, length, like);
  const pal_compacted kept = pal_compact(g, keep, begin, length, like);
  pal_output(g, "sequence", at.sequence);
  pal_output(g, "position", at.position);
  pal_output(g, "row_source", kept.row_source);
  pal_output(g, "sequence_source", kept.sequence_source);
  pal_output(g, "new_begin", kept.begin);
  pal_output(g, "new_length", kept.length);
  ragged_run r = {0};
  r.exec = rows_start(g, &r.plan);
  r.keep = rows_input(r.exec, "keep");
  r.begin = rows_input(r.exec, "begin");
  r.length = rows_input(r.exec, "length");
  return r;
}

static void index_compare(const ragged_run *r, int n, int64_t rows) {
  static int32_t want[2][3 * ROWS];
  memset(want, 0xff, sizeof want);
  for (int s = 0; s < n; s++)
    for (int32_t p = 0; p < r->length[s]; p++) {
      want[0][r->begin[s] + p] = s;
      want[1][r->begin[s] + p] = p;
    }
  const size_t bytes = sizeof(int32_t) * (size_t)rows;
  ck_assert(!memcmp(rows_output(r->exec, "sequence", rows), want[0], bytes));
  ck_assert(!memcmp(rows_output(r->exec, "position", rows), want[1], bytes));
}

static void compact_compare(const ragged_run *r, int n) {
  int64_t kept = 0, rows = 0, j = 0, at = 0;
  for (int s = 0; s < n; s++) {
    kept += r->keep[s] != 0;
    rows += r->keep[s] ? r->length[s] : 0;
  }
  const int32_t *row = rows_output(r->exec, "row_source", rows);
  const int32_t *sequence = rows_output(r->exec, "sequence_source", kept);
  const int32_t *begin = rows_output(r->exec, "new_begin", kept);
  const int32_t *length = rows_output(r->exec, "new_length", kept);
  for (int s = 0; s < n; s++) {
    if (!r->keep[s]) continue;
    ck_assert_int_eq(sequence[j], s);
    ck_assert_int_eq(begin[j], at);
    ck_assert_int_eq(length[j++], r->length[s]);
    for (int32_t p = 0; p < r->length[s]; p++) ck_assert_int_eq(row[at++], r->begin[s] + p);
  }
}

START_TEST(ragged_index_and_compact) {
  ragged_run r = ragged_start();
  for (int step = 0; step < 2000; step++) {
    const int n = rows_below(step % 5 ? 9 : SEQUENCES + 1);
    const int64_t rows = rows_lay_out(n, step % 5 ? 900 : 20, r.begin, r.length);
    for (int s = 0; s < n; s++) r.keep[s] = rows_below(3) ? 0 : 1 - 2 * rows_below(2);
    for (int s = n - 1; s > 0; s--) { /* in any order */
      const int other = rows_below(s + 1);
      const int32_t b = r.begin[s], l = r.length[s];
      r.begin[s] = r.begin[other];
      r.length[s] = r.length[other];
      r.begin[other] = b;
      r.length[other] = l;
    }
    rows_set_counts(r.exec, n, rows);
    pal_error error = {0};
    ck_assert_msg(!pal_exec_run(r.exec, &error), "%s", error.text);
    index_compare(&r, n, rows);
    compact_compare(&r, n);
  }
  rows_stop(r.exec, r.plan);
}
END_TEST

START_TEST(ragged_index_refuses_overlap) {
  ragged_run r = ragged_start();
  rows_set_counts(r.exec, 2, 10);
  r.length[0] = 6;
  r.begin[1] = 5;
  r.length[1] = 2;
  pal_error error = {0};
  ck_assert_int_eq(pal_exec_run(r.exec, &error), PAL_E_ARGUMENT);
  ck_assert_msg(strstr(error.text, "overlap"), "%s", error.text);
  rows_set_counts(r.exec, 2, 0); /* lengths are checked where there are no rows at all */
  pal_error_clear(&error);
  ck_assert_int_eq(pal_exec_run(r.exec, &error), PAL_E_ARGUMENT);
  rows_stop(r.exec, r.plan);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("ragged");
  TCase *tests = tcase_create("ragged");
  tcase_add_checked_fixture(tests, rows_set_up, rows_tear_down);
  tcase_add_test(tests, refill_is_a_deque);
  tcase_add_test(tests, refill_reads_a_window_of_the_tail);
  tcase_add_test(tests, ragged_index_and_compact);
  tcase_add_test(tests, ragged_index_refuses_overlap);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
