/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest plot: the losses of runs over their steps, as text or SVG (floor 8). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/chart.h"
#include "cli/lines.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/text.h"
#include "cli/verbs.h"

enum { POINTS = 460, SPLITS = 4 }; /* points of a line: of more, neighbours are averaged */

/* The rows of metrics.csv that are of one split, such as "train". */
typedef struct split {
  char name[24];
  double *step, *loss;
  int n, room;
} split;

/* The splits of a run, and the columns of its metrics that are read. */
typedef struct curves {
  const char *run;
  int step, loss, split;
  split of[SPLITS];
  int n;
} curves;

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
static split *split_of(curves *c, const char *line) {
  int length;
  const char *text = field(line, c->split, &length);
  for (int i = 0; text && i < c->n; i++)
    if ((int)strlen(c->of[i].name) == length && strncmp(text, c->of[i].name, (size_t)length) == 0)
      return &c->of[i];
  if (!text || c->n == SPLITS || length >= (int)sizeof c->of->name) return NULL;
  snprintf(c->of[c->n].name, sizeof c->of->name, "%.*s", length, text);
  return &c->of[c->n++];
}

/* Adds the loss of a line of metrics; a line without one is passed over. */
static pal_status add_row(curves *c, const char *line, pal_error *error) {
  int length;
  char *end;
  const char *step = field(line, c->step, &length), *loss = field(line, c->loss, &length);
  const double value = loss ? strtod(loss, &end) : NAN;
  if (!step || !loss || end == loss || !isfinite(value)) return PAL_OK;
  split *s = split_of(c, line);
  if (!s) return PAL_OK;
  if (s->n == s->room) {
    s->room = s->room ? 2 * s->room : 1024;
    double *steps = realloc(s->step, sizeof *steps * (size_t)s->room);
    if (steps) s->step = steps;
    double *losses = realloc(s->loss, sizeof *losses * (size_t)s->room);
    if (losses) s->loss = losses;
    if (!steps || !losses) return pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  }
  s->step[s->n] = strtod(step, NULL);
  s->loss[s->n++] = value;
  return PAL_OK;
}

static pal_status read_metrics(curves *c, pal_error *error) {
  cli_lines l;
  char *path = cli_print(error, "%s/metrics.csv", c->run);
  pal_status status = path ? cli_lines_open(&l, path, error) : error->code;
  if (status) {
    free(path);
    return status;
  }
  if (cli_lines_next(&l, error)) {
    c->step = column_named(l.text, "step");
    c->loss = column_named(l.text, "loss");
    c->split = column_named(l.text, "split");
    if (c->step < 0 || c->loss < 0 || c->split < 0)
      status = pal_fail(error, PAL_E_FORMAT, "%s:1: no columns step, split and loss", path);
  }
  while (!status && !error->code && cli_lines_next(&l, error)) status = add_row(c, l.text, error);
  if (!error->code && c->n == 0)
    pal_fail(error, PAL_E_FORMAT, "%s holds no loss: the run has not taken a step", path);
  cli_lines_close(&l);
  free(path);
  return error->code;
}

/* Adds a split as a line of the chart. Neighbouring points are averaged until POINTS are left. */
static pal_status add_series(cli_chart *c, const curves *of, const split *s, bool several,
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
  cli_axis_mark(&c->x, 0, last, false);
  cli_axis_mark(&c->y, logarithmic || low < 0 ? low : 0, high, logarithmic);
  c->x.name = "step";
  c->y.name = "training loss";
}

static pal_status draw(const cli_options *o, curves *all, pal_error *error) {
  cli_chart chart = {.title = "losses of runs"};
  chart.series = calloc((size_t)o->n_files * SPLITS, sizeof *chart.series);
  pal_status status = chart.series ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  for (int r = 0; r < o->n_files && !status; r++) {
    all[r].run = o->file[r];
    status = cli_outputs_check_run(o, o->file[r], error);
    if (!status) status = read_metrics(&all[r], error);
    for (int i = 0; i < all[r].n && !status; i++)
      status = add_series(&chart, &all[r], &all[r].of[i], o->n_files > 1, error);
  }
  if (!status) choose_axes(&chart);
  if (!status && o->svg) status = cli_chart_svg(&chart, o->svg, error);
  else if (!status) cli_chart_text(stdout, &chart);
  cli_chart_free(&chart);
  return status;
}

int cli_verb_plot(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  curves *all = calloc(CLI_MAX_FILES, sizeof *all);
  (void)context;
  if (!all) pal_fail(&error, PAL_E_MEMORY, "no memory for a plot");
  else if (!o->n_files) pal_fail(&error, PAL_E_ARGUMENT, "which run? palimpsest plot RUN...");
  else draw(o, all, &error);
  for (int r = 0; all && r < CLI_MAX_FILES; r++)
    for (int i = 0; i < all[r].n; i++) {
      free(all[r].of[i].step);
      free(all[r].of[i].loss);
    }
  free(all);
  return error.code ? cli_report(&error) : CLI_DONE;
}
