/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku boards: the solver against brute force, the generator, symmetries and canonical
 * forms. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/boards.h"
#include "tests/run.h"

/* ---- solver and generator -------------------------------------------------------------------- */

START_TEST(shapes) {
  pal_sudoku_shape s;
  HOLDS(!pal_sudoku_shape_init(&s, 8) && !pal_sudoku_shape_init(&s, 0));
  const pal_sudoku_shape *all[] = {&shape4, &shape9, &shape16};
  for (int i = 0; i < 3; i++)
    for (int a = 0; a < all[i]->cells; a++) {
      int peers = 0;
      for (int b = 0; b < all[i]->cells; b++) peers += b != a && same_unit(all[i], a, b);
      SAME(peers, all[i]->peers);
      for (int k = 0; k < peers; k++) HOLDS(same_unit(all[i], a, all[i]->peer[a][k]));
      for (int k = 0; k < 3; k++) {
        bool found = false;
        for (int j = 0; j < all[i]->n; j++) found |= all[i]->unit[all[i]->of[a][k]][j] == a;
        HOLDS(found);
      }
    }
}
END_TEST

/* Solutions, counted cell by cell without any thought, up to limit. */
static int brute(const pal_sudoku_shape *s, uint8_t *board, int cell, int limit) {
  while (cell < s->cells && board[cell]) cell++;
  if (cell == s->cells) return 1;
  int n = 0;
  for (int d = 1; d <= s->n && n < limit; d++) {
    if (!may_stand(s, board, cell, d)) continue;
    board[cell] = (uint8_t)d;
    n += brute(s, board, cell + 1, limit - n);
  }
  board[cell] = 0;
  return n;
}

static int brute_count(const pal_sudoku_shape *s, const uint8_t *given, int limit) {
  uint8_t board[PAL_SUDOKU_CELLS];
  memcpy(board, given, (size_t)s->cells);
  for (int c = 0; c < s->cells; c++)
    if (given[c] && !may_stand(s, given, c, given[c])) return 0;
  return brute(s, board, 0, limit);
}

static void compare_with_brute(const pal_sudoku_shape *s, const uint8_t *given, int limit,
                               int counted[3]) {
  pal_sudoku_search search = {.limit = limit};
  const int want = brute_count(s, given, limit), got = pal_sudoku_solve(s, given, &search);
  SAME(got, want);
  counted[got < 2 ? got : 2]++;
  if (got == 0) return;
  const pal_sudoku_verdict v = pal_sudoku_verify(s, given, NULL, search.solution);
  HOLDS(v.complete && v.valid && v.kept && v.exact);
  uint8_t known[PAL_SUDOKU_CELLS];
  memcpy(known, search.solution, sizeof known);
  search = (pal_sudoku_search){.limit = limit, .known = known, .random = &rng};
  const int others = pal_sudoku_solve(s, given, &search);
  HOLDS(others == got - 1 || (others == limit && got == limit));
}

START_TEST(solver_counts_like_brute_force) {
  int counted[3] = {0};
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  for (int i = 0; i < 20000; i++) { /* any digits anywhere */
    memset(given, 0, sizeof given);
    for (int k = below(9); k > 0; k--) given[below(16)] = (uint8_t)(1 + below(4));
    compare_with_brute(&shape4, given, 300, counted);
  }
  HOLDS(counted[0] > 1000 && counted[1] > 100 && counted[2] > 1000);
  memset(counted, 0, sizeof counted);
  for (int i = 0; i < WHOLE_OR_SHORT(2000, 300);
       i++) { /* nearly puzzles: a digit changed, or some taken away */
    make(&shape9, 34, given, solution);
    const int what = below(3);
    for (int k = 0; k < 81 && what == 1; k++)
      if (given[k] && below(20) == 0) given[k] = 0;
    for (int c = below(81); what == 2; c = (c + 1) % 81) {
      if (given[c]) continue;
      given[c] = (uint8_t)(1 + below(9));
      break;
    }
    compare_with_brute(&shape9, given, 2, counted);
  }
  HOLDS(!WHOLE_BUILD || (counted[0] > 200 && counted[1] > 500 && counted[2] > 200));
}
END_TEST

START_TEST(solver_gives_up_when_told) {
  const uint8_t empty[PAL_SUDOKU_CELLS] = {0};
  pal_sudoku_search search = {.limit = 1 << 30, .budget = 1000};
  pal_sudoku_solve(&shape9, empty, &search);
  HOLDS(search.gave_up && search.guesses == 1000);
}
END_TEST

