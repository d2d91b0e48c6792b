/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku boards: rules, solver, symmetries, text forms, policies (floor 5).
 *
 * A board is an array [cells] of digits in reading order, 1 .. n, 0 for blank; sizes n are 4, 9 and
 * 16, and cells is n * n. No function here allocates memory or has state between calls. */
#ifndef PAL_TASKS_SUDOKU_H
#define PAL_TASKS_SUDOKU_H

#include <palimpsest/rng.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAL_SUDOKU_MOST = 16, PAL_SUDOKU_CELLS = 256, PAL_SUDOKU_TEXT = 8192 };

/* ---- rules ----------------------------------------------------------------------------------- */

/* A unit is a row, column or box, in each of which every digit stands once. Units are numbered:
 * rows 0 .. n-1, columns n .. 2n-1, boxes 2n .. 3n-1. A set of digits is a bit mask: digit d is bit
 * d - 1. */
typedef struct pal_sudoku_shape {
  int box, n, cells, units, peers;                    /* boxes are box x box; peers of each cell */
  uint16_t all;                                       /* the set of all digits */
  uint8_t unit[3 * PAL_SUDOKU_MOST][PAL_SUDOKU_MOST]; /* cells of a unit */
  uint8_t of[PAL_SUDOKU_CELLS][3];                    /* units of a cell: row, column, box */
  uint8_t peer[PAL_SUDOKU_CELLS][39]; /* peers: cells that share a unit with a cell */
  uint8_t digit[3 * PAL_SUDOKU_MOST + 1], kind[3 * PAL_SUDOKU_MOST + 1]; /* of a token, see below */
} pal_sudoku_shape;

/* False when n is not 4, 9 or 16. */
bool pal_sudoku_shape_init(pal_sudoku_shape *shape, int n);

typedef struct pal_sudoku_verdict {
  bool complete; /* there is no blank */
  bool valid;    /* no digit stands twice in a unit */
  bool kept;     /* all givens are unchanged */
  bool exact;    /* the board equals the solution */
} pal_sudoku_verdict;
/* `solution` may be NULL: then exact means complete, valid and kept. */
pal_sudoku_verdict pal_sudoku_verify(const pal_sudoku_shape *shape, const uint8_t *given,
                                     const uint8_t *solution, const uint8_t *board);
/* Number of cells that are not blank. */
int pal_sudoku_givens(const pal_sudoku_shape *shape, const uint8_t *board);

/* ---- solver ---------------------------------------------------------------------------------- */

/* Depth-first search with propagation of singles: a naked single is a cell with one candidate left,
 * a hidden single a digit with one cell left in a unit. The search may guess where further singles
 * exist, because the units of a hidden single are not searched again. Zero-initialise, then set
 * options. */
typedef struct pal_sudoku_search {
  /* Options: */
  int limit;      /* stop after that many solutions; 0 means 2 */
  int64_t budget; /* give up after that many guesses; 0: never */
  const uint8_t
      *known;      /* a solution that is not counted, and whose digits are tried last; or NULL */
  pal_rng *random; /* guess in random order; NULL: in order of digits */
  /* Results: */
  int count;       /* solutions found */
  int64_t guesses; /* digits tried; for the number of necessary guesses see pal_sudoku_rate */
  bool gave_up;    /* the budget was exceeded */
  uint8_t solution[PAL_SUDOKU_CELLS]; /* the last one found */
} pal_sudoku_search;
/* Returns search->count. */
int pal_sudoku_solve(const pal_sudoku_shape *shape, const uint8_t *given,
                     pal_sudoku_search *search);

/* ---- generator ------------------------------------------------------------------------------- */

/* Generates a random puzzle with exactly `givens` givens and exactly one solution. False if none
 * was found after many attempts, because the number of givens is too small or exceeds the cells. */
bool pal_sudoku_make(const pal_sudoku_shape *shape, pal_rng *rng, int givens, uint8_t *given,
                     uint8_t *solution);

/* ---- symmetries ------------------------------------------------------------------------------ */

/* An element of the symmetry group: a combination of transposition and permutations of bands (rows
 * of boxes), of stacks (columns of boxes), of rows in a band, of columns in a stack, and of digits.
 * Cell i of the image is digit[board[source[i]]]. */
