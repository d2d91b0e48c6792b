/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest compile: writes a run directory whose weights execute a program of a parallel machine
 * (floor 8). */
#include <stdlib.h>

#include "cli/compiled.h"
#include "cli/recorder.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* Adds a setting "PREFIX TEXT" to the job. */
static pal_status set(cli_job *job, const char *prefix, const char *text, pal_error *error) {
  char *setting = cli_print(error, "%s%s", prefix, text);
  const pal_status status = setting ? cli_job_set(job, setting, error) : error->code;
  free(setting);
  return status;
}

/* Opens the task with the program, and the model with the weights that execute it. */
static pal_status open_job(cli_job *job, const cli_options *o, pal_error *error) {
  job->task_name = PAL_PRAM_TASK;
  job->model_name = o->model;
  if (!o->argument)
    return pal_fail(error, PAL_E_ARGUMENT, "compile what? palimpsest compile PROGRAM");
  if (!o->model)
    return pal_fail(error, PAL_E_ARGUMENT, "to which model? --model NAME; see doc/pram.md");
  pal_status status = set(job, "task.program=", o->argument, error);
  for (int i = 0; i < o->n_set && !status; i++) status = cli_job_set(job, o->set[i], error);
  return status ? status : cli_compiled_open(job, error);
}

static void report(const cli_job *job) {
  const pal_pram *program = pal_pram_of_task(job->task);
  const pal_network_settings *net = pal_model_network(job->model);
  printf("instructions %d, n %d, P %d, S %lld\n", program->n_code, program->n, program->processors,
         (long long)pal_pram_state(program));
  printf("layers %lld, heads %lld, width %lld, MLP %lld, parameters %lld\n", (long long)net->layers,
         (long long)net->heads, (long long)net->width, (long long)net->hidden,
         (long long)pal_model_parameters(job->model));
  printf("context %lld rows, at most %lld forward passes\n", (long long)pal_pram_rows(program),
         (long long)program->steps + 2);
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
