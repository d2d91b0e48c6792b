/* SPDX-License-Identifier: Apache-2.0 */
/* Progress on stderr, with an estimate of the time left (floor 8). */
#include "cli/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double last_shown; /* time of the last line, by cli_seconds() */
static bool open_line;    /* whether the terminal shows a line that is to be overwritten */

double cli_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress(bool quiet, const char *label, double began, double done, double of,
                  double seconds, const char *detail) {
  if (quiet) return;
  bool terminal = isatty(STDERR_FILENO);
  double now = cli_seconds();
  if (done < of && now - last_shown < (terminal ? 0.1 : 10.0)) return;
  last_shown = now;
  double left = done > began ? seconds * (of - done) / (done - began) : 0;
  fprintf(stderr, "%s%-28s %5.1f %%  %6.1f s, %.0f s left  %s%s", terminal ? "\r\033[K" : "", label,
          100 * done / (of > 0 ? of : 1), seconds, left, detail, terminal ? "" : "\n");
  fflush(stderr);
  open_line = terminal;
}

void cli_progress_end(bool quiet) {
  if (!quiet && open_line) fprintf(stderr, "\r\033[K");
  open_line = false;
  last_shown = 0;
}
