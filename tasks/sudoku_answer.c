/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: puzzles as prompts and answers, and back (floor 5).
 *
 * Tokens: 0 is the mask, followed by n given, n deduced and n speculative digits. Layout append has
 * one more token, a blank; layout pairs has one more token per cell, which names the cell. Layout
 * moves has, besides the mask, one token for each cell and each of the 3 n digit tokens. */
#include <string.h>

#include "tasks/sudoku_task.h"

static int first_extra(const pal_sudoku_shape *s) { return 3 * s->n + 1; }

int pal_sudoku_vocabulary(const pal_sudoku_shape *s, pal_sudoku_layout layout) {
  if (layout == PAL_SUDOKU_MOVES) return 1 + 3 * s->n * s->cells;
  return first_extra(s) + (layout == PAL_SUDOKU_APPEND  ? 1
                           : layout == PAL_SUDOKU_PAIRS ? s->cells
                                                        : 0);
}

int pal_sudoku_context(const pal_sudoku_shape *s, pal_sudoku_layout layout) {
  const bool one = layout == PAL_SUDOKU_INFILL || layout == PAL_SUDOKU_MOVES;
  return one ? s->cells : 2 * s->cells;
}

static int32_t deduced(const pal_sudoku_shape *s, int digit) {
  return pal_sudoku_token(s, PAL_SUDOKU_ROOT, digit);
}

static void encode_state(pal_sudoku_encoding *s, const uint8_t *given, const uint8_t *solution,
                         pal_example *example) {
  uint8_t state[PAL_RELEASED_ROWS];
  const int cells = s->shape->cells;
  if (s->released) pal_released_start(given, state);
  example->n_prompt = s->released ? PAL_RELEASED_ROWS : cells;
  for (int i = 0; i < example->n_prompt; i++) s->prompt[i] = s->released ? state[i] : given[i];
  for (int c = 0; c < cells; c++)
    s->answer[c] = s->released ? solution[c] : deduced(s->shape, solution[c]);
  example->n_answer = cells;
}

/* Writes a cell and its digit as one token or as two; returns their number. */
static int put_digit(const pal_sudoku_encoding *s, int32_t *to, int cell, int32_t digit) {
  const int32_t kinds = 3 * s->shape->n;
  if (s->layout == PAL_SUDOKU_MOVES) to[0] = cell * kinds + digit;
  else to[0] = first_extra(s->shape) + cell, to[1] = digit;
  return s->layout == PAL_SUDOKU_MOVES ? 1 : 2;
}

static void encode_pairs(pal_sudoku_encoding *s, const uint8_t *given, const uint8_t *solution,
                         pal_example *example) {
  uint8_t order[PAL_SUDOKU_CELLS];
  int at = 0, n = 0;
  if (s->solver_order) n = pal_sudoku_order(s->shape, given, solution, order, NULL);
  else
    for (int c = 0; c < s->shape->cells; c++)
      if (!given[c]) order[n++] = (uint8_t)c;
  for (int c = 0; c < s->shape->cells; c++)
    if (given[c]) at += put_digit(s, s->prompt + at, c, given[c]);
  example->n_prompt = at;
  at = 0;
  for (int i = 0; i < n; i++)
    at += put_digit(s, s->answer + at, order[i], deduced(s->shape, solution[order[i]]));
  example->n_answer = example->answer_room = at;
}

static void encode_board(pal_sudoku_encoding *s, const uint8_t *given, const uint8_t *solution,
                         pal_example *example) {
  const bool append = s->layout == PAL_SUDOKU_APPEND;
  const int cells = s->shape->cells;
  for (int c = 0; c < cells; c++) {
    s->prompt[c] = given[c] ? given[c] : append ? first_extra(s->shape) : 0;
    if (append || !given[c]) s->answer[example->n_answer++] = deduced(s->shape, solution[c]);
  }
  example->n_prompt = cells;
  example->answer_room = append ? example->n_answer : 0;
}

void pal_sudoku_encode(pal_sudoku_encoding *s, pal_form form, const uint8_t *given,
                       const uint8_t *solution, uint64_t id, pal_example *example) {
  *example = (pal_example){.id = id, .prompt = s->prompt, .answer = s->answer};
  if (form == PAL_FORM_TRANSITION) encode_state(s, given, solution, example);
  else if (s->layout >= PAL_SUDOKU_PAIRS) encode_pairs(s, given, solution, example);
  else encode_board(s, given, solution, example);
}

/* ---- decoding -------------------------------------------------------------------------------- */

/* The digit of a token; 0 for a mask, a blank or any other token. */
static uint8_t digit_of(const pal_sudoku_shape *s, int32_t token) {
  return token > 0 && token < first_extra(s) ? (uint8_t)pal_sudoku_digit(s, token) : 0;
}

static uint8_t value_of(int32_t token) { return token >= 1 && token <= 9 ? (uint8_t)token : 0; }

int pal_sudoku_move(const pal_sudoku_shape *s, int32_t *token) {
  const int kinds = 3 * s->n, at = *token - 1;
  if (at < 0) return -1;
  *token = at % kinds + 1;
  return at / kinds;
}

/* Writes the digits of pairs or moves to a board. False if a token is out of place, or a cell
 * already has a digit. */
