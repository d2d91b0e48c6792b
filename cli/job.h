/* SPDX-License-Identifier: Apache-2.0 */
/* A job: one task with one model and, for training, a trainer, created from settings (floor 8). */
#ifndef PAL_CLI_JOB_H
#define PAL_CLI_JOB_H

#include "cli/options.h"

/* Owners of settings, the index of `set` below. */
enum { CLI_TASK, CLI_MODEL, CLI_TRAIN };

/* Zero-initialise, set the context and the names, then cli_job_set and cli_job_open. */
typedef struct cli_job {
  pal_context *context; /* borrowed */
  const char *task_name, *model_name;
  char *read_name[2];        /* storage of these names when a config file gave them; owned */
  char *set[3][CLI_MAX_SET]; /* "KEY=VALUE" without prefix, by owner, in order; owned */
  int n_set[3];
  pal_task *task;
  pal_store *store;
  pal_model *model;
  pal_stream stream; /* of training examples; like `trainer` only when training */
  pal_trainer *trainer;
  pal_form form;  /* of the examples that the model learns */
  uint64_t seed;  /* train.seed, used for the store, the stream and the trainer */
  int eval_every; /* steps between validations while training; 0: none */
  /* Of `sample` for one instance: the seed of the draws; the cap on forward passes, 0: the task's;
   * and whether the instance's own answer_room replaces the task's, also when it is 0. */
  uint64_t decode_seed;
  int max_steps;
  bool own_room;
  FILE *answers;       /* collects decoded answers in memory; NULL without --answers */
  char *answers_text;  /* what was written to `answers` */
  size_t answers_size; /* its bytes */
} cli_job;

/* PAL_OK if the job's task and model are defined; otherwise PAL_E_NOT_FOUND, with a hint. */
pal_status cli_job_known(const cli_job *job, pal_error *error);
/* Adds a setting "KEY=VALUE" for the task, the model or the trainer. A prefix "task.", "model." or
 * "train." of the key names the owner; without one it is whichever has a setting KEY.
 * PAL_E_ARGUMENT when none or more than one has it. Later settings override earlier ones. */
pal_status cli_job_set(cli_job *job, const char *setting, pal_error *error);
/* Whether an owner (CLI_TASK, ...) has a setting of that name. */
bool cli_job_has(const cli_job *job, int owner, const char *key);
/* Adds the setting task.data=DATA, with the absolute path if the file exists; does nothing when
 * `data` is NULL. */
pal_status cli_job_set_data(cli_job *job, const char *data, pal_error *error);
/* Creates the task only; cli_job_open then uses it. */
pal_status cli_job_open_task(cli_job *job, pal_error *error);
/* Creates task, store and model and, with `train`, stream and trainer. */
pal_status cli_job_open(cli_job *job, bool train, pal_error *error);
/* Frees everything that the job owns and zeroes it; also after a failure. */
void cli_job_close(cli_job *job);
/* Parses the form of training examples: "plain", or "reasoned" for answers that follow the steps of
 * their derivation. */
pal_status cli_form_read(const char *text, pal_form *form, pal_error *error);
static inline const char *cli_form_name(pal_form form) {
  return form == PAL_FORM_REASONED ? "reasoned" : "plain";
}
#endif
