/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that belongs to one training run or one trained model, opened from settings (floor 7). */
#ifndef PAL_CLI_JOB_H
#define PAL_CLI_JOB_H

#include "cli/options.h"

typedef struct cli_job {
  pal_context *context; /* borrowed */
  const char *task_name, *model_name;
  char *read_name[2];        /* the same when a config named them, owned */
  char *set[3][CLI_MAX_SET]; /* task, model, train settings, owned */
  int n_set[3];
  pal_task *task;
  pal_store *store;
  pal_model *model;
  pal_stream stream;
  pal_trainer *trainer;
  pal_form form; /* of its examples */
  uint64_t seed; /* train.seed: of the store, the stream and the trainer */
  FILE *answers; /* NULL: what is decoded in evaluation is not kept */
  char *answers_text;
  size_t answers_size;
} cli_job;
enum { CLI_TASK, CLI_MODEL, CLI_TRAIN };

/* Sorts "key=value" texts to the task, the model or the trainer: by prefix "task.", "model.",
 * "train.", or by the one of them that has the key. */
pal_status cli_job_set(cli_job *job, const char *setting, pal_error *error);
/* The task's setting "data"; nothing when it is NULL. */
pal_status cli_job_set_data(cli_job *job, const char *data, pal_error *error);
/* Opens the task alone, which cli_job_open then finds open. */
pal_status cli_job_open_task(cli_job *job, pal_error *error);
/* Opens task and model; then the trainer when `train`. */
pal_status cli_job_open(cli_job *job, bool train, pal_error *error);
void cli_job_close(cli_job *job);
/* "plain" or "reasoned": whether answers are learned with their reasoning before them. */
pal_status cli_form_read(const char *text, pal_form *form, pal_error *error);
const char *cli_form_name(pal_form form);
#endif
