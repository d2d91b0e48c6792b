/* SPDX-License-Identifier: Apache-2.0 */
/* See table.h (floor 8). */
#include "cli/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/figures.h"
#include "cli/fold.h"
#include "cli/help.h"
#include "cli/recipes.h"
#include "cli/row.h"
#include "cli/text.h"

/* Prints the task's columns on decoded instances: shares and means. */
static void table_columns(FILE *to, const cli_row *row, const cli_set *s) {
  for (int i = 0; i < row->n_columns; i++) {
    const pal_report_column *c = &row->column[i];
    if (c->kind == PAL_REPORT_SHARE)
      fprintf(to, "\v %s %6.2f %% ", c->name, 100 * s->sum[i] / s->n);
    if (c->kind == PAL_REPORT_MEAN) fprintf(to, "\v %s %.4g ", c->name, s->sum[i] / s->n);
  }
}

/* Prints the task's columns on its training data: counts and flags. */
static void table_totals(FILE *to, const cli_row *row) {
  for (int i = 0; i < row->n_columns; i++) {
    const pal_report_column *c = &row->column[i];
    if (c->kind == PAL_REPORT_COUNT && row->total[i])
      fprintf(to, ",\v %lld %s", (long long)row->total[i], c->name);
    if (c->kind == PAL_REPORT_FLAG) fprintf(to, ",\v %s%s", row->total[i] ? "" : "not ", c->name);
  }
}

static void table_sets(FILE *to, const cli_row *row) {
  for (int i = 0; i < row->n_sets; i++) {
    const cli_set *s = &row->set[i];
    if (s->likelihood) {
      cli_likelihood_line(to, row, s);
      continue;
    }
    double low, high;
    cli_wilson(s->exact, s->n, &low, &high);
    fprintf(to, "    ");
    cli_show_padded(to, s->name, 16);
    fprintf(to, " exact %6.2f %% [%6.2f, %6.2f] of %5d%s", 100.0 * s->exact / s->n, 100 * low,
            100 * high, s->n, cli_few(s->n));
    if (!s->steps) {
      table_columns(to, row, s);
      fprintf(to, "\v halted %6.2f %%\v  passes %.1f, p95 %.0f", 100.0 * s->halted / s->n,
              s->passes_mean, s->passes_p95);
    }
    fprintf(to, "\n");
    if (s->left_out)
      fprintf(to, "    %-16s %d more were left out: sequences this long take too long to decode\n",
              "", s->left_out);
  }
}

void cli_details(FILE *to, const cli_row *row) {
  for (int i = 0; i < row->n_sets; i++) {
    const cli_set *s = &row->set[i];
    if (row->n_sets > 1 && (s->n_traits || s->refused)) {
      fprintf(to, "    ");
      cli_show_padded(to, s->name, 0);
      fprintf(to, "\n");
    }
    if (s->refused) fprintf(to, "      %d instances refused, not among the %d\n", s->refused, s->n);
    for (int m = 0; m < CLI_MARKS && s->n_traits && !s->steps && s->most_passes >= cli_mark[m]; m++)
      fprintf(to, "      within %5d passes  exact %6.2f %%%s\n", cli_mark[m],
              100.0 * s->exact_by[m] / s->n, cli_few(s->n));
    for (int t = 0; t < s->n_traits; t++)
      fprintf(to, "      %-20s %6d (%5.1f %%), of these exact %6.2f %%%s\n", s->trait[t].name,
              s->trait[t].n, 100.0 * s->trait[t].n / s->n,
              100.0 * s->trait[t].exact / s->trait[t].n, cli_few(s->trait[t].n));
  }
}

/* Prints what a row is: model, seed, size and training. */
static void table_head(FILE *to, const cli_row *row) {
  fprintf(to, "%s, seed %llu:\v %lld parameters", row->model, (unsigned long long)row->seed,
          (long long)row->parameters);
  table_totals(to, row);
  if (row->steps) /* trained in this run */
    fprintf(to, ",\v %lld examples,\v %lld steps,\v %.1f s", (long long)row->examples,
            (long long)row->steps, row->seconds);
  if (row->steps && !isnan(row->loss)) fprintf(to, ",\v training loss %.4f", row->loss);
  fprintf(to, "%s\n", row->fitted ? "" : "\v  (did not fit)");
}

void cli_table(FILE *to, const cli_row *row, int n) {
  enum { SET_INDENT = 21, NOTE_INDENT = 10 };
  for (int i = 0; i < n; i++) {
    cli_fold fold;
    table_head(cli_fold_open(&fold, to), &row[i]);
    cli_fold_cells(&fold, NOTE_INDENT);
    table_sets(cli_fold_open(&fold, to), &row[i]);
    cli_fold_cells(&fold, SET_INDENT);
    for (const char *at = row[i].notes; *at; at += strcspn(at, "\n") + 1) {
      char *note = strndup(at, strcspn(at, "\n"));
      fprintf(to, "    note: ");
      cli_wrap(to, note ? note : "", NOTE_INDENT, NOTE_INDENT);
      free(note);
    }
  }
}

