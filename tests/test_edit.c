/* SPDX-License-Identifier: Apache-2.0 */
/* Ops on sequences against simple implementations, in batches of random cases that run as compiled
 * graphs: edit against a sequential implementation of the paper's g, window_refill against a list,
 * ragged_index and compact against loops. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <palimpsest/model.h>
#include <palimpsest/ops.h>
#include <palimpsest/plan.h>
#include <palimpsest/rng.h>

#include "tests/run.h"

enum { SEQUENCES = 512, ROWS = 8192, LONGEST = 12 };

static pal_context *context;
static pal_rng rng;

static void setup(void) {
  pal_error error = {0};
  context = pal_context_new(NULL, &error);
  ck_assert_msg(context && !pal_register_ops(context, &error), "%s", error.text);
  rng = pal_rng_new(7, "test_edit", 0, 0);
}

static void teardown(void) { pal_context_free(context); }

static int32_t below(int n) { return (int32_t)pal_rng_below(&rng, (uint32_t)n); }

static pal_exec *start(pal_graph *graph, pal_plan **plan) {
  pal_error error = {0};
  *plan = pal_compile(graph, &error);
  ck_assert_msg(*plan != NULL, "%s", error.text);
  pal_exec *exec = pal_exec_new(*plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  pal_graph_free(graph);
  return exec;
}

static void stop(pal_exec *exec, pal_plan *plan) {
  pal_exec_free(exec);
  pal_plan_free(plan);
}

static void set_counts(pal_exec *exec, int64_t sequences, int64_t rows) {
  pal_error error = {0};
  pal_exec_count(exec, "S", sequences, &error);
  ck_assert_msg(!pal_exec_count(exec, "T", rows, &error) && !error.code, "%s", error.text);
}

static int32_t *input(pal_exec *exec, const char *name) {
  int32_t *data = pal_exec_input(exec, name);
  ck_assert_ptr_nonnull(data);
  return data;
}

static const int32_t *output(const pal_exec *exec, const char *name, int64_t want_rows) {
  int64_t rows = -1;
  const int32_t *data = pal_exec_output(exec, name, &rows);
  ck_assert_ptr_nonnull(data);
  ck_assert_int_eq(rows, want_rows);
  return data;
}

/* Lays `n` sequences of at most `longest` rows out with gaps; returns the rows used. */
static int64_t lay_out(int n, int longest, int32_t *begin, int32_t *length) {
  int64_t at = 0;
  for (int s = 0; s < n; s++) {
    at += below(4) ? 0 : below(4);
    begin[s] = (int32_t)at;
    length[s] = below(longest + 1);
    at += length[s];
  }
  return at + below(3);
}

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
  pal_graph *g = pal_graph_new(context, NULL);
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
  r.exec = start(g, &r.plan);
  for (int i = 0; i < 5; i++) r.row[i] = input(r.exec, edit_inputs[i]);
  r.begin = input(r.exec, "begin");
  r.length = input(r.exec, "length");
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
  const int n = below(SEQUENCES + 1), odds = 1 + below(8);
  const int64_t rows = lay_out(n, LONGEST, r->begin, r->length);
  for (int64_t i = 0; i < rows + 9; i++) {
    r->row[0][i] = below(4);
    r->row[1][i] = below(4);
    for (int f = 2; f < 5; f++) r->row[f][i] = below(odds) ? 0 : 1 - 2 * below(2);
  }
  set_counts(r->exec, n, rows);
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
  const int32_t *new_tokens = output(r->exec, "new_tokens", total);
  const int32_t *new_source = output(r->exec, "source", total);
  const int32_t *begin = output(r->exec, "new_begin", n);
  const int32_t *length = output(r->exec, "new_length", n);
  const int32_t *changed = output(r->exec, "changed", n);
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
      below(2) ? pal_exec_run(r->exec, &error) : pal_exec_run_serial(r->exec, &error);
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
  stop(r.exec, r.plan);
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
    stop(r.exec, r.plan);
  }
  ck_assert(fitted > 100 && over > 100);
}
END_TEST

