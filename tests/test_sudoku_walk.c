/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over labelled states, the training stream of Sudoku: streams resume, and every kind of
 * random damage occurs.
 *
 * A walk that is loaded with a solved board starts anew, and makes one step before its state is
 * seen. That state is one of its puzzle, perhaps with part of the solution revealed, after the
 * policy's edits or some of them, perhaps with damage. The puzzles are chosen such that each of
 * these leaves a state that (almost) nothing else leads to. "Almost", because sometimes the whole
 * solution is revealed and the walk starts anew in the same step. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/boards.h"
#include "tests/run.h"

static void next(pal_stream *s, pal_example *e) { HOLDS(!s->next(s->self, e, NULL)); }

static void make_puzzles(pal_sudoku_puzzles *p, const pal_sudoku_shape *s, int least, int most,
                         int n) {
  *p = (pal_sudoku_puzzles){.shape = s, .augment = true};
  HOLDS(!pal_sudoku_puzzles_make(p, (pal_sudoku_range){least, most}, 5, n, 2, NULL));
}

/* Others than the state was saved with: one cell of one of them, or its symmetries. */
static void refuse_other_puzzles(pal_sudoku_puzzles *puzzles, bool released,
                                 const unsigned char *state, size_t bytes) {
  uint8_t *given = puzzles->given + 5 * 81;
  while (!*given) given++;
  const uint8_t was = *given;
  for (int change = 0; change < 2; change++) {
    pal_stream other;
    pal_error error = {0};
    if (change == 0) *given = 0;
    else puzzles->augment = !puzzles->augment;
    HOLDS(!pal_sudoku_walks_new(puzzles, released, 9, &other, NULL));
    SAME(other.load(other.self, state, bytes, &error), PAL_E_ARGUMENT);
    HOLDS(strstr(error.text, "not the training data"));
    other.free(other.self);
    *given = was;
  }
  puzzles->augment = !puzzles->augment;
}

START_TEST(streams_resume) {
  pal_sudoku_puzzles puzzles;
  make_puzzles(&puzzles, &shape9, 22, 28, 20);
  for (int released = 0; released < 2; released++) {
    pal_stream a, b;
    pal_error error = {0};
    pal_example x, y;
    HOLDS(!pal_sudoku_walks_new(&puzzles, released, 9, &a, NULL));
    HOLDS(!pal_sudoku_walks_new(&puzzles, released, 9, &b, NULL));
    for (int i = 0; i < 3000; i++) next(&a, &x);
    const size_t bytes = a.save(a.self, NULL, 0);
    unsigned char *state = malloc(bytes);
    HOLDS(bytes < (size_t)400 << 10 && a.save(a.self, state, bytes) == bytes);
    SAME(b.load(b.self, state, bytes - 1, &error), PAL_E_FORMAT);
    state[bytes - 1] ^= 0x80;
    pal_error_clear(&error);
    SAME(b.load(b.self, state, bytes, &error), PAL_E_FORMAT);
    state[bytes - 1] ^= 0x80;
    HOLDS(!b.load(b.self, state, bytes, NULL));
    refuse_other_puzzles(&puzzles, released, state, bytes);
    for (int i = 0; i < 3000; i++) {
      next(&a, &x);
      next(&b, &y);
      const pal_transition *s = &x.transition, *t = &y.transition;
      HOLDS(x.id == y.id && s->n == t->n);
      ck_assert_mem_eq(s->state, t->state, sizeof *s->state * (size_t)s->n);
      ck_assert_mem_eq(s->y, t->y, sizeof *s->y * (size_t)s->n);
      ck_assert_mem_eq(s->remask, t->remask, (size_t)s->n);
    }
    free(state);
    a.free(a.self);
    b.free(b.self);
  }
  pal_sudoku_puzzles_free(&puzzles);
}
END_TEST

/* ---- damage ---------------------------------------------------------------------------------- */

enum { WALKS = 1024, TIMES = 20, SEEN = 500, STATES = TIMES * SEEN };

/* States one step after a walk began with the only puzzle, as a stream gives them: the last bytes
 * of a saved stream are the states of its walks, 81 each. Less than half the states are passed
 * over, so that 500 come from different walks. */
static void first_steps(const uint8_t *given, const uint8_t *solution, uint8_t (*state)[81]) {
  uint8_t only[2][81];
  memcpy(only[0], given, 81);
  memcpy(only[1], solution, 81);
  const pal_sudoku_puzzles puzzles = {
      .shape = &shape9, .n = 1, .given = only[0], .solution = only[1]};
  pal_stream stream;
  pal_example e;
  HOLDS(!pal_sudoku_walks_new(&puzzles, false, 3, &stream, NULL));
  next(&stream, &e);
  const size_t bytes = stream.save(stream.self, NULL, 0);
  unsigned char *saved = malloc(bytes);
  for (int i = 0; i < STATES; i++) {
    if (i % SEEN == 0) {
      HOLDS(saved && stream.save(stream.self, saved, bytes) == bytes);
      for (int w = 1; w <= WALKS; w++) memcpy(saved + bytes - 81 * w, solution, 81);
      HOLDS(!stream.load(stream.self, saved, bytes, NULL));
    }
    next(&stream, &e);
    for (int c = 0; c < 81; c++) state[i][c] = (uint8_t)e.transition.state[c];
  }
  free(saved);
  stream.free(stream.self);
}