static double shown(const cli_set *s) { return 100.0 * s->exact / (s->n ? s->n : 1); }

/* The heading of a set's column: what its name says behind "=", or the whole name. */
static const char *heading(const cli_set *s) {
  const char *equals = strchr(s->name, '=');
  return equals ? equals + 1 : s->name;
}

static int set_width(const cli_set *s) {
  const int least = 8, length = (int)strlen(heading(s));
  return length > least ? length : least;
}

/* A cell of the column of set s. */
static void cell(FILE *to, double percent, const cli_set *s) {
  fprintf(to, " %*.1f%s", set_width(s), percent, cli_few(s->n));
}

/* Prints a row's label, with its seed if `seeds`, padded to `width`. */
static void label(FILE *to, const cli_row *row, bool seeds, int width) {
  int used = fprintf(to, "%s", row->model);
  if (seeds) used += fprintf(to, ", seed %llu", (unsigned long long)row->seed);
  if (used < width) fprintf(to, "%*s", width - used, "");
}

/* Lines with the mean, minimum and maximum of n rows that differ only in their seeds. */
static void summary_of_seeds(FILE *to, const cli_row *row, int n, int width) {
  static const char *const what[] = {"mean", "min", "max"};
  for (int k = 0; k < 3; k++) {
    const int used = fprintf(to, "  %s of %d seeds", what[k], n);
    fprintf(to, "%*s %10s %7s", width > used ? width - used : 0, "", "", "");
    for (int i = 0; i < row->n_sets; i++) {
      double value = shown(&row->set[i]);
      for (int r = 1; r < n; r++) {
        const double x = shown(&row[r].set[i]);
        value = k == 0 ? value + x : (k == 1 ? x < value : x > value) ? x : value;
      }
      cell(to, k == 0 ? value / n : value, &row->set[i]);
    }
    fprintf(to, "\n");
  }
}

/* One line per row with the exact share of each set. Rows of one label stand together; after
 * several seeds of a label follow their mean, minimum and maximum. */
static int summary_by_set(FILE *to, const cli_row *row, int n) {
  bool seeds = false;
  int width = 20;
  for (int k = 1; k < n; k++) seeds |= strcmp(row[k].model, row[k - 1].model) == 0;
  for (int k = 0; k < n; k++) {
    const int wide = (int)strlen(row[k].model) + (seeds ? 8 : 0);
    if (wide > width) width = wide;
  }
  fprintf(to, "%-*s\v %10s\v %7s", width, "exact %", "parameters", "steps");
  for (int i = 0; n && i < row[0].n_sets; i++)
    fprintf(to, "\v %*s ", set_width(&row[0].set[i]), heading(&row[0].set[i]));
  fprintf(to, "\n");
  for (int k = 0, first = 0; k < n; k++) {
    label(to, &row[k], seeds, width);
    fprintf(to, " %10lld %7lld", (long long)row[k].parameters, (long long)row[k].steps);
    for (int i = 0; i < row[k].n_sets; i++) cell(to, shown(&row[k].set[i]), &row[k].set[i]);
    fprintf(to, "%s\n", row[k].fitted ? "" : " did not fit");
    if (k + 1 < n && strcmp(row[k + 1].model, row[k].model) == 0) continue;
    if (k > first) summary_of_seeds(to, &row[first], k + 1 - first, width);
    first = k + 1;
  }
  return width;
}

static int width_of(const pal_report_column *c) {
  const int least = cli_is_judged(c) ? 5 : 8, length = (int)strlen(c->name);
  return length > least ? length : least;
}

/* Prints the cells of the task's columns on decoded instances of the first set (`judged`) or on the
 * training data; the headings when `row` is NULL. */
static void summary_columns(FILE *to, const pal_report_column *column, int n, bool judged,
                            const cli_row *row) {
  for (int i = 0; i < n; i++) {
    const pal_report_column *c = &column[i];
    const bool share = c->kind == PAL_REPORT_SHARE;
    const int width = width_of(c);
    const cli_set *s = row ? &row->set[0] : NULL;
    if (cli_is_judged(c) != judged) continue;
    if (!row) fprintf(to, "\v %*s%s", width, c->name, share ? " %" : "");
    else if (c->kind == PAL_REPORT_COUNT) fprintf(to, " %*lld", width, (long long)row->total[i]);
    else if (c->kind == PAL_REPORT_FLAG) fprintf(to, " %*s", width, row->total[i] ? "yes" : "no");
    else
      fprintf(to, " %*.2f", width + (share ? 2 : 0),
              (share ? 100 : 1) * s->sum[i] / (s->n ? s->n : 1));
  }
}

/* The table of tasks that count their training data: one line per row with what it was trained on
 * and the result on its first set. */
