/* SPDX-License-Identifier: Apache-2.0 */
/* Plot of the share of exact instances over the number of forward passes (floor 8). */
#include "cli/curve.h"

#include <stdlib.h>
#include <string.h>

#include "cli/row.h"
#include "cli/text.h"

static bool drawn(const cli_set *set) { return set->n > 0 && !set->likelihood && !set->steps; }

/* Adds the line of a set, which ends at the first mark that covers all passes taken. */
static pal_status add(cli_chart *c, const cli_set *set, pal_error *error) {
  cli_series *s = &c->series[c->n++];
  s->name = cli_print(error, "%s (%d)", set->name, set->n);
  s->x = malloc(sizeof *s->x * CLI_MARKS);
  s->y = malloc(sizeof *s->y * CLI_MARKS);
  if (!s->name || !s->x || !s->y) return pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  for (int m = 0; m < CLI_MARKS && (m < 2 || cli_mark[m - 1] < set->most_passes); m++, s->n++) {
    s->x[m] = cli_mark[m];
    s->y[m] = 100.0 * set->exact_by[m] / set->n;
  }
  return PAL_OK;
}

pal_status cli_curve_chart(cli_chart *chart, const cli_row *row, pal_error *error) {
  cli_chart c = {.title = "exact within so many forward passes",
                 .x = {.name = "forward passes, at most",
                       .low = cli_mark[0],
                       .high = cli_mark[CLI_MARKS - 1],
                       .logarithmic = true},
                 .y = {.low = 0, .high = 100}};
  int lines = 0;
  for (int i = 0; i < row->n_sets; i++) lines += drawn(&row->set[i]);
  if (!lines)
    return pal_fail(error, PAL_E_UNSUPPORTED, "nothing was decoded that could be plotted");
  for (c.x.n = 0; c.x.n < CLI_MARKS; c.x.n++) {
    c.x.tick[c.x.n] = cli_mark[c.x.n];
    snprintf(c.x.text[c.x.n], sizeof *c.x.text, "%d", cli_mark[c.x.n]);
  }
  for (c.y.n = 0; c.y.n <= 5; c.y.n++) {
    c.y.tick[c.y.n] = 20 * c.y.n;
    snprintf(c.y.text[c.y.n], sizeof *c.y.text, "%d %%", 20 * c.y.n);
  }
  c.series = calloc((size_t)lines, sizeof *c.series);
  pal_status status = c.series ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  for (int i = 0; i < row->n_sets && !status; i++)
    if (drawn(&row->set[i])) status = add(&c, &row->set[i], error);
  *chart = c;
  return status;
}

pal_status cli_curve_svg(const cli_row *row, const char *path, pal_error *error) {
  cli_chart chart = {.n = 0};
  pal_error own = {0};
  pal_status status = cli_curve_chart(&chart, row, &own);
  if (status) status = pal_fail(error, status, "%s: %s", path, own.text);
  else status = cli_charts_svg(&chart, 1, path, error);
  cli_chart_free(&chart);
  return status;
}
