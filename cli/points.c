/* SPDX-License-Identifier: Apache-2.0 */
/* See points.h (floor 8). */
#include "cli/points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"
#include "cli/text.h"

enum { MOST_LINES = 64, MOST_POINTS = 1024 }; /* of a chart; of a line */

/* Splits "A,B,C" in place. */
static pal_status split(const cli_lines *l, char **part, pal_error *error) {
  char *at = cli_trim(l->text);
  int n = 0;
  for (; at && n < 3; at = at ? at + 1 : NULL) {
    part[n++] = at;
    at = strchr(at, ',');
    if (at) *at = 0;
  }
  if (n == 3 && !at) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT, "%s:%d: not of the form NAME,X,Y", l->path, l->number);
}

static pal_status read_number(const cli_lines *l, const char *text, double *value,
                              pal_error *error) {
  char *end;
  *value = strtod(text, &end);
  if (end != text && !*end && isfinite(*value)) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT, "%s:%d: \"%.40s\" is no number", l->path, l->number, text);
}

/* The line of that name, a new one if it is the first of its name; NULL on failure. */
static cli_series *series_of(cli_chart *c, const cli_lines *l, const char *name, pal_error *error) {
  for (int i = 0; i < c->n; i++)
    if (strcmp(c->series[i].name, name) == 0) return &c->series[i];
  if (c->n == MOST_LINES) {
    pal_fail(error, PAL_E_FORMAT, "%s:%d: more than %d lines in a chart", l->path, l->number, c->n);
    return NULL;
  }
  cli_series *s = &c->series[c->n++];
  s->name = cli_print(error, "%s", name);
  s->x = calloc(MOST_POINTS, sizeof *s->x);
  s->y = calloc(MOST_POINTS, sizeof *s->y);
  if (s->name && s->x && s->y) return s;
  pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  return NULL;
}

static pal_status add_point(cli_chart *c, const cli_lines *l, pal_error *error) {
  char *part[3];
  double x, y;
  if (split(l, part, error) || read_number(l, part[1], &x, error) ||
      read_number(l, part[2], &y, error))
    return error->code;
  cli_series *s = series_of(c, l, part[0], error);
  if (!s) return error->code;
  if (s->n == MOST_POINTS)
    return pal_fail(error, PAL_E_FORMAT, "%s:%d: more than %d points of %s", l->path, l->number,
                    s->n, s->name);
  s->x[s->n] = x;
  s->y[s->n++] = y;
  return PAL_OK;
}

static void choose_axis(cli_axis *axis, const cli_chart *c, bool is_x) {
  double low = INFINITY, high = -INFINITY;
  for (int i = 0; i < c->n; i++)
    for (int k = 0; k < c->series[i].n; k++) {
      const double value = is_x ? c->series[i].x[k] : c->series[i].y[k];
      low = value < low ? value : low;
      high = value > high ? value : high;
    }
  const bool logarithmic = low > 0 && high > 50 * low;
  cli_axis_mark(axis, logarithmic || low < 0 ? low : 0, high, logarithmic);
}

pal_status cli_points_chart(cli_chart *c, const char *path, pal_error *error) {
  cli_lines l;
  char *part[3];
  pal_status status = cli_lines_open(&l, path, error);
  *c = (cli_chart){.title = path};
  c->series = status ? NULL : calloc(MOST_LINES, sizeof *c->series);
  if (!status && !c->series) status = pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  if (!status && cli_lines_next(&l, error) && !split(&l, part, error)) {
    c->x.name = cli_print(error, "%s", part[1]);
    c->y.name = cli_print(error, "%s", part[2]);
  }
  while (!status && !error->code && cli_lines_next(&l, error)) status = add_point(c, &l, error);
  cli_lines_close(&l);
  if (!error->code && !c->n) pal_fail(error, PAL_E_FORMAT, "%s holds no points", path);
  if (error->code) return error->code;
  choose_axis(&c->x, c, true);
  choose_axis(&c->y, c, false);
  return PAL_OK;
}

void cli_points_free(cli_chart *c) {
  free((char *)(uintptr_t)c->x.name);
  free((char *)(uintptr_t)c->y.name);
  cli_chart_free(c);
}