START_TEST(puzzles_have_one_solution) {
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  const struct {
    const pal_sudoku_shape *shape;
    int least, most, each;
  } wanted[] = {{&shape4, 4, 9, WHOLE_OR_SHORT(50, 5)},
                {&shape9, 20, 36, WHOLE_OR_SHORT(15, 1)},
                {&shape9, 19, 19, 1},
                {&shape16, 100, 130, 1},
                {&shape9, 81, 81, 1}};
  for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++)
    for (int g = wanted[w].least; g <= wanted[w].most; g++)
      for (int i = 0; i < wanted[w].each; i++) {
        const pal_sudoku_shape *s = wanted[w].shape;
        make(s, g, given, solution);
        SAME(pal_sudoku_givens(s, given), g);
        pal_sudoku_search search = {0};
        SAME(pal_sudoku_solve(s, given, &search), 1);
        HOLDS(pal_sudoku_verify(s, given, solution, search.solution).exact);
      }
  HOLDS(!pal_sudoku_make(&shape4, &rng, 2, given, solution));
  HOLDS(!pal_sudoku_make(&shape4, &rng, 17, given, solution));
}
END_TEST

START_TEST(givens_are_uniform) {
  enum { PUZZLES = WHOLE_OR_SHORT(1400, 140) };
  const pal_sudoku_series series = {&shape9, {22, 28}, 5, "test", NULL, 0};
  static uint8_t given[PUZZLES][81], solution[PUZZLES][81];
  int times[7] = {0}, seen[81] = {0};
  HOLDS(!pal_sudoku_series_make(&series, 0, PUZZLES, 2, *given, *solution, NULL));
  for (int i = 0; i < PUZZLES; i++) {
    times[pal_sudoku_givens(&shape9, given[i]) - 22]++;
    for (int c = 0; c < 81; c++) seen[c] += given[i][c] != 0;
  }
  for (int k = 0; k < 7; k++)
    HOLDS(!WHOLE_BUILD || (times[k] > 140 && times[k] < 260)); /* 200 +- 13 */
  for (int c = 0; c < 81; c++)
    HOLDS(!WHOLE_BUILD || (seen[c] > 330 && seen[c] < 540)); /* 432 +- 17 */
}
END_TEST

/* Puzzle i is a function of the series and i: whoever makes it, whatever is made with it. */
START_TEST(series_are_made_by_any_team) {
  enum { PUZZLES = WHOLE_OR_SHORT(40, 10), FROM = WHOLE_OR_SHORT(7, 2) };
  const pal_sudoku_series series = {&shape9, {22, 28}, 5, "test", NULL, 0};
  uint8_t given[2][PUZZLES][81], solution[2][PUZZLES][81];
  HOLDS(!pal_sudoku_series_make(&series, 0, PUZZLES, 1, **given, **solution, NULL));
  for (int threads = 2; threads <= WHOLE_OR_SHORT(5, 3); threads++) {
    HOLDS(!pal_sudoku_series_make(&series, FROM, PUZZLES, threads, given[1][FROM],
                                  solution[1][FROM], NULL));
    HOLDS(memcmp(given[0][FROM], given[1][FROM], (PUZZLES - FROM) * 81) == 0);
    HOLDS(memcmp(solution[0][FROM], solution[1][FROM], (PUZZLES - FROM) * 81) == 0);
  }
  const pal_sudoku_series none = {&shape4, {2, 4}, 5,
                                  "test",  NULL,   0}; /* three or less do not do */
  pal_error first = {0}, error = {0};
  SAME(pal_sudoku_series_make(&none, 0, PUZZLES, 1, **given, **solution, &first), PAL_E_ARGUMENT);
  SAME(pal_sudoku_series_make(&none, 0, PUZZLES, 4, **given, **solution, &error), PAL_E_ARGUMENT);
  ck_assert_str_eq(first.text, error.text);
}
END_TEST

/* Writes a naked or hidden single, found by trying every digit everywhere; false: there is none. */
static bool write_single(const pal_sudoku_shape *s, uint8_t *board) {
  for (int c = 0; c < s->cells; c++)
    for (int d = 1; d <= s->n && !board[c]; d++) {
      if (!may_stand(s, board, c, d)) continue;
      int here = 0, there[3] = {0};
      for (int e = 1; e <= s->n; e++) here += may_stand(s, board, c, e);
      for (int k = 0; k < 3; k++)
        for (int j = 0; j < s->n; j++) {
          const int o = s->unit[s->of[c][k]][j];
          there[k] += !board[o] && may_stand(s, board, o, d);
        }
      if (here > 1 && there[0] > 1 && there[1] > 1 && there[2] > 1) continue;
      board[c] = (uint8_t)d;
      return true;
    }
  return false;
}

