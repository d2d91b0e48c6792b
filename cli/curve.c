/* What passes buy: exact within so many of them, as a plot (floor 6). */
#include <math.h>

#include "cli/page.h"

enum { LEFT = 64, TOP = 24, WIDE = 460, HIGH = 240, FOOT = 52 };

static double across(int passes) {
  const double least = log(cli_mark[0]), most = log(cli_mark[CLI_MARKS - 1]);
  return LEFT + WIDE * (log(passes) - least) / (most - least);
}

static double up(double fraction) { return TOP + HIGH * (1 - fraction); }

static void axes(FILE *to) {
  for (int k = 0; k <= 10; k += 2)
    fprintf(to, "<path d=\"M%d %.1fh%d\" stroke=\"#cfcabd\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%d %%</text>\n",
            LEFT, up(k / 10.0), WIDE, LEFT - 8, up(k / 10.0) + 4, 10 * k);
  for (int m = 0; m < CLI_MARKS; m++)
    fprintf(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>\n", across(cli_mark[m]),
            TOP + HIGH + 18, cli_mark[m]);
  fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">forward passes, at most</text>\n",
          LEFT + WIDE / 2, TOP + HIGH + 40);
}

pal_status cli_curve_svg(const cli_set *set, const char *path, pal_error *error) {
  cli_page page;
  if (set->n == 0 || set->likelihood)
    return pal_fail(error, PAL_E_UNSUPPORTED, "%s: nothing was decoded that could be plotted", path);
  if (cli_page_open(&page, error)) return error->code;
  FILE *to = page.to;
  fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n"
              "<title>exact within so many forward passes, of %d</title>\n"
              "<style>text{font:12px Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#1d1d1b}</style>\n"
              "<rect width=\"100%%\" height=\"100%%\" fill=\"#fffefb\"/>\n",
          LEFT + WIDE + 40, TOP + HIGH + FOOT, LEFT + WIDE + 40, TOP + HIGH + FOOT, set->n);
  axes(to);
  fprintf(to, "<path fill=\"none\" stroke=\"#0b5fa5\" stroke-width=\"2\" d=\"");
  for (int m = 0; m < CLI_MARKS && (m == 0 || cli_mark[m - 1] < set->most_passes); m++)
    fprintf(to, "%c%.1f %.1f", m ? 'L' : 'M', across(cli_mark[m]), up((double)set->exact_by[m] / set->n));
  fprintf(to, "\"/>\n</svg>\n");
  return cli_page_save(&page, path, error);
}
