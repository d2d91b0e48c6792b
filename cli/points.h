/* SPDX-License-Identifier: Apache-2.0 */
/* A chart of any figures, from a file of points (floor 8). */
#ifndef PAL_CLI_POINTS_H
#define PAL_CLI_POINTS_H

#include "cli/chart.h"

/* Reads a CSV file whose lines are NAME,X,Y: points of the line NAME. The first line names the
 * axes, as in "line,n,passes". An axis is logarithmic if all numbers on it are positive and span
 * more than a factor of 50. PAL_E_FORMAT with file and line. Free the chart in any case. */
pal_status cli_points_chart(cli_chart *chart, const char *path, pal_error *error);
/* Frees the names of the axes; cli_chart_free frees the rest. */
void cli_points_free(cli_chart *chart);
#endif
