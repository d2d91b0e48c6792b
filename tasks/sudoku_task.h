/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the task sudoku share (floor 5). */
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
  struct pal_sudoku_mark *mark; /* [n]: by invariant, to be found again */
} pal_sudoku_puzzles;

/* An endless series of random puzzles with one solution, each a function of the series and its number:
 * givens uniform in the range, none equivalent to one of `avoid` (NULL: no matter), all rated so many
 * guesses at least; what does not do is drawn again. */
typedef struct pal_sudoku_series {
  const pal_sudoku_shape *shape;
  pal_sudoku_range givens;
  uint64_t seed;
  const char *name;
  const pal_sudoku_puzzles *avoid;
  int guesses;
} pal_sudoku_series;
/* Numbers from .. to - 1 into given and solution [to - from][cells], by so many threads. PAL_E_ARGUMENT
 * when the range has no such puzzles. */
pal_status pal_sudoku_series_make(const pal_sudoku_series *series, int from, int to, int threads,
                                  uint8_t *given, uint8_t *solution, pal_error *error);
/* n puzzles of the series "sudoku.train". */
pal_status pal_sudoku_puzzles_make(pal_sudoku_puzzles *puzzles, pal_sudoku_range givens,
                                   uint64_t seed, int n, int threads, pal_error *error);
/* The first `most` puzzles of a file (0: all), one a line that pal_sudoku_holds_puzzle. PAL_E_FORMAT
 * names file and line of a bad one. */
pal_status pal_sudoku_puzzles_read(pal_sudoku_puzzles *puzzles, const char *path, int most,
                                   pal_error *error);
void pal_sudoku_puzzles_free(pal_sudoku_puzzles *puzzles);
/* Whether one of them is equivalent to this one. */
bool pal_sudoku_puzzles_hold(const pal_sudoku_puzzles *puzzles, const uint8_t *given,
                             const uint8_t *solution);
/* What a saved stream tells its puzzles by: these puzzles, appearing as they do. */
uint64_t pal_sudoku_puzzles_digest(const pal_sudoku_puzzles *puzzles);
/* One of them, under a random symmetry if that is wanted. */
void pal_sudoku_puzzles_draw(const pal_sudoku_puzzles *puzzles, pal_rng *rng, uint8_t *given,
                             uint8_t *solution);

/* Endless labelled states of 1,024 walks over the puzzles, by the restart policy (with damage, so
 * that states off its path are seen) or along released traces. Costs a few hundred bytes a walk. */
pal_status pal_sudoku_walks_new(const pal_sudoku_puzzles *puzzles, bool released, uint64_t seed,
                                pal_stream *stream, pal_error *error);

/* ---- prompt and answer ----------------------------------------------------------------------- */

typedef enum pal_sudoku_layout {
  PAL_SUDOKU_INFILL, /* prompt: givens and masks, n * n rows; answer: what the masks become */
  PAL_SUDOKU_APPEND, /* prompt: givens and blanks; answer: the full board, as deduced digits */
  PAL_SUDOKU_PAIRS   /* prompt: (place, given) of each given; answer: (place, deduced digit) */
} pal_sudoku_layout;

typedef struct pal_sudoku_sentences {
  const pal_sudoku_shape *shape;
  pal_sudoku_layout layout;
  bool solver_order; /* of pairs; else reading order */
  bool released;     /* transitions are in tokens of released traces */
  int32_t prompt[2 * PAL_SUDOKU_CELLS], answer[2 * PAL_SUDOKU_CELLS];
} pal_sudoku_sentences;

/* Tokens of the layout, and rows of its longest sequence. */
int pal_sudoku_vocabulary(const pal_sudoku_shape *shape, pal_sudoku_layout layout);
int pal_sudoku_context(const pal_sudoku_shape *shape, pal_sudoku_layout layout);
/* The format of those sequences; its tables are kept in `own`, zero-initialised, to be freed in any
 * case. */
typedef struct pal_sudoku_tables {
  int32_t *group, *factor, *token_class;
} pal_sudoku_tables;
pal_status pal_sudoku_format(const pal_sudoku_sentences *s, pal_sudoku_tables *own,
                             pal_format *format, pal_error *error);
void pal_sudoku_tables_free(pal_sudoku_tables *own);
/* The puzzle as an example of that form. For transitions the prompt is the first state and the
 * answer the solution, a token a cell, of kind deduced. Arrays are those of `s`. */
void pal_sudoku_say(pal_sudoku_sentences *s, pal_form form, const uint8_t *given,
                    const uint8_t *solution, uint64_t id, pal_example *example);
/* The puzzle back from its example; the answer it names. */
void pal_sudoku_understand(const pal_sudoku_sentences *s, const pal_example *example, pal_form form,
                           uint8_t *given, uint8_t *solution);
/* A sequence on its way from the example's prompt, as far as it goes. Sorts: mask, given, deduced,
 * speculative. */
void pal_sudoku_picture(const pal_sudoku_sentences *s, const pal_example *example, pal_form form,
                        const int32_t *token, int n, pal_picture *picture);
/* The board of a decoded sequence, blanks where there is no digit; false when it has not the shape
 * of one, or a row of the prompt was changed that must stand. */
bool pal_sudoku_hear(const pal_sudoku_sentences *s, const pal_example *example, pal_form form,
                     const int32_t *token, int n, uint8_t *board);
#endif
