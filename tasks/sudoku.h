/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku boards: rules, solver, symmetries, text forms, policies (floor 5).
 *
 * A board is an array of shape->cells digits in reading order, 1 .. n, 0 for blank; sizes n are 4,
 * 9 and 16. Nothing here keeps state between calls or allocates: callers own all memory. */
#ifndef PAL_TASKS_SUDOKU_H
#define PAL_TASKS_SUDOKU_H

#include <palimpsest/rng.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAL_SUDOKU_MOST = 16, PAL_SUDOKU_CELLS = 256, PAL_SUDOKU_TEXT = 8192 };

/* ---- rules ----------------------------------------------------------------------------------- */

/* Units are numbered rows 0 .. n-1, columns n .. 2n-1, boxes 2n .. 3n-1. Sets of digits are masks:
 * digit d is bit d - 1. */
typedef struct pal_sudoku_shape {
  int box, n, cells, units, peers;
  uint16_t all;                                       /* every digit */
  uint8_t unit[3 * PAL_SUDOKU_MOST][PAL_SUDOKU_MOST]; /* cells of a unit */
  uint8_t of[PAL_SUDOKU_CELLS][3];                    /* units of a cell: row, column, box */
  uint8_t peer[PAL_SUDOKU_CELLS][39];                 /* cells that share a unit with a cell */
  uint8_t digit[3 * PAL_SUDOKU_MOST + 1], kind[3 * PAL_SUDOKU_MOST + 1]; /* of a token, see below */
} pal_sudoku_shape;

/* False when n is not 4, 9 or 16. */
bool pal_sudoku_shape_init(pal_sudoku_shape *shape, int n);

typedef struct pal_sudoku_verdict {
  bool complete; /* no blank */
  bool valid;    /* no digit twice in a unit */
  bool kept;     /* every given stands where it was */
  bool exact;    /* equals the solution */
} pal_sudoku_verdict;
/* `solution` may be NULL: then exact is complete, valid and kept. */
pal_sudoku_verdict pal_sudoku_verify(const pal_sudoku_shape *shape, const uint8_t *given,
                                     const uint8_t *solution, const uint8_t *board);
int pal_sudoku_givens(const pal_sudoku_shape *shape, const uint8_t *board);

/* ---- solver ---------------------------------------------------------------------------------- */

/* A depth-first search after naked and hidden singles. It may guess where singles would do: a hidden
 * single's own units are not looked through again. Zero-initialise, set what you want. */
typedef struct pal_sudoku_search {
  int limit;            /* stop after so many solutions; 0 means 2 */
  int64_t budget;       /* give up after so many guesses; 0: never */
  const uint8_t *known; /* a solution that does not count and is looked at last; NULL: none */
  pal_rng *random;      /* guesses are made in random order; NULL: in order of digits */
  int count;            /* solutions found */
  int64_t guesses;      /* digits tried; pal_sudoku_rate tells whether that had to be */
  bool gave_up;
  uint8_t solution[PAL_SUDOKU_CELLS]; /* the last one found */
} pal_sudoku_search;
/* Returns search->count. */
int pal_sudoku_solve(const pal_sudoku_shape *shape, const uint8_t *given,
                     pal_sudoku_search *search);

/* ---- generator ------------------------------------------------------------------------------- */

/* A random puzzle with one solution and exactly `givens` givens; false when none was found after
 * many boards (the number is too small, or above the number of cells). */
bool pal_sudoku_make(const pal_sudoku_shape *shape, pal_rng *rng, int givens, uint8_t *given,
                     uint8_t *solution);

/* ---- symmetries ------------------------------------------------------------------------------ */

/* Transposition, permutations of bands, of stacks, of rows in a band, of columns in a stack, of
 * digits: cell i of the image is digit[board[source[i]]]. */
