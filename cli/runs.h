/* SPDX-License-Identifier: Apache-2.0 */
/* The runs that a command line names: run directories, and directories of runs (floor 8). */
#ifndef PAL_CLI_RUNS_H
#define PAL_CLI_RUNS_H

#include <palimpsest/palimpsest.h>

/* Zero-initialise. */
typedef struct cli_runs {
  char **path; /* [n] owned, like each path; memory for `room` */
  int n, room;
} cli_runs;

/* Adds a run's directory or, for a directory that is no run itself, such as that of
 * `compare --out`, all runs in it, sorted by name. Anything else is added as it is, for an error
 * that names what it lacks. Call cli_runs_free in any case. */
pal_status cli_runs_add(cli_runs *runs, const char *path, pal_error *error);
void cli_runs_free(cli_runs *runs);
#endif
