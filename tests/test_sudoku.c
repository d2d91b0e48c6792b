/* Sudoku: solver against brute force, generator, symmetries, labels through g, an oracle that plays the
 * policy, released traces against a recursive statement of them, text forms, the task and its streams. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* mkstemp */
#endif
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tasks/sudoku_task.h"

static pal_sudoku_shape shape4, shape9, shape16;
static pal_rng rng;

static void setup(void) {
  ck_assert(pal_sudoku_shape_init(&shape4, 4));
  ck_assert(pal_sudoku_shape_init(&shape9, 9));
  ck_assert(pal_sudoku_shape_init(&shape16, 16));
  rng = pal_rng_new(11, "test_sudoku", 0, 0);
}

static int below(int n) { return (int)pal_rng_below(&rng, (uint32_t)n); }

static bool same_unit(const pal_sudoku_shape *s, int a, int b) {
  const int n = s->n, x = s->box;
  return a / n == b / n || a % n == b % n ||
         (a / n / x == b / n / x && a % n / x == b % n / x);
}

static bool may_stand(const pal_sudoku_shape *s, const uint8_t *board, int cell, int digit) {
  for (int c = 0; c < s->cells; c++)
    if (c != cell && board[c] == digit && same_unit(s, c, cell)) return false;
  return true;
}

static void make(const pal_sudoku_shape *s, int givens, uint8_t *given, uint8_t *solution) {
  ck_assert(pal_sudoku_make(s, &rng, givens, given, solution));
}

/* ---- solver and generator -------------------------------------------------------------------- */

