/* SPDX-License-Identifier: Apache-2.0 */
/* See chart.h (floor 8). */
#include "cli/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/page.h"
#include "cli/terminal.h"
#include "cli/text.h"

/* ---- axes ------------------------------------------------------------------------------------ */

double cli_axis_at(const cli_axis *a, double value) {
  if (a->high <= a->low) return 0.5;
  if (a->logarithmic) return (log(value) - log(a->low)) / (log(a->high) - log(a->low));
  return (value - a->low) / (a->high - a->low);
}

static void mark(cli_axis *a, double value) {
  if (a->n == CLI_TICKS) return;
  a->tick[a->n] = value;
  snprintf(a->text[a->n++], sizeof *a->text, "%.6g", value);
}

/* Marks the powers of ten in the range and, when these are few, their doubles and fivefolds. */
static void mark_powers(cli_axis *a) {
  static const double digit[] = {1, 2, 5};
  const int first = (int)floor(log10(a->low)), last = (int)ceil(log10(a->high));
  const int each = last - first > 8 ? (last - first) / 8 + 1 : 1, digits = last - first > 3 ? 1 : 3;
  for (int p = first; p <= last; p += each)
    for (int d = 0; d < digits; d++) {
      const double value = digit[d] * pow(10, p);
      if (value >= a->low * (1 - 1e-9) && value <= a->high * (1 + 1e-9)) mark(a, value);
    }
}

void cli_axis_mark(cli_axis *a, double low, double high, bool logarithmic) {
  enum { WANTED = 6 };
  a->n = 0;
  a->logarithmic = logarithmic;
  a->low = low;
  a->high = high > low ? high : low + 1;
  if (logarithmic) {
    mark_powers(a);
    return;
  }
  const double rough = (a->high - a->low) / WANTED, power = pow(10, floor(log10(rough)));
  const double round = rough <= power       ? power
                       : rough <= 2 * power ? 2 * power
                       : rough <= 5 * power ? 5 * power
                                            : 10 * power;
  const double step = a->whole && round < 1 ? 1 : round;
  for (double v = ceil(a->low / step - 1e-9); v * step <= a->high + 1e-9 * step; v++)
    mark(a, v * step + 0.0); /* not -0 */
}

/* ---- SVG ------------------------------------------------------------------------------------- */

/* Pixels: left and top margin, size of the plot, height below it up to the first legend line, and
 * height of each legend line. */
enum { LEFT = 64, TOP = 24, WIDE = 460, HIGH = 240, FOOT = 66, ROW = 18, WIDTH = LEFT + WIDE + 40 };

static const char *const colour[] = {"#0b5fa5", "#b5441b", "#3f7d20", "#7a3e9d",
                                     "#a8860a", "#118a8b", "#8c564b", "#555555"};
enum { COLOURS = sizeof colour / sizeof *colour };

static double across(const cli_chart *c, double x) { return LEFT + WIDE * cli_axis_at(&c->x, x); }

static double up(const cli_chart *c, double y) { return TOP + HIGH * (1 - cli_axis_at(&c->y, y)); }

static void axes(FILE *to, const cli_chart *c) {
  for (int k = 0; k < c->y.n; k++)
    fprintf(to,
            "<path d=\"M%d %.1fh%d\" stroke=\"#cfcabd\"/><text x=\"%d\" y=\"%.1f\" "
            "text-anchor=\"end\">%s</text>\n",
            LEFT, up(c, c->y.tick[k]), WIDE, LEFT - 8, up(c, c->y.tick[k]) + 4, c->y.text[k]);
  for (int k = 0; k < c->x.n; k++)
    fprintf(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            across(c, c->x.tick[k]), TOP + HIGH + 18, c->x.text[k]);
  if (c->x.name)
    fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", LEFT + WIDE / 2,
            TOP + HIGH + 40, c->x.name);
  if (c->y.name) fprintf(to, "<text x=\"%d\" y=\"%d\">%s</text>\n", LEFT, TOP - 8, c->y.name);
}

/* Draws a series as a line of its own colour (dashed when colours repeat) and its legend entry,
 * number `place`, below the axis. */
static void line(FILE *to, const cli_chart *c, int place) {
  const cli_series *s = &c->series[place];
  const char *own = colour[place % COLOURS],
             *dash = place < COLOURS ? "" : " stroke-dasharray=\"5 3\"";
  const int y = TOP + HIGH + FOOT + place * ROW;
  fprintf(to, "<path fill=\"none\" stroke=\"%s\"%s stroke-width=\"2\" d=\"", own, dash);
  for (int i = 0; i < s->n; i++)
    fprintf(to, "%c%.1f %.1f", i ? 'L' : 'M', across(c, s->x[i]), up(c, s->y[i]));
  fprintf(
      to,
      "\"/>\n<path stroke=\"%s\"%s stroke-width=\"2\" d=\"M%d %dh24\"/><text x=\"%d\" y=\"%d\">",
      own, dash, LEFT, y - 4, LEFT + 32, y);
  cli_page_text(to, s->name);
  fprintf(to, "</text>\n");
}

