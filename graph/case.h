/* SPDX-License-Identifier: Apache-2.0 */
/* A random case of an op for the op checker: the graph that its sample built, and the data of the
 * inputs (floor 1).
 *
 * Invariant: an input's data is a function of (seed, input, row, element), so an active row has the
 * same data at every active count. Only references to other rows (indices, sequences) are
 * restricted to active rows. */
#ifndef PAL_GRAPH_CASE_H
#define PAL_GRAPH_CASE_H

#include <palimpsest/case.h>
#include <palimpsest/rng.h>

#include "graph/internal.h"

enum { PAL_CASE_SEQUENCES = 6, PAL_CASE_GUARD = 64 /* guard bytes after results in the arena */ };

typedef enum pal_case_kind {
  PAL_CASE_F32,      /* f32; the gradient test differentiates with respect to it */
  PAL_CASE_FIXED,    /* f32 or bf16, not differentiated */
  PAL_CASE_WHOLE,    /* i32 or u8 */
  PAL_CASE_INDEX,    /* i32 [rows]: row of symbol `of`, or -1 */
  PAL_CASE_BEGIN,    /* i32 [sequences]: first row */
  PAL_CASE_LENGTH,   /* i32 [sequences]: number of rows */
  PAL_CASE_SEQUENCE, /* i32 [rows]: sequence that the row belongs to, or -1 */
  PAL_CASE_POSITION  /* i32 [rows]: place in that sequence, or -1 */
} pal_case_kind;

typedef struct pal_case_input {
  pal_case_kind kind;
  char name[16];
  pal_value value; /* the input; the op may read a copy of it, see pal_case_form.through */
  pal_type type;
  double low, high; /* range of the data */
  pal_symbol of;    /* INDEX: the symbol whose rows the indices refer to */
} pal_case_input;

/* Which of two nodes that differ in one attribute are outputs of the graph. */
typedef enum pal_twins { PAL_TWIN_BOTH, PAL_TWIN_FIRST, PAL_TWIN_SECOND } pal_twins;

/* How a case is built. Several builds of one case must give the same bits. */
typedef struct pal_case_form {
  int64_t capacity[2]; /* of the symbols rows and sequences; -1: as drawn */
  /* Applied to f32 inputs before the op reads them, so that they lie in the arena; NULL:
   * nothing. */
  pal_value (*through)(pal_graph *graph, pal_value input);
  unsigned char fill; /* attrs_fill of the graph */
  size_t field;       /* PAL_TWINS: index of the attribute that has two values */
  pal_twins show;     /* PAL_TWINS: which of the two nodes are outputs */
} pal_case_form;

struct pal_case {
  pal_graph *graph;
  pal_case_form form;
  uint64_t seed;
  pal_rng rng;
  uint64_t drawn;   /* hash of all draws; two builds with the same hash are the same case */
  double tolerance; /* see pal_case_tolerance */
  pal_symbol rows, sequences;
  int64_t room[2];     /* capacities of rows and sequences as drawn, also if `form` has others */
  pal_value ragged[4]; /* inputs begin, length, sequence, position; nil until used */
  int32_t begin[PAL_CASE_SEQUENCES], end[PAL_CASE_SEQUENCES]; /* rows of each sequence */
  PAL_LIST(pal_case_input) input;
};

/* What inactive rows are filled with: all bits set (a quiet NaN, -1), signalling NaNs, or noise.
 * Results must not depend on it. */
typedef enum pal_case_filling { PAL_FILL_ONES, PAL_FILL_SIGNAL, PAL_FILL_NOISE } pal_case_filling;

/* Starts case `number` of a seed in an empty graph. */
void pal_case_init(pal_case *c, pal_graph *graph, uint64_t seed, int number, pal_case_form form);
void pal_case_free(pal_case *c);
/* Fills every input of `exec`: active rows with data, inactive rows with `filling`. */
void pal_case_load(const pal_case *c, pal_exec *exec, pal_case_filling filling);
/* Fills bytes that no kernel may read, such as those of inactive rows. */
void pal_case_spoil(char *at, size_t bytes, pal_case_filling filling);
#endif
