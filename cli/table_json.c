/* SPDX-License-Identifier: Apache-2.0 */
/* See table_json.h (floor 8). */
#include "cli/table_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/json_text.h"
#include "cli/figures.h"
#include "cli/json.h"
#include "cli/provenance.h"
#include "cli/table.h"
#include "cli/standard.h"

static json_t *json_traits(const cli_set *s) {
  json_t *traits = json_array();
  for (int t = 0; t < s->n_traits; t++)
    cli_json_append(&traits, json_pack("{s:o, s:i, s:i}", "trait", cli_json_text(s->trait[t].name),
                                       "n", s->trait[t].n, "n_exact", s->trait[t].exact));
  return traits;
}

static json_t *json_set(const cli_row *row, const cli_set *s) {
  if (s->likelihood) return cli_likelihood_json(s);
  double low, high;
  cli_wilson(s->exact, s->n, &low, &high);
  double n = s->n ? s->n : 1;
  if (s->steps)
    return json_pack("{s:o, s:i, s:f, s:f, s:f, s:o}", "set", cli_json_text(s->name), "n", s->n,
                     "exact", s->exact / n, "exact_low", low, "exact_high", high, "traits",
                     json_traits(s));
  json_t *by = json_array();
  for (int m = 0; m < CLI_MARKS && s->most_passes >= cli_mark[m]; m++)
    cli_json_append(&by,
                    json_pack("{s:i, s:f}", "passes", cli_mark[m], "fraction", s->exact_by[m] / n));
  json_t *all = json_pack("{s:o, s:i, s:f, s:f, s:f}", "set", cli_json_text(s->name), "n", s->n,
                          "exact", s->exact / n, "exact_low", low, "exact_high", high);
  for (int i = 0; i < row->n_columns; i++)
    if (cli_is_judged(&row->column[i]))
      cli_json_put(&all, row->column[i].name, cli_json_number(s->sum[i] / n));
  json_t *rest = json_pack("{s:f, s:f, s:{s:f, s:f}, s:i, s:i, s:o, s:o}", "forward_passes_mean",
                           s->passes_mean, "forward_passes_p95", s->passes_p95, "halted", "itself",
                           s->halted / n, "cap", s->capped / n, "refused", s->refused, "left_out",
                           s->left_out, "exact_by", by, "traits", json_traits(s));
  if (!rest || json_object_update(all, rest)) {
    json_decref(all);
    all = NULL;
  }
  json_decref(rest);
  return all;
}

static json_t *json_row(const cli_row *row) {
  json_t *sets = json_array();
  for (int k = 0; k < row->n_sets; k++) cli_json_append(&sets, json_set(row, &row->set[k]));
  json_t *one = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:o}", "model",
                          cli_json_text(row->model), "seed", (json_int_t)row->seed, "parameters",
                          (json_int_t)row->parameters, "train_examples", (json_int_t)row->examples,
                          "train_rows", (json_int_t)row->tokens, "steps", (json_int_t)row->steps,
                          "train_seconds", row->seconds, "loss", isnan(row->loss) ? 0 : row->loss,
                          "fitted", row->fitted, "eval", sets);
  static const char *const of_training[] = {"train_examples", "train_rows", "steps",
                                            "train_seconds", "loss"};
  for (size_t k = 0; one && !row->steps && k < sizeof of_training / sizeof *of_training; k++)
    cli_json_put(&one, of_training[k], json_null()); /* it was trained in another run */
  if (one && isnan(row->loss)) cli_json_put(&one, "loss", json_null());
  json_t *notes = json_array();
  for (const char *at = row->notes; *at; at += strcspn(at, "\n") + 1)
    cli_json_append(&notes, cli_json_line(at));
  cli_json_put(&one, "notes", notes);
  cli_json_put(&one, "settings", row->settings ? json_incref(row->settings) : json_null());
  cli_json_put(&one, "inputs", row->inputs ? json_incref(row->inputs) : json_null());
  for (int i = 0; i < row->n_columns; i++) {
    const pal_report_column *c = &row->column[i];
    if (c->kind == PAL_REPORT_COUNT && row->total[i])
      cli_json_put(&one, c->name, json_integer(row->total[i]));
    if (c->kind == PAL_REPORT_FLAG) cli_json_put(&one, c->name, json_boolean(row->total[i] != 0));
  }
  return one;
}

static json_t *json_published(const cli_recipes *r) {
  json_t *all = json_array();
  for (int k = 0; r && k < r->n_published; k++) {
    const cli_published *p = &r->published[k];
    json_t *one = json_pack("{s:o, s:o, s:o}", "model", cli_json_text(p->model), "source",
                            cli_json_text(p->source), "parameters",
                            p->parameters > 0 ? json_real(p->parameters) : json_null());
    for (int i = 0; i < p->n_columns; i++)
      cli_json_put(&one, p->column[i], cli_json_number(p->total[i]));
    cli_json_put(&one, "exact", json_real(p->exact));
    cli_json_append(&all, one);
  }
  return all;
}

pal_status cli_json(const cli_options *o, const char *task, const cli_row *row, int n,
                    const cli_recipes *recipes, bool complete, pal_error *error) {
  const char *path = o->json;
  json_t *rows = json_array(), *all = cli_provenance_head();
  for (int i = 0; i < n; i++) cli_json_append(&rows, json_row(&row[i]));
  cli_json_put(&all, "task", cli_json_text(task));
  cli_json_put(&all, "complete", json_boolean(complete));
  cli_json_put(&all, "rows", rows);
  cli_json_put(&all, "published", json_published(recipes));
  cli_json_put(&all, "inputs", cli_provenance_files(o));
  char *text = bench_json_text(all, JSON_INDENT(2));
  json_decref(all);
  if (!text) return pal_fail(error, PAL_E_MEMORY, "%s: no memory for the table as JSON", path);
  pal_status status = cli_save(path, text, strlen(text), error);
  free(text);
  return status;
}
