/* SPDX-License-Identifier: Apache-2.0 */
/* Traces as plain text, see trace_show.h (floor 8). */
#include "cli/trace_show.h"

#include "cli/terminal.h"
#include "cli/text.h"

/* The mark after a cell's character, by its sort: plain text has no colours. */
static const char suffix[PAL_PICTURE_SORTS] = {' ', ' ', '\'', '?', '!', '"'};

void cli_trace_put_row(FILE *to, const cli_traced *t, int k, int r, int width) {
  const cli_pass *p = &t->pass[k];
  for (int c = 0; c < t->columns; c++) {
    const int i = r * t->columns + c;
    if (c && t->block && c % t->block == 0) width -= fprintf(to, "| ");
    width -= fprintf(to, "%.*s%c", t->wide, p->glyph + i * t->wide, suffix[p->sort[i] - '0']);
  }
  if (width > 0) fprintf(to, "%*s", width, "");
}

void cli_trace_put_marks(FILE *to, const cli_traced *t) {
  const json_t *name;
  size_t s;
  json_array_foreach(t->sorts, s, name) {
    fprintf(to, "%s%s%c = ", s ? ", " : "", s ? "5" : ".", suffix[s]);
    cli_show(to, json_string_value(name));
  }
  fprintf(to, "\n");
}

/* Prints a rule between blocks, padded likewise. */
static void put_rule(FILE *to, const cli_traced *t, int width) {
  for (int c = 0; c < t->columns; c++) {
    if (c && c % t->block == 0) width -= fprintf(to, "+-");
    for (int i = 0; i <= t->wide; i++) width -= fprintf(to, "-");
  }
  if (width > 0) fprintf(to, "%*s", width, "");
}

/* Prints the boards of all passes, as many side by side as fit into the width. */
static void print_boards(FILE *to, const cli_traced *t) {
  enum { GAP = 5, CAPTION = 33 };
  int width = (1 + t->wide) * t->columns + (t->block ? 2 * ((t->columns - 1) / t->block) : 0) + GAP,
      gap = GAP;
  if (width < CAPTION + 2) width = CAPTION + 2, gap = 2;
  const int fit = (cli_columns(to) - 1 + gap) / width, beside = fit > 1 ? fit : 1;
  cli_trace_put_marks(to, t);
  for (int k = 0; k < t->n; k += beside) {
    const int end = k + beside < t->n ? k + beside : t->n;
    fprintf(to, "\n");
    for (int i = k; i < end; i++) {
      char caption[160];
      cli_trace_caption(t, i, caption, sizeof caption);
      fprintf(to, "%-*s", i + 1 < end ? width : 0, caption);
    }
    fprintf(to, "\n");
    for (int r = 0; r < t->rows; r++) {
      for (int i = k; i < end; i++) cli_trace_put_row(to, t, i, r, i + 1 < end ? width : 0);
      fprintf(to, "\n");
      if (!t->block || (r + 1) % t->block != 0 || r + 1 == t->rows) continue;
      for (int i = k; i < end; i++) put_rule(to, t, i + 1 < end ? width : 0);
      fprintf(to, "\n");
    }
  }
  fprintf(to, "\n");
}

void cli_trace_print(FILE *to, const cli_traced *t) {
  if (t->sorts) print_boards(to, t);
  for (int k = 0; k < t->n && !t->sorts; k++) {
    fprintf(to, k ? "pass %d: " : "start%.0d: ", k);
    cli_show(to, t->pass[k].text);
    fprintf(to, "\n");
  }
  cli_show(to, t->verdict);
  fprintf(to, "\n");
}
