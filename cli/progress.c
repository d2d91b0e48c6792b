/* SPDX-License-Identifier: Apache-2.0 */
/* Progress on stderr, with an estimate of the time left (floor 8). */
#include "cli/progress.h"

#include <stdio.h>
#include <time.h>

#include "cli/terminal.h"
#include "cli/text.h"

static double last_shown; /* time of the last line, by cli_seconds() */
static bool open_line;    /* whether the terminal shows a line that is to be overwritten */

double cli_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Shortens a text to its first `columns` characters (those of UTF-8 count as one). */
static void cut(char *text, int columns) {
  for (; *text; text++)
    if (((unsigned char)*text >> 6) != 2 && columns-- == 0) {
      *text = 0;
      return;
    }
}

void cli_progress(bool quiet, const char *label, double began, double done, double of,
                  double seconds, const char *detail) {
  if (quiet) return;
  const bool rewrites = cli_rewrites(stderr);
  double now = cli_seconds();
  if (done < of && now - last_shown < (rewrites ? 0.1 : 10.0)) return;
  last_shown = now;
  double left = done > began ? seconds * (of - done) / (done - began) : 0;
  char name[256], line[512];
  cli_escape(label, name, sizeof name);
  snprintf(line, sizeof line, "%-28s %5.1f %%  %6.1f s, %.0f s left  %s", name,
           100 * done / (of > 0 ? of : 1), seconds, left, detail);
  if (rewrites) cut(line, cli_columns(stderr) - 1); /* a longer line could not be overwritten */
  fprintf(stderr, "%s%s%s", rewrites ? "\r\033[K" : "", line, rewrites ? "" : "\n");
  fflush(stderr);
  open_line = rewrites;
}

void cli_progress_end(bool quiet) {
  if (!quiet && open_line) fprintf(stderr, "\r\033[K");
  open_line = false;
  last_shown = 0;
}
