/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as an SVG picture: panels with boards or diagrams, see trace_page.h (floor 8). */
#include <math.h>
#include <string.h>

#include "cli/page.h"
#include "cli/trace_page.h"

/* Colours of sorts: of the text of cells, of edges and of nodes. Sorts differ in weight, slope or
 * dashes too, so that they can be told apart without colours. */
#define STYLE                                                                    \
  ".s0{fill:#b9b4a8}.s1{fill:#1d1d1b;font-weight:700}.s2{fill:#0b5fa5}"          \
  ".s3{fill:#b4520b;font-style:italic}.s4{fill:#3c7a3c}.s5{fill:#7a3c7a}"        \
  ".e{fill:none;stroke-width:1.6}"                                               \
  ".e0{stroke:#b9890a;stroke-width:3}.e1{stroke:#1d1d1b}.e2{stroke:#0b5fa5}"     \
  ".e3{stroke:#3c7a3c;stroke-width:3.2}.e4{stroke:#cfcabd;stroke-dasharray:3 4}" \
  ".e5{stroke:#b5341b;stroke-dasharray:7 3}"                                     \
  ".n{stroke:#1d1d1b}.n0{fill:#fdf0c4}.n1{fill:#fffefb}.n2{fill:#f7c98b}"        \
  ".n3{fill:#cfe3f3}.n4{fill:#bfe0bf}.n5{fill:#e3cfe6}"
static const char written[] = "#fdf0c4", erased[] = "#f6d9d5";

/* Pixels of a cell, of a diagram and its nodes, of margins and of a caption; panels in all and in a
 * row at most. */
enum { CELL = 28, DIAGRAM = 250, RADIUS = 13, MARGIN = 24, CAPTION = 30, MOST_PANELS = 12 };

/* The width of a cell. */
static int cell(const cli_traced *t) { return t->wide > 1 ? 14 + 9 * t->wide : CELL; }
static int wide(const cli_traced *t) { return t->sorts ? t->columns * cell(t) : DIAGRAM; }
static int high(const cli_traced *t) { return t->sorts ? t->rows * CELL : DIAGRAM; }

/* ---- boards ------------------------------------------------------------------------------ */

/* Draws the lines of a board at (x, y): all of them thin, or those of its border and blocks
 * thick. */
static void lines(FILE *to, const cli_traced *t, int x, int y, bool thick) {
  fprintf(to, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" d=\"",
          thick ? "#1d1d1b" : "#cfcabd", thick ? "1.8" : "0.8");
  for (int r = 0; r <= t->rows; r++)
    if (!thick || r % t->rows == 0 || (t->block && r % t->block == 0))
      fprintf(to, "M%d %dh%d", x, y + r * CELL, wide(t));
  for (int c = 0; c <= t->columns; c++)
    if (!thick || c % t->columns == 0 || (t->block && c % t->block == 0))
      fprintf(to, "M%d %dv%d", x + c * cell(t), y, high(t));
  fprintf(to, "\" stroke-linecap=\"square\"/>\n");
}

static void board(FILE *to, const cli_traced *t, int k, int x, int y) {
  const cli_pass *b = &t->pass[k];
  for (int i = 0; i < t->rows * t->columns; i++)
    if (cli_trace_changes(t, k, i))
      fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n",
              x + i % t->columns * cell(t), y + i / t->columns * CELL, cell(t), CELL,
              b->sort[i] != '0' ? written : erased);
  lines(to, t, x, y, false);
  lines(to, t, x, y, true);
  for (int i = 0; i < t->rows * t->columns; i++) {
    char text[PAL_PICTURE_CELLS + 1];
    if (b->sort[i] == '0') continue;
    snprintf(text, sizeof text, "%.*s", t->wide, b->glyph + i * t->wide);
    fprintf(to, "<text class=\"s%c\" x=\"%d\" y=\"%d\">", b->sort[i],
            x + i % t->columns * cell(t) + cell(t) / 2, y + i / t->columns * CELL + CELL / 2 + 6);
    cli_page_text(to, text + strspn(text, " "));
    fprintf(to, "</text>\n");
  }
}

/* ---- diagrams ---------------------------------------------------------------------------- */

static double number_at(const json_t *list, size_t i) {
  return json_number_value(json_array_get(list, i));
}

static int whole_at(const json_t *list, size_t i) {
  return (int)json_integer_value(json_array_get(list, i));
}

typedef struct point {
  double x, y;
} point;

static point place_of(const json_t *node, int x, int y) {
  const double room = DIAGRAM - 2 * RADIUS - 2;
  return (point){x + RADIUS + 1 + room * number_at(node, 1),
                 y + RADIUS + 1 + room * number_at(node, 2)};
}

/* An arrow from the border of one node to that of the other. */
static void arrow(FILE *to, point a, point b, int sort) {
  const double length = hypot(b.x - a.x, b.y - a.y), head = 8, half = 3.5;
  if (length < 2 * RADIUS + head) return;
  const double ux = (b.x - a.x) / length, uy = (b.y - a.y) / length;
  const point from = {a.x + ux * RADIUS, a.y + uy * RADIUS},
              tip = {b.x - ux * RADIUS, b.y - uy * RADIUS},
              end = {tip.x - ux * head, tip.y - uy * head};
  fprintf(to, "<path class=\"e e%d\" d=\"M%.1f %.1fL%.1f %.1f", sort, from.x, from.y, tip.x, tip.y);
  fprintf(to, "M%.1f %.1fL%.1f %.1fL%.1f %.1f\"/>\n", end.x - uy * half, end.y + ux * half, tip.x,
          tip.y, end.x + uy * half, end.y - ux * half);
}

