/* SPDX-License-Identifier: Apache-2.0 */
/* Progress on stderr, and a clock (floor 8). */
#ifndef PAL_CLI_PROGRESS_H
#define PAL_CLI_PROGRESS_H

#include <stdbool.h>

/* Shows that `done` of `of` units are done, of which all after the first `began` took `seconds`,
 * and the time that the rest will take at this rate. On a terminal one line is overwritten,
 * at most ten times a second; elsewhere a new line is printed at most every ten seconds. Prints
 * nothing when quiet. */
void cli_progress(bool quiet, const char *label, double began, double done, double of,
                  double seconds, const char *detail);
/* Clears the line. */
void cli_progress_end(bool quiet);
/* Seconds of a monotonic clock. */
double cli_seconds(void);
#endif