static bool singles_suffice(const pal_sudoku_shape *s, const uint8_t *given) {
  uint8_t board[PAL_SUDOKU_CELLS];
  memcpy(board, given, (size_t)s->cells);
  while (write_single(s, board)) {
  }
  return pal_sudoku_givens(s, board) == s->cells;
}

START_TEST(rating_is_that_of_plain_singles) {
  enum { PUZZLES = WHOLE_OR_SHORT(400, 60), HARD = WHOLE_OR_SHORT(20, 3) };
  const pal_sudoku_series series = {&shape9, {20, 28}, 6, "test", NULL, 0};
  static uint8_t given[PUZZLES][81], solution[PUZZLES][81];
  HOLDS(!pal_sudoku_series_make(&series, 0, PUZZLES, 2, *given, *solution, NULL));
  int easy = 0, solver_guesses = 0;
  for (int i = 0; i < PUZZLES; i++) {
    const bool enough = singles_suffice(&shape9, given[i]);
    SAME(pal_sudoku_rate(&shape9, given[i], solution[i]) == 0, enough);
    pal_sudoku_search search = {.limit = 1};
    pal_sudoku_solve(&shape9, given[i], &search);
    HOLDS(enough || search.guesses > 0);
    easy += enough;
    solver_guesses += enough && search.guesses > 0;
  }
  HOLDS(easy > PUZZLES / 4 && easy < PUZZLES * 3 / 4);
  HOLDS(solver_guesses > 0); /* the solver's own count would not do as a rating */
  const pal_sudoku_series hard = {&shape9, {20, 28}, 6, "test", NULL, 3};
  HOLDS(!pal_sudoku_series_make(&hard, 0, HARD, 2, *given, *solution, NULL));
  for (int i = 0; i < HARD; i++) {
    uint8_t order[81], technique[81];
    const int n = pal_sudoku_order(&shape9, given[i], solution[i], order, technique);
    int guesses = 0;
    for (int k = 0; k < n; k++) {
      if (technique[k] == PAL_SUDOKU_GUESS) { /* nothing else was left to do */
        uint8_t before[81];
        memcpy(before, given[i], sizeof before);
        for (int j = 0; j < k; j++) before[order[j]] = solution[i][order[j]];
        HOLDS(!write_single(&shape9, before));
        guesses++;
      }
    }
    HOLDS(guesses >= 3);
    SAME(pal_sudoku_rate(&shape9, given[i], solution[i]), guesses);
  }
  const pal_sudoku_series never = {&shape4, {8, 8}, 6, "test", NULL, 50};
  pal_error error = {0};
  SAME(pal_sudoku_series_make(&never, 0, 1, 1, *given, *solution, &error), PAL_E_ARGUMENT);
  HOLDS(strstr(error.text, "need fewer than 50 guesses"));
}
END_TEST

/* In a thread of a 128 KiB stack; the empty board of size 16 needs the most guesses at once. */
static void *search_and_make(void *data) {
  const uint8_t empty[PAL_SUDOKU_CELLS] = {0};
  pal_rng draws = pal_rng_new(5, "small stack", 0, 0);
  pal_sudoku_search search = {.limit = 1, .random = &draws};
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  *(bool *)data = pal_sudoku_solve(&shape16, empty, &search) == 1 && search.guesses > 90 &&
                  pal_sudoku_make(&shape16, &draws, 180, given, solution) &&
                  pal_sudoku_make(&shape9, &draws, 26, given, solution);
  return NULL;
}

START_TEST(a_small_stack_is_enough) {
  pthread_t thread;
  pthread_attr_t attributes;
  bool done = false;
  SAME(pthread_attr_init(&attributes), 0);
  SAME(pthread_attr_setstacksize(&attributes, 128 << 10), 0);
  SAME(pthread_create(&thread, &attributes, search_and_make, &done), 0);
  SAME(pthread_join(thread, NULL), 0);
  SAME(pthread_attr_destroy(&attributes), 0);
  HOLDS(done);
}
END_TEST

START_TEST(verdicts) {
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS], board[PAL_SUDOKU_CELLS];
  make(&shape9, 26, given, solution);
  memcpy(board, solution, 81);
  int blank = 0, other = 0;
  while (given[blank]) blank++;
  while (!given[other]) other++;
  board[blank] = 0;
  pal_sudoku_verdict v = pal_sudoku_verify(&shape9, given, solution, board);
  HOLDS(!v.complete && v.valid && v.kept && !v.exact);
  board[blank] = (uint8_t)(solution[blank] % 9 + 1);
  v = pal_sudoku_verify(&shape9, given, solution, board);
  HOLDS(v.complete && !v.valid && v.kept && !v.exact);
  for (int c = 0; c < 81; c++) board[c] = (uint8_t)(solution[c] % 9 + 1);
  v = pal_sudoku_verify(&shape9, given, solution, board);
  HOLDS(v.complete && v.valid && !v.kept && !v.exact);
}
END_TEST