START_TEST(shapes) {
  pal_sudoku_shape s;
  ck_assert(!pal_sudoku_shape_init(&s, 8) && !pal_sudoku_shape_init(&s, 0));
  const pal_sudoku_shape *all[] = {&shape4, &shape9, &shape16};
  for (int i = 0; i < 3; i++)
    for (int a = 0; a < all[i]->cells; a++) {
      int peers = 0;
      for (int b = 0; b < all[i]->cells; b++) peers += b != a && same_unit(all[i], a, b);
      ck_assert_int_eq(peers, all[i]->peers);
      for (int k = 0; k < peers; k++) ck_assert(same_unit(all[i], a, all[i]->peer[a][k]));
      for (int k = 0; k < 3; k++) {
        bool found = false;
        for (int j = 0; j < all[i]->n; j++) found |= all[i]->unit[all[i]->of[a][k]][j] == a;
        ck_assert(found);
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
  ck_assert_int_eq(got, want);
  counted[got < 2 ? got : 2]++;
  if (got == 0) return;
  const pal_sudoku_verdict v = pal_sudoku_verify(s, given, NULL, search.solution);
  ck_assert(v.complete && v.valid && v.kept && v.exact);
  uint8_t known[PAL_SUDOKU_CELLS];
  memcpy(known, search.solution, sizeof known);
  search = (pal_sudoku_search){.limit = limit, .known = known, .random = &rng};
  const int others = pal_sudoku_solve(s, given, &search);
  ck_assert(others == got - 1 || (others == limit && got == limit));
}

START_TEST(solver_counts_like_brute_force) {
  int counted[3] = {0};
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  for (int i = 0; i < 20000; i++) { /* any digits anywhere */
    memset(given, 0, sizeof given);
    for (int k = below(9); k > 0; k--) given[below(16)] = (uint8_t)(1 + below(4));
    compare_with_brute(&shape4, given, 300, counted);
  }
  ck_assert(counted[0] > 1000 && counted[1] > 100 && counted[2] > 1000);
  memset(counted, 0, sizeof counted);
  for (int i = 0; i < 2000; i++) { /* nearly puzzles: a digit changed, or some taken away */
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
  ck_assert(counted[0] > 200 && counted[1] > 500 && counted[2] > 200);
}
END_TEST

START_TEST(solver_gives_up_when_told) {
  const uint8_t empty[PAL_SUDOKU_CELLS] = {0};
  pal_sudoku_search search = {.limit = 1 << 30, .budget = 1000};
  pal_sudoku_solve(&shape9, empty, &search);
  ck_assert(search.gave_up && search.guesses == 1000);
}
END_TEST

START_TEST(puzzles_have_one_solution) {
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  const struct {
    const pal_sudoku_shape *shape;
    int least, most, each;
  } wanted[] = {{&shape4, 4, 9, 50}, {&shape9, 20, 36, 15}, {&shape9, 19, 19, 1},
                {&shape16, 100, 130, 1}, {&shape9, 81, 81, 1}};
  for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++)
    for (int g = wanted[w].least; g <= wanted[w].most; g++)
      for (int i = 0; i < wanted[w].each; i++) {
        const pal_sudoku_shape *s = wanted[w].shape;
        make(s, g, given, solution);
        ck_assert_int_eq(pal_sudoku_givens(s, given), g);
        pal_sudoku_search search = {0};
        ck_assert_int_eq(pal_sudoku_solve(s, given, &search), 1);
        ck_assert(pal_sudoku_verify(s, given, solution, search.solution).exact);
      }
  ck_assert(!pal_sudoku_make(&shape4, &rng, 2, given, solution));
  ck_assert(!pal_sudoku_make(&shape4, &rng, 17, given, solution));
}
END_TEST

START_TEST(givens_are_uniform) {
  const pal_sudoku_range range = {22, 28};
  int times[7] = {0}, seen[81] = {0};
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  for (int i = 0; i < 1400; i++) {
    ck_assert(!pal_sudoku_make_in(&shape9, range, &rng, given, solution, NULL));
    times[pal_sudoku_givens(&shape9, given) - 22]++;
    for (int c = 0; c < 81; c++) seen[c] += given[c] != 0;
  }
  for (int k = 0; k < 7; k++) ck_assert(times[k] > 140 && times[k] < 260); /* 200 +- 13 */
  for (int c = 0; c < 81; c++) ck_assert(seen[c] > 330 && seen[c] < 540); /* 432 +- 17 */
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
  ck_assert(!v.complete && v.valid && v.kept && !v.exact);
  board[blank] = (uint8_t)(solution[blank] % 9 + 1);
  v = pal_sudoku_verify(&shape9, given, solution, board);
  ck_assert(v.complete && !v.valid && v.kept && !v.exact);
  for (int c = 0; c < 81; c++) board[c] = (uint8_t)(solution[c] % 9 + 1);
  v = pal_sudoku_verify(&shape9, given, solution, board);
  ck_assert(v.complete && v.valid && !v.kept && !v.exact);
}
END_TEST

/* ---- symmetries ------------------------------------------------------------------------------- */

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
      ck_assert(pal_sudoku_verify(&shape9, image[1], NULL, image[0]).exact);
      ck_assert(pal_sudoku_invariant(&shape9, image[1], image[0]) == invariant);
      pal_sudoku_canonical(&shape9, image[1], image[0], other[1], other[0]);
      ck_assert_mem_eq(other, form, sizeof form);
      ck_assert(pal_sudoku_equivalent(&shape9, given, solution, image[1], image[0]));
    }
    ck_assert(pal_sudoku_verify(&shape9, form[1], NULL, form[0]).exact);
    int out = below(CELLS), in = below(CELLS);
    while (!given[out]) out = (out + 1) % CELLS;
    while (given[in]) in = (in + 1) % CELLS;
    memcpy(image[1], given, CELLS);
    image[1][in] = solution[in];
    image[1][out] = 0;
    ck_assert(!pal_sudoku_equivalent(&shape9, given, solution, image[1], solution));
  }
  uint8_t big[4][PAL_SUDOKU_CELLS];
  make(&shape16, 120, big[0], big[1]);
  pal_sudoku_symmetry_draw(&shape16, &rng, &symmetry);
  pal_sudoku_symmetry_apply(&shape16, &symmetry, big[0], big[2]);
  pal_sudoku_symmetry_apply(&shape16, &symmetry, big[1], big[3]);
  ck_assert(pal_sudoku_verify(&shape16, big[2], NULL, big[3]).exact);
  ck_assert(pal_sudoku_equivalent(&shape16, big[0], big[1], big[2], big[3]));
  make(&shape16, 120, big[2], big[3]);
  ck_assert(!pal_sudoku_equivalent(&shape16, big[0], big[1], big[2], big[3]));
}
END_TEST

/* ---- the policy, said once more with plain loops ----------------------------------------------- */

typedef struct plain {
  bool conflict, forced_any, speculative;
  bool candidate[PAL_SUDOKU_CELLS][PAL_SUDOKU_MOST + 1];
  bool forced[PAL_SUDOKU_CELLS][PAL_SUDOKU_MOST + 1];
  bool forced_cell[PAL_SUDOKU_CELLS];
} plain;

static int digit_of(const pal_sudoku_shape *s, int token) { return token ? (token - 1) % s->n + 1 : 0; }

static void look_plainly(const pal_sudoku_shape *s, const int32_t *state, plain *p) {
  uint8_t board[PAL_SUDOKU_CELLS];
  memset(p, 0, sizeof *p);
  for (int c = 0; c < s->cells; c++) {
    board[c] = (uint8_t)digit_of(s, state[c]);
    p->speculative |= state[c] > 2 * s->n;
  }
  for (int c = 0; c < s->cells; c++) {
    if (board[c]) {
      p->conflict |= !may_stand(s, board, c, board[c]);
      continue;
    }
    int n = 0;
    for (int d = 1; d <= s->n; d++) n += p->candidate[c][d] = may_stand(s, board, c, d);
    p->conflict |= n == 0;
    for (int d = 1; d <= s->n && n == 1; d++) p->forced[c][d] = p->candidate[c][d];
  }
  for (int u = 0; u < s->units; u++)
    for (int d = 1; d <= s->n; d++) {
      int places = 0, last = 0, stands = 0;
      for (int k = 0; k < s->n; k++) {
        const int c = s->unit[u][k];
        stands += board[c] == d;
        if (p->candidate[c][d]) places++, last = c;
      }
      p->conflict |= !stands && !places;
      if (!stands && places == 1) p->forced[last][d] = true;
    }
  for (int c = 0; c < s->cells; c++)
    for (int d = 1; d <= s->n; d++) p->forced_cell[c] |= p->forced[c][d];
  for (int c = 0; c < s->cells; c++) p->forced_any |= p->forced_cell[c];
}

