/* SPDX-License-Identifier: Apache-2.0 */
/* See terminal.h (floor 8). */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct winsize size_of(FILE *to) {
  struct winsize size;
  memset(&size, 0, sizeof size);
  if (!isatty(fileno(to)) || ioctl(fileno(to), TIOCGWINSZ, &size) != 0)
    memset(&size, 0, sizeof size);
  return size;
}

int cli_columns(FILE *to) {
  enum { LEAST = 20, USUAL = 80, MOST = 10000 };
  const char *told = getenv("COLUMNS");
  long columns = size_of(to).ws_col;
  if (!columns && told) columns = strtol(told, NULL, 10);
  if (columns <= 0 || columns > MOST) columns = USUAL;
  return columns < LEAST ? LEAST : (int)columns;
}

int cli_lines_high(FILE *to) { return size_of(to).ws_row; }

bool cli_rewrites(FILE *to) {
  const char *term = getenv("TERM");
  return isatty(fileno(to)) && term && strcmp(term, "dumb") != 0;
}

bool cli_colours(FILE *to) {
  const char *none = getenv("NO_COLOR");
  return cli_rewrites(to) && !(none && *none);
}
