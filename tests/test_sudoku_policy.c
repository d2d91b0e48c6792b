/* SPDX-License-Identifier: Apache-2.0 */
/* The labels of Sudoku states: applying them by g, against simple loops; playing the restart policy
 * to the end; the released traces against a recursive implementation and against known counts. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/boards.h"
#include "tests/run.h"

/* ---- the policy, said once more with plain loops --------------------------------------------- */

typedef struct plain {
  bool conflict, forced_any, speculative;
  bool candidate[PAL_SUDOKU_CELLS][PAL_SUDOKU_MOST + 1];
  bool forced[PAL_SUDOKU_CELLS][PAL_SUDOKU_MOST + 1];
  bool forced_cell[PAL_SUDOKU_CELLS];
} plain;

static int digit_of(const pal_sudoku_shape *s, int token) {
  return token ? (token - 1) % s->n + 1 : 0;
}

static void look_plainly(const pal_sudoku_shape *s, const int32_t *state, plain *p) {
  int stands[3][PAL_SUDOKU_MOST][PAL_SUDOKU_MOST + 1] = {{{0}}}; /* in row, column, box, a digit */
  int places[3][PAL_SUDOKU_MOST][PAL_SUDOKU_MOST + 1] = {{{0}}};
  const int n = s->n, x = s->box;
  memset(p, 0, sizeof *p);
  for (int c = 0; c < s->cells; c++) {
    const int at[3] = {c / n, c % n, c / n / x * x + c % n / x};
    p->speculative |= state[c] > 2 * n;
    for (int k = 0; k < 3 && state[c]; k++)
      p->conflict |= ++stands[k][at[k]][digit_of(s, state[c])] > 1;
  }
  for (int c = 0; c < s->cells; c++) {
    const int at[3] = {c / n, c % n, c / n / x * x + c % n / x};
    int many = 0, last = 0;
    for (int d = 1; d <= n && !state[c]; d++) {
      if (stands[0][at[0]][d] || stands[1][at[1]][d] || stands[2][at[2]][d]) continue;
      p->candidate[c][d] = true;
      many++, last = d;
      for (int k = 0; k < 3; k++) places[k][at[k]][d]++;
    }
    if (!state[c] && !many) p->conflict = true;
    if (many == 1) p->forced[c][last] = true;
  }
  for (int k = 0; k < 3; k++)
    for (int u = 0; u < n; u++)
      for (int d = 1; d <= n; d++) p->conflict |= !stands[k][u][d] && !places[k][u][d];
  for (int c = 0; c < s->cells; c++) {
    const int at[3] = {c / n, c % n, c / n / x * x + c % n / x};
    for (int d = 1; d <= n; d++) {
      for (int k = 0; k < 3; k++)
        if (p->candidate[c][d] && places[k][at[k]][d] == 1) p->forced[c][d] = true;
      p->forced_cell[c] |= p->forced[c][d];
    }
    p->forced_any |= p->forced_cell[c];
  }
}

enum { CONFLICT, ROOT_FILL, FILL, GUESS, SOLVED, SORTS };

static int check_labels(const pal_sudoku_shape *s, const pal_transition *t) {
  plain p;
  int32_t next[PAL_SUDOKU_CELLS];
  bool masks = false;
  SAME(t->n, s->cells);
  look_plainly(s, t->state, &p);
  SAME(pal_transition_apply(t, 0, next, s->cells), s->cells);
  const int kind = p.speculative ? 2 : 1;
  for (int c = 0; c < s->cells; c++) {
    const int token = t->state[c];
    masks |= token == 0;
    HOLDS(!t->insert[c] && !t->remove[c] && token >= 0 && token <= 3 * s->n);
    if (token) {
      const bool erased = p.conflict && (token - 1) / s->n == kind;
      SAME(next[c], erased ? 0 : token);
      SAME(t->y[c], -1);
    } else if (p.conflict) {
      HOLDS(next[c] == 0 && t->y[c] == -1);
    } else {
      const bool forced = p.forced_cell[c];
      const int d = digit_of(s, t->y[c]);
      HOLDS(d && (forced ? p.forced[c][d] : p.candidate[c][d]));
      SAME((t->y[c] - 1) / s->n, forced ? kind : 2);
      SAME(next[c], forced ? t->y[c] : 0);
      HOLDS(t->y_weight[c] == (forced ? 1.0f : 0.3f));
    }
  }
  return p.conflict      ? CONFLICT
         : !masks        ? SOLVED
         : !p.forced_any ? GUESS
         : p.speculative ? FILL
                         : ROOT_FILL;
}

static void make_puzzles(pal_sudoku_puzzles *p, const pal_sudoku_shape *s, int least, int most,
                         int n) {
  *p = (pal_sudoku_puzzles){.shape = s, .augment = true};
  HOLDS(!pal_sudoku_puzzles_make(p, (pal_sudoku_range){least, most}, 5, n, 2, NULL));
}