static void diagram(FILE *to, const cli_traced *t, int k, int x, int y) {
  const cli_pass *p = &t->pass[k];
  const json_t *one;
  size_t i;
  json_array_foreach(p->edges, i, one)
      arrow(to, place_of(json_array_get(p->nodes, (size_t)whole_at(one, 0)), x, y),
            place_of(json_array_get(p->nodes, (size_t)whole_at(one, 1)), x, y), whole_at(one, 2));
  json_array_foreach(p->nodes, i, one) {
    const point at = place_of(one, x, y);
    fprintf(to, "<circle class=\"n n%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%d\"/>", whole_at(one, 3),
            at.x, at.y, RADIUS);
    fprintf(to, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">", at.x, at.y + 4);
    cli_page_text(to, json_string_value(json_array_get(one, 0)));
    fprintf(to, "</text>\n");
  }
}

/* ---- the picture ------------------------------------------------------------------------- */

/* A line of the key: the names of sorts, in their colours or behind a line or a node. */
static void key(FILE *to, const json_t *names, char what, int y) {
  const json_t *name;
  size_t s;
  int x = MARGIN;
  json_array_foreach(names, s, name) {
    const char *text = json_string_value(name);
    if (what == 's' && s == 0) continue;
    if (what == 'e') fprintf(to, "<path class=\"e e%zu\" d=\"M%d %dh18\"/>", s, x, y - 4);
    if (what == 'n')
      fprintf(to, "<circle class=\"n n%zu\" cx=\"%d\" cy=\"%d\" r=\"6\"/>", s, x + 12, y - 4);
    if (what != 's') x += 22;
    fprintf(to, "<text class=\"key%s", what == 's' ? " s" : "");
    if (what == 's') fprintf(to, "%zu", s);
    fprintf(to, "\" x=\"%d\" y=\"%d\">", x, y);
    cli_page_text(to, text);
    fprintf(to, "</text>\n");
    x += 14 + 7 * (int)strlen(text);
  }
}

static void panel(FILE *to, const cli_traced *t, int k, int x, int y) {
  char caption[160];
  cli_trace_caption(t, k, caption, sizeof caption);
  fprintf(to, "<text class=\"caption\" x=\"%d\" y=\"%d\">%s</text>\n", x, y - 9, caption);
  if (t->sorts) board(to, t, k, x, y);
  else diagram(to, t, k, x, y);
}

pal_status cli_trace_svg_check(const char *task, bool drawn, pal_error *error) {
  return drawn
             ? PAL_OK
             : pal_fail(error, PAL_E_UNSUPPORTED,
                        "--svg: task %s draws no pictures; --html and --watch show any task", task);
}

pal_status cli_trace_svg(const cli_traced *t, const char *path, pal_error *error) {
  cli_page page;
  if (cli_trace_svg_check(t->task, t->sorts || t->node_sorts, error) || cli_page_open(&page, error))
    return error->code;
  FILE *to = page.to;
  const int most_across = t->wide > 1 ? 2 : t->sorts ? 4 : 3, keys = t->sorts ? 1 : 2;
  const int panels = t->n < MOST_PANELS ? t->n : MOST_PANELS;
  const int across = panels < most_across ? panels : most_across;
  const int down = (panels + across - 1) / across, step = high(t) + MARGIN + CAPTION;
  const int least = 620, panes = across * (wide(t) + MARGIN) + MARGIN; /* room for the key */
  const int width = panes < least ? least : panes;
  const int height = down * step + MARGIN * (2 + keys);
  fprintf(to,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
          "height=\"%d\">\n<title>",
          width, height, width, height);
  cli_page_text(to, t->task);
  fprintf(to, ": ");
  cli_page_text(to, t->verdict);
  fprintf(to,
          "</title>\n<style>text{font:17px 'Helvetica Neue',Helvetica,Arial,'Liberation "
          "Sans','DejaVu Sans',sans-serif;text-anchor:middle}.caption{font-size:13px;"
          "text-anchor:start;fill:#1d1d1b}.key{font-size:14px;text-anchor:start}"
          ".label{font-size:12px}%s</style>\n<rect width=\"100%%\" height=\"100%%\" "
          "fill=\"#fffefb\"/>\n",
          STYLE);
  for (int i = 0; i < panels; i++) {
    const int k = panels > 1 ? (int)((int64_t)i * (t->n - 1) / (panels - 1)) : 0;
    panel(to, t, k, MARGIN + i % across * (wide(t) + MARGIN), CAPTION + i / across * step);
  }
  if (t->sorts) key(to, t->sorts, 's', height - 2 * MARGIN);
  else
    key(to, t->node_sorts, 'n', height - 3 * MARGIN),
        key(to, t->edge_sorts, 'e', height - 2 * MARGIN);
  fprintf(to, "<text class=\"key\" x=\"%d\" y=\"%d\">", MARGIN, height - MARGIN);
  cli_page_text(to, t->verdict);
  fprintf(to, "</text>\n</svg>\n");
  return cli_page_save(&page, path, error);
}