static bool read_pairs(const pal_sudoku_encoding *e, const int32_t *token, int n, uint8_t *board) {
  const pal_sudoku_shape *s = e->shape;
  const int each = e->layout == PAL_SUDOKU_MOVES ? 1 : 2;
  for (int i = 0; i + each <= n; i += each) {
    int32_t last = token[i + each - 1];
    const int32_t cell = each == 1 ? pal_sudoku_move(s, &last) : token[i] - first_extra(s);
    const uint8_t digit = digit_of(s, last);
    if (cell < 0 || cell >= s->cells || !digit || board[cell]) return false;
    board[cell] = digit;
  }
  return n % each == 0;
}

void pal_sudoku_decode_example(const pal_sudoku_encoding *s, const pal_example *e, pal_form form,
                               uint8_t *given, uint8_t *solution) {
  const pal_sudoku_shape *shape = s->shape;
  const bool states = form == PAL_FORM_TRANSITION;
  memset(given, 0, (size_t)shape->cells);
  if (!states && s->layout >= PAL_SUDOKU_PAIRS) {
    read_pairs(s, e->prompt, e->n_prompt, given);
    memcpy(solution, given, (size_t)shape->cells);
    read_pairs(s, e->answer, e->n_answer, solution);
    return;
  }
  const bool masks_only = !states && s->layout == PAL_SUDOKU_INFILL;
  for (int c = 0, at = 0; c < shape->cells; c++) {
    given[c] = states && s->released ? value_of(e->prompt[4 * c]) : digit_of(shape, e->prompt[c]);
    if (masks_only && given[c]) solution[c] = given[c];
    else if (states && s->released) solution[c] = value_of(e->answer[at++]);
    else solution[c] = digit_of(shape, e->answer[at++]);
  }
}

bool pal_sudoku_decode_sequence(const pal_sudoku_encoding *s, const pal_example *e, pal_form form,
                                const int32_t *token, int n, uint8_t *board) {
  const pal_sudoku_shape *shape = s->shape;
  const size_t prompt = sizeof *token * (size_t)e->n_prompt;
  memset(board, 0, (size_t)shape->cells);
  if (form == PAL_FORM_TRANSITION || s->layout == PAL_SUDOKU_INFILL) {
    if (n != e->n_prompt) return false;
    const bool released = form == PAL_FORM_TRANSITION && s->released;
    bool kept = true;
    for (int c = 0; c < shape->cells; c++) {
      const int at = released ? 4 * c : c;
      const bool given = released ? value_of(e->prompt[at]) != 0 : e->prompt[at] != 0;
      board[c] = released ? value_of(token[at]) : digit_of(shape, token[at]);
      kept = kept && (!given || token[at] == e->prompt[at]);
    }
    return kept;
  }
  if (n < e->n_prompt || memcmp(token, e->prompt, prompt) != 0) return false;
  if (s->layout >= PAL_SUDOKU_PAIRS) {
    read_pairs(s, e->prompt, e->n_prompt, board);
    return read_pairs(s, token + e->n_prompt, n - e->n_prompt, board);
  }
  if (n != 2 * shape->cells) return false;
  for (int c = 0; c < shape->cells; c++) board[c] = digit_of(shape, token[shape->cells + c]);
  return true;
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* The cell whose content token i is; -1 for none. */
static int cell_of(const pal_sudoku_encoding *s, bool released, bool pairs, const int32_t *token,
                   int i) {
  const int cells = s->shape->cells;
  if (released) return i % 4 || i / 4 >= cells ? -1 : i / 4;
  if (!pairs) return i % cells; /* an appended board is drawn over the prompt */
  const int32_t cell = i % 2 ? token[i - 1] - first_extra(s->shape) : -1;
  return cell < cells ? cell : -1;
}

void pal_sudoku_picture(const pal_sudoku_encoding *s, const pal_example *e, pal_form form,
                        const int32_t *token, int n, pal_picture *p) {
  enum { MASK, GIVEN }; /* sorts; deduced and speculative follow, in the order of token kinds */
  static const char letter[] = ".123456789ABCDEFG";
  const pal_sudoku_shape *shape = s->shape;
  const bool released = form == PAL_FORM_TRANSITION && s->released;
  const bool pairs = form != PAL_FORM_TRANSITION && s->layout == PAL_SUDOKU_PAIRS;
  const bool moves = form != PAL_FORM_TRANSITION && s->layout == PAL_SUDOKU_MOVES;
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  *p = (pal_picture){.rows = shape->n,
                     .columns = shape->n,
                     .block = shape->box,
                     .sorts = 4,
                     .sort_name = {"mask", "given", "deduced", "speculative"}};
  memset(p->glyph, letter[0], sizeof p->glyph);
  pal_sudoku_decode_example(s, e, form, given, solution);
  for (int i = 0; i < n; i++) {
    int32_t t = token[i];
    const int c = moves ? pal_sudoku_move(shape, &t) : cell_of(s, released, pairs, token, i);
    const int digit = c < 0 ? 0 : released ? value_of(t) : digit_of(shape, t);
    if (c < 0 || (i >= shape->cells && !released && !digit)) continue;
    int kind = digit && !released ? (int)pal_sudoku_kind_of(shape, t) : PAL_SUDOKU_ROOT;
    if (released && i + 1 < n && token[i + 1] > PAL_RELEASED_WHITE) kind = PAL_SUDOKU_SPECULATIVE;
    p->glyph[c] = letter[digit];
    p->sort[c] = (uint8_t)(!digit ? MASK : given[c] == digit ? GIVEN : GIVEN + kind);
  }
}
