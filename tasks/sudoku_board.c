/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: shapes, verification and the solver (floor 5).
 *
 * The solver has a set of candidates for each cell. It propagates naked singles at once and hidden
 * singles unit by unit until nothing more follows, then tries the candidates of a cell that has the
 * fewest. Changes are recorded in a log (a trail), so that backtracking needs no copies of the
 * board. The search is iterative, with its guesses in an array, so it needs the same stack for
 * every board, about 30 KiB. */
#include <string.h>

#include "tasks/sudoku.h"

bool pal_sudoku_shape_init(pal_sudoku_shape *s, int n) {
  if (n != 4 && n != 9 && n != 16) return false;
  memset(s, 0, sizeof *s);
  s->box = n == 4 ? 2 : n == 9 ? 3 : 4;
  s->n = n;
  s->cells = n * n;
  s->units = 3 * n;
  s->peers = 3 * (n - 1) - 2 * (s->box - 1);
  s->all = (uint16_t)((1u << n) - 1);
  for (int token = 1; token <= 3 * n; token++) {
    s->digit[token] = (uint8_t)((token - 1) % n + 1);
    s->kind[token] = (uint8_t)((token - 1) / n);
  }
  int filled[3 * PAL_SUDOKU_MOST] = {0};
  for (int c = 0; c < s->cells; c++) {
    const int row = c / n, column = c % n;
    const int unit[3] = {row, n + column, 2 * n + row / s->box * s->box + column / s->box};
    for (int k = 0; k < 3; k++) {
      s->of[c][k] = (uint8_t)unit[k];
      s->unit[unit[k]][filled[unit[k]]++] = (uint8_t)c;
    }
  }
  for (int c = 0; c < s->cells; c++)
    for (int p = 0, k = 0; p < s->cells; p++)
      if (p != c &&
          (s->of[c][0] == s->of[p][0] || s->of[c][1] == s->of[p][1] || s->of[c][2] == s->of[p][2]))
        s->peer[c][k++] = (uint8_t)p;
  return true;
}

int pal_sudoku_givens(const pal_sudoku_shape *shape, const uint8_t *board) {
  int n = 0;
  for (int c = 0; c < shape->cells; c++) n += board[c] != 0;
  return n;
}

pal_sudoku_verdict pal_sudoku_verify(const pal_sudoku_shape *shape, const uint8_t *given,
                                     const uint8_t *solution, const uint8_t *board) {
  pal_sudoku_verdict v = {true, true, true, true};
  for (int c = 0; c < shape->cells; c++) {
    if (!board[c]) v.complete = false;
    if (given[c] && board[c] != given[c]) v.kept = false;
    if (solution && board[c] != solution[c]) v.exact = false;
  }
  for (int u = 0; u < shape->units; u++) {
    unsigned seen = 0;
    for (int k = 0; k < shape->n; k++) {
      const unsigned bit = 1u << board[shape->unit[u][k]];
      if (bit != 1 && (seen & bit)) v.valid = false;
      seen |= bit;
    }
  }
  if (!solution) v.exact = v.complete && v.valid && v.kept;
  return v;
}

/* ---- solver ---------------------------------------------------------------------------------- */

/* An entry of the log: a cell and its candidates before the change. */
typedef struct change {
  uint8_t cell;
  uint16_t digits;
} change;

typedef struct position {
  uint64_t dirty;                    /* bit set of the units to search for hidden singles */
  uint64_t open[4];                  /* bit set of the cells without a final digit */
  int left;                          /* number of these */
  int changes;                       /* entries in the log `change` */
  uint16_t digits[PAL_SUDOKU_CELLS]; /* candidates of each cell */
  uint8_t placed[PAL_SUDOKU_CELLS];  /* [cells - left]: the other cells, in the order of placing */
  change change[PAL_SUDOKU_CELLS * PAL_SUDOKU_MOST]; /* each removes at least one candidate */
} position;

