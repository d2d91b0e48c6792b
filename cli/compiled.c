/* SPDX-License-Identifier: Apache-2.0 */
/* See compiled.h (floor 8). */
#include "cli/compiled.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

/* Adds a setting "PREFIX TEXT" to the job. */
static pal_status set(cli_job *job, const char *prefix, const char *text, pal_error *error) {
  char *setting = cli_print(error, "%s%s", prefix, text);
  const pal_status status = setting ? cli_job_set(job, setting, error) : error->code;
  free(setting);
  return status;
}

pal_status cli_compiled_open(cli_job *job, pal_error *error) {
  char setting[PAL_PRAM_SETTINGS][PAL_PRAM_SETTING];
  pal_pram_layout layout;
  if (strcmp(job->task_name, PAL_PRAM_TASK) != 0)
    return pal_fail(error, PAL_E_UNSUPPORTED, "task \"%s\" has no program that could be compiled",
                    job->task_name);
  pal_status status = set(job, "task.layout=", job->model_name, error);
  if (!status) status = cli_job_open_task(job, error);
  if (status) return status;
  const pal_pram *program = pal_pram_of_task(job->task, &layout);
  const int n = pal_pram_settings(program, layout, setting);
  for (int i = 0; i < n && !status; i++) status = set(job, "model.", setting[i], error);
  if (!status) status = cli_job_open(job, false, error);
  return status ? status : pal_pram_compile(program, job->model, error);
}
