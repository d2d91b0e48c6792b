/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest train: trains one model, writes its run directory and evaluates it (floor 8). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/evaluate.h"
#include "cli/figures.h"
#include "cli/job.h"
#include "cli/recorder.h"
#include "cli/options.h"
#include "cli/page.h"
#include "cli/row.h"
#include "cli/rundir.h"
#include "cli/table.h"
#include "cli/table_json.h"
#include "cli/text.h"
#include "cli/training.h"
#include "cli/signals.h"
#include "cli/verbs.h"

/* Loads the weights that --init names: those of a run directory, or of a safetensors file. */
static pal_status load_first_weights(const cli_job *job, const cli_options *o, pal_error *error) {
  struct stat about;
  const bool run = stat(o->init, &about) == 0 && S_ISDIR(about.st_mode);
  char *path = cli_print(error, run ? "%s/ckpt/weights.safetensors" : "%s", o->init);
  char *skipped = NULL;
  if (!path) return error->code;
  pal_error own = {0};
  pal_status status = pal_weights_load(job->model, path, !o->init_partly, &skipped, &own);
  if (status)
    status = pal_fail(error, status, "--init: %s%s", own.text,
                      status == PAL_E_FORMAT && !o->init_partly
                          ? " --init-partly would take the tensors that fit."
                          : "");
  char *rest = skipped;
  for (char *line; (line = strsep(&rest, "\n")) != NULL;)
    if (*line) cli_say("--init: %s", line);
  free(skipped);
  free(path);
  return status;
}

/* A signal during training ends it with a checkpoint; without one the trained model is evaluated,
 * with averaged weights if the trainer has them. */
static pal_status train_and_evaluate(cli_recorder *recorder, cli_job *job, const cli_options *o,
                                     cli_row *row, pal_error *error) {
  cli_catch_signals(true);
  pal_status status = cli_train(job, recorder, o->quiet, "training", row, error);
  if (status == PAL_OK || status == PAL_E_INTERRUPTED) {
    pal_error own = {0};
    if (cli_recorder_checkpoint(recorder, job, &own) && !status)
      status = pal_fail(error, own.code, "%s", own.text);
  }
  cli_catch_signals(false);
  if (status) return status;
  pal_trainer_use_average(job->trainer, true);
  return cli_evaluate(job, NULL, 0, o->n, o->quiet, row, error);
}

/* Says where the run is, and which of its weights are the best. */
static void print_kept(const cli_recorder *recorder, int64_t steps) {
  const cli_validation *v = &recorder->validation;
  if (v->best_step)
    printf("best validation loss %.4f after step %lld (development data, not the test set): "
           "--checkpoint best\n",
           v->best, (long long)v->best_step);
  if (v->loss.examples)
    printf("last validation loss %.4f after step %lld, evaluated above: --checkpoint last, which "
           "is the default\n",
           v->loss.nats, (long long)steps);
  printf("kept in ");
  cli_show(stdout, recorder->directory);
  printf("\n");
}

/* Adds to the message of an interrupted run where it is kept and how to go on with it. */
static void add_way_on(const cli_recorder *recorder, const cli_options *o, pal_error *error) {
  cli_page text;
  pal_error ignored = {0};
  if (cli_page_open(&text, &ignored)) return;
  fprintf(text.to, "%s, kept in %s, go on with: palimpsest train --resume ", error->text,
          recorder->directory);
  cli_quote(text.to, recorder->directory);
  for (int i = 0; i < o->n_plugins; i++) {
    fputs(" --plugin ", text.to);
    cli_quote(text.to, o->plugin[i]);
  }
  if (!fflush(text.to)) {
    pal_error_clear(error);
    pal_fail(error, PAL_E_INTERRUPTED, "%s", text.text);
  }
  cli_page_drop(&text);
}

int cli_verb_train(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_job job = {.context = context};
  cli_row own = {.n_sets = 0}, *row = &own;
  cli_recorder recorder = {.every = 0};
  pal_status status = cli_run_settings(&job, o, NULL, &error);
  if (!status) status = cli_job_open(&job, true, &error);
  if (!status && o->init) status = load_first_weights(&job, o, &error);
  if (!status) status = cli_recorder_open(&recorder, &job, o, &error);
  if (!status) status = train_and_evaluate(&recorder, &job, o, row, &error);
  if (!status) {
    cli_table(stdout, row, 1);
    cli_details(stdout, row);
    cli_few_legend(stdout, row, 1);
    print_kept(&recorder, pal_trainer_done(job.trainer));
    if (o->json) status = cli_json(o, job.task_name, row, 1, NULL, true, &error);
  }
  if (status == PAL_E_INTERRUPTED) add_way_on(&recorder, o, &error);
  const int code = status ? cli_report(&error) : CLI_DONE;
  const bool closed = !cli_recorder_close(&recorder, &error);
  cli_job_close(&job);
  cli_row_free(row);
  return code || closed ? code : cli_report(&error);
}