void cli_chart_draw(FILE *to, const cli_chart *c) {
  const int high = TOP + HIGH + FOOT + c->n * ROW;
  fprintf(
      to,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n"
      "<title>%s</title>\n"
      "<style>text{font:12px Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#1d1d1b}</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#fffefb\"/>\n",
      WIDTH, high, WIDTH, high, c->title);
  axes(to, c);
  for (int i = 0; i < c->n; i++) line(to, c, i);
  fprintf(to, "</svg>\n");
}

static int height_of(const cli_chart *c) { return TOP + HIGH + FOOT + c->n * ROW; }

pal_status cli_charts_svg(const cli_chart *chart, int n, const char *path, pal_error *error) {
  cli_page page;
  if (cli_page_open(&page, error)) return error->code;
  int high = 0;
  for (int i = 0; i < n; i++) high += height_of(&chart[i]);
  if (n > 1)
    fprintf(page.to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\">\n",
            WIDTH, high, WIDTH, high);
  for (int i = 0, at = 0; i < n; at += height_of(&chart[i++])) {
    if (n > 1) fprintf(page.to, "<g transform=\"translate(0 %d)\">\n", at);
    cli_chart_draw(page.to, &chart[i]);
    if (n > 1) fprintf(page.to, "</g>\n");
  }
  if (n > 1) fprintf(page.to, "</svg>\n");
  return cli_page_save(&page, path, error);
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char glyph[] = "*o+x#@%&"; /* of the series, in turn */
enum { LABEL = 9, ROWS = 17, MOST_COLUMNS = 160 };

/* Puts the mean of a series in each column of characters into its place. */
static void put_series(char field[ROWS][MOST_COLUMNS], int columns, const cli_chart *c, int which) {
  double sum[MOST_COLUMNS] = {0};
  int n[MOST_COLUMNS] = {0};
  const cli_series *s = &c->series[which];
  for (int i = 0; i < s->n; i++) {
    const int at = (int)lround(cli_axis_at(&c->x, s->x[i]) * (columns - 1));
    if (at < 0 || at >= columns) continue;
    sum[at] += s->y[i];
    n[at]++;
  }
  for (int at = 0; at < columns; at++) {
    if (!n[at]) continue;
    const int row = (int)lround((1 - cli_axis_at(&c->y, sum[at] / n[at])) * (ROWS - 1));
    if (row >= 0 && row < ROWS) field[row][at] = glyph[(size_t)which % (sizeof glyph - 1)];
  }
}

/* The text of the mark on the y axis that falls into a row; empty when none does. */
static const char *label_of(const cli_axis *y, int row) {
  for (int k = 0; k < y->n; k++)
    if ((int)lround((1 - cli_axis_at(y, y->tick[k])) * (ROWS - 1)) == row) return y->text[k];
  return "";
}

/* Prints the marks of the x axis, those for which there is room. */
static void print_marks(FILE *to, const cli_axis *x, int columns) {
  int used = 0;
  fprintf(to, "%*s ", LABEL, "");
  for (int k = 0; k < x->n; k++) {
    const int length = (int)strlen(x->text[k]);
    int at = (int)lround(cli_axis_at(x, x->tick[k]) * (columns - 1)) - length / 2;
    if (at < 0) at = 0;
    if (at + length > columns) at = columns - length;
    if (at < used + (used > 0)) continue;
    fprintf(to, "%*s%s", at - used, "", x->text[k]);
    used = at + length;
  }
  fprintf(to, "\n");
}

void cli_chart_text(FILE *to, const cli_chart *c) {
  char field[ROWS][MOST_COLUMNS];
  int columns = cli_columns(to) - LABEL - 3;
  if (columns > MOST_COLUMNS) columns = MOST_COLUMNS;
  memset(field, ' ', sizeof field);
  for (int i = 0; i < c->n; i++) put_series(field, columns, c, i);
  if (c->y.name) fprintf(to, "%*s %s\n", LABEL, "", c->y.name);
  for (int r = 0; r < ROWS; r++) {
    int used = columns;
    while (used > 0 && field[r][used - 1] == ' ') used--;
    fprintf(to, "%*s |%.*s\n", LABEL - 1, label_of(&c->y, r), used, field[r]);
  }
  fprintf(to, "%*s +", LABEL - 1, "");
  for (int i = 0; i < columns; i++) fputc('-', to);
  fputc('\n', to);
  print_marks(to, &c->x, columns);
  if (c->x.name) fprintf(to, "%*s %s\n", LABEL, "", c->x.name);
  for (int i = 0; i < c->n; i++) {
    fprintf(to, "%*c ", LABEL, glyph[(size_t)i % (sizeof glyph - 1)]);
    cli_show_padded(to, c->series[i].name, 0);
    fprintf(to, "\n");
  }
}

void cli_chart_free(cli_chart *c) {
  for (int i = 0; i < c->n; i++) {
    free(c->series[i].name);
    free(c->series[i].x);
    free(c->series[i].y);
  }
  free(c->series);
  c->series = NULL;
  c->n = 0;
}
