/* SPDX-License-Identifier: Apache-2.0 */
/* See fold.h (floor 8). */
#include "cli/fold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal.h"

enum { MARKS = 256 };

FILE *cli_fold_open(cli_fold *f, FILE *to) {
  *f = (cli_fold){.to = to};
  f->memory = open_memstream(&f->text, &f->size);
  return f->memory ? f->memory : to;
}

/* Ends the collecting. False when there is nothing to print. */
static bool collected(cli_fold *f) {
  if (!f->memory) return false;
  const bool whole = !ferror(f->memory);
  return fclose(f->memory) == 0 && whole;
}

static int width_of(const char *line) { return (int)strcspn(line, "\n"); }

static const char *next_line(const char *line) {
  const int n = width_of(line);
  return line[n] ? line + n + 1 : NULL;
}

/* Whether every line of the table has a blank at column `at`, or is shorter. */
static bool is_gap(const char *text, int at) {
  for (const char *line = text; line && *line; line = next_line(line))
    if (width_of(line) > at && line[at] != ' ') return false;
  return true;
}

/* Removes the marks "\v" from the text and puts the columns at which they stand into `mark`.
 * Returns their number. */
static int remove_marks(char *text, int *mark) {
  int n = 0, at = 0;
  char *to = text;
  for (const char *from = text; *from; from++) {
    if (*from == '\v') {
      if (n < MARKS) mark[n++] = at;
      continue;
    }
    at = *from == '\n' ? 0 : at + 1;
    *to++ = *from;
  }
  *to = 0;
  return n;
}

/* Whether the table may be broken before column `at`: at a mark or, if there is none, at a gap. */
static bool is_break(const char *text, int at, const int *mark, int marks) {
  for (int i = 0; i < marks; i++)
    if (mark[i] == at) return true;
  return !marks && is_gap(text, at);
}

/* Prints columns from .. to - 1 of a line, without blanks at its end. */
static void print_part(FILE *to, const char *line, int stub, int from, int end) {
  const int width = width_of(line);
  int blanks = 0;
  for (int i = 0; i < end && i < width; i = i + 1 == stub ? (from > stub ? from : stub) : i + 1) {
    if (line[i] == ' ') {
      blanks++;
      continue;
    }
    if (blanks) fprintf(to, "%*s", blanks, "");
    fputc(line[i], to);
    blanks = 0;
  }
  fputc('\n', to);
}

void cli_fold_table(cli_fold *f, int stub) {
  const int most = cli_columns(f->to) - 1;
  int widest = 0, mark[MARKS];
  const bool whole = collected(f);
  const int marks = whole ? remove_marks(f->text, mark) : 0;
  for (const char *line = whole ? f->text : NULL; line && *line; line = next_line(line))
    if (width_of(line) > widest) widest = width_of(line);
  for (int from = stub, end; whole && from < widest; from = end) {
    end = from + most - stub;
    if (end >= widest) end = widest;
    while (end < widest && end > from + 1 && !is_break(f->text, end, mark, marks)) end--;
    if (end == from + 1) /* a column is wider than the window: it is not broken */
      for (end = from + most - stub; end < widest && !is_break(f->text, end, mark, marks);) end++;
    if (from > stub) fputc('\n', f->to);
    for (const char *line = f->text; line && *line; line = next_line(line))
      print_part(f->to, line, stub, from, end);
  }
  free(f->text);
}

void cli_fold_cells(cli_fold *f, int indent) {
  const int most = cli_columns(f->to) - 1;
  int at = 0, blanks = 0; /* blanks that are printed if something follows in the line */
  for (const char *cell = collected(f) ? f->text : ""; *cell; cell += *cell != 0) {
    int length = (int)strcspn(cell, "\v\n"), before = (int)strspn(cell, " ");
    if (before > length) before = length;
    const char *text = cell + before, *end = cell + length;
    while (end > text && end[-1] == ' ') end--;
    blanks += before;
    if (end > text && at > indent && at + blanks + (int)(end - text) > most) {
      fprintf(f->to, "\n%*s", indent, "");
      at = indent, blanks = 0;
    }
    if (end > text) {
      at += fprintf(f->to, "%*s%.*s", blanks, "", (int)(end - text), text);
      blanks = 0;
    }
    blanks += (int)(cell + length - end);
    cell += length;
    if (*cell == '\n') fputc('\n', f->to), at = blanks = 0;
  }
  free(f->text);
}
