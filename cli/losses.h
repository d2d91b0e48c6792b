/* SPDX-License-Identifier: Apache-2.0 */
/* The losses of runs over their steps, read from metrics.csv (floor 8). */
#ifndef PAL_CLI_LOSSES_H
#define PAL_CLI_LOSSES_H

#include "cli/chart.h"

enum { CLI_SPLITS = 4 };

/* The rows of metrics.csv that are of one split, such as "train". */
typedef struct cli_split {
  char name[24];
  double *step, *loss; /* [n] owned */
  int n, room;
} cli_split;

/* The losses of one run. Zero-initialise. */
typedef struct cli_losses {
  const char *run; /* its directory; borrowed */
  cli_split of[CLI_SPLITS];
  int n;
  double steps, seconds; /* of the last row */
} cli_losses;

/* Reads RUN/metrics.csv. PAL_E_FORMAT if it has other columns or holds no loss. Call
 * cli_losses_free in any case. */
pal_status cli_losses_read(cli_losses *losses, const char *run, pal_error *error);
void cli_losses_free(cli_losses *losses);
/* Draws the splits of n runs as lines of one chart, which is to be freed in any case. With several
 * runs the lines are named after these. Neighbouring points are averaged where there are many, and
 * losses that span more than a factor of 50 are shown on a logarithmic axis. */
pal_status cli_losses_chart(cli_chart *chart, const cli_losses *losses, int n, pal_error *error);
#endif