/* A guess: the candidates of a cell in the order of trying, and the lengths of `placed` and of the
 * log before it. */
typedef struct trial {
  int left, changes, n, next;
  uint8_t cell;
  uint16_t digit[PAL_SUDOKU_MOST];
} trial;

static int lowest(uint64_t bits) {
#if defined(__GNUC__)
  return __builtin_ctzll(bits);
#else
  int i = 0;
  while (!(bits >> i & 1)) i++;
  return i;
#endif
}

static int count_bits(unsigned set) {
#if defined(__GNUC__)
  return __builtin_popcount(set);
#else
  int n = 0;
  for (; set; set &= set - 1) n++;
  return n;
#endif
}

static bool is_open(const position *p, int cell) { return p->open[cell >> 6] >> (cell & 63) & 1; }

static void narrow(position *p, int cell, unsigned digits) {
  p->change[p->changes++] = (change){(uint8_t)cell, p->digits[cell]};
  p->digits[cell] = (uint16_t)digits;
}

/* Restores the position before a guess, in which nothing was left to propagate. */
static void backtrack(const pal_sudoku_shape *s, position *p, const trial *before) {
  while (p->changes > before->changes) {
    const change *c = &p->change[--p->changes];
    p->digits[c->cell] = c->digits;
  }
  for (; p->left < before->left; p->left++) {
    const int c = p->placed[s->cells - p->left - 1];
    p->open[c >> 6] |= (uint64_t)1 << (c & 63);
  }
  p->dirty = 0;
}

/* Places a digit in a cell and removes it from the peers, then does the same for every peer that
 * has one candidate left. False on a contradiction. */
static bool place(const pal_sudoku_shape *s, position *p, int cell, uint16_t digit) {
  uint8_t stack[PAL_SUDOKU_CELLS * 2];
  int top = 0;
  if (!(p->digits[cell] & digit)) return false;
  if (p->digits[cell] != digit) narrow(p, cell, digit);
  stack[top++] = (uint8_t)cell;
  while (top) {
    const int c = stack[--top];
    if (!is_open(p, c)) continue;
    p->open[c >> 6] &= ~((uint64_t)1 << (c & 63));
    p->placed[s->cells - p->left--] = (uint8_t)c;
    const unsigned d = p->digits[c];
    for (int k = 0; k < s->peers; k++) {
      const int q = s->peer[c][k];
      const unsigned before = p->digits[q], after = before & ~d;
      if (after == before) continue;
      if (!after) return false;
      narrow(p, q, after);
      p->dirty |=
          (uint64_t)1 << s->of[q][0] | (uint64_t)1 << s->of[q][1] | (uint64_t)1 << s->of[q][2];
      if (!(after & (after - 1))) stack[top++] = (uint8_t)q;
    }
  }
  return true;
}

/* Places hidden singles until there are none; false on a contradiction. */
static bool propagate(const pal_sudoku_shape *s, position *p) {
  while (p->dirty && p->left) {
    const int u = lowest(p->dirty);
    p->dirty &= p->dirty - 1;
    unsigned once = 0, twice = 0;
    for (int k = 0; k < s->n; k++) {
      const unsigned d = p->digits[s->unit[u][k]];
      twice |= once & d;
      once |= d;
    }
    if (once != s->all) return false;
    const unsigned single = once & ~twice;
    for (int k = 0; single && k < s->n; k++) {
      const int c = s->unit[u][k];
      const unsigned d = p->digits[c] & single;
      if (!d || !is_open(p, c)) continue;
      if (d & (d - 1)) return false; /* two digits have this cell as their only place */
      if (!place(s, p, c, (uint16_t)d)) return false;
    }
  }
  return true;
}

/* The open cell with the fewest candidates; -1: none. Of several it is the first in reading order,
 * or with `random` the first from a random cell on. */
