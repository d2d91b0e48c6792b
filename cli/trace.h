/* SPDX-License-Identifier: Apache-2.0 */
/* A trace: instances with their states pass by pass, and the edits between them (floor 8). A file
 * has a JSON object per line, see doc/formats.md; in memory a trace holds these lines. */
#ifndef PAL_CLI_TRACE_H
#define PAL_CLI_TRACE_H

#include <jansson.h>
#include <palimpsest/palimpsest.h>
#include <stdio.h>

enum { CLI_TRACE_SCHEMA = 1 };

/* What a pass may do to a row. Rewriting, of a token by another one, is not done by the built-in
 * models. */
enum { CLI_WRITE, CLI_REMASK, CLI_INSERT, CLI_DELETE, CLI_REWRITE, CLI_EDITS };
extern const char *const cli_edit_key[CLI_EDITS];  /* "write", ... */
extern const char *const cli_edit_done[CLI_EDITS]; /* "written", ... */

/* A state. Texts and arrays are parts of its line. */
typedef struct cli_pass {
  json_t *line;                /* owned */
  const json_t *tokens;        /* [n] texts; null: a mask */
  const json_t *edits;         /* by kind, of the pass that led to this state; NULL for state 0 */
  const char *text;            /* the state as the task prints it */
  const char *glyph, *sort;    /* [rows][columns][wide]; [rows][columns] digits; NULL: no board */
  const json_t *nodes, *edges; /* of a diagram; NULL: none */
  int n, count[CLI_EDITS];
} cli_pass;

typedef struct cli_traced {
  json_t *line, *end; /* owned; `end` is NULL until the last state is there */
  const char *task, *model, *mask, *verdict;
  int rows, columns, block, wide;        /* of boards, `wide` characters a cell; 0: none */
  const json_t *sorts;                   /* names of their sorts of cells */
  const json_t *node_sorts, *edge_sorts; /* of diagrams; NULL: the task draws none */
  cli_pass *pass;                        /* [n]: the state before the first pass, and after each */
  int n, room;
} cli_traced;

/* Zero-initialise. */
typedef struct cli_trace {
  cli_traced *instance; /* [n] */
  int n, room;
} cli_trace;

/* Adds a line, which the trace then owns, also on failure. PAL_E_FORMAT with the reason for a line
 * that does not follow from those before it. */
pal_status cli_trace_add(cli_trace *trace, json_t *line, pal_error *error);
/* PAL_E_FORMAT unless the last instance has ended. */
pal_status cli_trace_check_end(const cli_trace *trace, pal_error *error);
/* Reads a file; its first bad line is refused by number and reason. */
pal_status cli_trace_read(cli_trace *trace, const char *path, pal_error *error);
void cli_trace_free(cli_trace *trace);
void cli_traced_free(cli_traced *instance);
/* Whether pass k changed a cell of the board. */
bool cli_trace_changes(const cli_traced *instance, int k, int cell);
/* The caption of state k: "start", or "pass 3: 12 written, 0 remasked, 2 inserted". */
void cli_trace_caption(const cli_traced *instance, int k, char *text, size_t size);
/* A row of a state and what the pass that led to it did there; deleted rows are rows too. */
typedef struct cli_trace_row {
  const char *token; /* NULL: a mask. Of a deleted row what it was */
  int edit;          /* CLI_WRITE, ...; -1: nothing */
  double chance;     /* of the edit; -1: not known */
} cli_trace_row;
/* The rows of state k in their order, *n of them, to be freed; NULL without memory. */
cli_trace_row *cli_trace_rows(const cli_traced *instance, int k, int *n);
#endif