/* What stands beside the givens. */
typedef struct more {
  int cells, roots, speculative;
  int wrong_roots; /* not as in the solution */
  int last;        /* the last of the cells; -1: none */
} more;

static more beside(const uint8_t *given, const uint8_t *solution, const uint8_t *state) {
  more m = {.last = -1};
  for (int c = 0; c < 81; c++) {
    if (given[c]) HOLDS(state[c] == given[c]);
    if (given[c] || !state[c]) continue;
    const bool root = state[c] <= 18;
    m.cells++, m.roots += root, m.speculative += !root, m.last = c;
    m.wrong_roots += root && state[c] - 9 != solution[c];
  }
  return m;
}

static bool is_candidate(const uint8_t *given, int cell, int token) {
  return may_stand(&shape9, given, cell, (token - 1) % 9 + 1);
}

/* More than half of the expected share of the states, and less than twice as many. Shares are
 * reckoned from the chances named in tasks/sudoku_walk.c, and from how readily a stream takes such
 * a state. */
static void about(const char *what, int n, double share) {
  const double expected = share * STATES;
  ck_assert_msg(n > expected / 2 && n < 2 * expected, "%s: %d of %d, not about %.0f", what, n,
                (int)STATES, expected);
}

/* A puzzle in which nothing is forced: the step is one guess. */
START_TEST(walks_are_damaged) {
  static uint8_t state[STATES][81];
  uint8_t given[81], solution[81];
  pal_sudoku_view view;
  do {
    make(&shape9, 23, given, solution);
    pal_sudoku_look(&shape9, given, &view);
  } while (view.forced_cells > 0);
  first_steps(given, solution, state);
  int revealed = 0, speculative = 0, filled = 0, replaced = 0, erased = 0, guessed = 0, swapped = 0;
  for (int i = 0; i < STATES; i++) {
    const more m = beside(given, solution, state[i]);
    const bool candidate = m.last < 0 || is_candidate(given, m.last, state[i][m.last]);
    revealed += m.roots > 4;          /* else two are filled, or a guess swapped */
    speculative += m.speculative > 5; /* else a guess, two filled or four swapped */
    filled += m.roots > 0 && m.roots < 3 && m.wrong_roots == m.roots && m.speculative == 1;
    replaced += m.cells == 1 && m.speculative == 1 && !candidate; /* guesses are candidates */
    erased += m.cells == 0;
    guessed += m.cells == 2 && m.speculative == 2;
    swapped += m.cells == 1 && m.roots == 1;
  }
  about("START_REVEALED", revealed, 0.28);
  about("START_SPECULATIVE", speculative, 0.065);
  about("FILL", filled, 0.006);
  about("REPLACE", replaced, 0.024);
  about("ERASE", erased, 0.025);
  about("GUESS", guessed, 0.023); /* 0.005 by FILL */
  about("SWAP", swapped, 0.018);
}
END_TEST

/* A puzzle in which much is forced at once: parts of that are left out. */
START_TEST(steps_are_dropped_in_part) {
  static uint8_t state[STATES][81];
  uint8_t given[81], solution[81];
  pal_sudoku_view view;
  int parts = 0;
  do {
    make(&shape9, 36, given, solution);
    pal_sudoku_look(&shape9, given, &view);
  } while (view.forced_cells < 25);
  first_steps(given, solution, state);
  for (int i = 0; i < STATES; i++) {
    int left_out = 0;
    for (int c = 0; c < 81; c++) left_out += view.forced[c] && !state[i][c];
    parts += left_out > 8; /* not more than 8 are erased */
  }
  about("DROP", parts, 0.14);
}
END_TEST

/* The same with a contradiction among the givens: nothing is there to be erased, so that a step
 * does nothing unless the conflict is overlooked. */
START_TEST(conflicts_are_overlooked) {
  static uint8_t state[STATES][81];
  uint8_t given[81], solution[81];
  pal_sudoku_view view;
  int overlooked = 0, heeded = 0;
  do {
    make(&shape9, 36, given, solution);
    int a = below(81), b = below(81);
    while (!given[a]) a = (a + 1) % 81;
    while (!given[b] || given[b] == given[a] || !same_unit(&shape9, a, b)) b = below(81);
    given[b] = given[a];
    pal_sudoku_look(&shape9, given, &view);
  } while (view.forced_cells < 10);
  HOLDS(view.conflict);
  first_steps(given, solution, state);
  for (int i = 0; i < STATES; i++) {
    bool forced_all = true, none = true;
    for (int c = 0; c < 81; c++) {
      if (given[c]) continue;
      none = none && !state[i][c];
      forced_all = forced_all && (view.forced[c] != 0) == (state[i][c] != 0);
    }
    overlooked += forced_all, heeded += none;
  }
  about("OVERLOOK", overlooked, 0.135);
  HOLDS(heeded > STATES / 2);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sudoku_walk");
  TCase *walks = tcase_create("walks");
  tcase_add_checked_fixture(walks, boards_set_up, NULL);
  tcase_set_timeout(walks, 300);
  tcase_add_test(walks, streams_resume);
  tcase_add_test(walks, walks_are_damaged);
  tcase_add_test(walks, steps_are_dropped_in_part);
  tcase_add_test(walks, conflicts_are_overlooked);
  suite_add_tcase(suite, walks);
  return run_suite(suite);
}
