/* SPDX-License-Identifier: Apache-2.0 */
/* See report_page.h (floor 8). */
#include "cli/report_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/curve.h"
#include "cli/decoding.h"
#include "cli/figures.h"
#include "cli/lines.h"
#include "cli/page.h"
#include "cli/text.h"
#include "cli/trace_page.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<title>Palimpsest: a report</title>\n<style>\n"
    ":root{color-scheme:light dark;--ink:#1d1d1b;--paper:#fffefb;--line:#cfcabd;--soft:#6b675e;"
    "font:16px/1.45 'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif;"
    "color:var(--ink);background:var(--paper)}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e8e5dc;--paper:#1b1b1a;--line:#4a4740;"
    "--soft:#a09b8e}}\n"
    "body{max-width:62rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.4rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--line);"
    "white-space:nowrap}\nth{font-weight:600}th.text,td.text{text-align:left}\n"
    "small,.soft{color:var(--soft)}pre{overflow-x:auto;font-size:.85rem}\n"
    "iframe{width:100%;height:40rem;border:1px solid var(--line)}"
    "svg{max-width:100%;height:auto}summary{cursor:pointer}\n"
    "</style></head><body>\n";

/* ---- the table ------------------------------------------------------------------------------- */

static void cell(FILE *to, const char *text) {
  fprintf(to, "<td>");
  cli_page_text(to, text);
  fprintf(to, "</td>");
}

static bool has_likelihood(const cli_report_run *run) {
  return run->row.n_sets && run->row.set[0].likelihood;
}

static void table_head(FILE *to, const cli_report_run *run) {
  const cli_row *row = &run->row;
  fprintf(to, "<tr><th class=\"text\">run</th><th class=\"text\">model</th><th>seed</th>"
              "<th>parameters</th><th>steps</th><th class=\"text\">set</th>");
  if (has_likelihood(run))
    fprintf(to, "<th>nats per token</th><th>bits per token</th><th>tokens</th>"
                "<th class=\"text\">likelihood</th>");
  else fprintf(to, "<th>exact %%</th><th>95 %% interval</th><th>instances</th>");
  for (int i = 0; i < row->n_columns && !has_likelihood(run); i++) {
    if (!cli_is_judged(&row->column[i])) continue;
    fprintf(to, "<th title=\"");
    cli_page_text(to, row->column[i].doc);
    fprintf(to, "\">%s%s</th>", row->column[i].name,
            row->column[i].kind == PAL_REPORT_SHARE ? " %" : "");
  }
  fprintf(to, "%s</tr>\n",
          has_likelihood(run) ? "" : "<th>passes, mean</th><th>95 %% of them</th>");
}

static void likelihood_cells(FILE *to, const cli_set *s) {
  char text[CLI_FIGURE];
  if (!cli_has_likelihood(s)) {
    fprintf(to, "<td></td><td></td><td></td><td class=\"text\">none is defined</td>");
    return;
  }
  cli_likelihood_value(s, 1, text, sizeof text);
  cell(to, text);
  cli_likelihood_value(s, 1 / M_LN2, text, sizeof text);
  cell(to, text);
  cli_likelihood_basis(s, text, sizeof text);
  fprintf(to, "<td>%lld</td><td class=\"text\">%s</td>", (long long)s->loss.tokens, text);
}

static void decoded_cells(FILE *to, const cli_row *row, const cli_set *s) {
  double low, high;
  cli_wilson(s->exact, s->n, &low, &high);
  fprintf(to, "<td>%.2f%s</td><td>%.2f to %.2f</td><td>%d</td>", 100.0 * s->exact / s->n,
          s->n < CLI_FEW ? "*" : "", 100 * low, 100 * high, s->n);
  for (int i = 0; i < row->n_columns; i++) {
    if (row->column[i].kind == PAL_REPORT_SHARE)
      fprintf(to, "<td>%.2f</td>", 100 * s->sum[i] / s->n);
    if (row->column[i].kind == PAL_REPORT_MEAN) fprintf(to, "<td>%.4g</td>", s->sum[i] / s->n);
  }
  fprintf(to, "<td>%.1f</td><td>%.0f</td>", s->passes_mean, s->passes_p95);
}

