/* SPDX-License-Identifier: Apache-2.0 */
/* See row.h (floor 8). */
#include "cli/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/job.h"

const int cli_mark[CLI_MARKS] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000};

pal_status cli_row_sets(cli_row *row, int n, pal_error *error) {
  cli_row_free(row);
  row->set = calloc((size_t)n + 1, sizeof *row->set);
  return row->set ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for %d sets", n);
}

void cli_row_free(cli_row *row) {
  free(row->set);
  row->set = NULL;
  row->n_sets = 0;
}

void cli_name_by_file(cli_set *set, const char *path) {
  const size_t length = strlen(path), most = sizeof set->name - 4;
  const bool fits = length < sizeof set->name;
  snprintf(set->name, sizeof set->name, "%s%s", fits ? "" : "...",
           fits ? path : path + length - most);
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

void cli_describe(const cli_job *job, cli_row *row) {
  const pal_task *task = job->task;
  snprintf(row->model, sizeof row->model, "%s", job->model_name);
  row->definition = pal_model_definition_of(job->model)->name;
  row->seed = job->seed;
  row->fitted = true;
  row->parameters = pal_model_parameters(job->model);
  row->column = pal_task_definition_of(task)->report;
  row->n_columns = pal_task_definition_of(task)->n_report;
  for (int i = 0; i < row->n_columns; i++)
    row->total[i] = cli_is_judged(&row->column[i]) ? 0 : row->column[i].total(task);
  cli_fill_notes(job, row);
}

void cli_fill_notes(const cli_job *job, cli_row *row) {
  *row->notes = 0;
  if (pal_task_definition_of(job->task)->notes)
    pal_task_definition_of(job->task)->notes(job->task, job->model, job->form, row->notes,
                                             sizeof row->notes);
}