/* ---- symmetries ------------------------------------------------------------------------------ */

START_TEST(canonical_form_is_least_of_all_images) {
  /* Size 4 has 2 x 2^6 x 4! images: enough draws meet them all. */
  uint8_t given[16], solution[16], image[2][16], best[2][16], form[2][16];
  for (int trial = 0; trial < 5; trial++) {
    make(&shape4, 4 + trial, given, solution);
    memset(best, 9, sizeof best);
    for (int i = 0; i < 60000; i++) {
      pal_sudoku_symmetry symmetry;
      pal_sudoku_symmetry_draw(&shape4, &rng, &symmetry);
      pal_sudoku_symmetry_apply(&shape4, &symmetry, solution, image[0]);
      pal_sudoku_symmetry_apply(&shape4, &symmetry, given, image[1]);
      if (memcmp(image, best, sizeof best) < 0) memcpy(best, image, sizeof best);
    }
    pal_sudoku_canonical(&shape4, given, solution, form[1], form[0]);
    ck_assert_mem_eq(form, best, sizeof best);
  }
}
END_TEST

START_TEST(forms_agree_on_images_only) {
  enum { CELLS = 81 };
  uint8_t given[CELLS], solution[CELLS], form[2][CELLS], other[2][CELLS], image[2][CELLS];
  pal_sudoku_symmetry symmetry;
  for (int i = 0; i < 20; i++) {
    make(&shape9, 20 + below(9), given, solution);
    const uint64_t invariant = pal_sudoku_invariant(&shape9, given, solution);
    pal_sudoku_canonical(&shape9, given, solution, form[1], form[0]);
    for (int k = 0; k < 3; k++) {
      pal_sudoku_symmetry_draw(&shape9, &rng, &symmetry);
      pal_sudoku_symmetry_apply(&shape9, &symmetry, solution, image[0]);
      pal_sudoku_symmetry_apply(&shape9, &symmetry, given, image[1]);
      HOLDS(pal_sudoku_verify(&shape9, image[1], NULL, image[0]).exact);
      HOLDS(pal_sudoku_invariant(&shape9, image[1], image[0]) == invariant);
      pal_sudoku_canonical(&shape9, image[1], image[0], other[1], other[0]);
      ck_assert_mem_eq(other, form, sizeof form);
      HOLDS(pal_sudoku_equivalent(&shape9, given, solution, image[1], image[0]));
    }
    HOLDS(pal_sudoku_verify(&shape9, form[1], NULL, form[0]).exact);
    int out = below(CELLS), in = below(CELLS);
    while (!given[out]) out = (out + 1) % CELLS;
    while (given[in]) in = (in + 1) % CELLS;
    memcpy(image[1], given, CELLS);
    image[1][in] = solution[in];
    image[1][out] = 0;
    HOLDS(!pal_sudoku_equivalent(&shape9, given, solution, image[1], solution));
  }
  uint8_t big[4][PAL_SUDOKU_CELLS];
  make(&shape16, 120, big[0], big[1]);
  pal_sudoku_symmetry_draw(&shape16, &rng, &symmetry);
  pal_sudoku_symmetry_apply(&shape16, &symmetry, big[0], big[2]);
  pal_sudoku_symmetry_apply(&shape16, &symmetry, big[1], big[3]);
  HOLDS(pal_sudoku_verify(&shape16, big[2], NULL, big[3]).exact);
  HOLDS(pal_sudoku_equivalent(&shape16, big[0], big[1], big[2], big[3]));
  make(&shape16, 120, big[2], big[3]);
  HOLDS(!pal_sudoku_equivalent(&shape16, big[0], big[1], big[2], big[3]));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sudoku");
  TCase *boards = tcase_create("boards");
  tcase_add_checked_fixture(boards, boards_set_up, NULL);
  tcase_set_timeout(boards, 300);
  tcase_add_test(boards, shapes);
  tcase_add_test(boards, solver_counts_like_brute_force);
  tcase_add_test(boards, solver_gives_up_when_told);
  tcase_add_test(boards, puzzles_have_one_solution);
  tcase_add_test(boards, givens_are_uniform);
  tcase_add_test(boards, series_are_made_by_any_team);
  tcase_add_test(boards, rating_is_that_of_plain_singles);
  tcase_add_test(boards, a_small_stack_is_enough);
  tcase_add_test(boards, verdicts);
  tcase_add_test(boards, canonical_form_is_least_of_all_images);
  tcase_add_test(boards, forms_agree_on_images_only);
  suite_add_tcase(suite, boards);
  return run_suite(suite);
}