typedef struct pal_sudoku_symmetry {
  uint8_t source[PAL_SUDOKU_CELLS];
  uint8_t digit[PAL_SUDOKU_MOST + 1]; /* digit[0] = 0 */
} pal_sudoku_symmetry;
/* Uniform in the group. */
void pal_sudoku_symmetry_draw(const pal_sudoku_shape *shape, pal_rng *rng,
                              pal_sudoku_symmetry *symmetry);
void pal_sudoku_symmetry_apply(const pal_sudoku_shape *shape, const pal_sudoku_symmetry *symmetry,
                               const uint8_t *board, uint8_t *image);
/* The same for equivalent puzzles; different, but for accidents of hashing, for others that are
 * not near-symmetric. */
uint64_t pal_sudoku_invariant(const pal_sudoku_shape *shape, const uint8_t *given,
                              const uint8_t *solution);
/* The least image of the solution in reading order, then of the puzzle among the images that give
 * that: the same exactly for equivalent puzzles with one solution. Sizes 4 and 9 only. */
void pal_sudoku_canonical(const pal_sudoku_shape *shape, const uint8_t *given,
                          const uint8_t *solution, uint8_t *canonical_given,
                          uint8_t *canonical_solution);
/* Whether one puzzle is an image of the other. Size 16 goes by the invariant alone. */
bool pal_sudoku_equivalent(const pal_sudoku_shape *shape, const uint8_t *given_a,
                           const uint8_t *solution_a, const uint8_t *given_b,
                           const uint8_t *solution_b);

/* ---- text ------------------------------------------------------------------------------------ */

/* False for lines that are empty, comments (#) or the header of a CSV: quizzes, quiz, puzzles or puzzle,
 * alone or with more words behind commas. */
bool pal_sudoku_holds_puzzle(const char *line);
/* Reads a puzzle and solves it. Three forms are told apart: n * n characters (blank . or 0; digits
 * above 9 are letters from A); puzzle,solution; and the 4 n^2 + 1 integers of pal_sudoku_write_row.
 * PAL_E_FORMAT says what is wrong: length, character, techniques that contradict the number of
 * givens, contradictory givens, no blank, no solution, several, or a solution that is none. */
pal_status pal_sudoku_read(const pal_sudoku_shape *shape, const char *line, uint8_t *given,
                           uint8_t *solution, pal_error *error);
/* n * n characters and a NUL. */
void pal_sudoku_write_line(const pal_sudoku_shape *shape, const uint8_t *board, char *text);
/* The line "puzzle,solution" of a file headed "quizzes,solutions". */
void pal_sudoku_write_csv(const pal_sudoku_shape *shape, const uint8_t *given,
                          const uint8_t *solution, char *text);
/* Number of givens, then row, column, value, technique of every cell, from 0, from 0, from 1;
 * givens first (technique 0), then in the solver's order: naked single 1, hidden single 2, guess 3
 * (other programs have other numbers; any but 0 is read). Separated by spaces. All writers need at most
 * PAL_SUDOKU_TEXT characters. */
void pal_sudoku_write_row(const pal_sudoku_shape *shape, const uint8_t *given,
                          const uint8_t *solution, char *text);

/* ---- rating ---------------------------------------------------------------------------------- */

enum pal_sudoku_technique {
  PAL_SUDOKU_NAKED_SINGLE = 1,
  PAL_SUDOKU_HIDDEN_SINGLE,
  PAL_SUDOKU_GUESS
};
/* The order in which a solver that guesses right writes the blanks one by one: a naked single, else a
 * hidden single, else the cell with the fewest candidates, each the first in reading order. Cells
 * into order[], techniques (as above) into technique[] unless NULL. Returns how many. */
int pal_sudoku_order(const pal_sudoku_shape *shape, const uint8_t *given, const uint8_t *solution,
                     uint8_t *order, uint8_t *technique);
/* How many guesses such a solver makes, all of them right; 0: singles suffice. */
int pal_sudoku_rate(const pal_sudoku_shape *shape, const uint8_t *given, const uint8_t *solution);