static void table_rows(FILE *to, const cli_report_run *run) {
  const cli_row *row = &run->row;
  for (int i = 0; i < row->n_sets; i++) {
    fprintf(to, "<tr><td class=\"text\">");
    cli_page_text(to, run->directory);
    fprintf(to, "</td><td class=\"text\">");
    cli_page_text(to, row->model);
    fprintf(to, "</td><td>%llu</td><td>%lld</td><td>", (unsigned long long)row->seed,
            (long long)row->parameters);
    if (run->losses.n) fprintf(to, "%.0f", run->losses.steps);
    fprintf(to, "</td><td class=\"text\">");
    cli_page_text(to, row->set[i].name);
    fprintf(to, "</td>");
    if (row->set[i].likelihood) likelihood_cells(to, &row->set[i]);
    else decoded_cells(to, row, &row->set[i]);
    fprintf(to, "</tr>\n");
  }
}

static bool same_task(const cli_report_run *a, const cli_report_run *b) {
  return a->task && b->task && strcmp(a->task, b->task) == 0;
}

/* Prints the evaluated runs of one task in one table. */
static void table(FILE *to, const cli_report_run *run, int n, const cli_report_run *of, int limit) {
  const cli_report_run *first = NULL;
  bool few = false;
  for (int i = 0; i < n; i++) {
    if (!same_task(&run[i], of) || !run[i].row.n_sets) continue;
    if (!first) fprintf(to, "<div class=\"wide\"><table>\n");
    if (!first) table_head(to, first = &run[i]);
    table_rows(to, &run[i]);
    for (int k = 0; k < run[i].row.n_sets; k++) few |= run[i].row.set[k].n < CLI_FEW;
  }
  if (!first) return;
  fprintf(to, "</table></div>\n<p><small>");
  if (has_likelihood(first))
    fprintf(to, "&lt;=: an upper bound; the value itself is not computed and may be lower. "
                "+-: standard error of the mean over the draws named.");
  else
    fprintf(to,
            "Passes: forward passes of one instance; exact: the answer is right and decoding "
            "ended by itself.%s At most %d instances of a set.",
            few ? " *: of fewer than 30 instances." : "", limit);
  fprintf(to, "</small></p>\n");
}

/* ---- charts and runs ------------------------------------------------------------------------- */

enum { TOGETHER = 8 }; /* runs in one chart */

static pal_status losses(FILE *to, const cli_report_run *run, int n, const cli_report_run *of,
                         pal_error *error) {
  cli_losses shown[TOGETHER];
  int have = 0;
  pal_status status = PAL_OK;
  for (int i = 0; i < n && !status; i++) {
    if (run[i].losses.n && same_task(&run[i], of)) shown[have++] = run[i].losses;
    if (!have || (have < TOGETHER && i + 1 < n)) continue;
    cli_chart chart;
    status = cli_losses_chart(&chart, shown, have, error);
    if (!status) cli_chart_draw(to, &chart);
    cli_chart_free(&chart);
    have = 0;
  }
  return status;
}

/* Figures and losses, task by task. */
static pal_status tasks(FILE *to, const cli_report_run *run, int n, int limit, pal_error *error) {
  pal_status status = PAL_OK;
  for (int i = 0; i < n && !status; i++) {
    bool first = run[i].task != NULL;
    for (int k = 0; k < i && first; k++) first = !same_task(&run[k], &run[i]);
    if (!first) continue;
    fprintf(to, "<h2>Task ");
    cli_page_text(to, run[i].task);
    fprintf(to, "</h2>\n");
    table(to, run, n, &run[i], limit);
    status = losses(to, run, n, &run[i], error);
  }
  return status;
}

/* Whether a set took so many passes that their number says something. */
static bool takes_passes(const cli_row *row) {
  bool takes = false;
  for (int i = 0; i < row->n_sets; i++) takes |= row->set[i].most_passes > cli_mark[1];
  return takes;
}