START_TEST(g_reproduces_every_label) {
  const struct {
    const pal_sudoku_shape *shape;
    int least, most, states;
  } run[] = {{&shape9, 20, 28, 1000000}, {&shape4, 4, 8, 50000}, {&shape16, 100, 130, 10000}};
  for (int r = 0; r < 3; r++) {
    pal_sudoku_puzzles puzzles;
    pal_stream stream;
    int times[SORTS] = {0};
    make_puzzles(&puzzles, run[r].shape, run[r].least, run[r].most, r == 0 ? 100 : 10);
    HOLDS(!pal_sudoku_walks_new(&puzzles, false, 3, &stream, NULL));
    for (int i = 0; i < run[r].states; i++) {
      pal_example e;
      HOLDS(!stream.next(stream.self, &e, NULL));
      SAME(e.id, (uint64_t)i);
      times[check_labels(run[r].shape, &e.transition)]++;
    }
    for (int k = 0; k < SORTS; k++) /* boards of size 4 never ask for a guess */
      ck_assert_msg(times[k] * 200 > run[r].states || (k == GUESS && r == 1), "sort %d: %d", k,
                    times[k]);
    stream.free(stream.self);
    pal_sudoku_puzzles_free(&puzzles);
  }
}
END_TEST

START_TEST(labels_commute_with_symmetries) {
  uint8_t given[81], solution[81], state[81], image[81], r[2][81];
  int32_t y[2][81];
  float w[2][81];
  for (int i = 0; i < 2000; i++) {
    make(&shape9, 30, given, solution);
    memcpy(state, given, 81);
    for (int k = below(40); k > 0; k--) {
      const int c = below(81);
      if (!given[c])
        state[c] = (uint8_t)(9 * (1 + below(2)) + (below(8) ? solution[c] : 1 + below(9)));
    }
    pal_sudoku_symmetry symmetry;
    pal_sudoku_symmetry_draw(&shape9, &rng, &symmetry);
    for (int c = 0; c < 81; c++) {
      const int from = state[symmetry.source[c]], kind = from ? (from - 1) / 9 : 0;
      image[c] = (uint8_t)(from ? 9 * kind + symmetry.digit[digit_of(&shape9, from)] : 0);
    }
    pal_sudoku_view a, b;
    pal_sudoku_look(&shape9, state, &a);
    pal_sudoku_look(&shape9, image, &b);
    HOLDS(a.conflict == b.conflict && a.masks == b.masks && a.forced_cells == b.forced_cells);
    pal_sudoku_label(&shape9, state, &a, &rng, r[0], y[0], w[0]);
    pal_sudoku_label(&shape9, image, &b, &rng, r[1], y[1], w[1]);
    for (int c = 0; c < 81; c++) {
      const int from = symmetry.source[c];
      HOLDS(r[1][c] == r[0][from] && w[1][c] == w[0][from] && (y[1][c] < 0) == (y[0][from] < 0));
      unsigned forced = 0;
      for (int d = 1; d <= 9; d++)
        forced |= ((unsigned)a.forced[from] >> (d - 1) & 1u) << (symmetry.digit[d] - 1);
      SAME(b.forced[c], forced);
    }
  }
}
END_TEST

/* The decoder's loop on the host: the policy's edits, else one guess. Passes taken, or cap + 1. */
static int play(const pal_sudoku_shape *s, const uint8_t *given, const uint8_t *solution, int cap) {
  uint8_t state[PAL_SUDOKU_CELLS], r[PAL_SUDOKU_CELLS];
  int32_t y[PAL_SUDOKU_CELLS];
  float w[PAL_SUDOKU_CELLS];
  memcpy(state, given, (size_t)s->cells);
  for (int pass = 1; pass <= cap; pass++) {
    pal_sudoku_view view;
    bool changed = false;
    pal_sudoku_look(s, state, &view);
    pal_sudoku_label(s, state, &view, &rng, r, y, w);
    if (!view.conflict && view.masks && !view.forced_cells)
      r[pal_sudoku_guess_cell(s, &view, &rng)] = 0;
    for (int c = 0; c < s->cells; c++) {
      const uint8_t next = (uint8_t)(r[c] ? 0 : state[c] ? state[c] : y[c]);
      changed |= next != state[c];
      state[c] = next;
    }
    if (changed) continue;
    for (int c = 0; c < s->cells; c++) {
      SAME(digit_of(s, state[c]), solution[c]);
      HOLDS(!given[c] || state[c] == given[c]);
    }
    return pass;
  }
  return cap + 1;
}

