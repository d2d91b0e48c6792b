/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: the traces released with the paper, which fill one cell at a time (floor 5).
 *
 * A state has four tokens (slots) per cell: value, colour, marker, separator. The trace is that of
 * a depth-first solver:
 *   1. It writes naked singles in reading order.
 *   2. If there are none, it branches on the first cell with the fewest candidates. It writes the
 *      smallest one, with the depth of the branch as its colour, and marks the cell as a branch.
 *   3. A dead end is a cell without candidates, or a branch without untried ones. Its marker
 *      becomes a skull.
 *   4. The solver then backtracks: it parks the digit of the deepest branch in the marker of that
 *      branch, erases all values of that colour, and tries the branch's next larger candidate.
 * Every one of these actions is two transitions: the first masks the slots that change, the second
 * writes them. The action is a function of the state alone, also between its two transitions; then
 * it follows from which slots are masked and what the markers of these cells are. */
#include <string.h>

#include "tasks/sudoku.h"

enum { CELLS = 81 };
enum { VALUE, COLOUR, MARKER, SEPARATOR, SLOTS };

/* An analysis of a state. */
typedef struct scene {
  const pal_sudoku_shape *shape;
  const uint8_t *state;
  uint16_t candidate[CELLS]; /* of cells whose value is empty or masked; else 0 */
  int depth;                 /* of the deepest branch, by the colours; 0: none */
  int values;                /* number of masked values */
  int value_at, marker_at;   /* last cell with a masked value, a masked marker; -1: none */
} scene;

static int slot(const scene *s, int cell, int which) { return s->state[SLOTS * cell + which]; }
static bool is_digit(int token) { return token >= 1 && token <= 9; }

static scene look(const pal_sudoku_shape *shape, const uint8_t *state) {
  scene s = {.shape = shape, .state = state, .value_at = -1, .marker_at = -1};
  unsigned placed[27] = {0};
  for (int c = 0; c < CELLS; c++) {
    const int value = slot(&s, c, VALUE), colour = slot(&s, c, COLOUR);
    if (is_digit(value))
      for (int k = 0; k < 3; k++) placed[shape->of[c][k]] |= 1u << (value - 1);
    if (value == PAL_RELEASED_MASK) s.value_at = c, s.values++;
    if (slot(&s, c, MARKER) == PAL_RELEASED_MASK) s.marker_at = c;
    if (colour > PAL_RELEASED_WHITE && colour - PAL_RELEASED_WHITE > s.depth)
      s.depth = colour - PAL_RELEASED_WHITE;
  }
  for (int c = 0; c < CELLS; c++) {
    const uint8_t *of = shape->of[c];
    if (!is_digit(slot(&s, c, VALUE)))
      s.candidate[c] = (uint16_t)(shape->all & ~(placed[of[0]] | placed[of[1]] | placed[of[2]]));
  }
  return s;
}

static int count(unsigned set) {
  int n = 0;
  for (; set; set &= set - 1) n++;
  return n;
}

/* Candidates of a cell that were not tried yet: those above a digit parked in its marker. */
static unsigned untried(const scene *s, int cell) {
  const int parked = slot(s, cell, MARKER);
  const unsigned set = s->candidate[cell];
  return is_digit(parked) ? set >> parked << parked : set;
}

static int smallest(unsigned set) {
  int digit = 1;
  for (; set && !(set & 1); set >>= 1) digit++;
  return digit;
}

/* ---- second transitions: write the masked slots ---------------------------------------------- */

static void write_slot(int cell, int which, int token, int32_t *y) {
  y[SLOTS * cell + which] = token;
}

