/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: random full boards and puzzles with one solution (floor 5).
 *
 * A puzzle has one solution exactly when its givens meet every "escape": a set of cells in which
 * some other full board differs from the solution. Escapes found by the solver are kept, so that
 * most candidates are refused by a few ANDs; a search over sets of cells that meet them all then
 * gets below what random removal reaches. */
#include <string.h>

#include "tasks/sudoku.h"

enum { ESCAPES = 2048, BOARDS = 200, ROUNDS = 6000, MOST_TAKEN = 2 };

typedef struct cells {
  uint64_t word[4];
} cells;

typedef struct maker {
  const pal_sudoku_shape *shape;
  pal_rng *rng;
  const uint8_t *solution;
  int words;      /* of a set of cells */
  int n, next;    /* escapes kept, and the one that is overwritten next when full */
  int64_t budget; /* guesses of one search; more counts as several solutions */
  cells escape[ESCAPES];
} maker;

static void flip(cells *set, int c) { set->word[c >> 6] ^= (uint64_t)1 << (c & 63); }
static bool has(const cells *set, int c) { return set->word[c >> 6] >> (c & 63) & 1; }

static void shuffle(pal_rng *rng, uint8_t *item, int n) {
  for (int i = n; i > 1; i--) {
    const int j = (int)pal_rng_below(rng, (uint32_t)i);
    const uint8_t swap = item[i - 1];
    item[i - 1] = item[j];
    item[j] = swap;
  }
}

/* A random full board. */
static void fill(const pal_sudoku_shape *shape, pal_rng *rng, uint8_t *solution) {
  for (;;) {
    uint8_t board[PAL_SUDOKU_CELLS] = {0};
    /* Boxes on the diagonal share no unit: any digits go there. */
    for (int b = 0; b < shape->box; b++) {
      uint8_t digit[PAL_SUDOKU_MOST];
      for (int k = 0; k < shape->n; k++) digit[k] = (uint8_t)(k + 1);
      shuffle(rng, digit, shape->n);
      const int unit = 2 * shape->n + b * (shape->box + 1);
      for (int k = 0; k < shape->n; k++) board[shape->unit[unit][k]] = digit[k];
    }
    pal_sudoku_search search = {.limit = 1, .budget = 2000, .random = rng};
    if (!pal_sudoku_solve(shape, board, &search)) continue;
    memcpy(solution, search.solution, (size_t)shape->cells);
    return;
  }
}

/* ---- one solution? --------------------------------------------------------------------------- */

/* The first escape that the set does not meet; -1: none known. */
static int missed(const maker *m, const cells *set) {
  for (int i = 0; i < m->n; i++) {
    uint64_t meet = 0;
    for (int w = 0; w < m->words; w++) meet |= m->escape[i].word[w] & set->word[w];
    if (!meet) return i;
  }
  return -1;
}

/* Whether the givens at `set` have one solution; if not, escape[*which] is not met by them. */
static bool is_unique(maker *m, const cells *set, int *which) {
  *which = missed(m, set);
  if (*which >= 0) return false;
  uint8_t given[PAL_SUDOKU_CELLS];
  for (int c = 0; c < m->shape->cells; c++) given[c] = has(set, c) ? m->solution[c] : 0;
  pal_sudoku_search search = {.limit = 1, .known = m->solution, .budget = m->budget};
  if (!pal_sudoku_solve(m->shape, given, &search)) return !search.gave_up;
  const int at = m->n < ESCAPES ? m->n++ : m->next;
  m->next = (at + 1) % ESCAPES;
  cells *escape = &m->escape[at];
  memset(escape, 0, sizeof *escape);
  for (int c = 0; c < m->shape->cells; c++)
    if (search.solution[c] != m->solution[c]) flip(escape, c);
  *which = at;
  return false;
}

/* Takes away cells that are not needed, in random order, down to `wanted`; returns how many
 * stay. */
static int reduce(maker *m, cells *set, int size, int wanted) {
  uint8_t order[PAL_SUDOKU_CELLS];
  int n = 0, which;
  for (int c = 0; c < m->shape->cells; c++)
    if (has(set, c)) order[n++] = (uint8_t)c;
  shuffle(m->rng, order, n);
  for (int i = 0; i < n && size > wanted; i++) {
    flip(set, order[i]);
    if (is_unique(m, set, &which)) size--;
    else flip(set, order[i]);
  }
  return size;
}

/* ---- fewer ----------------------------------------------------------------------------------- */

/* The cell, outside the set, that most known escapes missed by it contain; ties at random. */
static int best_cell(maker *m, const cells *set, int which) {
  int hits[PAL_SUDOKU_CELLS] = {0}, best = -1, ties = 0;
  for (int i = 0; i < m->n; i++) {
    const cells *e = &m->escape[i];
    uint64_t meet = 0;
    for (int w = 0; w < m->words; w++) meet |= e->word[w] & set->word[w];
    if (meet) continue;
    for (int c = 0; c < m->shape->cells; c++) hits[c] += has(e, c);
  }
  for (int c = 0; c < m->shape->cells; c++) {
    if (has(set, c) || !has(&m->escape[which], c)) continue;
    if (best < 0 || hits[c] > hits[best]) best = c, ties = 1;
    else if (hits[c] == hits[best] && pal_rng_below(m->rng, (uint32_t)++ties) == 0) best = c;
  }
  return best;
}

/* Takes some cells away and puts others in their place, at most as many as there were: a walk over
 * puzzles of one size that falls when it can. */
static int descend(maker *m, cells *set, int size, int wanted) {
  for (int round = 0; round < ROUNDS && size > wanted; round++) {
    cells try = *set;
    uint8_t order[PAL_SUDOKU_CELLS];
    int n = 0, now = size, which;
    for (int c = 0; c < m->shape->cells; c++)
      if (has(set, c)) order[n++] = (uint8_t)c;
    shuffle(m->rng, order, n);
    const int taken = 1 + (int)pal_rng_below(m->rng, MOST_TAKEN);
    for (int i = 0; i < taken; i++, now--) flip(&try, order[i]);
    bool unique;
    while (!(unique = is_unique(m, &try, &which)) && which >= 0 && now < size) {
      flip(&try, best_cell(m, &try, which));
      now++;
    }
    if (!unique) continue;
    *set = try;
    size = reduce(m, set, now, wanted);
  }
  return size;
}

bool pal_sudoku_make(const pal_sudoku_shape *shape, pal_rng *rng, int givens, uint8_t *given,
                     uint8_t *solution) {
  if (givens < 0 || givens > shape->cells) return false;
  for (int board = 0; board < BOARDS; board++) {
    fill(shape, rng, solution);
    maker m = {.shape = shape,
               .rng = rng,
               .solution = solution,
               .words = (shape->cells + 63) / 64,
               .budget = shape->n == 16 ? 200 : 0};
    cells set = {{0}};
    for (int c = 0; c < shape->cells; c++) flip(&set, c);
    int size = reduce(&m, &set, shape->cells, givens);
    if (size > givens) size = descend(&m, &set, size, givens);
    if (size > givens) continue;
    for (int c = 0; c < shape->cells; c++) given[c] = has(&set, c) ? solution[c] : 0;
    return true;
  }
  return false;
}
