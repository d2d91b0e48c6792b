/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations that the files of the task sudoku share (floor 5). */
#ifndef PAL_TASKS_SUDOKU_TASK_H
#define PAL_TASKS_SUDOKU_TASK_H

#include <palimpsest/task.h>

#include "tasks/sudoku.h"

enum { PAL_SUDOKU_MOST_PUZZLES = 1000000 };

typedef struct pal_sudoku_range {
  int least, most;
} pal_sudoku_range;

/* Training puzzles. Zero-initialise, set shape and augment, then make or read. */
typedef struct pal_sudoku_puzzles {
  const pal_sudoku_shape *shape;
  bool augment; /* every use under a random symmetry */
  int n;
  uint8_t *given, *solution;    /* [n][cells] */
  struct pal_sudoku_mark *mark; /* [n]: index for look-up, sorted by invariant */
} pal_sudoku_puzzles;

/* An endless series of random puzzles with one solution. Each puzzle is a function of the series
 * and of its number. Candidates that do not meet the conditions below are drawn again. */
typedef struct pal_sudoku_series {
  const pal_sudoku_shape *shape;
  pal_sudoku_range givens; /* number of givens, uniform in this range */
  uint64_t seed;
  const char *name;                /* keys the random draws, with the seed */
  const pal_sudoku_puzzles *avoid; /* no puzzle is equivalent to one of these; NULL: none */
  int guesses;                     /* least number of guesses by pal_sudoku_rate */
} pal_sudoku_series;
/* Generates puzzles from .. to - 1 of a series into given and solution, [to - from][cells], with
 * that many threads. PAL_E_ARGUMENT if no puzzle meets the conditions. */
pal_status pal_sudoku_series_make(const pal_sudoku_series *series, int from, int to, int threads,
                                  uint8_t *given, uint8_t *solution, pal_error *error);
/* Generates the first n puzzles of the series "sudoku.train". */
pal_status pal_sudoku_puzzles_make(pal_sudoku_puzzles *puzzles, pal_sudoku_range givens,
                                   uint64_t seed, int n, int threads, pal_error *error);
/* Generates n development puzzles, none of them equivalent to a training puzzle. */
pal_status pal_sudoku_puzzles_make_valid(pal_sudoku_puzzles *puzzles, pal_sudoku_range givens,
                                         const pal_sudoku_puzzles *train, int n, int threads,
                                         pal_error *error);
/* Reads development puzzles from a file. PAL_E_ARGUMENT if some are equivalent to training puzzles.
 */
pal_status pal_sudoku_puzzles_read_valid(pal_sudoku_puzzles *puzzles, const char *path,
                                         const pal_sudoku_puzzles *train, pal_error *error);
/* Reads the first `most` puzzles of a file (0: all), one per line; other lines are skipped, see
 * pal_sudoku_holds_puzzle. A line that is wrong is PAL_E_FORMAT, with file and line number. */
pal_status pal_sudoku_puzzles_read(pal_sudoku_puzzles *puzzles, const char *path, int most,
                                   pal_error *error);
void pal_sudoku_puzzles_free(pal_sudoku_puzzles *puzzles);
/* Whether one of the puzzles is equivalent to this one. */
bool pal_sudoku_puzzles_contain(const pal_sudoku_puzzles *puzzles, const uint8_t *given,
                                const uint8_t *solution);
/* A hash of the puzzles and of `augment`, by which a saved stream recognizes its data. */
uint64_t pal_sudoku_puzzles_digest(const pal_sudoku_puzzles *puzzles);
/* Draws one of the puzzles, with `augment` under a random symmetry. */
void pal_sudoku_puzzles_draw(const pal_sudoku_puzzles *puzzles, pal_rng *rng, uint8_t *given,
                             uint8_t *solution);

/* An endless stream of labelled states from 1,024 solvers ("walks") that run side by side on random
 * puzzles: by the restart policy, with damage so that states off its path occur too, or along the
 * released traces. It needs a few hundred bytes per walk. */
pal_status pal_sudoku_walks_new(const pal_sudoku_puzzles *puzzles, bool released, uint64_t seed,
                                pal_stream *stream, pal_error *error);

/* ---- prompt and answer ----------------------------------------------------------------------- */

typedef enum pal_sudoku_layout {
  PAL_SUDOKU_INFILL, /* prompt: givens and masks, n * n rows; answer: what the masks become */
  PAL_SUDOKU_APPEND, /* prompt: givens and blanks; answer: the full board, as deduced digits */
  PAL_SUDOKU_PAIRS,  /* prompt: (place, given) of each given; answer: (place, deduced digit) */
  PAL_SUDOKU_MOVES   /* the same, with one token for both */
} pal_sudoku_layout;

/* How puzzles are encoded as tokens, with buffers for one example. */
typedef struct pal_sudoku_encoding {
  const pal_sudoku_shape *shape;
  pal_sudoku_layout layout;
  bool solver_order; /* order of pairs and moves; false: reading order */
  bool released;     /* transitions use the tokens of the released traces */
  int32_t prompt[2 * PAL_SUDOKU_CELLS], answer[2 * PAL_SUDOKU_CELLS];
} pal_sudoku_encoding;

/* Size of the vocabulary of a layout, and length of its longest sequence. */
int pal_sudoku_vocabulary(const pal_sudoku_shape *shape, pal_sudoku_layout layout);
int pal_sudoku_context(const pal_sudoku_shape *shape, pal_sudoku_layout layout);
/* Splits a token of layout moves: returns its cell, and sets *token to its digit token. -1 for the
 * mask. */
int pal_sudoku_move(const pal_sudoku_shape *shape, int32_t *token);
/* The format of these sequences. Its tables are allocated in `own`, which the caller
 * zero-initialises and frees, also on failure. */
typedef struct pal_sudoku_tables {
  int32_t *group, *factor, *token_class;
} pal_sudoku_tables;
pal_status pal_sudoku_format(const pal_sudoku_encoding *s, pal_sudoku_tables *own,
                             pal_format *format, pal_error *error);
void pal_sudoku_tables_free(pal_sudoku_tables *own);
/* Encodes a puzzle as an example of that form, in the buffers of `s`. For transitions the prompt is
 * the first state, and the answer is the solution with one token per cell, as deduced digits. */
void pal_sudoku_encode(pal_sudoku_encoding *s, pal_form form, const uint8_t *given,
                       const uint8_t *solution, uint64_t id, pal_example *example);
/* Decodes an example to its puzzle and the solution that its answer gives. */
void pal_sudoku_decode_example(const pal_sudoku_encoding *s, const pal_example *example,
                               pal_form form, uint8_t *given, uint8_t *solution);
/* Draws a sequence that is being decoded from the example's prompt. Sorts of cells: mask, given,
 * deduced, speculative. */
void pal_sudoku_picture(const pal_sudoku_encoding *s, const pal_example *example, pal_form form,
                        const int32_t *token, int n, pal_picture *picture);
/* Decodes the sequence that a model has produced to a board, with blanks where there is no digit.
 * False if the sequence has not the form of an answer, or changes a given of the prompt. */
bool pal_sudoku_decode_sequence(const pal_sudoku_encoding *s, const pal_example *example,
                                pal_form form, const int32_t *token, int n, uint8_t *board);
#endif
