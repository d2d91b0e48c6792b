/* SPDX-License-Identifier: Apache-2.0 */
/* Plot of the share of exact instances over the number of forward passes (floor 8). */
#include "cli/curve.h"

#include <math.h>

#include "cli/page.h"
#include "cli/row.h"

/* Pixels: left and top margin, size of the plot, height below it up to the first legend line, and
 * height of each legend line. */
enum { LEFT = 64, TOP = 24, WIDE = 460, HIGH = 240, FOOT = 66, ROW = 18 };

/* x of a number of passes (logarithmic) and y of a fraction, in pixels. */
static double across(int passes) {
  const double least = log(cli_mark[0]), most = log(cli_mark[CLI_MARKS - 1]);
  return LEFT + WIDE * (log(passes) - least) / (most - least);
}

static double up(double fraction) { return TOP + HIGH * (1 - fraction); }

static void axes(FILE *to) {
  for (int k = 0; k <= 10; k += 2)
    fprintf(to,
            "<path d=\"M%d %.1fh%d\" stroke=\"#cfcabd\"/><text x=\"%d\" y=\"%.1f\" "
            "text-anchor=\"end\">%d %%</text>\n",
            LEFT, up(k / 10.0), WIDE, LEFT - 8, up(k / 10.0) + 4, 10 * k);
  for (int m = 0; m < CLI_MARKS; m++)
    fprintf(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", across(cli_mark[m]),
            TOP + HIGH + 18, cli_mark[m]);
  fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">forward passes, at most</text>\n",
          LEFT + WIDE / 2, TOP + HIGH + 40);
}

static const char *const colour[] = {"#0b5fa5", "#b5441b", "#3f7d20", "#7a3e9d",
                                     "#a8860a", "#118a8b", "#8c564b", "#555555"};
enum { COLOURS = sizeof colour / sizeof *colour };

static bool drawn(const cli_set *set) { return set->n > 0 && !set->likelihood && !set->steps; }

/* Draws one set as a line of its own colour (dashed when colours repeat) and its legend entry,
 * number `place`, below the axis. The line ends at the first mark that covers all passes taken. */
static void line(FILE *to, const cli_set *set, int place) {
  const char *own = colour[place % COLOURS],
             *dash = place < COLOURS ? "" : " stroke-dasharray=\"5 3\"";
  const int y = TOP + HIGH + FOOT + place * ROW;
  fprintf(to, "<path fill=\"none\" stroke=\"%s\"%s stroke-width=\"2\" d=\"", own, dash);
  for (int m = 0; m < CLI_MARKS && (m < 2 || cli_mark[m - 1] < set->most_passes); m++)
    fprintf(to, "%c%.1f %.1f", m ? 'L' : 'M', across(cli_mark[m]),
            up((double)set->exact_by[m] / set->n));
  fprintf(
      to,
      "\"/>\n<path stroke=\"%s\"%s stroke-width=\"2\" d=\"M%d %dh24\"/><text x=\"%d\" y=\"%d\">",
      own, dash, LEFT, y - 4, LEFT + 32, y);
  cli_page_text(to, set->name);
  fprintf(to, " (%d)</text>\n", set->n);
}

pal_status cli_curve_svg(const cli_row *row, const char *path, pal_error *error) {
  cli_page page;
  int lines = 0;
  for (int i = 0; i < row->n_sets; i++) lines += drawn(&row->set[i]);
  if (!lines)
    return pal_fail(error, PAL_E_UNSUPPORTED, "%s: nothing was decoded that could be plotted",
                    path);
  if (cli_page_open(&page, error)) return error->code;
  FILE *to = page.to;
  const int wide = LEFT + WIDE + 40, high = TOP + HIGH + FOOT + lines * ROW;
  fprintf(
      to,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n"
      "<title>exact within so many forward passes</title>\n"
      "<style>text{font:12px Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#1d1d1b}</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#fffefb\"/>\n",
      wide, high, wide, high);
  axes(to);
  for (int i = 0, place = 0; i < row->n_sets; i++)
    if (drawn(&row->set[i])) line(to, &row->set[i], place++);
  fprintf(to, "</svg>\n");
  return cli_page_save(&page, path, error);
}