static void print_config(FILE *to, const char *directory) {
  pal_error ignored = {0};
  cli_lines l;
  char *path = cli_print(&ignored, "%s/config", directory);
  if (path && !cli_lines_open(&l, path, &ignored)) {
    while (cli_lines_next(&l, &ignored)) {
      cli_page_text(to, l.text);
      fputc('\n', to);
    }
    cli_lines_close(&l);
  }
  free(path);
}

/* The page of a trace as an attribute of a frame, so that its script and style stay apart. */
static pal_status frame(FILE *to, const cli_trace *trace, pal_error *error) {
  cli_page page;
  pal_status status = cli_page_open(&page, error);
  if (status) return status;
  status = cli_trace_page(page.to, trace, error);
  if (!status && fflush(page.to)) status = pal_fail(error, PAL_E_MEMORY, "no memory for a page");
  if (!status) {
    fprintf(to, "<details><summary>decoding, pass by pass</summary>\n<iframe loading=\"lazy\" "
                "title=\"decoding, pass by pass\" srcdoc=\"");
    for (const char *c = page.text; *c; c++) {
      if (*c == '&') fputs("&amp;", to);
      else if (*c == '"') fputs("&quot;", to);
      else fputc(*c, to);
    }
    fprintf(to, "\"></iframe></details>\n");
  }
  cli_page_drop(&page);
  return status;
}

/* Edits and length by pass, and the passes themselves. */
static pal_status decoding(FILE *to, const cli_trace *trace, pal_error *error) {
  cli_chart chart[CLI_DECODING_CHARTS] = {{.n = 0}};
  pal_error none = {0}; /* a trace without a pass has no charts */
  if (!trace->n) return PAL_OK;
  fprintf(to, "<h3>Decoding</h3>\n");
  if (!cli_decoding_charts(chart, trace, &none))
    for (int i = 0; i < CLI_DECODING_CHARTS; i++) cli_chart_draw(to, &chart[i]);
  for (int i = 0; i < CLI_DECODING_CHARTS; i++) cli_chart_free(&chart[i]);
  return frame(to, trace, error);
}

static pal_status section(FILE *to, const cli_report_run *run, pal_error *error) {
  fprintf(to, "<h2>");
  cli_page_text(to, run->directory);
  fprintf(to, "</h2>\n");
  if (run->problem) {
    fprintf(to, "<p>Not evaluated: ");
    cli_page_text(to, run->problem);
    fprintf(to, "</p>\n");
  }
  if (run->losses.n)
    fprintf(to, "<p>%.0f steps in %.1f s.</p>\n", run->losses.steps, run->losses.seconds);
  for (const char *at = run->row.notes; at && *at; at += strcspn(at, "\n") + 1) {
    const int length = (int)strcspn(at, "\n");
    char *note = cli_print(error, "%.*s", length, at);
    if (!note) return error->code;
    fprintf(to, "<p>Note: ");
    cli_page_text(to, note);
    fprintf(to, ".</p>\n");
    free(note);
  }
  cli_chart chart = {.n = 0};
  pal_error none = {0};
  if (takes_passes(&run->row) && !cli_curve_chart(&chart, &run->row, &none)) {
    fprintf(to, "<h3>Exact within so many forward passes</h3>\n");
    cli_chart_draw(to, &chart);
  }
  cli_chart_free(&chart);
  const pal_status status = decoding(to, &run->trace, error);
  fprintf(to, "<details><summary>config</summary><pre>");
  print_config(to, run->directory);
  fprintf(to, "</pre></details>\n");
  return status;
}

pal_status cli_report_page(FILE *to, const cli_report_run *run, int n, int limit,
                           pal_error *error) {
  fputs(head, to);
  fprintf(to, "<h1>%d run%s</h1>\n", n, n > 1 ? "s" : "");
  pal_status status = tasks(to, run, n, limit, error);
  for (int i = 0; i < n && !status; i++) status = section(to, &run[i], error);
  fprintf(to, "</body></html>\n");
  return status;
}