typedef struct pal_sudoku_symmetry {
  uint8_t source[PAL_SUDOKU_CELLS];
  uint8_t digit[PAL_SUDOKU_MOST + 1]; /* digit[0] = 0 */
} pal_sudoku_symmetry;
/* Draws an element uniformly from the group. */
void pal_sudoku_symmetry_draw(const pal_sudoku_shape *shape, pal_rng *rng,
                              pal_sudoku_symmetry *symmetry);
void pal_sudoku_symmetry_apply(const pal_sudoku_shape *shape, const pal_sudoku_symmetry *symmetry,
                               const uint8_t *board, uint8_t *image);
/* A hash that is the same for equivalent puzzles. For other puzzles it differs, apart from hash
 * collisions and from puzzles that are almost symmetric. */
uint64_t pal_sudoku_invariant(const pal_sudoku_shape *shape, const uint8_t *given,
                              const uint8_t *solution);
/* The canonical form of a puzzle: among all images under the group, the lexicographically least
 * solution, and among the images with that solution the least puzzle. Two puzzles with one solution
 * each have the same canonical form if and only if they are equivalent. Sizes 4 and 9 only. */
void pal_sudoku_canonical(const pal_sudoku_shape *shape, const uint8_t *given,
                          const uint8_t *solution, uint8_t *canonical_given,
                          uint8_t *canonical_solution);
/* Whether one puzzle is an image of the other. For size 16 only the invariants are compared. */
bool pal_sudoku_equivalent(const pal_sudoku_shape *shape, const uint8_t *given_a,
                           const uint8_t *solution_a, const uint8_t *given_b,
                           const uint8_t *solution_b);

/* ---- text ------------------------------------------------------------------------------------ */

/* The digit that a character stands for; 0 for a blank (. or 0), -1 for any other character. */
int pal_sudoku_digit_of(const pal_sudoku_shape *shape, char c);
/* Joins the lines of boards that are written as n lines of n cells, with or without frames of | + -
 * and *, blanks, commas or tabs between (.sdk, .ss). Zero-initialise. */
typedef struct pal_sudoku_lines {
  int rows;                         /* of the board so far */
  bool blank;                       /* the line before was empty */
  bool spoiled;                     /* rows are skipped up to an empty line: of a refused board */
  bool unwanted;                    /* rows are skipped up to the next section of an .sdk file */
  char board[PAL_SUDOKU_CELLS + 1]; /* its cells, as n * n characters */
} pal_sudoku_lines;
/* Takes a line; two empty ones end a file, as does NULL. *puzzle becomes what pal_sudoku_read can
 * read: the line, if it is no row of a board; the board that it completes; or NULL. PAL_E_FORMAT
 * when a board before this line has too few rows. */
pal_status pal_sudoku_lines_next(const pal_sudoku_shape *shape, pal_sudoku_lines *lines,
                                 const char *line, const char **puzzle, pal_error *error);
/* False for lines that are empty, comments (#) or the header of a table, in which one column is
 * named quizzes, quiz, puzzles, puzzle, questions, question, board, boards, grid or sudoku. */
bool pal_sudoku_holds_puzzle(const char *line);
/* Reads a puzzle from a line and solves it. The form of the line is recognized: n * n characters (.
 * or 0 for a blank, letters from A for digits above 9); puzzle,solution; a line with further
 * columns, which are ignored, between commas, semicolons or tabs; or the 4 n^2 + 1 integers of
 * pal_sudoku_write_row. PAL_E_FORMAT with a message if length, characters or integers are wrong, if
 * givens contradict each other, if there is no blank, no solution or more than one, or if the
 * solution in the line is not that of the puzzle. */
pal_status pal_sudoku_read(const pal_sudoku_shape *shape, const char *line, uint8_t *given,
                           uint8_t *solution, pal_error *error);
/* Writes the board as n * n characters and a NUL. */
void pal_sudoku_write_line(const pal_sudoku_shape *shape, const uint8_t *board, char *text);
/* Writes the line "puzzle,solution" of a CSV file with the header "quizzes,solutions". */
void pal_sudoku_write_csv(const pal_sudoku_shape *shape, const uint8_t *given,
                          const uint8_t *solution, char *text);