static int fewest(const pal_sudoku_shape *s, const position *p, pal_rng *random) {
  const int from = random ? (int)pal_rng_below(random, (uint32_t)s->cells) : 0;
  int best = -1, least = PAL_SUDOKU_MOST + 1;
  for (int i = 0; i < s->cells && least > 2; i++) {
    const int c = from + i < s->cells ? from + i : from + i - s->cells;
    if (!is_open(p, c)) continue;
    const int n = count_bits(p->digits[c]);
    if (n < least) least = n, best = c;
  }
  return best;
}

/* Writes the candidates of a cell in the order of trying, the known solution's last; returns their
 * number. */
static int arrange(unsigned set, unsigned last, pal_rng *random, uint16_t order[]) {
  int n = 0;
  for (unsigned left = set & ~last; left; left &= left - 1)
    order[n++] = (uint16_t)(left & (0 - left));
  for (int i = n; random && i > 1; i--) {
    const int j = (int)pal_rng_below(random, (uint32_t)i);
    const uint16_t swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
  }
  if (set & last) order[n++] = (uint16_t)last;
  return n;
}

/* Records and counts the solution that was found, unless it is the known one. */
static void record_solution(const pal_sudoku_shape *s, const position *p,
                            pal_sudoku_search *search) {
  bool same = search->known != NULL;
  uint8_t found[PAL_SUDOKU_CELLS];
  for (int c = 0; c < s->cells; c++) {
    found[c] = (uint8_t)(1 + lowest(p->digits[c]));
    if (same && found[c] != search->known[c]) same = false;
  }
  if (same) return;
  memcpy(search->solution, found, (size_t)s->cells);
  search->count++;
}

static void begin_guess(const pal_sudoku_shape *s, const position *p,
                        const pal_sudoku_search *search, trial *guess) {
  const int cell = fewest(s, p, search->random);
  const unsigned last = search->known ? 1u << (search->known[cell] - 1) : 0;
  guess->cell = (uint8_t)cell;
  guess->left = p->left;
  guess->changes = p->changes;
  guess->next = 0;
  guess->n = arrange(p->digits[cell], last, search->random, guess->digit);
}

/* Depth-first search. Every guess places a cell, so there are at most as many guesses as cells. */
static void explore(const pal_sudoku_shape *s, position *p, pal_sudoku_search *search) {
  trial guesses[PAL_SUDOKU_CELLS];
  int depth = 0;
  if (p->left == 0) {
    record_solution(s, p, search);
    return;
  }
  begin_guess(s, p, search, &guesses[depth++]);
  while (depth && search->count < search->limit) {
    trial *g = &guesses[depth - 1];
    if (g->next == g->n) {
      depth--;
      continue;
    }
    if (search->budget && search->guesses >= search->budget) {
      search->gave_up = true;
      return;
    }
    search->guesses++;
    backtrack(s, p, g);
    if (!place(s, p, g->cell, g->digit[g->next++]) || !propagate(s, p)) continue;
    if (p->left == 0) record_solution(s, p, search);
    else begin_guess(s, p, search, &guesses[depth++]);
  }
}

int pal_sudoku_solve(const pal_sudoku_shape *s, const uint8_t *given, pal_sudoku_search *search) {
  position p; /* not cleared as a whole: `placed` and `change` are empty and large */
  p.left = s->cells;
  p.dirty = ((uint64_t)1 << s->units) - 1;
  p.changes = 0;
  memset(p.open, 0, sizeof p.open);
  for (int c = 0; c < s->cells; c++) {
    p.digits[c] = s->all;
    p.open[c >> 6] |= (uint64_t)1 << (c & 63);
  }
  if (search->limit <= 0) search->limit = 2;
  search->count = 0;
  search->guesses = 0;
  search->gave_up = false;
  for (int c = 0; c < s->cells; c++)
    if (given[c] && !place(s, &p, c, (uint16_t)(1u << (given[c] - 1)))) return 0;
  if (propagate(s, &p)) explore(s, &p, search);
  return search->count;
}