/* g of FACTS section 1, for states of constant length. */
static void g(const pal_transition *t, int32_t mask, int32_t *next) {
  for (int i = 0; i < t->n; i++)
    next[i] = t->remask[i] ? mask : t->state[i] == mask ? t->y[i] : t->state[i];
}

enum { CONFLICT, ROOT_FILL, FILL, GUESS, SOLVED, SORTS };

static int check_labels(const pal_sudoku_shape *s, const pal_transition *t) {
  plain p;
  int32_t next[PAL_SUDOKU_CELLS];
  bool masks = false;
  ck_assert_int_eq(t->n, s->cells);
  look_plainly(s, t->state, &p);
  g(t, 0, next);
  const int kind = p.speculative ? 2 : 1;
  for (int c = 0; c < s->cells; c++) {
    const int token = t->state[c];
    masks |= token == 0;
    ck_assert(!t->insert[c] && !t->remove[c] && token >= 0 && token <= 3 * s->n);
    if (token) {
      const bool erased = p.conflict && (token - 1) / s->n == kind;
      ck_assert_int_eq(next[c], erased ? 0 : token);
      ck_assert_int_eq(t->y[c], -1);
    } else if (p.conflict) {
      ck_assert(next[c] == 0 && t->y[c] == -1);
    } else {
      const bool forced = p.forced_cell[c];
      const int d = digit_of(s, t->y[c]);
      ck_assert(d && (forced ? p.forced[c][d] : p.candidate[c][d]));
      ck_assert_int_eq((t->y[c] - 1) / s->n, forced ? kind : 2);
      ck_assert_int_eq(next[c], forced ? t->y[c] : 0);
      ck_assert(t->y_weight[c] == (forced ? 1.0f : 0.3f));
    }
  }
  return p.conflict ? CONFLICT : !masks ? SOLVED : !p.forced_any ? GUESS
         : p.speculative ? FILL : ROOT_FILL;
}

static void make_puzzles(pal_sudoku_puzzles *p, const pal_sudoku_shape *s, int least, int most, int n) {
  *p = (pal_sudoku_puzzles){.shape = s, .augment = true};
  ck_assert(!pal_sudoku_puzzles_make(p, (pal_sudoku_range){least, most}, 5, n, NULL));
}

