/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest compile: writes a run directory whose weights execute a program of a parallel machine
 * (floor 8). */
#include <stdlib.h>

#include "cli/compiled.h"
#include "cli/recorder.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* Opens the task with the program, and the model with the weights that execute it. */
static pal_status open_job(cli_job *job, const cli_options *o, pal_error *error) {
  job->task_name = PAL_PRAM_TASK;
  job->model_name = o->model;
  if (!o->argument)
    return pal_fail(error, PAL_E_ARGUMENT, "compile what? palimpsest compile PROGRAM");
  if (!o->model)
    return pal_fail(error, PAL_E_ARGUMENT, "to which model? --model NAME; see doc/pram.md");
  char *program = cli_print(error, "task.program=%s", o->argument);
  pal_status status = program ? cli_job_set(job, program, error) : error->code;
  free(program);
  for (int i = 0; i < o->n_set && !status; i++) status = cli_job_set(job, o->set[i], error);
  return status ? status : cli_compiled_open(job, error);
}

static void report(const cli_job *job) {
  pal_pram_layout layout;
  const pal_pram *program = pal_pram_of_task(job->task, &layout);
  const pal_network_settings *net = pal_model_network(job->model);
  printf("instructions %d, n %d, P %d, S %lld\n", program->n_code, program->n, program->processors,
         (long long)pal_pram_state(program));
  printf("layers %lld, heads %lld, width %lld, MLP %lld, parameters %lld\n", (long long)net->layers,
         (long long)net->heads, (long long)net->width, (long long)net->hidden,
         (long long)pal_model_parameters(job->model));
  printf("context %lld rows, ", (long long)pal_pram_rows(program, layout));
  if (layout != PAL_PRAM_AP_MDM)
    printf("k %d for each step and processor, ", program->registers + 1);
  printf("at most %lld forward passes\n",
         (long long)pal_pram_passes(program, layout, program->steps));
}

int cli_verb_compile(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_job job = {.context = context};
  cli_recorder recorder = {0};
  pal_status status = open_job(&job, o, &error);
  if (!status) status = cli_recorder_open(&recorder, &job, o, &error);
  if (!status) status = cli_recorder_weights(&recorder, &job, "step=0", &error);
  if (cli_recorder_close(&recorder, &error) && !status) status = error.code;
  if (!status) report(&job);
  cli_job_close(&job);
  return status ? cli_report(&error) : CLI_DONE;
}
