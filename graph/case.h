/* SPDX-License-Identifier: Apache-2.0 */
/* A random case of an op: what its sample drew, and its data (floor 1).
 *
 * Invariant: an input's data is a function of (seed, input, row, element), so an active row holds
 * the same data at every active count; only what refers to other rows (indices, sequences) is
 * cut to the rows that are active. */
#ifndef PAL_GRAPH_CASE_H
#define PAL_GRAPH_CASE_H

#include <palimpsest/case.h>
#include <palimpsest/rng.h>

#include "graph/internal.h"

enum { PAL_CASE_SEQUENCES = 6, PAL_CASE_GUARD = 64 /* bytes behind results of indirect cases */ };

typedef enum pal_case_kind {
  PAL_CASE_F32,   /* differentiable */
  PAL_CASE_FIXED, /* f32 or bf16, not differentiated */
  PAL_CASE_WHOLE, /* integers */
  PAL_CASE_INDEX,
  PAL_CASE_BEGIN,
  PAL_CASE_LENGTH,
  PAL_CASE_SEQUENCE,
  PAL_CASE_POSITION
} pal_case_kind;

typedef struct pal_case_input {
  pal_case_kind kind;
  char name[16];
  pal_value value; /* the input; what the op reads may be a copy of it */
  pal_type type;
  double low, high;
  pal_symbol of; /* INDEX: the symbol whose rows are meant */
} pal_case_input;

/* Which of two nodes that differ in an attribute are outputs. */
typedef enum pal_twins { PAL_TWIN_BOTH, PAL_TWIN_FIRST, PAL_TWIN_SECOND } pal_twins;

/* What differs between two builds of the same case. */
typedef struct pal_case_form {
  int64_t capacity[2]; /* of rows and sequences, instead of those drawn; -1: as drawn */
  /* f32 inputs reach the op through this, as a value in the arena; NULL: as they are */
  pal_value (*through)(pal_graph *graph, pal_value input);
  unsigned char fill; /* of attribute structs where no field is, see pal_graph */
  size_t field;       /* PAL_TWINS: the attribute that has two values */
  pal_twins show;     /* PAL_TWINS: whose outputs are computed */
} pal_case_form;

struct pal_case {
  pal_graph *graph;
  pal_case_form form;
  uint64_t seed;
  pal_rng rng;
  uint64_t drawn; /* hash of every draw: equal hashes are equal cases */
  double tolerance;
  pal_symbol rows, sequences;
  int64_t room[2]; /* capacities as drawn, whatever `form` says */
  pal_value ragged[4];
  int32_t begin[PAL_CASE_SEQUENCES], end[PAL_CASE_SEQUENCES];
  PAL_LIST(pal_case_input) input;
};

/* What inactive rows are filled with. */
typedef enum pal_case_filling { PAL_FILL_ONES, PAL_FILL_SIGNAL, PAL_FILL_NOISE } pal_case_filling;

void pal_case_init(pal_case *c, pal_graph *graph, uint64_t seed, int number, pal_case_form form);
void pal_case_free(pal_case *c);
/* Fills every input of `exec` at its present counts. */
void pal_case_load(const pal_case *c, pal_exec *exec, pal_case_filling filling);
/* Fills bytes, such as those beyond the active rows, with words that no kernel may read. */
void pal_case_spoil(char *at, size_t bytes, pal_case_filling filling);
#endif
