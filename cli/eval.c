/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest eval: evaluates the trained model of a run directory (floor 8). */
#include <stdlib.h>
#include <string.h>

#include "cli/answers.h"
#include "cli/curve.h"
#include "cli/evaluate.h"
#include "cli/figures.h"
#include "cli/job.h"
#include "cli/options.h"
#include "cli/row.h"
#include "cli/rundir.h"
#include "cli/steps.h"
#include "cli/table.h"
#include "cli/table_json.h"
#include "cli/verbs.h"

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
  cli_row own = {.n_sets = 0}, *row = &own;
  bool instances = false;
  pal_status status = PAL_OK;
  if (!o->steps) status = cli_run_reads_instances(context, o, &instances, &error);
  if (!status && o->n_files > 1 && !instances)
    status = pal_fail(&error, PAL_E_ARGUMENT,
                      "--data is given too often: it is the task's own data here");
  if (!status) status = cli_run_open(&job, o, instances ? NULL : o->data, &error);
  if (!status && o->answers) status = open_answers(&job, &error);
  if (!status)
    status = o->steps ? cli_evaluate_steps(&job, o->steps, row, &error)
                      : cli_evaluate(&job, o->file, instances ? o->n_files : 0, o->n, o->quiet, row,
                                     &error);
  if (!status && o->data && !instances && !o->steps)
    status = cli_set_name(&row->set[0], o->data, &error);
  if (!status) status = cli_describe(&job, row, &error);
  if (!status) {
    cli_table(stdout, row, 1);
    cli_details(stdout, row);
    cli_few_legend(stdout, row, 1);
    if (o->answers) status = cli_answers_save(&job, o->answers, &error);
    if (o->svg && !status) status = cli_curve_svg(row, o->svg, &error);
    if (o->json && !status) status = cli_json(o, job.task_name, row, 1, NULL, true, &error);
  }
  int refused = 0;
  for (int i = 0; i < row->n_sets; i++) refused += row->set[i].refused;
  cli_job_close(&job);
  cli_row_free(row);
  return status ? cli_report(&error) : refused ? CLI_USAGE : CLI_DONE;
}
