/* SPDX-License-Identifier: Apache-2.0 */
/* See row.h (floor 8). */
#include "cli/row.h"

#include <stdlib.h>
#include <string.h>

#include "cli/job.h"
#include "cli/provenance.h"

const int cli_mark[CLI_MARKS] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000};

static void free_sets(cli_row *row) {
  for (int i = 0; i < row->n_sets; i++) {
    for (int t = 0; t < row->set[i].n_traits; t++) free(row->set[i].trait[t].name);
    free(row->set[i].name);
  }
  free(row->set);
  row->set = NULL;
  row->n_sets = 0;
}

pal_status cli_row_sets(cli_row *row, int n, pal_error *error) {
  free_sets(row);
  row->set = calloc((size_t)n + 1, sizeof *row->set);
  return row->set ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for %d sets", n);
}

void cli_row_free(cli_row *row) {
  free_sets(row);
  free(row->model);
  free(row->notes);
  row->model = row->notes = NULL;
  json_decref(row->settings);
  json_decref(row->inputs);
  row->settings = row->inputs = NULL;
}

pal_status cli_row_provenance(const cli_job *job, cli_row *row, pal_error *error) {
  json_decref(row->settings);
  json_decref(row->inputs);
  row->settings = cli_provenance_settings(job);
  row->inputs = cli_provenance_inputs(job);
  if (row->settings && row->inputs) return PAL_OK;
  return pal_fail(error, PAL_E_MEMORY, "no memory for the settings of a table");
}

/* Replaces *to, a text that is owned, by a copy of `text`. */
static pal_status replace(char **to, const char *text, pal_error *error) {
  char *copy = strdup(text);
  if (!copy) return pal_fail(error, PAL_E_MEMORY, "no memory for a table");
  free(*to);
  *to = copy;
  return PAL_OK;
}

pal_status cli_set_name(cli_set *set, const char *name, pal_error *error) {
  return replace(&set->name, name, error);
}

bool cli_is_judged(const pal_report_column *c) {
  return c->kind == PAL_REPORT_SHARE || c->kind == PAL_REPORT_MEAN;
}

double cli_figure(const pal_report_column *c, const pal_task *task, const pal_judged *judged) {
  const double value = c->value(task, judged);
  return c->kind == PAL_REPORT_SHARE ? value != 0 : value;
}

const pal_report_column *cli_counted(const cli_row *row) {
  for (int i = 0; i < row->n_columns; i++)
    if (row->column[i].kind == PAL_REPORT_COUNT && row->total[i]) return &row->column[i];
  return NULL;
}

pal_status cli_describe(const cli_job *job, cli_row *row, pal_error *error) {
  const pal_task *task = job->task;
  row->definition = pal_model_definition_of(job->model)->name;
  row->seed = job->seed;
  row->fitted = true;
  row->parameters = pal_model_parameters(job->model);
  row->column = pal_task_definition_of(task)->report;
  row->n_columns = pal_task_definition_of(task)->n_report;
  for (int i = 0; i < row->n_columns; i++)
    row->total[i] = cli_is_judged(&row->column[i]) ? 0 : row->column[i].total(task);
  pal_status status = replace(&row->model, job->model_name, error);
  if (!status) status = cli_row_provenance(job, row, error);
  return status ? status : cli_fill_notes(job, row, error);
}

/* A task does not say how long its notes are, so the room grows until they do not fill it. */
pal_status cli_fill_notes(const cli_job *job, cli_row *row, pal_error *error) {
  enum { FIRST = 1 << 10, MOST = 1 << 20 };
  const pal_task_definition *d = pal_task_definition_of(job->task);
  free(row->notes);
  row->notes = NULL;
  for (size_t room = FIRST; room <= MOST; room *= 4) {
    row->notes = calloc(room, 1);
    if (!row->notes) return pal_fail(error, PAL_E_MEMORY, "no memory for notes");
    if (d->notes) d->notes(job->task, job->model, job->form, row->notes, room);
    if (strlen(row->notes) + 1 < room) return PAL_OK;
    free(row->notes);
    row->notes = NULL;
  }
  return pal_fail(error, PAL_E_ARGUMENT, "task \"%s\": its notes are longer than %d bytes", d->name,
                  MOST - 2);
}