static void write_masked(const scene *s, int32_t *y) {
  const int c = s->value_at, m = s->marker_at;
  if (c < 0) { /* only a marker is masked: write a skull, or park the digit of the branch */
    const int value = slot(s, m, VALUE);
    write_slot(m, MARKER, is_digit(value) ? value : PAL_RELEASED_SKULL, y);
    return;
  }
  if (m >= 0 && slot(s, m, VALUE) == PAL_RELEASED_EMPTY) { /* erase the deepest branch */
    for (int i = 0; i < CELLS; i++)
      if (slot(s, i, VALUE) == PAL_RELEASED_MASK) {
        write_slot(i, VALUE, PAL_RELEASED_EMPTY, y);
        write_slot(i, COLOUR, PAL_RELEASED_WHITE, y);
      }
    write_slot(m, MARKER, PAL_RELEASED_NORMAL, y);
    return;
  }
  const bool single = slot(s, c, MARKER) == PAL_RELEASED_NORMAL;
  write_slot(c, VALUE, smallest(untried(s, c)), y);
  write_slot(c, COLOUR, PAL_RELEASED_WHITE + s->depth + !single, y);
  if (m == c) write_slot(c, MARKER, PAL_RELEASED_BRANCH, y);
}

/* ---- first transitions: mask the slots that change ------------------------------------------- */

static pal_released_event mask(int cell, bool value, bool marker, uint8_t *remask) {
  if (value) remask[SLOTS * cell + VALUE] = remask[SLOTS * cell + COLOUR] = 1;
  if (marker) remask[SLOTS * cell + MARKER] = 1;
  return PAL_RELEASED_STEP;
}

/* At a skull: parks the digit of the deepest branch or, once that is done, erases the branch. */
static pal_released_event backtrack(const scene *s, int skull, uint8_t *remask) {
  if (s->depth == 0) return PAL_RELEASED_STUCK;
  for (int c = 0; c < CELLS; c++) {
    if (slot(s, c, COLOUR) != PAL_RELEASED_WHITE + s->depth) continue;
    const int marker = slot(s, c, MARKER);
    if (marker != PAL_RELEASED_NORMAL && marker != slot(s, c, VALUE))
      return mask(c, false, true, remask);
  }
  for (int c = 0; c < CELLS; c++)
    if (slot(s, c, COLOUR) == PAL_RELEASED_WHITE + s->depth) mask(c, true, false, remask);
  return mask(skull, false, true, remask);
}

static pal_released_event choose(const scene *s, uint8_t *remask) {
  int single = -1, branch = -1, dead = -1, parked = -1, least = 10;
  for (int c = CELLS - 1; c >= 0; c--) {
    if (slot(s, c, MARKER) == PAL_RELEASED_SKULL) return backtrack(s, c, remask);
    if (slot(s, c, VALUE) != PAL_RELEASED_EMPTY) continue;
    const int n = count(s->candidate[c]);
    if (n == 0) dead = c;
    if (n == 1) single = c;
    if (n <= least) least = n, branch = c;
    if (is_digit(slot(s, c, MARKER))) parked = c;
  }
  if (branch < 0) return PAL_RELEASED_DONE;
  if (parked >= 0) return mask(parked, untried(s, parked) != 0, untried(s, parked) == 0, remask);
  if (dead >= 0) return mask(dead, false, true, remask);
  if (single >= 0) return mask(single, true, false, remask);
  if (s->depth == PAL_RELEASED_DEPTH) return PAL_RELEASED_TOO_DEEP;
  return mask(branch, true, true, remask);
}

void pal_released_start(const uint8_t *given, uint8_t *state) {
  for (int c = 0; c < CELLS; c++) {
    state[SLOTS * c + VALUE] = given[c];
    state[SLOTS * c + COLOUR] = PAL_RELEASED_WHITE;
    state[SLOTS * c + MARKER] = PAL_RELEASED_NORMAL;
    state[SLOTS * c + SEPARATOR] = PAL_RELEASED_SEPARATOR;
  }
}

pal_released_event pal_released_label(const pal_sudoku_shape *shape, const uint8_t *state,
                                      uint8_t *remask, int32_t *y) {
  const scene s = look(shape, state);
  memset(remask, 0, PAL_RELEASED_ROWS);
  for (int i = 0; i < PAL_RELEASED_ROWS; i++) y[i] = -1;
  if (s.value_at < 0 && s.marker_at < 0) return choose(&s, remask);
  write_masked(&s, y);
  return PAL_RELEASED_STEP;
}
