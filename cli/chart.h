/* SPDX-License-Identifier: Apache-2.0 */
/* Charts of lines, as SVG and as text (floor 8). */
#ifndef PAL_CLI_CHART_H
#define PAL_CLI_CHART_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

enum { CLI_TICKS = 16 };

/* An axis: its range, and the values that are marked on it, as text too. */
typedef struct cli_axis {
  const char *name; /* NULL: none is shown */
  double low, high;
  bool logarithmic;
  bool whole; /* of whole numbers: nothing between them is marked; set before cli_axis_mark */
  int n;
  double tick[CLI_TICKS];
  char text[CLI_TICKS][16];
} cli_axis;

typedef struct cli_series {
  char *name; /* owned, like the points */
  double *x, *y;
  int n;
} cli_series;

typedef struct cli_chart {
  const char *title;
  cli_axis x, y;
  cli_series *series; /* [n] */
  int n;
} cli_chart;

/* Sets the range of an axis and marks round values in it; logarithmic axes begin above 0. */
void cli_axis_mark(cli_axis *axis, double low, double high, bool logarithmic);
/* Where a value lies on the axis: 0 at its low end, 1 at its high end. */
double cli_axis_at(const cli_axis *axis, double value);
/* Prints an <svg> element, which may be part of a page. */
void cli_chart_draw(FILE *to, const cli_chart *chart);
/* Writes n charts, one below the other, as a file. */
pal_status cli_charts_svg(const cli_chart *chart, int n, const char *path, pal_error *error);
/* Prints the chart with characters, as wide as the terminal. */
void cli_chart_text(FILE *to, const cli_chart *chart);
/* Frees the series. */
void cli_chart_free(cli_chart *chart);
#endif