START_TEST(g_reproduces_every_label) {
  const struct {
    const pal_sudoku_shape *shape;
    int least, most, states;
  } run[] = {{&shape9, 20, 28, 200000}, {&shape4, 4, 8, 20000}, {&shape16, 100, 130, 5000}};
  for (int r = 0; r < 3; r++) {
    pal_sudoku_puzzles puzzles;
    pal_stream stream;
    int times[SORTS] = {0};
    make_puzzles(&puzzles, run[r].shape, run[r].least, run[r].most, r == 0 ? 100 : 10);
    ck_assert(!pal_sudoku_walks_new(&puzzles, false, 3, &stream, NULL));
    for (int i = 0; i < run[r].states; i++) {
      pal_example e;
      ck_assert(!stream.next(stream.self, &e, NULL));
      ck_assert_uint_eq(e.id, (uint64_t)i);
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
    ck_assert(a.conflict == b.conflict && a.masks == b.masks && a.forced_cells == b.forced_cells);
    pal_sudoku_label(&shape9, state, &a, &rng, r[0], y[0], w[0]);
    pal_sudoku_label(&shape9, image, &b, &rng, r[1], y[1], w[1]);
    for (int c = 0; c < 81; c++) {
      const int from = symmetry.source[c];
      ck_assert(r[1][c] == r[0][from] && w[1][c] == w[0][from] &&
                (y[1][c] < 0) == (y[0][from] < 0));
      unsigned forced = 0;
      for (int d = 1; d <= 9; d++)
        forced |= (a.forced[from] >> (d - 1) & 1u) << (symmetry.digit[d] - 1);
      ck_assert_uint_eq(b.forced[c], forced);
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
      ck_assert_int_eq(digit_of(s, state[c]), solution[c]);
      ck_assert(!given[c] || state[c] == given[c]);
    }
    return pass;
  }
  return cap + 1;
}

START_TEST(oracle_solves_held_out_puzzles) {
  enum { PUZZLES = 500 };
  const pal_sudoku_range range = {20, 28};
  int in_300 = 0, in_2000 = 0, singles = 0;
  double passes = 0;
  uint8_t given[81], solution[81];
  for (int i = 0; i < PUZZLES; i++) {
    ck_assert(!pal_sudoku_make_in(&shape9, range, &rng, given, solution, NULL));
    pal_sudoku_search search = {0};
    pal_sudoku_solve(&shape9, given, &search);
    const int n = play(&shape9, given, solution, 20000);
    ck_assert_int_le(n, 20000);
    in_300 += n <= 300;
    in_2000 += n <= 2000;
    singles += search.guesses == 0;
    passes += n;
  }
  printf("oracle: %d of %d within 300 passes, %d within 2000, mean %.1f; %d by singles alone\n",
         in_300, PUZZLES, in_2000, passes / PUZZLES, singles);
  ck_assert(in_300 * 100 >= 97 * PUZZLES && in_2000 * 100 >= 99 * PUZZLES);
  ck_assert(singles > PUZZLES / 5 && singles < PUZZLES * 4 / 5);
  for (int i = 0; i < 20; i++) {
    uint8_t big[2][PAL_SUDOKU_CELLS];
    make(&shape4, 4 + below(4), big[0], big[1]);
    ck_assert_int_le(play(&shape4, big[0], big[1], 2000), 2000);
    make(&shape16, 130, big[0], big[1]);
    ck_assert_int_le(play(&shape16, big[0], big[1], 2000), 2000);
  }
}
END_TEST

/* ---- released traces ---------------------------------------------------------------------------- */

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
    ck_assert(recurse(board, 0, &t));
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
        ck_assert(!(r[k] && y[k] >= 0) && (y[k] >= 0) == (state[k] == PAL_RELEASED_MASK));
        ck_assert(y[k] < PAL_RELEASED_VOCABULARY && y[k] != PAL_RELEASED_MASK);
        state[k] = (uint8_t)(r[k] ? PAL_RELEASED_MASK : y[k] >= 0 ? y[k] : state[k]);
      }
      ck_assert(edits > 0 && (masks > 0) == (steps % 2 == 1));
      steps++;
    }
    ck_assert_int_eq(event, PAL_RELEASED_DONE);
    ck_assert_int_eq(steps, 2 * (t.fills + t.tries + t.skulls + 2 * t.returns));
    for (int c = 0; c < 81; c++) ck_assert_int_eq(state[4 * c], solution[c]);
    total += (double)steps;
    played++;
  }
  printf("released: %.0f transitions a puzzle, %d puzzles\n", total / played, played);
  ck_assert_int_ge(played, 50);
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
    ck_assert_int_eq(pal_released_label(&shape9, state, r, y), PAL_RELEASED_STEP);
    const int c = 40 + k / 2;
    for (int i = 0; i < PAL_RELEASED_ROWS; i++) {
      const bool here = i == 4 * c || i == 4 * c + 1;
      ck_assert_int_eq(r[i], k % 2 == 0 && here);
      ck_assert_int_eq(y[i], k % 2 && here ? i == 4 * c ? solution[c] : PAL_RELEASED_WHITE : -1);
      if (here) state[i] = (uint8_t)(r[i] ? PAL_RELEASED_MASK : y[i]);
    }
  }
  ck_assert_int_eq(pal_released_label(&shape9, state, r, y), PAL_RELEASED_DONE);
}
END_TEST

/* ---- streams ---------------------------------------------------------------------------------- */

static void next(pal_stream *s, pal_example *e) { ck_assert(!s->next(s->self, e, NULL)); }

