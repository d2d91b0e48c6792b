/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/boards.h"

pal_sudoku_shape shape4, shape9, shape16;
pal_rng rng;

void boards_set_up(void) {
  HOLDS(pal_sudoku_shape_init(&shape4, 4));
  HOLDS(pal_sudoku_shape_init(&shape9, 9));
  HOLDS(pal_sudoku_shape_init(&shape16, 16));
  rng = pal_rng_new(11, "test_sudoku", 0, 0);
}

int below(int n) { return (int)pal_rng_below(&rng, (uint32_t)n); }

bool same_unit(const pal_sudoku_shape *s, int a, int b) {
  const int n = s->n, x = s->box;
  return a / n == b / n || a % n == b % n || (a / n / x == b / n / x && a % n / x == b % n / x);
}

bool may_stand(const pal_sudoku_shape *s, const uint8_t *board, int cell, int digit) {
  for (int c = 0; c < s->cells; c++)
    if (c != cell && board[c] == digit && same_unit(s, c, cell)) return false;
  return true;
}

void make(const pal_sudoku_shape *s, int givens, uint8_t *given, uint8_t *solution) {
  HOLDS(pal_sudoku_make(s, &rng, givens, given, solution));
}