/* Writes integers separated by spaces: the number of givens, then row (from 0), column (from 0),
 * digit and technique of every cell. Givens come first, with technique 0; the other cells follow in
 * the solver's order: naked single 1, hidden single 2, guess 3. Other programs number techniques
 * otherwise, so reading accepts any number but 0. No writer needs more than PAL_SUDOKU_TEXT
 * characters. */
void pal_sudoku_write_row(const pal_sudoku_shape *shape, const uint8_t *given,
                          const uint8_t *solution, char *text);

/* ---- rating ---------------------------------------------------------------------------------- */

enum pal_sudoku_technique {
  PAL_SUDOKU_NAKED_SINGLE = 1,
  PAL_SUDOKU_HIDDEN_SINGLE,
  PAL_SUDOKU_GUESS
};
/* The order in which a solver whose guesses are all correct fills the blanks, one by one: a naked
 * single if there is one, else a hidden single, else the cell with the fewest candidates; the first
 * such cell in reading order. Writes cells to order[] and techniques to technique[] unless NULL.
 * Returns the number of blanks. */
int pal_sudoku_order(const pal_sudoku_shape *shape, const uint8_t *given, const uint8_t *solution,
                     uint8_t *order, uint8_t *technique);
/* The number of guesses of such a solver; 0: singles suffice. */
int pal_sudoku_rate(const pal_sudoku_shape *shape, const uint8_t *given, const uint8_t *solution);

/* The number of digits in a set. */
static inline int pal_sudoku_count(unsigned set) {
  int n = 0;
  for (; set; set &= set - 1) n++;
  return n;
}

/* ---- policies: labels of any state ----------------------------------------------------------- */

/* Trace "restart" has one token per cell: 0 is the mask, then there are n given digits, n digits
 * deduced without a guess (at the root of the search), and n speculative ones, which depend on a
 * guess. */
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

/* An analysis of a state. */
typedef struct pal_sudoku_view {
  uint16_t candidate[PAL_SUDOKU_CELLS]; /* of a masked cell: digits absent from its units; else 0 */
  uint16_t forced[PAL_SUDOKU_CELLS];    /* candidates that are naked or hidden singles */
  int masks, givens, roots, speculative; /* cells of each kind */
  int forced_cells;                      /* cells with a forced digit */
  /* A mask without candidates, a digit twice in a unit, or a digit without a place in a unit. */
  bool conflict;
} pal_sudoku_view;
void pal_sudoku_look(const pal_sudoku_shape *shape, const uint8_t *state, pal_sudoku_view *view);
/* Labels of a state for training, all [cells]: remask; y (token, or -1), drawn uniformly from the
 * digits that the policy allows; the weight of y, 1 where it is forced, 0.3 elsewhere, 0 without
 * y. */
void pal_sudoku_label(const pal_sudoku_shape *shape, const uint8_t *state,
                      const pal_sudoku_view *view, pal_rng *rng, uint8_t *remask, int32_t *y,
                      float *weight);
/* The masked cell with the fewest candidates, the first such cell from a random one on; -1 if no
 * cell has candidates. */
int pal_sudoku_guess_cell(const pal_sudoku_shape *shape, const pal_sudoku_view *view, pal_rng *rng);
/* Draws a digit uniformly from a set that is not empty. */
int pal_sudoku_pick(uint16_t set, pal_rng *rng);

/* Trace "released" (size 9) has four tokens per cell: value, colour, marker, separator. The colour
 * is the depth of the guess on which the value depends, white for none. */
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
  PAL_RELEASED_STEP,     /* there are labels: one transition */
  PAL_RELEASED_TOO_DEEP, /* there is no colour for another branch */
  PAL_RELEASED_STUCK     /* a contradiction without a branch: the puzzle has no solution */
} pal_released_event;
/* The first state [324] of a puzzle. */
void pal_released_start(const uint8_t *given, uint8_t *state);
/* Labels of a state on a trace: remask [324], y [324] (-1 where nothing is written). Every action
 * of the solver is two transitions: the first masks the tokens that change, the second writes
 * them. */
pal_released_event pal_released_label(const pal_sudoku_shape *shape, const uint8_t *state,
                                      uint8_t *remask, int32_t *y);
#endif
