/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: the symmetry group, invariants and canonical forms (floor 5).
 *
 * For boxes of b x b the group has 2 (b!)^(2b + 2) n! elements, 2 x 6^8 x 9! at size 9. The
 * canonical form needs far fewer images: the least image of a full board begins with the row 1 2 ..
 * n, so the choice of a transposition, of the first row and of the order of columns determines the
 * rest. These are 2 x 9 x 6^4 images, and most of them are rejected at their second row. */
#include <stdlib.h>
#include <string.h>

#include "tasks/sudoku.h"

static void draw_permutation(pal_rng *rng, uint8_t *item, int n) {
  for (int i = 0; i < n; i++) item[i] = (uint8_t)i;
  for (int i = n; i > 1; i--) {
    const int j = (int)pal_rng_below(rng, (uint32_t)i);
    const uint8_t swap = item[i - 1];
    item[i - 1] = item[j];
    item[j] = swap;
  }
}

/* Draws a permutation of lines (rows or columns) within bands, and of the bands. */
static void draw_lines(const pal_sudoku_shape *s, pal_rng *rng, uint8_t line[PAL_SUDOKU_MOST]) {
  uint8_t band[PAL_SUDOKU_MOST], within[PAL_SUDOKU_MOST];
  draw_permutation(rng, band, s->box);
  for (int b = 0; b < s->box; b++) {
    draw_permutation(rng, within, s->box);
    for (int k = 0; k < s->box; k++) line[b * s->box + k] = (uint8_t)(band[b] * s->box + within[k]);
  }
}

void pal_sudoku_symmetry_draw(const pal_sudoku_shape *s, pal_rng *rng,
                              pal_sudoku_symmetry *symmetry) {
  uint8_t row[PAL_SUDOKU_MOST], column[PAL_SUDOKU_MOST];
  const bool transposed = pal_rng_below(rng, 2) == 1;
  draw_lines(s, rng, row);
  draw_lines(s, rng, column);
  for (int r = 0; r < s->n; r++)
    for (int c = 0; c < s->n; c++)
      symmetry->source[r * s->n + c] =
          (uint8_t)(transposed ? column[c] * s->n + row[r] : row[r] * s->n + column[c]);
  symmetry->digit[0] = 0;
  draw_permutation(rng, symmetry->digit + 1, s->n);
  for (int d = 1; d <= s->n; d++) symmetry->digit[d]++;
}

void pal_sudoku_symmetry_apply(const pal_sudoku_shape *s, const pal_sudoku_symmetry *symmetry,
                               const uint8_t *board, uint8_t *image) {
  for (int c = 0; c < s->cells; c++) image[c] = symmetry->digit[board[symmetry->source[c]]];
}

/* ---- invariant ------------------------------------------------------------------------------- */

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

/* Colour refinement, as in tests of graph isomorphism: the colour of a cell is first whether it is
 * given. Each round hashes into it the colours of its row and column (in the same way, since a
 * transposition exchanges them), of its box, and of the cells with the same digit. */
uint64_t pal_sudoku_invariant(const pal_sudoku_shape *s, const uint8_t *given,
                              const uint8_t *solution) {
  enum { REFINEMENTS = 4 };
  uint64_t colour[PAL_SUDOKU_CELLS], all = 0;
  for (int c = 0; c < s->cells; c++) colour[c] = mix(given[c] ? 1 : 2);
  for (int round = 0; round < REFINEMENTS; round++) {
    uint64_t unit[3 * PAL_SUDOKU_MOST] = {0}, digit[PAL_SUDOKU_MOST + 1] = {0};
    for (int c = 0; c < s->cells; c++) {
      const uint64_t m = mix(colour[c]);
      for (int k = 0; k < 3; k++) unit[s->of[c][k]] += m;
      digit[solution[c]] += m;
    }
    for (int c = 0; c < s->cells; c++) {
      const uint64_t lines = mix(unit[s->of[c][0]] ^ 3) + mix(unit[s->of[c][1]] ^ 3);
      colour[c] = mix(colour[c] + lines) + mix(unit[s->of[c][2]] ^ 5) + mix(digit[solution[c]] ^ 7);
    }
  }
  for (int c = 0; c < s->cells; c++) all += mix(colour[c]);
  return all;
}

/* ---- canonical form -------------------------------------------------------------------------- */

/* The search for the least image. */
typedef struct least {
  const pal_sudoku_shape *shape;
  const uint8_t *solution, *given; /* the puzzle, or its transpose */
  uint8_t *best, *best_given;      /* the least image so far */
  bool any;                        /* whether there is one */
} least;

/* Writes a row of an image: source row `row` under an order of columns and a renaming of digits. */
static void image_row(const least *l, int row, const uint8_t *column, const uint8_t *digit,
                      uint8_t *out) {
  const int n = l->shape->n;
  for (int k = 0; k < n; k++) out[k] = digit[l->solution[row * n + column[k]]];
}

