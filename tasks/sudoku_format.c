/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: the pal_format, with groups of positions and factors of tokens (floor 5). */
#include <string.h>

#include "src/alloc.h"
#include "tasks/sudoku_task.h"

enum { RELATIONS = 3, FACTORS = 4 };

/* Factors of a move: digit, kind, and one for each cell. They follow those of a board, in whose
 * order they are. */
static void set_move_factors(const pal_sudoku_shape *s, int32_t *factor) {
  const int kinds = s->n, mask = kinds + 3;
  memcpy(factor, (const int32_t[]){mask, -1, -1, -1}, FACTORS * sizeof *factor);
  for (int v = 1; v < pal_sudoku_vocabulary(s, PAL_SUDOKU_MOVES); v++) {
    int32_t token = v, *of = factor + v * FACTORS;
    of[2] = mask + 1 + pal_sudoku_move(s, &token);
    of[0] = pal_sudoku_digit(s, token) - 1;
    of[1] = kinds + (int)pal_sudoku_kind_of(s, token);
    of[3] = -1;
  }
}

/* Factors of a token. A digit token has two: its digit and its kind. A token that names a cell has
 * four: row, column, box, and one of its own. Without the last, the logit of a cell could only be a
 * sum of terms for its row, column and box. */
static void set_factors(const pal_sudoku_shape *s, int vocabulary, int32_t *factor) {
  const int kinds = s->n, units = s->n + 5, own = units + RELATIONS * s->n;
  for (int v = 0; v < vocabulary; v++, factor += FACTORS) {
    const int place = v - (3 * s->n + 1);
    factor[0] = kinds + 3; /* mask */
    factor[1] = factor[2] = factor[3] = -1;
    if (v > 0 && place < 0) {
      factor[0] = pal_sudoku_digit(s, v) - 1;
      factor[1] = kinds + (int)pal_sudoku_kind_of(s, v);
    } else if (place >= 0 && vocabulary == 3 * s->n + 2) {
      factor[0] = kinds + 4; /* blank */
    } else if (place >= 0) {
      for (int k = 0; k < RELATIONS; k++) factor[k] = units + s->of[place][k];
      factor[RELATIONS] = own + place;
    }
  }
}

pal_status pal_sudoku_format(const pal_sudoku_encoding *s, pal_sudoku_tables *own, pal_format *f,
                             pal_error *error) {
  const pal_sudoku_shape *shape = s->shape;
  if (s->released) { /* as in the paper's release: no groups of positions, no factors */
    *f = (pal_format){.vocabulary = PAL_RELEASED_VOCABULARY,
                      .mask = PAL_RELEASED_MASK,
                      .bos = -1,
                      .eos = -1,
                      .context = PAL_RELEASED_ROWS};
    return PAL_OK;
  }
  const pal_sudoku_layout layout = s->layout;
  *f = (pal_format){.vocabulary = pal_sudoku_vocabulary(shape, layout),
                    .mask = 0,
                    .bos = -1,
                    .eos = -1,
                    .context = pal_sudoku_context(shape, layout)};
  own->group = pal_alloc(sizeof *own->group * RELATIONS * (size_t)f->context);
  own->factor = pal_alloc(sizeof *own->factor * FACTORS * (size_t)f->vocabulary);
  own->token_class = pal_calloc((size_t)f->vocabulary, sizeof *own->token_class);
  if (!own->group || !own->factor || !own->token_class)
    return pal_fail(error, PAL_E_MEMORY, "no memory for sudoku");
  for (int v = 1; v < f->vocabulary; v++) { /* speculative digits may have a lower threshold */
    int32_t token = v;
    if (layout == PAL_SUDOKU_MOVES) pal_sudoku_move(shape, &token);
    if (token <= 3 * shape->n)
      own->token_class[v] = pal_sudoku_kind_of(shape, token) == PAL_SUDOKU_SPECULATIVE;
  }
  f->token_class = own->token_class;
  for (int p = 0; p < f->context; p++)
    for (int k = 0; k < RELATIONS; k++)
      own->group[p * RELATIONS + k] = shape->of[p % shape->cells][k] - k * shape->n;
  const bool moves = layout == PAL_SUDOKU_MOVES;
  if (moves) set_move_factors(shape, own->factor);
  else set_factors(shape, f->vocabulary, own->factor);
  if (layout != PAL_SUDOKU_PAIRS) { /* with pairs, positions do not correspond to cells */
    f->groups = RELATIONS;
    f->group = own->group;
  }
  f->factors = FACTORS;
  f->factor = own->factor;
  f->factor_rows = shape->n + 4 +
                   (layout == PAL_SUDOKU_INFILL ? 0
                    : moves                     ? shape->cells
                                                : 1) +
                   (layout == PAL_SUDOKU_PAIRS ? RELATIONS * shape->n + shape->cells : 0);
  return PAL_OK;
}

void pal_sudoku_tables_free(pal_sudoku_tables *own) {
  pal_free(own->group);
  pal_free(own->factor);
  pal_free(own->token_class);
}
