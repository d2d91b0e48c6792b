/* SPDX-License-Identifier: Apache-2.0 */
/* See compiled.h (floor 8). */
#include "cli/compiled.h"

#include <stdlib.h>

#include "cli/text.h"

pal_status cli_compiled_open(cli_job *job, pal_error *error) {
  char setting[PAL_PRAM_SETTINGS][PAL_PRAM_SETTING];
  pal_status status = cli_job_open_task(job, error);
  const pal_pram *program = status ? NULL : pal_pram_of_task(job->task);
  if (status) return status;
  if (!program)
    return pal_fail(error, PAL_E_UNSUPPORTED, "task \"%s\" has no program that could be compiled",
                    job->task_name);
  const int n = pal_pram_settings(program, setting);
  for (int i = 0; i < n && !status; i++) {
    char *text = cli_print(error, "model.%s", setting[i]);
    status = text ? cli_job_set(job, text, error) : error->code;
    free(text);
  }
  if (!status) status = cli_job_open(job, false, error);
  return status ? status : pal_pram_compile(program, job->model, error);
}