START_TEST(streams_resume) {
  pal_sudoku_puzzles puzzles;
  make_puzzles(&puzzles, &shape9, 22, 28, 20);
  for (int released = 0; released < 2; released++) {
    pal_stream a, b;
    pal_error error = {0};
    pal_example x, y;
    ck_assert(!pal_sudoku_walks_new(&puzzles, released, 9, &a, NULL));
    ck_assert(!pal_sudoku_walks_new(&puzzles, released, 9, &b, NULL));
    for (int i = 0; i < 3000; i++) next(&a, &x);
    const size_t bytes = a.save(a.self, NULL, 0);
    unsigned char *state = malloc(bytes);
    ck_assert(bytes < (size_t)400 << 10 && a.save(a.self, state, bytes) == bytes);
    ck_assert_int_eq(b.load(b.self, state, bytes - 1, &error), PAL_E_FORMAT);
    state[bytes - 1] ^= 0x80;
    pal_error_clear(&error);
    ck_assert_int_eq(b.load(b.self, state, bytes, &error), PAL_E_FORMAT);
    state[bytes - 1] ^= 0x80;
    ck_assert(!b.load(b.self, state, bytes, NULL));
    for (int i = 0; i < 3000; i++) {
      next(&a, &x);
      next(&b, &y);
      const pal_transition *s = &x.transition, *t = &y.transition;
      ck_assert(x.id == y.id && s->n == t->n);
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

/* ---- text ------------------------------------------------------------------------------------- */

static const char good[] =
    "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
static const char solved[] =
    "534678912672195348198342567859761423426853791713924856961537284287419635345286179";

START_TEST(text_forms_round_trip) {
  const struct {
    const pal_sudoku_shape *shape;
    int givens;
  } run[] = {{&shape4, 6}, {&shape9, 24}, {&shape16, 120}};
  for (int i = 0; i < 3; i++) {
    const pal_sudoku_shape *s = run[i].shape;
    uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
    char text[PAL_SUDOKU_TEXT];
    make(s, run[i].givens, given, solution);
    for (int form = 0; form < 3; form++) {
      uint8_t back[2][PAL_SUDOKU_CELLS];
      pal_error error = {0};
      if (form == 0) pal_sudoku_write_line(s, given, text);
      else if (form == 1) pal_sudoku_write_csv(s, given, solution, text);
      else pal_sudoku_write_row(s, given, solution, text);
      ck_assert_msg(!pal_sudoku_read(s, text, back[0], back[1], &error), "%s", error.text);
      ck_assert_mem_eq(back[0], given, (size_t)s->cells);
      ck_assert_mem_eq(back[1], solution, (size_t)s->cells);
    }
  }
  uint8_t given[81], solution[81];
  char text[PAL_SUDOKU_TEXT];
  ck_assert(!pal_sudoku_read(&shape9, good, given, solution, NULL));
  pal_sudoku_write_csv(&shape9, given, solution, text);
  ck_assert(strncmp(text, good, 81) == 0 && text[81] == ',' && strcmp(text + 82, solved) == 0);
  pal_sudoku_draw(&shape9, given, solution, NULL, true, text, sizeof text);
  ck_assert(strstr(text, "| 3 4 5 | 2 8 6 | 1 7 9 |\n+-------+-------+-------+\n"));
  pal_sudoku_draw(&shape9, given, solution, given, false, text, sizeof text);
  ck_assert(strstr(text, "\033[1m 5"));
}
END_TEST

START_TEST(rows_count_from_zero_or_one) {
  uint8_t given[81], solution[81], back[2][81];
  char text[PAL_SUDOKU_TEXT], shifted[PAL_SUDOKU_TEXT];
  ck_assert(!pal_sudoku_read(&shape9, good, given, solution, NULL));
  pal_sudoku_write_row(&shape9, given, solution, text);
  const char *at = text;
  size_t used = 0;
  for (int i = 0; i < 325; i++) {
    char *end;
    const long v = strtol(at, &end, 10);
    at = end;
    used += (size_t)snprintf(shifted + used, sizeof shifted - used, i ? ",%ld" : "%ld",
                             i && (i - 1) % 4 < 2 ? v + 1 : v);
  }
  ck_assert(!pal_sudoku_read(&shape9, shifted, back[0], back[1], NULL));
  ck_assert_mem_eq(back[0], given, 81);
  ck_assert_mem_eq(back[1], solution, 81);
}
END_TEST

START_TEST(bad_boards_are_refused) {
  char long_line[100], bad[400], csv[400], unlike[400], row[PAL_SUDOKU_TEXT];
  uint8_t given[81], solution[81];
  snprintf(long_line, sizeof long_line, "%s.", good);
  snprintf(bad, sizeof bad, "%sx%s", "53..7....", good + 10);
  snprintf(csv, sizeof csv, "%s,%s9", good, solved);
  snprintf(unlike, sizeof unlike, "%s,%.79s97", good, solved);
  ck_assert(!pal_sudoku_read(&shape9, good, given, solution, NULL));
  pal_sudoku_write_row(&shape9, given, solution, row);
  row[strlen(row) - 4] = '\0';
  const struct {
    const char *line, *says;
  } table[] = {
      {"", "has 81 characters, this one has 0"},
      {"53..7", "this one has 5"},
      {long_line, "this one has 82"},
      {bad, "place 10 holds \"x\""},
      {"53..7\001", "not printable (01)"},
      {"55..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
       "5 stands twice in row 1"},
      {"53..7....6..195....98....6.8...6...34..8.3..17...2...656....28....419..5....8..79",
       "5 stands twice in column 1"},
      {"53..7....68.195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
       "8 stands twice in box 1"},
      {"531.7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",
       "no solution"},
      {"53..7....6...95....98....6.8...6...34..8.3...7...2...6.6....28....419..5....8....",
       "several solutions"},
      {".................................................................................",
       "several solutions"},
      {csv, "this one has 82"},
      {unlike, "is not its solution"},
      {row, "has 325 integers, this one has 32"},
      {"1 2 3 4", "has 325 integers, this one has 4"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    pal_error error = {0};
    ck_assert_int_eq(pal_sudoku_read(&shape9, table[i].line, given, solution, &error), PAL_E_FORMAT);
    ck_assert_msg(strstr(error.text, table[i].says), "%zu: %s", i, error.text);
  }
  pal_error error = {0};
  snprintf(bad, sizeof bad, "%s tail", good);
  ck_assert(pal_sudoku_read(&shape9, bad, given, solution, &error) == PAL_E_FORMAT);
  ck_assert(strstr(error.text, "after the board"));
}
END_TEST

/* ---- the task ---------------------------------------------------------------------------------- */

static pal_context *context;

static pal_task *open_task(const char *const *setting, int n, pal_error *error) {
  return pal_task_new(context, "sudoku", setting, n, error);
}

static pal_task *open_well(const char *const *setting, int n) {
  pal_error error = {0};
  pal_task *task = open_task(setting, n, &error);
  ck_assert_msg(task != NULL, "%s", error.text);
  return task;
}

static void setup_task(void) {
  pal_error error = {0};
  setup();
  context = pal_context_new(NULL, &error);
  ck_assert_msg(context && !pal_register_tasks(context, &error), "%s", error.text);
}

static void teardown_task(void) { pal_context_free(context); }

START_TEST(settings_are_checked) {
  static const char *const bad[] = {
      "size=8",      "puzzles=0",        "puzzles=1.5",     "givens=30-20", "givens=x", "givens=0",
      "givens=81",   "test_puzzles=0",   "augment=2",       "trace=long",   "order=up",
      "answer=none", "cap=0",            "seed=-1",         "file=/nowhere"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pal_error error = {0};
    ck_assert_msg(!open_task(&bad[i], 1, &error), "%s", bad[i]);
    ck_assert(error.code == PAL_E_ARGUMENT || (error.code == PAL_E_NOT_FOUND && bad[i][0] == 'f'));
  }
  static const char *const both[] = {"trace=released", "size=4"};
  pal_error error = {0};
  ck_assert(!open_task(both, 2, &error) && error.code == PAL_E_UNSUPPORTED);
}
END_TEST

START_TEST(formats_describe_tokens_and_places) {
  static const char *const setting[][2] = {{"answer=infill"}, {"answer=append"}, {"answer=pairs"}};
  static const int vocabulary[] = {28, 29, 28 + 81}, rows[] = {81, 162, 162};
  for (int i = 0; i < 3; i++) {
    const char *given[] = {setting[i][0], "puzzles=2"};
    pal_task *task = open_well(given, 2);
    const pal_format *f = &task->format;
    ck_assert(f->vocabulary == vocabulary[i] && f->context == rows[i] && f->mask == 0);
    ck_assert(f->groups == (i < 2 ? 3 : 0) && f->factors == 2);
    for (int p = 0; p < f->context * f->groups; p++) ck_assert(f->group[p] >= 0 && f->group[p] < 9);
    bool used[64] = {false};
    for (int v = 0; v < f->vocabulary; v++) {
      for (int w = 0; w < v; w++)
        ck_assert(memcmp(f->factor + 2 * v, f->factor + 2 * w, 2 * sizeof *f->factor) != 0);
      for (int k = 0; k < 2; k++) {
        ck_assert_int_lt(f->factor[2 * v + k], f->factor_rows);
        if (f->factor[2 * v + k] >= 0) used[f->factor[2 * v + k]] = true;
      }
    }
    for (int k = 0; k < f->factor_rows; k++) ck_assert(used[k] || (i == 2 && k == 13));
    pal_task_free(task);
  }
}
END_TEST

/* Gives each blank its answer: what a perfect model would leave. */
static int perfect(const pal_task *task, const pal_example *e, pal_form form, bool released,
                   const char *layout, int32_t *token) {
  (void)task;
  memcpy(token, e->prompt, sizeof *token * (size_t)e->n_prompt);
  if (form == PAL_FORM_TRANSITION) {
    for (int c = 0; c < e->n_answer; c++)
      if (released) token[4 * c] = e->answer[c];
      else if (!token[c]) token[c] = e->answer[c] + (c % 2 ? 9 : 0);
    return e->n_prompt;
  }
  if (strcmp(layout, "infill") == 0) {
    for (int i = 0, at = 0; i < e->n_prompt; i++)
      if (!token[i]) token[i] = e->answer[at++];
    return e->n_prompt;
  }
  memcpy(token + e->n_prompt, e->answer, sizeof *token * (size_t)e->n_answer);
  return e->n_prompt + e->n_answer;
}

START_TEST(answers_are_judged) {
  static const struct {
    const char *trace, *layout, *order;
    pal_form form;
  } run[] = {
      {"restart", "infill", "reading", PAL_FORM_TRANSITION},
      {"released", "infill", "reading", PAL_FORM_TRANSITION},
      {"restart", "infill", "solver", PAL_FORM_ANSWER},
      {"restart", "append", "reading", PAL_FORM_ANSWER},
      {"restart", "append", "solver", PAL_FORM_ANSWER},
      {"restart", "pairs", "reading", PAL_FORM_ANSWER},
      {"restart", "pairs", "solver", PAL_FORM_ANSWER},
  };
  for (size_t r = 0; r < sizeof run / sizeof *run; r++) {
    char trace[32], layout[32], order[32], text[2048];
    snprintf(trace, sizeof trace, "trace=%s", run[r].trace);
    snprintf(layout, sizeof layout, "answer=%s", run[r].layout);
    snprintf(order, sizeof order, "order=%s", run[r].order);
    const char *setting[] = {trace, layout, order, "puzzles=3", "test_puzzles=5"};
    pal_task *task = open_well(setting, 5);
    const pal_task_definition *d = task->definition;
    ck_assert_str_eq(d->set_name(task, 0), "held-out");
    ck_assert(d->set_name(task, 1) == NULL && d->set_size(task, 0) == 5);
    for (int i = 0; i < 5; i++) {
      pal_example e;
      int32_t token[400];
      ck_assert(!d->instance(task, 0, i, run[r].form, &e, NULL));
      const int n = perfect(task, &e, run[r].form, r == 1, run[r].layout, token);
      for (int k = 0; k < n; k++) ck_assert(token[k] >= 0 && token[k] < task->format.vocabulary);
      ck_assert_int_le(n, task->format.context);
      ck_assert_int_eq(d->answer_room(task, &e, run[r].form), n - e.n_prompt);
      pal_score score = d->score(task, &e, run[r].form, token, n);
      ck_assert(score.exact && score.valid);
      if (e.order) {
        bool seen[81] = {false};
        for (int k = 0; k < e.n_answer; k++) {
          ck_assert(e.order[k] >= 0 && e.order[k] < e.n_answer && !seen[e.order[k]]);
          seen[e.order[k]] = true;
        }
      }
      d->print(task, token, n, text, sizeof text);
      ck_assert(strlen(text) >= 81);
      d->print(task, token, n, text, 5);
      ck_assert(strlen(text) < 5);
      score = d->score(task, &e, run[r].form, token, n - 1);
      ck_assert(!score.exact && !score.valid);
      int32_t *last = &token[r == 1 ? 4 * 80 : n - 1]; /* another digit in the last place */
      *last = r == 1 ? *last % 9 + 1 : (*last - 1) / 9 * 9 + (*last % 9) + 1;
      score = d->score(task, &e, run[r].form, token, n);
      ck_assert(!score.exact);
    }
    pal_task_free(task);
  }
}
END_TEST

START_TEST(streams_of_answers) {
  static const char *const setting[] = {"puzzles=4", "answer=append"};
  pal_task *task = open_well(setting, 2);
  pal_stream a, b;
  pal_example x, y;
  uint64_t state;
  ck_assert(!task->definition->stream(task, PAL_FORM_ANSWER, 1, &a, NULL));
  ck_assert(!task->definition->stream(task, PAL_FORM_ANSWER, 1, &b, NULL));
  for (int i = 0; i < 10; i++) next(&a, &x);
  ck_assert_uint_eq(a.save(a.self, &state, sizeof state), sizeof state);
  ck_assert(!b.load(b.self, &state, sizeof state, NULL));
  ck_assert_int_eq(b.load(b.self, &state, 3, NULL), PAL_E_FORMAT);
  next(&a, &x);
  next(&b, &y);
  ck_assert(x.id == 10 && y.id == 10 && x.n_prompt == 81 && x.n_answer == 81);
  ck_assert_mem_eq(x.prompt, y.prompt, 81 * sizeof *x.prompt);
  ck_assert_mem_eq(x.answer, y.answer, 81 * sizeof *x.answer);
  a.free(a.self);
  b.free(b.self);
  ck_assert_int_eq(task->definition->stream(task, PAL_FORM_REASONED, 1, &a, NULL),
                   PAL_E_UNSUPPORTED);
  pal_task_free(task);
}
END_TEST

static void write_file(char *path, const char *text) {
  const int fd = mkstemp(path);
  ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

START_TEST(training_puzzles_from_a_file) {
  char path[] = "/tmp/pal-sudoku-XXXXXX", wrong[] = "/tmp/pal-sudoku-XXXXXX";
  char setting[64], text[512];
  snprintf(text, sizeof text, "quizzes,solutions\r\n# a comment\n\n%s,%s\r\n%s", good, solved, good);
  write_file(path, text);
  snprintf(setting, sizeof setting, "file=%s", path);
  const char *all[] = {setting, "puzzles=0", "augment=0"};
  pal_task *task = open_well(all, 3);
  pal_stream stream;
  pal_example e;
  char line[200];
  ck_assert(!task->definition->stream(task, PAL_FORM_ANSWER, 1, &stream, NULL));
  for (int i = 0; i < 4; i++) {
    next(&stream, &e);
    task->definition->print(task, e.prompt, e.n_prompt, line, sizeof line);
    ck_assert_str_eq(line, good);
  }
  stream.free(stream.self);
  pal_task_free(task);
  snprintf(text, sizeof text, "%s\n%s\n%.80sx\n", good, good, good);
  write_file(wrong, text);
  snprintf(setting, sizeof setting, "file=%s", wrong);
  pal_error error = {0};
  ck_assert(!open_task(all, 1, &error) && error.code == PAL_E_FORMAT);
  ck_assert_msg(strstr(error.text, ":3: place 81 holds \"x\""), "%s", error.text);
  unlink(path);
  unlink(wrong);
}
END_TEST

START_TEST(held_out_puzzles_are_not_training_puzzles) {
  static const char *const without[] = {"puzzles=1", "test_puzzles=4", "size=4"};
  char path[] = "/tmp/pal-sudoku-XXXXXX", setting[64], text[200], before[64], after[64];
  pal_task *task = open_well(without, 3);
  pal_example e;
  uint8_t board[16], image[16];
  pal_sudoku_symmetry symmetry;
  ck_assert(!task->definition->instance(task, 0, 2, PAL_FORM_TRANSITION, &e, NULL));
  task->definition->print(task, e.prompt, e.n_prompt, before, sizeof before);
  for (int c = 0; c < 16; c++) board[c] = (uint8_t)e.prompt[c];
  pal_sudoku_symmetry_draw(&shape4, &rng, &symmetry);
  pal_sudoku_symmetry_apply(&shape4, &symmetry, board, image);
  pal_sudoku_write_line(&shape4, image, text);
  write_file(path, text);
  pal_task_free(task);
  snprintf(setting, sizeof setting, "file=%s", path);
  const char *with[] = {"puzzles=1", "test_puzzles=4", "size=4", setting};
  task = open_well(with, 4);
  ck_assert(!task->definition->instance(task, 0, 2, PAL_FORM_TRANSITION, &e, NULL));
  task->definition->print(task, e.prompt, e.n_prompt, after, sizeof after);
  ck_assert_str_ne(before, after);
  pal_task_free(task);
  unlink(path);
}
END_TEST

START_TEST(lines_are_read) {
  static const char *const setting[] = {"puzzles=1"};
  pal_task *task = open_well(setting, 1);
  pal_example e;
  pal_error error = {0};
  char text[100];
  ck_assert(!task->definition->read(task, good, PAL_FORM_TRANSITION, 7, &e, &error));
  task->definition->print(task, e.prompt, e.n_prompt, text, sizeof text);
  ck_assert_str_eq(text, good);
  ck_assert(e.id == 7 && task->definition->step_cap(task, &e, PAL_FORM_TRANSITION) == 2000);
  ck_assert(task->definition->read(task, "12", PAL_FORM_TRANSITION, 7, &e, &error));
  pal_task_free(task);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sudoku");
  TCase *rules = tcase_create("rules"), *task = tcase_create("task");
  tcase_add_checked_fixture(rules, setup, NULL);
  tcase_add_test(rules, shapes);
  tcase_add_test(rules, solver_counts_like_brute_force);
  tcase_add_test(rules, solver_gives_up_when_told);
  tcase_add_test(rules, puzzles_have_one_solution);
  tcase_add_test(rules, givens_are_uniform);
  tcase_add_test(rules, verdicts);
  tcase_add_test(rules, canonical_form_is_least_of_all_images);
  tcase_add_test(rules, forms_agree_on_images_only);
  tcase_add_test(rules, g_reproduces_every_label);
  tcase_add_test(rules, labels_commute_with_symmetries);
  tcase_add_test(rules, oracle_solves_held_out_puzzles);
  tcase_add_test(rules, released_traces_have_the_counted_transitions);
  tcase_add_test(rules, released_trace_of_one_puzzle);
  tcase_add_test(rules, streams_resume);
  tcase_add_test(rules, text_forms_round_trip);
  tcase_add_test(rules, rows_count_from_zero_or_one);
  tcase_add_test(rules, bad_boards_are_refused);
  suite_add_tcase(suite, rules);
  tcase_add_checked_fixture(task, setup_task, teardown_task);
  tcase_add_test(task, settings_are_checked);
  tcase_add_test(task, formats_describe_tokens_and_places);
  tcase_add_test(task, answers_are_judged);
  tcase_add_test(task, streams_of_answers);
  tcase_add_test(task, training_puzzles_from_a_file);
  tcase_add_test(task, held_out_puzzles_are_not_training_puzzles);
  tcase_add_test(task, lines_are_read);
  suite_add_tcase(suite, task);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
