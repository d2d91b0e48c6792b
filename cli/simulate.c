/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest simulate: writes a run that makes the choices of another one, from left to right
 * (floor 8). */
#include <stdlib.h>

#include "cli/instances.h"
#include "cli/job.h"
#include "cli/recorder.h"
#include "cli/rundir.h"
#include "cli/text.h"
#include "cli/verbs.h"

enum { INSTANCES = 20 };

/* Opens the job that simulates: the task's settings of the other, then those that are needed. */
static pal_status open_job(cli_job *job, const cli_job *from, pal_error *error) {
  char setting[PAL_SIMULATE_SETTINGS][PAL_SIMULATE_SETTING];
  int n = 0;
  job->context = from->context;
  job->task_name = from->task_name;
  job->model_name = PAL_SIMULATE_MODEL;
  pal_status status = pal_simulate_settings(from->model, setting, &n, error);
  for (int i = 0; i < from->n_set[CLI_TASK] && !status; i++) {
    char *text = cli_print(error, "task.%s", from->set[CLI_TASK][i]);
    status = text ? cli_job_set(job, text, error) : error->code;
    free(text);
  }
  for (int i = 0; i < n && !status; i++) status = cli_job_set(job, setting[i], error);
  return status ? status : cli_job_open(job, false, error);
}

/* The first `limit` instances of the first set. */
static pal_status collect(cli_job *job, int limit, cli_instances *all, pal_error *error) {
  int size = 0;
  pal_example e;
  pal_status status = pal_task_set_size(job->task, 0, &size, error);
  for (int i = 0; i < limit && i < size && !status; i++) {
    status = pal_task_instance(job->task, 0, i, job->form, &e, error);
    if (!status) status = cli_instances_add(all, &e, error);
  }
  return status;
}

static void report(const cli_job *from, const cli_job *job, double bound) {
  const pal_network_settings *a = pal_model_network(from->model),
                             *b = pal_model_network(job->model);
  printf("added layers %lld\n", (long long)(b->layers - a->layers));
  printf("layers %lld, heads %lld, width %lld, MLP %lld, parameters %lld; before: %lld, %lld, "
         "%lld, %lld, %lld\n",
         (long long)b->layers, (long long)b->heads, (long long)b->width, (long long)b->hidden,
         (long long)pal_model_parameters(job->model), (long long)a->layers, (long long)a->heads,
         (long long)a->width, (long long)(a->hidden ? a->hidden : 4 * a->width),
         (long long)pal_model_parameters(from->model));
  printf("rows %d in both, one token a pass\n", pal_model_format(job->model)->context);
  printf("choices agree where the two best scores differ by more than %.3g\n", bound);
}

static pal_status compare(cli_job *from, cli_job *job, int limit, double bound,
                          pal_simulation *counts, pal_error *error) {
  cli_instances prompts = {0}, moves = {0};
  pal_status status = collect(from, limit, &prompts, error);
  if (!status) status = collect(job, limit, &moves, error);
  if (!status)
    status = pal_simulate_compare(from->model, job->model, bound, prompts.instance, moves.instance,
                                  prompts.n, counts, error);
  cli_instances_free(&prompts);
  cli_instances_free(&moves);
  if (status) return status;
  printf("instances %lld: the same choices in the same order in %lld, the same end in %lld\n",
         (long long)counts->sequences, (long long)counts->same, (long long)counts->alike);
  printf("decisions compared %lld: scores within the bound in %lld, of which %lld differ; beyond "
         "it %lld differ\n",
         (long long)counts->decisions, (long long)counts->close, (long long)counts->parted,
         (long long)counts->wrong);
  return PAL_OK;
}

int cli_verb_simulate(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_job from = {.context = context}, job = {.context = context};
  cli_recorder recorder = {0};
  pal_simulation counts = {0};
  double bound = 0;
  pal_status status = cli_run_open(&from, o, NULL, &error);
  if (!status) status = open_job(&job, &from, &error);
  if (!status) status = pal_simulate(from.model, job.model, &bound, &error);
  if (!status) status = cli_recorder_open(&recorder, &job, o, &error);
  if (!status) status = cli_recorder_weights(&recorder, &job, "step=0", &error);
  if (cli_recorder_close(&recorder, &error) && !status) status = error.code;
  if (!status) report(&from, &job, bound);
  if (!status) status = compare(&from, &job, o->n ? o->n : INSTANCES, bound, &counts, &error);
  cli_job_close(&job);
  cli_job_close(&from);
  return status ? cli_report(&error) : counts.wrong ? CLI_CHECK : CLI_DONE;
}
