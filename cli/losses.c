/* SPDX-License-Identifier: Apache-2.0 */
/* See losses.h (floor 8). */
#include "cli/losses.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"
#include "cli/text.h"

enum { POINTS = 460 }; /* points of a line: of more, neighbours are averaged */

/* The file that is read, and the places of its columns. */
typedef struct table {
  cli_losses *to;
  int step, loss, split, seconds;
} table;

/* Field `at`, from 0, of a CSV line without quotes; its length in *length. NULL past the last. */
static const char *field(const char *line, int at, int *length) {
  for (; at > 0 && line; at--) {
    line = strchr(line, ',');
    if (line) line++;
  }
  *length = line ? (int)strcspn(line, ",") : 0;
  return line;
}

static int column_named(const char *header, const char *name) {
  int length;
  const char *text;
  for (int at = 0; (text = field(header, at, &length)); at++)
    if (length == (int)strlen(name) && strncmp(text, name, (size_t)length) == 0) return at;
  return -1;
}

/* The split of a line, a new one if it is the first of its name; NULL when there are too many. */
static cli_split *split_of(const table *t, const char *line) {
  int length;
  cli_losses *c = t->to;
  const char *text = field(line, t->split, &length);
  for (int i = 0; text && i < c->n; i++)
    if ((int)strlen(c->of[i].name) == length && strncmp(text, c->of[i].name, (size_t)length) == 0)
      return &c->of[i];
  if (!text || c->n == CLI_SPLITS || length >= (int)sizeof c->of->name) return NULL;
  snprintf(c->of[c->n].name, sizeof c->of->name, "%.*s", length, text);
  return &c->of[c->n++];
}

/* Makes room for one more row. */
static pal_status grow(cli_split *s, pal_error *error) {
  if (s->n < s->room) return PAL_OK;
  s->room = s->room ? 2 * s->room : 1024;
  double *steps = realloc(s->step, sizeof *steps * (size_t)s->room);
  if (steps) s->step = steps;
  double *losses = realloc(s->loss, sizeof *losses * (size_t)s->room);
  if (losses) s->loss = losses;
  return steps && losses ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
}

/* Adds the loss of a line of metrics; a line without one is passed over. */
static pal_status add_row(const table *t, const char *line, pal_error *error) {
  int length;
  char *end;
  const char *step = field(line, t->step, &length), *loss = field(line, t->loss, &length);
  const double value = loss ? strtod(loss, &end) : NAN;
  if (!step || !loss || end == loss || !isfinite(value)) return PAL_OK;
  cli_split *s = split_of(t, line);
  if (!s) return PAL_OK;
  if (grow(s, error)) return error->code;
  s->step[s->n] = t->to->steps = strtod(step, NULL);
  s->loss[s->n++] = value;
  const char *seconds = t->seconds < 0 ? NULL : field(line, t->seconds, &length);
  if (seconds) t->to->seconds = strtod(seconds, NULL);
  return PAL_OK;
}

pal_status cli_losses_read(cli_losses *c, const char *run, pal_error *error) {
  cli_lines l;
  table t = {.to = c};
  char *path = cli_print(error, "%s/metrics.csv", run);
  pal_status status = path ? cli_lines_open(&l, path, error) : error->code;
  c->run = run;
  if (status) {
    free(path);
    return status;
  }
  if (cli_lines_next(&l, error)) {
    t.step = column_named(l.text, "step");
    t.loss = column_named(l.text, "loss");
    t.split = column_named(l.text, "split");
    t.seconds = column_named(l.text, "seconds");
    if (t.step < 0 || t.loss < 0 || t.split < 0)
      status = pal_fail(error, PAL_E_FORMAT, "%s:1: no columns step, split and loss", path);
  }
  while (!status && !error->code && cli_lines_next(&l, error)) status = add_row(&t, l.text, error);
  if (!error->code && c->n == 0)
    pal_fail(error, PAL_E_FORMAT, "%s holds no loss: the run has not taken a step", path);
  cli_lines_close(&l);
  free(path);
  return error->code;
}

void cli_losses_free(cli_losses *c) {
  for (int i = 0; i < c->n; i++) {
    free(c->of[i].step);
    free(c->of[i].loss);
  }
  c->n = 0;
}

/* Adds a split as a line of the chart. */
static pal_status add_series(cli_chart *c, const cli_losses *of, const cli_split *s, bool several,
                             pal_error *error) {
  cli_series *line = &c->series[c->n++];
  const int each = (s->n + POINTS - 1) / POINTS;
  line->name =
      several ? cli_print(error, "%s, %s", of->run, s->name) : cli_print(error, "%s", s->name);
  line->x = calloc(POINTS, sizeof *line->x);
  line->y = calloc(POINTS, sizeof *line->y);
  if (!line->name || !line->x || !line->y)
    return pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  for (int from = 0; from < s->n; from += each, line->n++) {
    const int n = s->n - from < each ? s->n - from : each;
    for (int i = from; i < from + n; i++) {
      line->x[line->n] += s->step[i] / n;
      line->y[line->n] += s->loss[i] / n;
    }
  }
  return PAL_OK;
}

/* Chooses the axes. Losses that span more than a factor of 50 are shown on a logarithmic one. */
static void choose_axes(cli_chart *c) {
  double last = 1, low = INFINITY, high = -INFINITY;
  for (int i = 0; i < c->n; i++)
    for (int k = 0; k < c->series[i].n; k++) {
      const double y = c->series[i].y[k];
      last = c->series[i].x[k] > last ? c->series[i].x[k] : last;
      low = y < low ? y : low;
      high = y > high ? y : high;
    }
  const bool logarithmic = low > 0 && high > 50 * low;
  c->x.whole = true;
  cli_axis_mark(&c->x, 0, last, false);
  cli_axis_mark(&c->y, logarithmic || low < 0 ? low : 0, high, logarithmic);
  c->x.name = "step";
  c->y.name = "loss in nats";
}

pal_status cli_losses_chart(cli_chart *chart, const cli_losses *all, int n, pal_error *error) {
  *chart = (cli_chart){.title = "losses of runs"};
  chart->series = calloc((size_t)n * CLI_SPLITS, sizeof *chart->series);
  pal_status status =
      chart->series ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  for (int r = 0; r < n && !status; r++)
    for (int i = 0; i < all[r].n && !status; i++)
      status = add_series(chart, &all[r], &all[r].of[i], n > 1, error);
  if (!status) choose_axes(chart);
  return status;
}
