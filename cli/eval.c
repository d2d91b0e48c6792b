/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest eval: a run directory's model again (floor 7). */
#include <stdlib.h>
#include <string.h>

#include "cli/figures.h"

pal_status cli_run_open(cli_job *job, const cli_options *o, const char *data, pal_error *error) {
  if (!o->argument)
    return pal_fail(error, PAL_E_ARGUMENT, "which run? palimpsest %s DIRECTORY", o->verb);
  char *config = cli_print(error, "%s/config", o->argument),
       *weights = cli_print(error, "%s/ckpt/weights.safetensors", o->argument);
  pal_status status = error->code;
  if (!status) status = cli_run_read_config(job, config, error);
  if (!status) status = cli_job_set_data(job, data, error);
  for (int i = 0; i < o->n_set && !status; i++) {
    const int before = job->n_set[CLI_TRAIN];
    status = cli_job_set(job, o->set[i], error);
    if (!status && job->n_set[CLI_TRAIN] > before &&
        strncmp(job->set[CLI_TRAIN][before], "seed=", 5) != 0)
      status = pal_fail(error, PAL_E_ARGUMENT, "%s does not train: setting \"%s\" is not used",
                        o->verb, o->set[i]);
  }
  if (!status) status = cli_job_open(job, false, error);
  cli_notes notes = {.n = 0};
  if (!status) status = cli_notes_make(&notes, job, false, error);
  if (!status) status = cli_notes_hold(&notes, config, error);
  if (!status) status = pal_weights_check(weights, (const char *const *)notes.text, notes.n, error);
  if (!status) status = pal_weights_load(job->model, weights, true, NULL, error);
  cli_notes_free(&notes);
  free(config);
  free(weights);
  return status;
}

/* A data file is one of instances where the task can read such, else the task's own data. */
pal_status cli_run_reads_instances(pal_context *context, const cli_options *o, bool *reads,
                                   pal_error *error) {
  *reads = false;
  if (!o->data || !o->argument) return PAL_OK;
  char *path = cli_print(error, "%s/config", o->argument);
  cli_job named = {.context = context};
  pal_status status = path ? cli_run_read_config(&named, path, error) : error->code;
  const pal_task_definition *d = status ? NULL : pal_lookup(context, "task", named.task_name);
  *reads = d && d->read;
  cli_job_close(&named);
  free(path);
  return status;
}

static pal_status open_answers(cli_job *job, pal_error *error) {
  if (pal_task_definition_of(job->task)->likelihood)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "--answers: task %s is evaluated by likelihood, nothing is decoded",
                    job->task_name);
  job->answers = open_memstream(&job->answers_text, &job->answers_size);
  return job->answers ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for answers");
}

int cli_verb_eval(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_job job = {.context = context};
  cli_row *row = calloc(1, sizeof *row);
  bool instances = false;
  pal_status status = row ? PAL_OK : pal_fail(&error, PAL_E_MEMORY, "no memory");
  if (!status && !o->steps) status = cli_run_reads_instances(context, o, &instances, &error);
  if (!status && o->n_files > 1 && !instances)
    status = pal_fail(&error, PAL_E_ARGUMENT,
                      "--data is given too often: it is the task's own data here");
  if (!status) status = cli_run_open(&job, o, instances ? NULL : o->data, &error);
  if (!status && o->answers) status = open_answers(&job, &error);
  if (!status)
    status = o->steps ? cli_evaluate_steps(&job, o->steps, row, &error)
                      : cli_evaluate(&job, o->file, instances ? o->n_files : 0, o->n, o->quiet, row,
                                     &error);
  if (!status) {
    if (o->data && !instances && !o->steps) cli_name_by_file(&row->set[0], o->data);
    cli_describe(&job, row);
    cli_table(stdout, row, 1);
    cli_details(stdout, row);
    cli_few_legend(stdout, row, 1);
    if (o->answers) status = cli_answers_save(&job, o->answers, &error);
    if (o->svg && !status) status = cli_curve_svg(row, o->svg, &error);
    if (o->json && !status) status = cli_json(o->json, job.task_name, row, 1, &error);
  }
  int refused = 0;
  for (int i = 0; row && i < row->n_sets; i++) refused += row->set[i].refused;
  cli_job_close(&job);
  free(row);
  return status ? cli_report(&error) : refused ? CLI_USAGE : CLI_DONE;
}