static void summary_by_training(FILE *to, const cli_row *row, int n) {
  const pal_report_column *columns = row[0].column;
  const int n_columns = row[0].n_columns;
  bool trained = false; /* else all were compiled */
  for (int k = 0; k < n; k++) trained |= row[k].steps > 0;
  fprintf(to, "%-30s\v %4s\v %9s", "", "seed", "params");
  summary_columns(to, columns, n_columns, false, NULL);
  if (trained) fprintf(to, "\v transitions\v  M rows\v minutes");
  fprintf(to, "\v  %-30s", "exact % [95 %]");
  summary_columns(to, columns, n_columns, true, NULL);
  fprintf(to, "\v %8s\v %6s\v %7s\v %6s\v %8s\n", "itself %", "cap %", "passes", "p95", "decode s");
  for (int k = 0; k < n; k++) {
    const cli_set *s = &row[k].set[0];
    double low, high, of = s->n ? s->n : 1;
    char exact[64];
    cli_wilson(s->exact, s->n, &low, &high);
    snprintf(exact, sizeof exact, "%6.2f [%6.2f, %6.2f] of %d%s", 100 * s->exact / of, 100 * low,
             100 * high, s->n, s->n < CLI_FEW ? "*" : "");
    fprintf(to, "%-30s %4llu %9lld", row[k].model, (unsigned long long)row[k].seed,
            (long long)row[k].parameters);
    summary_columns(to, columns, n_columns, false, &row[k]);
    if (trained)
      fprintf(to, " %11lld %7.1f %7.2f", (long long)row[k].examples, (double)row[k].tokens / 1e6,
              row[k].seconds / 60);
    fprintf(to, "  %-30s", exact);
    summary_columns(to, columns, n_columns, true, &row[k]);
    fprintf(to, " %8.2f %6.2f %7.1f %6.0f %8.2f\n", 100 * s->halted / of, 100 * s->capped / of,
            s->passes_mean, s->passes_p95, s->seconds);
  }
}

/* What the columns of summary_by_training mean. */
static void legend(FILE *to, const pal_report_column *column, int n) {
  cli_wrap(to,
           "transitions: for edit models labelled states, else sequences, masked anew in each use",
           0, 2);
  cli_wrap(to, "itself, cap: decoding ended by itself, or by the cap on passes", 0, 2);
  cli_wrap(to, "passes: forward passes of one sequence; decode s: seconds for all of them together",
           0, 2);
  for (int i = 0; i < n; i++) {
    const int at = fprintf(to, "%s: ", column[i].name);
    cli_wrap(to, column[i].doc, at, 2);
  }
}

/* The value of a published result in a column of the task, as text; empty when it has none. */
static const char *published_total(const cli_published *p, const char *column, char *text,
                                   size_t size) {
  *text = 0;
  for (int i = 0; i < p->n_columns; i++)
    if (strcmp(p->column[i], column) == 0) snprintf(text, size, "%.0f", p->total[i]);
  return text;
}

/* Prints the published results in the columns of summary_by_training. */
static void summary_published(FILE *to, const cli_row *row, const cli_recipes *r) {
  for (const cli_published *p = r->published; p < r->published + r->n_published; p++) {
    char text[32] = "";
    if (p->parameters > 0) snprintf(text, sizeof text, "%.0f", p->parameters);
    fprintf(to, "%-30s %4s %9s", p->model, "", text);
    for (int i = 0; row && i < row->n_columns; i++)
      if (!cli_is_judged(&row->column[i]))
        fprintf(to, " %*s", width_of(&row->column[i]),
                published_total(p, row->column[i].name, text, sizeof text));
    fprintf(to, " %6.2f  ", 100 * p->exact);
    for (const char *word = p->source; *word; word += strspn(word, " ")) {
      const int length = (int)strcspn(word, " ");
      fprintf(to, "\v %.*s", length, word);
      word += length;
    }
    fprintf(to, "\n");
  }
}

void cli_summary(FILE *to, const cli_row *row, int n, const cli_recipes *recipes) {
  enum { STUB = 30 };
  cli_fold fold;
  const bool counted = n && !row[0].set[0].likelihood && cli_counted(&row[0]);
  fputc('\n', to);
  FILE *table = cli_fold_open(&fold, to);
  int stub = STUB;
  if (n && row[0].set[0].likelihood) stub = cli_likelihood_summary(table, row, n);
  else if (counted) summary_by_training(table, row, n);
  else stub = summary_by_set(table, row, n);
  cli_fold_table(&fold, stub);
  if (n && row[0].set[0].likelihood) cli_likelihood_legend(to);
  if (counted) legend(to, row[0].column, row[0].n_columns);
  cli_few_legend(to, row, n);
  if (!recipes->n_published) return;
  fprintf(to, "\npublished by others, on their own data\n");
  summary_published(cli_fold_open(&fold, to), n ? row : NULL, recipes);
  cli_fold_cells(&fold, STUB + 3);
}
