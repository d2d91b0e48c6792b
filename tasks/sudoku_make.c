/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: random full boards and puzzles with one solution (floor 5).
 *
 * For a full board S, call the set of cells in which another full board differs from S an
 * unavoidable set. A puzzle has S as its only solution if and only if its givens intersect every
 * unavoidable set of S: a hitting set. Unavoidable sets that the solver finds are stored, so most
 * candidates are rejected by a few AND operations. Random removal of givens gives a first puzzle; a
 * local search over hitting sets finds ones with fewer givens. */
#include <string.h>

#include "tasks/sudoku.h"

/* Stored unavoidable sets; full boards tried; rounds of the local search; cells removed per
 * round. */
enum { ESCAPES = 2048, BOARDS = 200, ROUNDS = 6000, MOST_TAKEN = 2 };

/* A set of cells as bits. */
typedef struct cells {
  uint64_t word[4];
} cells;

typedef struct maker {
  const pal_sudoku_shape *shape;
  pal_rng *rng;
  const uint8_t *solution;
  int words;             /* words of a set of cells that are in use */
  int n, next;           /* stored unavoidable sets; the one that is overwritten next when full */
  int64_t budget;        /* guesses of one search; a puzzle that needs more is rejected */
  cells escape[ESCAPES]; /* the unavoidable sets, a ring buffer */
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

/* Generates a random full board. */
static void fill(const pal_sudoku_shape *shape, pal_rng *rng, uint8_t *solution) {
  for (;;) {
    uint8_t board[PAL_SUDOKU_CELLS] = {0};
    /* Boxes on the diagonal share no row or column, so each may hold any permutation. */
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

/* ---- uniqueness ------------------------------------------------------------------------------ */

/* The first stored unavoidable set that `set` does not intersect; -1: none. */
static int missed(const maker *m, const cells *set) {
  for (int i = 0; i < m->n; i++) {
    uint64_t meet = 0;
    for (int w = 0; w < m->words; w++) meet |= m->escape[i].word[w] & set->word[w];
    if (!meet) return i;
  }
  return -1;
}

/* Whether the puzzle with givens at `set` has one solution. If not, *which is a stored unavoidable
 * set that the givens do not intersect, or -1 if the search exceeded its budget. */
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

/* Removes givens that are not needed for uniqueness, in random order, until `wanted` are left or
 * none can be removed; returns how many are left. */
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

/* ---- local search ---------------------------------------------------------------------------- */

/* The cell of unavoidable set `which`, outside `set`, that lies in the most stored unavoidable sets
 * which `set` does not intersect; ties are broken at random. */
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

/* Local search: each round removes one or two givens and adds others until the solution is unique
 * again, but never more than before; then it removes givens that are not needed. Returns how many
 * are left. */
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
