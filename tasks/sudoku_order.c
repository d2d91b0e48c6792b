/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: the order in which a solver fills cells, and its techniques (floor 5). */
#include <string.h>

#include "tasks/sudoku.h"

int pal_sudoku_order(const pal_sudoku_shape *s, const uint8_t *given, const uint8_t *solution,
                     uint8_t *order, uint8_t *technique) {
  uint8_t state[PAL_SUDOKU_CELLS]; /* tokens 1 .. n are given digits */
  int n = 0;
  memcpy(state, given, (size_t)s->cells);
  for (;; n++) {
    pal_sudoku_view view;
    int best = -1, ease = 0; /* rank of the technique, lower is easier; guesses by candidates */
    pal_sudoku_look(s, state, &view);
    if (!view.masks) return n;
    for (int c = 0; c < s->cells; c++) {
      if (state[c]) continue;
      const int width = pal_sudoku_count(view.candidate[c]);
      const int of_cell = width == 1       ? PAL_SUDOKU_NAKED_SINGLE
                          : view.forced[c] ? PAL_SUDOKU_HIDDEN_SINGLE
                                           : PAL_SUDOKU_GUESS + width;
      if (best < 0 || of_cell < ease) best = c, ease = of_cell;
    }
    if (technique) technique[n] = (uint8_t)(ease < PAL_SUDOKU_GUESS ? ease : PAL_SUDOKU_GUESS);
    state[best] = solution[best];
    order[n] = (uint8_t)best;
  }
}

int pal_sudoku_rate(const pal_sudoku_shape *s, const uint8_t *given, const uint8_t *solution) {
  uint8_t order[PAL_SUDOKU_CELLS], technique[PAL_SUDOKU_CELLS];
  int guesses = 0;
  for (int i = pal_sudoku_order(s, given, solution, order, technique) - 1; i >= 0; i--)
    guesses += technique[i] == PAL_SUDOKU_GUESS;
  return guesses;
}
