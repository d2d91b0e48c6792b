/* SPDX-License-Identifier: Apache-2.0 */
/* Progress on stderr, and time (floor 7). */
#ifndef PAL_CLI_PROGRESS_H
#define PAL_CLI_PROGRESS_H

#include <stdbool.h>

/* One rewriting line on a terminal, now and then a plain one elsewhere; nothing when quiet. */
void cli_progress(bool quiet, const char *label, double done, double of, double seconds,
                  const char *detail);
void cli_progress_end(bool quiet);
double cli_seconds(void);
#endif
