/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of any-process generation as lines of JSON, which doc/formats.md describes (floor 5). */
#ifndef PAL_TASKS_TRANSITIONS_H
#define PAL_TASKS_TRANSITIONS_H

#include <palimpsest/model.h>

enum { PAL_STEP_ROWS = 4096 /* most rows of x and of next */, PAL_STEP_TOKENS = 1 << 16 };
enum { PAL_STEP_MASK = -1 }; /* the mask, as long as the number of tokens is not known */

/* One step: the state x, its labels and the state that they lead to. Masks are PAL_STEP_MASK. The
 * arrays have room for PAL_STEP_ROWS rows each. */
typedef struct pal_step_line {
  int n, n_next;
  int32_t x[PAL_STEP_ROWS], y[PAL_STEP_ROWS], next[PAL_STEP_ROWS];
  uint8_t remask[PAL_STEP_ROWS], insert[PAL_STEP_ROWS], remove[PAL_STEP_ROWS];
} pal_step_line;
pal_transition pal_step_transition(const pal_step_line *step);

/* Finds the labels that make `next` of `x`: the fewest edits, and of several such the one whose
 * first edit is farthest to the right, and so on. PAL_E_FORMAT with the reason if there are none,
 * PAL_E_MEMORY. (transitions_derive.c) */
pal_status pal_step_derive(pal_step_line *step, pal_error *error);

/* ---- tokens and lines (transitions_line.c) ------------------------------------------------- */

/* The names of the tokens; token i is name i. */
typedef struct pal_step_names {
  void *list, *number; /* JSON: the array of names; each name's number */
  int n;
  bool open;        /* new names are added */
  const char *mask; /* the name of the mask */
} pal_step_names;
/* `text` is a JSON array of names, or empty: names are those of the lines that are read. Errors:
 * PAL_E_FORMAT, PAL_E_MEMORY. Free the names in any case. */
pal_status pal_step_names_open(pal_step_names *names, const char *text, const char *mask,
                               pal_error *error);
void pal_step_names_free(pal_step_names *names);
/* The array as text, to be freed with pal_free; NULL when out of memory. */
char *pal_step_names_print(const pal_step_names *names);
const char *pal_step_name(const pal_step_names *names, int32_t token);

/* Reads a line that is not empty. PAL_E_FORMAT with the reason; then no name was added. */
pal_status pal_step_read(pal_step_names *names, const char *line, pal_step_line *step,
                         pal_error *error);
/* {"x":[...],"next":[...]}; size and result as for snprintf. */
size_t pal_step_write(const pal_step_names *names, const int32_t *x, int n, const int32_t *next,
                      int n_next, char *text, size_t size);
#endif
