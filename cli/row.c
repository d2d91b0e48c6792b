/* SPDX-License-Identifier: Apache-2.0 */
/* See row.h (floor 7). */
#include "cli/row.h"

#include <stdio.h>
#include <string.h>

#include "cli/job.h"

const int cli_mark[CLI_MARKS] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000};

void cli_name_by_file(cli_set *set, const char *path) {
  const size_t length = strlen(path), most = sizeof set->name - 4;
  const bool fits = length < sizeof set->name;
  snprintf(set->name, sizeof set->name, "%s%s", fits ? "" : "...",
           fits ? path : path + length - most);
}

/* Whether the task has a setting "augment" that is on. */
static void note_augmented(const pal_setting *setting, void *row) {
  if (strcmp(setting->name, "augment") == 0)
    ((cli_row *)row)->augmented = strcmp(setting->value, "1") == 0;
}

void cli_describe(const cli_job *job, cli_row *row) {
  const pal_task *task = job->task;
  snprintf(row->model, sizeof row->model, "%s", job->model_name);
  row->definition = pal_model_definition_of(job->model)->name;
  row->seed = job->seed;
  row->fitted = true;
  row->parameters = pal_model_parameters(job->model);
  row->puzzles =
      pal_task_definition_of(task)->puzzles ? pal_task_definition_of(task)->puzzles(task) : 0;
  pal_task_settings(task, note_augmented, row);
  cli_note(job, row);
}

void cli_note(const cli_job *job, cli_row *row) {
  *row->notes = 0;
  if (pal_task_definition_of(job->task)->notes)
    pal_task_definition_of(job->task)->notes(job->task, job->model, job->form, row->notes,
                                             sizeof row->notes);
}