START_TEST(oracle_solves_held_out_puzzles) {
  enum { PUZZLES = 500 };
  const pal_sudoku_series series = {&shape9, {20, 28}, 5, "test", NULL, 0};
  static uint8_t all_given[PUZZLES][81], all_solution[PUZZLES][81];
  HOLDS(!pal_sudoku_series_make(&series, 0, PUZZLES, 2, *all_given, *all_solution, NULL));
  int in_300 = 0, in_2000 = 0, singles = 0;
  double passes = 0;
  for (int i = 0; i < PUZZLES; i++) {
    const uint8_t *given = all_given[i], *solution = all_solution[i];
    const int n = play(&shape9, given, solution, 20000);
    ck_assert_int_le(n, 20000);
    in_300 += n <= 300;
    in_2000 += n <= 2000;
    singles += pal_sudoku_rate(&shape9, given, solution) == 0;
    passes += n;
  }
  printf("oracle: %d of %d within 300 passes, %d within 2000, mean %.1f; %d by singles alone\n",
         in_300, PUZZLES, in_2000, passes / PUZZLES, singles);
  HOLDS(in_300 * 100 >= 97 * PUZZLES && in_2000 * 100 >= 99 * PUZZLES);
  HOLDS(singles > PUZZLES / 5 && singles < PUZZLES * 4 / 5);
  for (int i = 0; i < 20; i++) {
    uint8_t big[2][PAL_SUDOKU_CELLS];
    make(&shape4, 4 + below(4), big[0], big[1]);
    ck_assert_int_le(play(&shape4, big[0], big[1], 2000), 2000);
    make(&shape16, 130, big[0], big[1]);
    ck_assert_int_le(play(&shape16, big[0], big[1], 2000), 2000);
  }
}
END_TEST

/* ---- released traces ------------------------------------------------------------------------- */

typedef struct tally {
  long fills, tries, skulls, returns; /* a return is parking and erasing: two events */
  int deepest;
} tally;

/* The same procedure told as a recursion over boards. */
static bool recurse(uint8_t *board, int depth, tally *t) {
  if (depth > t->deepest) t->deepest = depth;
  for (;;) {
    int least = 10, at = -1, single = -1, digit = 0;
    for (int c = 0; c < 81; c++) {
      if (board[c]) continue;
      int n = 0, last = 0;
      for (int d = 1; d <= 9; d++)
        if (may_stand(&shape9, board, c, d)) n++, last = d;
      if (n < least) least = n, at = c;
      if (n == 1 && single < 0) single = c, digit = last;
    }
    if (at < 0) return true;
    if (least == 0) break;
    if (single < 0) {
      for (int d = 1; d <= 9; d++) {
        if (!may_stand(&shape9, board, at, d)) continue;
        uint8_t copy[81];
        memcpy(copy, board, 81);
        copy[at] = (uint8_t)d;
        t->tries++;
        if (recurse(copy, depth + 1, t)) return memcpy(board, copy, 81) != NULL;
        t->returns++;
      }
      break;
    }
    board[single] = (uint8_t)digit;
    t->fills++;
  }
  t->skulls++;
  return false;
}

START_TEST(released_traces_have_the_counted_transitions) {
  double total = 0;
  int played = 0;
  for (int i = 0; i < 60; i++) {
    uint8_t given[81], solution[81], board[81], state[PAL_RELEASED_ROWS], r[PAL_RELEASED_ROWS];
    int32_t y[PAL_RELEASED_ROWS];
    tally t = {0};
    make(&shape9, 23 + below(6), given, solution);
    memcpy(board, given, 81);
    HOLDS(recurse(board, 0, &t));
    ck_assert_mem_eq(board, solution, 81);
    if (t.deepest > PAL_RELEASED_DEPTH) continue;
    long steps = 0;
    pal_released_start(given, state);
    pal_released_event event;
    while ((event = pal_released_label(&shape9, state, r, y)) == PAL_RELEASED_STEP) {
      int masks = 0, edits = 0;
      for (int k = 0; k < PAL_RELEASED_ROWS; k++) {
        masks += state[k] == PAL_RELEASED_MASK;
        edits += r[k] || y[k] >= 0;
        HOLDS(!(r[k] && y[k] >= 0) && (y[k] >= 0) == (state[k] == PAL_RELEASED_MASK));
        HOLDS(y[k] < PAL_RELEASED_VOCABULARY && y[k] != PAL_RELEASED_MASK);
        state[k] = (uint8_t)(r[k] ? PAL_RELEASED_MASK : y[k] >= 0 ? y[k] : state[k]);
      }
      HOLDS(edits > 0 && (masks > 0) == (steps % 2 == 1));
      steps++;
    }
    SAME(event, PAL_RELEASED_DONE);
    SAME(steps, 2 * (t.fills + t.tries + t.skulls + 2 * t.returns));
    for (int c = 0; c < 81; c++) SAME(state[4 * c], solution[c]);
    total += (double)steps;
    played++;
  }
  printf("released: %.0f transitions a puzzle, %d puzzles\n", total / played, played);
  ck_assert_int_ge(played, 50);
}
END_TEST