/* Digits in a set of them. */
static inline int pal_sudoku_count(unsigned set) {
  int n = 0;
  for (; set; set &= set - 1) n++;
  return n;
}

/* ---- policies: labels of any state ----------------------------------------------------------- */

/* Trace "restart": a token a cell. 0 is the mask, then n given, n deduced at the root, n
 * speculative. */
enum pal_sudoku_kind { PAL_SUDOKU_GIVEN, PAL_SUDOKU_ROOT, PAL_SUDOKU_SPECULATIVE };
static inline int pal_sudoku_token(const pal_sudoku_shape *shape, enum pal_sudoku_kind kind,
                                   int digit) {
  return (int)kind * shape->n + digit;
}
static inline int pal_sudoku_digit(const pal_sudoku_shape *shape, int token) {
  return shape->digit[token];
}
static inline enum pal_sudoku_kind pal_sudoku_kind_of(const pal_sudoku_shape *shape, int token) {
  return (enum pal_sudoku_kind)shape->kind[token];
}

/* What is to be seen in a state. */
typedef struct pal_sudoku_view {
  uint16_t candidate[PAL_SUDOKU_CELLS];  /* digits not visible in a masked cell's units; else 0 */
  uint16_t forced[PAL_SUDOKU_CELLS];     /* of these: the only, or without another place */
  int masks, givens, roots, speculative; /* cells of each kind */
  int forced_cells;
  bool conflict; /* a mask without candidates, a digit twice in a unit or without a place there */
} pal_sudoku_view;
void pal_sudoku_look(const pal_sudoku_shape *shape, const uint8_t *state, pal_sudoku_view *view);
/* Labels of a state for training, all [cells]: remask; y (token, or -1), drawn uniformly among the
 * policy's equally good digits; weight 1 where y is forced, 0.3 elsewhere. */
void pal_sudoku_label(const pal_sudoku_shape *shape, const uint8_t *state,
                      const pal_sudoku_view *view, pal_rng *rng, uint8_t *remask, int32_t *y,
                      float *weight);
/* The masked cell with the fewest candidates, the first after a random one; -1 when there is none
 * with any. */
int pal_sudoku_guess_cell(const pal_sudoku_shape *shape, const pal_sudoku_view *view, pal_rng *rng);
/* A digit of a set, uniformly. */
int pal_sudoku_pick(uint16_t set, pal_rng *rng);

/* Trace "released" (size 9): four tokens a cell, value, colour, marker, separator. */
enum {
  PAL_RELEASED_EMPTY,
  PAL_RELEASED_MASK = 10, /* values are 1 .. 9 */
  PAL_RELEASED_WHITE,     /* colours of depth 1 .. 15 follow */
  PAL_RELEASED_NORMAL = 27,
  PAL_RELEASED_SKULL,
  PAL_RELEASED_BRANCH,
  PAL_RELEASED_SEPARATOR,
  PAL_RELEASED_VOCABULARY,
  PAL_RELEASED_DEPTH = 15,
  PAL_RELEASED_ROWS = 4 * 81
};
typedef enum pal_released_event {
  PAL_RELEASED_DONE,     /* the board is full: no labels */
  PAL_RELEASED_STEP,     /* one transition */
  PAL_RELEASED_TOO_DEEP, /* there is no colour for another branch */
  PAL_RELEASED_STUCK     /* a contradiction without a branch: the puzzle has no solution */
} pal_released_event;
void pal_released_start(const uint8_t *given, uint8_t *state);
/* Labels of a state on a trace: remask [324], y [324] (-1 where nothing is written). Every event is
 * two transitions, one that masks what changes and one that writes it. */
pal_released_event pal_released_label(const pal_sudoku_shape *shape, const uint8_t *state,
                                      uint8_t *remask, int32_t *y);
#endif
