/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: the restart policy, defined on every state (floor 5).
 *
 * The policy is a randomized solver that restarts at conflicts. It writes all forced digits in
 * parallel. If there are none, it guesses the digit of one cell; everything written after a guess
 * is speculative. At a conflict it masks all speculative digits and starts again. Its labels for a
 * state:
 *   conflict         mask all speculative cells or, if there are none, all deduced ones; masks stay
 *   forced digits    write them: as speculative if the state has any speculative cell, else as
 *                    deduced; other masks stay
 *   none forced      no edit; the decoder then writes the mask of largest confidence (guess=1)
 *   full, no conflict   no edit: the fixed point */
#include <string.h>

#include "tasks/sudoku.h"

static const float UNFORCED_WEIGHT = 0.3f;

void pal_sudoku_look(const pal_sudoku_shape *s, const uint8_t *state, pal_sudoku_view *view) {
  unsigned placed[3 * PAL_SUDOKU_MOST] = {0}, once[3 * PAL_SUDOKU_MOST] = {0};
  unsigned twice[3 * PAL_SUDOKU_MOST] = {0};
  int kinds[3] = {0, 0, 0}, masks = 0, forced_cells = 0;
  bool conflict = false;
  for (int c = 0; c < s->cells; c++) {
    if (!state[c]) continue;
    const unsigned bit = 1u << (pal_sudoku_digit(s, state[c]) - 1);
    const uint8_t *of = s->of[c];
    conflict |= ((placed[of[0]] | placed[of[1]] | placed[of[2]]) & bit) != 0;
    placed[of[0]] |= bit, placed[of[1]] |= bit, placed[of[2]] |= bit;
    kinds[pal_sudoku_kind_of(s, state[c])]++;
  }
  for (int c = 0; c < s->cells; c++) {
    view->candidate[c] = 0;
    if (state[c]) continue;
    const uint8_t *of = s->of[c];
    const unsigned free = s->all & ~(placed[of[0]] | placed[of[1]] | placed[of[2]]);
    view->candidate[c] = (uint16_t)free;
    conflict |= free == 0;
    masks++;
    for (int k = 0; k < 3; k++) {
      twice[of[k]] |= once[of[k]] & free;
      once[of[k]] |= free;
    }
  }
  for (int u = 0; u < s->units; u++) {
    conflict |= (placed[u] | once[u]) != s->all;
    once[u] &= ~twice[u];
  }
  for (int c = 0; c < s->cells; c++) {
    const unsigned free = view->candidate[c];
    const uint8_t *of = s->of[c];
    unsigned forced = free & (once[of[0]] | once[of[1]] | once[of[2]]);
    if (!(free & (free - 1))) forced = free;
    view->forced[c] = (uint16_t)forced;
    forced_cells += forced != 0;
  }
  view->masks = masks;
  view->givens = kinds[PAL_SUDOKU_GIVEN];
  view->roots = kinds[PAL_SUDOKU_ROOT];
  view->speculative = kinds[PAL_SUDOKU_SPECULATIVE];
  view->forced_cells = forced_cells;
  view->conflict = conflict;
}

int pal_sudoku_pick(uint16_t set, pal_rng *rng) {
  unsigned left = set;
  for (uint32_t k = pal_rng_below(rng, (uint32_t)pal_sudoku_count(left)); k > 0; k--)
    left &= left - 1;
  int digit = 1;
  for (unsigned bit = left & (0 - left); bit > 1; bit >>= 1) digit++;
  return digit;
}

int pal_sudoku_guess_cell(const pal_sudoku_shape *s, const pal_sudoku_view *view, pal_rng *rng) {
  int least = PAL_SUDOKU_MOST + 1, best = -1;
  int c = (int)pal_rng_below(rng, (uint32_t)s->cells);
  for (int i = 0; i < s->cells && least > 2; i++, c = c + 1 == s->cells ? 0 : c + 1) {
    const int n = pal_sudoku_count(view->candidate[c]);
    if (n && n < least) least = n, best = c;
  }
  return best;
}

void pal_sudoku_label(const pal_sudoku_shape *s, const uint8_t *state, const pal_sudoku_view *view,
                      pal_rng *rng, uint8_t *remask, int32_t *y, float *weight) {
  const enum pal_sudoku_kind kind = view->speculative ? PAL_SUDOKU_SPECULATIVE : PAL_SUDOKU_ROOT;
  for (int c = 0; c < s->cells; c++) {
    y[c] = -1;
    weight[c] = 0;
    if (state[c]) {
      remask[c] = view->conflict && pal_sudoku_kind_of(s, state[c]) == kind;
      continue;
    }
    const bool forced = !view->conflict && view->forced[c];
    remask[c] = !forced;
    if (view->conflict) continue;
    const int digit = pal_sudoku_pick(forced ? view->forced[c] : view->candidate[c], rng);
    y[c] = pal_sudoku_token(s, forced ? kind : PAL_SUDOKU_SPECULATIVE, digit);
    weight[c] = forced ? 1 : UNFORCED_WEIGHT;
  }
}