/* Events of a trace by kind, told by what their first halves mask. */
typedef struct kinds {
  long fills, tries, skulls, parks, erasures, transitions;
} kinds;

static kinds count_kinds(const uint8_t *given) {
  kinds k = {0};
  uint8_t state[PAL_RELEASED_ROWS], r[PAL_RELEASED_ROWS];
  int32_t y[PAL_RELEASED_ROWS];
  pal_released_start(given, state);
  for (; pal_released_label(&shape9, state, r, y) == PAL_RELEASED_STEP; k.transitions++) {
    int values = 0, value = -1, marker = -1;
    for (int c = 0; c < 81; c++) {
      if (r[4 * c]) value = c, values++;
      if (r[4 * c + 2]) marker = c;
    }
    const bool digit = marker >= 0 && state[4 * marker] != PAL_RELEASED_EMPTY;
    if (value < 0 && marker >= 0) k.parks += digit, k.skulls += !digit;
    else if (marker >= 0 && state[4 * marker + 2] == PAL_RELEASED_SKULL) k.erasures++;
    else if (marker >= 0 || (value >= 0 && state[4 * value + 2] != PAL_RELEASED_NORMAL)) k.tries++;
    else k.fills += values; /* none where masks are written */
    for (int i = 0; i < PAL_RELEASED_ROWS; i++)
      state[i] = (uint8_t)(r[i] ? PAL_RELEASED_MASK : y[i] >= 0 ? y[i] : state[i]);
  }
  return k;
}

/* A puzzle of our generator. The counts are those that tools/released_counts.py prints, a third
 * statement of the description in another language: a loop with a list of open branches, neither
 * tokens nor recursion. */
START_TEST(released_counts_of_a_literal_puzzle) {
  static const char puzzle[] =
      "2....98..9...3....1.......45..6..7..89..1.54...3........57...1....1...67..6...9..";
  enum {
    FILLS = 112,
    TRIES = 18,
    SKULLS = 13,
    PARKS = 13,
    ERASURES = 13,
    DEEPEST = 5,
    TRANSITIONS = 338
  };
  uint8_t given[81], solution[81], board[81];
  tally t = {0};
  HOLDS(!pal_sudoku_read(&shape9, puzzle, given, solution, NULL));
  memcpy(board, given, 81);
  HOLDS(recurse(board, 0, &t));
  HOLDS(t.fills == FILLS && t.tries == TRIES && t.skulls == SKULLS && t.returns == PARKS &&
        t.deepest == DEEPEST);
  const kinds k = count_kinds(given);
  HOLDS(k.fills == FILLS && k.tries == TRIES && k.skulls == SKULLS);
  HOLDS(k.parks == PARKS && k.erasures == ERASURES && k.transitions == TRANSITIONS);
}
END_TEST

START_TEST(released_trace_of_one_puzzle) {
  /* By hand: 4 blanks, all naked singles: a fill each, two transitions a fill. */
  uint8_t given[81], solution[81], state[PAL_RELEASED_ROWS], r[PAL_RELEASED_ROWS];
  int32_t y[PAL_RELEASED_ROWS];
  make(&shape9, 81, given, solution);
  for (int c = 40; c < 44; c++) given[c] = 0;
  pal_released_start(given, state);
  for (int k = 0; k < 8; k++) {
    SAME(pal_released_label(&shape9, state, r, y), PAL_RELEASED_STEP);
    const int c = 40 + k / 2;
    for (int i = 0; i < PAL_RELEASED_ROWS; i++) {
      const bool here = i == 4 * c || i == 4 * c + 1;
      SAME(r[i], k % 2 == 0 && here);
      SAME(y[i], k % 2 && here ? i == 4 * c ? solution[c] : PAL_RELEASED_WHITE : -1);
      if (here) state[i] = (uint8_t)(r[i] ? PAL_RELEASED_MASK : y[i]);
    }
  }
  SAME(pal_released_label(&shape9, state, r, y), PAL_RELEASED_DONE);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sudoku_policy");
  TCase *states = tcase_create("states");
  tcase_add_checked_fixture(states, boards_set_up, NULL);
  tcase_set_timeout(states, 300);
  tcase_add_test(states, g_reproduces_every_label);
  tcase_add_test(states, labels_commute_with_symmetries);
  tcase_add_test(states, oracle_solves_held_out_puzzles);
  tcase_add_test(states, released_traces_have_the_counted_transitions);
  tcase_add_test(states, released_counts_of_a_literal_puzzle);
  tcase_add_test(states, released_trace_of_one_puzzle);
  suite_add_tcase(suite, states);
  return run_suite(suite);
}