START_TEST(edit_refuses_bad_sequences) {
  static const int32_t bad[][2] = {{-1, 2}, {0, -1}, {9, 2}, {11, 0}, {INT32_MAX, INT32_MAX}};
  edit_run r = edit_start(0, 0);
  set_counts(r.exec, 40, 10);
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
  output(r.exec, "new_tokens", 0);
  stop(r.exec, r.plan);
}
END_TEST

START_TEST(edits_of_one_scope_bind_symbols_of_their_own) {
  pal_graph *g = pal_graph_new(context, NULL);
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
  pal_graph *g = pal_graph_new(context, NULL);
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
  r.exec = start(g, &r.plan);
  r.tokens = input(r.exec, "tokens");
  r.begin = input(r.exec, "begin");
  r.length = input(r.exec, "length");
  r.tail = input(r.exec, "tail");
  r.cursor = input(r.exec, "cursor");
  r.low = input(r.exec, "low");
  r.high = input(r.exec, "high");
  return r;
}

/* The windows change at random, as by an edit; each deque is told. Returns the active rows. */
static int64_t refill_edit(const refill_run *r, deque *d) {
  const int64_t rows = lay_out(DEQUES, 2 * r->window, r->begin, r->length);
  for (int64_t i = 0; i < rows; i++) r->tokens[i] = below(1000);
  for (int s = 0; s < DEQUES; s++) {
    const int tail = r->high[s] - r->cursor[s], window = r->length[s];
    memcpy(d[s].at, r->tokens + r->begin[s], sizeof(int32_t) * (size_t)window);
    memcpy(d[s].at + window, r->tail + r->cursor[s], sizeof(int32_t) * (size_t)tail);
    d[s].n = window + tail;
  }
  set_counts(r->exec, DEQUES, rows);
  return rows;
}

/* Rows that sequence s's tail must hold after the refill. */
static int tail_after(const refill_run *r, const deque *d) {
  return d->n > r->window ? d->n - r->window : 0;
}

/* What the host sees of a refill: windows are the first rows of the lists, and the tails, with the
 * pushed rows written, the rest. */
static void refill_compare(const refill_run *r, const deque *d, int64_t rows) {
  const int32_t *begin = output(r->exec, "new_begin", DEQUES);
  const int32_t *length = output(r->exec, "new_length", DEQUES);
  const int32_t *cursor = output(r->exec, "new_cursor", DEQUES);
  const int32_t *push = output(r->exec, "push_index", rows);
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
  const int32_t *tokens = output(r->exec, "new_tokens", total);
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
      r.high[s] = (s + 1) * ROOM - below(3);
      r.cursor[s] = r.high[s] - below(r.high[s] - r.low[s]);
    }
    for (int i = 0; i < DEQUES * ROOM; i++) r.tail[i] = below(1000);
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
        for (int s = 0; s < DEQUES; s++) r.cursor[s] = r.high[s] - below(ROOM / 2);
        over++;
      } else {
        ck_assert_msg(status == PAL_OK, "%s", error.text);
        refill_compare(&r, d, rows);
      }
    }
    ck_assert_int_gt(over, 0);
    stop(r.exec, r.plan);
  }
}
END_TEST

/* Nothing deeper in the tail than the window matters, and tails need not be near one another. */
START_TEST(refill_reads_a_window_of_the_tail) {
  refill_run r = refill_start(4);
  set_counts(r.exec, 1, 1);
  r.length[0] = 1;
  r.high[0] = DEQUES * ROOM;
  for (int i = 0; i < DEQUES * ROOM; i++) r.tail[i] = i < 3 ? i + 10 : -77;
  r.tokens[0] = 9;
  pal_error error = {0};
  ck_assert_msg(!pal_exec_run(r.exec, &error), "%s", error.text);
  const int32_t *tokens = output(r.exec, "new_tokens", 4);
  for (int i = 0; i < 4; i++) ck_assert_int_eq(tokens[i], 9 + i);
  ck_assert_int_eq(*output(r.exec, "new_cursor", 1), 3);
  r.cursor[0] = -1;
  ck_assert_int_eq(pal_exec_run(r.exec, &error), PAL_E_ARGUMENT);
  stop(r.exec, r.plan);
}
END_TEST