/* Sorts the rows of a band by their first digit in the image; returns the least such digit. */
static int sort_band(const least *l, int band, const uint8_t *column, const uint8_t *digit,
                     uint8_t *row) {
  const int n = l->shape->n, b = l->shape->box;
  int key[4] = {0};
  for (int k = 0; k < b; k++) {
    const int r = band * b + k, first = digit[l->solution[r * n + column[0]]];
    int at = k;
    for (; at > 0 && key[at - 1] > first; at--) key[at] = key[at - 1], row[at] = row[at - 1];
    key[at] = first;
    row[at] = (uint8_t)r;
  }
  return key[0];
}

/* Sorts the rows within bands, and the bands, by their first digits: the order of source rows in
 * the least image. The chosen first row begins with 1, so its band comes first. */
static void arrange_rows(const least *l, const uint8_t *column, const uint8_t *digit,
                         uint8_t *row) {
  const int b = l->shape->box;
  uint8_t sorted[4][4];
  int key[4], order[4];
  for (int band = 0; band < b; band++) {
    const int first = sort_band(l, band, column, digit, sorted[band]);
    int at = band;
    for (; at > 0 && key[at - 1] > first; at--) key[at] = key[at - 1], order[at] = order[at - 1];
    key[at] = first;
    order[at] = band;
  }
  for (int band = 0; band < b; band++) memcpy(row + band * b, sorted[order[band]], (size_t)b);
}

static void try_image(least *l, int first, const uint8_t *column) {
  const int n = l->shape->n;
  uint8_t digit[PAL_SUDOKU_MOST + 1], row[PAL_SUDOKU_MOST], image[PAL_SUDOKU_CELLS];
  uint8_t given[PAL_SUDOKU_CELLS];
  digit[0] = 0;
  for (int k = 0; k < n; k++) digit[l->solution[first * n + column[k]]] = (uint8_t)(k + 1);
  arrange_rows(l, column, digit, row);
  int order = l->any ? 0 : -1; /* of the image against the best so far */
  for (int r = 0; r < n; r++) {
    image_row(l, row[r], column, digit, image + r * n);
    if (!order) order = memcmp(image + r * n, l->best + r * n, (size_t)n);
    if (order > 0) return;
  }
  for (int r = 0; r < n; r++)
    for (int k = 0; k < n; k++) given[r * n + k] = digit[l->given[row[r] * n + column[k]]];
  if (!order) order = memcmp(given, l->best_given, (size_t)l->shape->cells);
  if (order >= 0) return;
  memcpy(l->best, image, (size_t)l->shape->cells);
  memcpy(l->best_given, given, (size_t)l->shape->cells);
  l->any = true;
}

void pal_sudoku_canonical(const pal_sudoku_shape *s, const uint8_t *given, const uint8_t *solution,
                          uint8_t *canonical_given, uint8_t *canonical_solution) {
  static const uint8_t permutation[6][3] = {{0, 1, 2}, {1, 0, 2}, {0, 2, 1},
                                            {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  const int b = s->box, n = s->n, count = b == 2 ? 2 : 6;
  int columns = count;
  for (int k = 0; k < b; k++) columns *= count;
  least l = {.shape = s, .best = canonical_solution, .best_given = canonical_given};
  for (int transposed = 0; transposed < 2; transposed++) {
    uint8_t turned[2][PAL_SUDOKU_CELLS];
    for (int c = 0; c < s->cells; c++) {
      const int from = transposed ? c % n * n + c / n : c;
      turned[0][c] = solution[from];
      turned[1][c] = given[from];
    }
    l.solution = turned[0];
    l.given = turned[1];
    for (int i = 0; i < columns; i++) {
      uint8_t column[PAL_SUDOKU_MOST];
      const uint8_t *stack = permutation[i % count];
      for (int k = 0, left = i / count; k < b; k++, left /= count)
        for (int j = 0; j < b; j++)
          column[k * b + j] = (uint8_t)(stack[k] * b + permutation[left % count][j]);
      for (int first = 0; first < n; first++) try_image(&l, first, column);
    }
  }
}

bool pal_sudoku_equivalent(const pal_sudoku_shape *s, const uint8_t *given_a,
                           const uint8_t *solution_a, const uint8_t *given_b,
                           const uint8_t *solution_b) {
  if (pal_sudoku_invariant(s, given_a, solution_a) != pal_sudoku_invariant(s, given_b, solution_b))
    return false;
  if (s->n == 16) return true;
  uint8_t form[4][PAL_SUDOKU_CELLS];
  pal_sudoku_canonical(s, given_a, solution_a, form[0], form[1]);
  pal_sudoku_canonical(s, given_b, solution_b, form[2], form[3]);
  return memcmp(form[0], form[2], (size_t)s->cells) == 0 &&
         memcmp(form[1], form[3], (size_t)s->cells) == 0;
}
