/* SPDX-License-Identifier: Apache-2.0 */
/* Runs as one HTML page: losses, figures, configs (floor 8). */
#ifndef PAL_CLI_REPORT_PAGE_H
#define PAL_CLI_REPORT_PAGE_H

#include <stdio.h>

#include "cli/losses.h"
#include "cli/row.h"
#include "cli/trace.h"

/* What a report shows of one run. */
typedef struct cli_report_run {
  const char *directory; /* borrowed */
  char *task;            /* owned; NULL if the config could not be read */
  char *problem;         /* why it was not evaluated, or NULL; owned */
  cli_row row;
  cli_losses losses; /* none if the run has no metrics */
  cli_trace trace;   /* of a few instances; none if it was not evaluated */
} cli_report_run;

/* Prints a page that loads nothing else, for light and dark and for narrow screens. `limit` is the
 * most instances that a set was evaluated on. */
pal_status cli_report_page(FILE *to, const cli_report_run *run, int n, int limit, pal_error *error);
#endif