/* ---- ragged_index and compact -------------------------------------------------------- */

typedef struct ragged_run {
  pal_plan *plan;
  pal_exec *exec;
  int32_t *keep, *begin, *length;
} ragged_run;

static ragged_run ragged_start(void) {
  pal_graph *g = pal_graph_new(context, NULL);
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
  r.exec = start(g, &r.plan);
  r.keep = input(r.exec, "keep");
  r.begin = input(r.exec, "begin");
  r.length = input(r.exec, "length");
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
  ck_assert(!memcmp(output(r->exec, "sequence", rows), want[0], bytes));
  ck_assert(!memcmp(output(r->exec, "position", rows), want[1], bytes));
}

static void compact_compare(const ragged_run *r, int n) {
  int64_t kept = 0, rows = 0, j = 0, at = 0;
  for (int s = 0; s < n; s++) {
    kept += r->keep[s] != 0;
    rows += r->keep[s] ? r->length[s] : 0;
  }
  const int32_t *row = output(r->exec, "row_source", rows);
  const int32_t *sequence = output(r->exec, "sequence_source", kept);
  const int32_t *begin = output(r->exec, "new_begin", kept);
  const int32_t *length = output(r->exec, "new_length", kept);
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
    const int n = below(step % 5 ? 9 : SEQUENCES + 1);
    const int64_t rows = lay_out(n, step % 5 ? 900 : 20, r.begin, r.length);
    for (int s = 0; s < n; s++) r.keep[s] = below(3) ? 0 : 1 - 2 * below(2);
    for (int s = n - 1; s > 0; s--) { /* in any order */
      const int other = below(s + 1);
      const int32_t b = r.begin[s], l = r.length[s];
      r.begin[s] = r.begin[other];
      r.length[s] = r.length[other];
      r.begin[other] = b;
      r.length[other] = l;
    }
    set_counts(r.exec, n, rows);
    pal_error error = {0};
    ck_assert_msg(!pal_exec_run(r.exec, &error), "%s", error.text);
    index_compare(&r, n, rows);
    compact_compare(&r, n);
  }
  stop(r.exec, r.plan);
}
END_TEST

START_TEST(ragged_index_refuses_overlap) {
  ragged_run r = ragged_start();
  set_counts(r.exec, 2, 10);
  r.length[0] = 6;
  r.begin[1] = 5;
  r.length[1] = 2;
  pal_error error = {0};
  ck_assert_int_eq(pal_exec_run(r.exec, &error), PAL_E_ARGUMENT);
  ck_assert_msg(strstr(error.text, "overlap"), "%s", error.text);
  set_counts(r.exec, 2, 0); /* lengths are checked where there are no rows at all */
  pal_error_clear(&error);
  ck_assert_int_eq(pal_exec_run(r.exec, &error), PAL_E_ARGUMENT);
  stop(r.exec, r.plan);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("edit");
  TCase *tests = tcase_create("edit");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, edit_is_g);
  tcase_add_test(tests, a_transition_without_labels_or_room);
  tcase_add_test(tests, edit_over_capacity);
  tcase_add_test(tests, edit_refuses_bad_sequences);
  tcase_add_test(tests, edits_of_one_scope_bind_symbols_of_their_own);
  tcase_add_test(tests, refill_is_a_deque);
  tcase_add_test(tests, refill_reads_a_window_of_the_tail);
  tcase_add_test(tests, ragged_index_and_compact);
  tcase_add_test(tests, ragged_index_refuses_overlap);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
