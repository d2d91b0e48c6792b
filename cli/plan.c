/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest plan: the plans that a model's training or decoding step runs (floor 8).
 *
 * They are those of the trainer and the decoder themselves, not rebuilt here. */
#include <stdlib.h>

#include "cli/evaluate.h"
#include "cli/job.h"
#include "cli/options.h"
#include "cli/rundir.h"
#include "cli/text.h"
#include "cli/verbs.h"

static pal_status print_plan(const cli_job *job, const char *what, const pal_plan *plan,
                             pal_error *error) {
  char *report = pal_plan_report(plan), *dump = pal_plan_dump(plan);
  if (report && dump)
    printf("== %s of model %s on task %s\n\n%s\n== the graph of that plan, rewritten\n\n%s\n", what,
           job->model_name, job->task_name, report, dump);
  const bool failed = !report || !dump;
  free(report);
  free(dump);
  return failed ? pal_fail(error, PAL_E_MEMORY, "no memory for the text of a plan") : PAL_OK;
}

static pal_status print_training(const cli_job *job, pal_error *error) {
  const pal_status status = print_plan(job, "forward and backward pass of one shard",
                                       pal_trainer_shard_plan(job->trainer), error);
  return status
             ? status
             : print_plan(job, "optimizer's update", pal_trainer_update_plan(job->trainer), error);
}

/* The step that decodes the first instance of the task's first set. */
static pal_status print_decoding(const cli_job *job, pal_error *error) {
  pal_example instance;
  pal_decode_options options = {.sequences = 1, .seed = CLI_DECODE_SEED};
  if (pal_task_instance(job->task, 0, 0, job->form, &instance, error) ||
      cli_step_cap(job, &instance, &options.max_steps, error) ||
      pal_task_answer_room(job->task, &instance, job->form, &options.answer_room, error))
    return error->code;
  options.max_length = cli_most_rows(job, instance.n_prompt, options.answer_room);
  pal_decoder *decoder = pal_decoder_new(job->model, &options, error);
  if (!decoder) return error->code;
  const pal_status status =
      print_plan(job, "decoding step for one sequence", pal_decoder_plan(decoder), error);
  pal_decoder_free(decoder);
  return status;
}

static void note_first(const char *name, const void *definition, void *data) {
  const char **first = data;
  (void)definition;
  if (!*first) *first = name;
}

int cli_verb_plan(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_job job = {.context = context};
  const char *first = NULL;
  pal_each(context, "model", note_first, &first);
  pal_status status = cli_run_settings(&job, o, first, &error);
  if (!status) status = cli_job_open(&job, !o->decode, &error);
  if (!status) status = o->decode ? print_decoding(&job, &error) : print_training(&job, &error);
  cli_job_close(&job);
  return status ? cli_report(&error) : CLI_DONE;
}
