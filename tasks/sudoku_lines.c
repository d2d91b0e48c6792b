/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: boards that are written over several lines (floor 5). */
#include <string.h>
#include <strings.h>

#include "tasks/sudoku.h"

/* Characters that frame or separate cells. */
static const char frame[] = "|!+-*_=: \t\r\n,;";

/* The cells of a line without frames: their number, or -1 if it holds anything else. */
static int cells_of(const pal_sudoku_shape *s, const char *line, char *cells) {
  int n = 0;
  for (; *line; line++) {
    if (strchr(frame, *line)) continue;
    if (n == s->n || pal_sudoku_digit_of(s, *line) < 0) return -1;
    cells[n++] = *line;
  }
  return n;
}

static pal_status unfinished(const pal_sudoku_shape *s, pal_sudoku_lines *l, pal_error *error) {
  const int rows = l->rows;
  l->rows = 0;
  return pal_fail(error, PAL_E_FORMAT, "the board before this line has %d of its %d rows", rows,
                  s->n);
}

/* An empty line ends a board unless it stands between bands of boxes; two of them end it anywhere,
 * and a file too. NULL is the end of a file. */
static pal_status blank(const pal_sudoku_shape *s, pal_sudoku_lines *l, const char *line,
                        pal_error *error) {
  const bool ends = !line || l->blank;
  l->blank = true;
  l->spoiled = false;
  if (ends) l->unwanted = false;
  return l->rows && (ends || l->rows % s->box) ? unfinished(s, l, error) : PAL_OK;
}

pal_status pal_sudoku_lines_next(const pal_sudoku_shape *s, pal_sudoku_lines *l, const char *line,
                                 const char **puzzle, pal_error *error) {
  char cells[PAL_SUDOKU_MOST];
  *puzzle = NULL;
  const char *text = line ? line + strspn(line, " \t\r\n") : "";
  if (!*text) return blank(s, l, line, error);
  l->blank = false;
  if (*text == '#') return PAL_OK;
  const int n = cells_of(s, line, cells);
  if (*text == '[') { /* a section of an .sdk file; of these only [Puzzle] is a puzzle */
    l->unwanted = strncasecmp(text, "[puzzle]", strlen("[puzzle]")) != 0;
    return l->rows ? unfinished(s, l, error) : PAL_OK;
  }
  if (n == 0 || (n == s->n && (l->spoiled || l->unwanted))) return PAL_OK;
  if (n != s->n) { /* not a row: a whole puzzle, or wrong */
    const bool within = l->rows > 0;
    l->spoiled = within;
    *puzzle = line;
    return within ? unfinished(s, l, error) : PAL_OK;
  }
  memcpy(l->board + l->rows++ * s->n, cells, (size_t)s->n);
  if (l->rows < s->n) return PAL_OK;
  l->board[s->cells] = 0;
  l->rows = 0;
  *puzzle = l->board;
  return PAL_OK;
}
