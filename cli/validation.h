/* SPDX-License-Identifier: Apache-2.0 */
/* Validation during training: the loss on development examples (floor 8).
 *
 * These examples are neither trained on nor in a set that the trained model is evaluated on, so the
 * best checkpoint can be chosen by their loss without touching a test set. They are the same each
 * time and are evaluated with the same random draws, so that losses of different steps can be
 * compared. */
#ifndef PAL_CLI_VALIDATION_H
#define PAL_CLI_VALIDATION_H

#include "cli/job.h"

/* Zero-initialise. */
typedef struct cli_validation {
  int64_t every;        /* steps between validations; 0: there is none */
  pal_example *example; /* [n], with arrays of their own */
  int n;
  pal_likelihood loss; /* of the last validation */
  int64_t best_step;   /* of the best one; 0: none yet */
  double best;
} cli_validation;

/* Draws the development examples of the job's task, every job->eval_every steps; does nothing when
 * that is 0. PAL_E_UNSUPPORTED or PAL_E_ARGUMENT when the task has none. */
pal_status cli_validation_open(cli_validation *validation, cli_job *job, pal_error *error);
/* Whether a validation is due after that many steps of `steps`. One is always made at the end. */
bool cli_validation_is_due(const cli_validation *validation, int64_t done, int64_t steps);
/* Computes the loss of the averaged weights if the trainer has averages, else of its weights. */
pal_status cli_validation_run(cli_validation *validation, cli_job *job, pal_error *error);
/* Whether the last validation is the best so far; it then counts as that. */
bool cli_validation_improves(cli_validation *validation, int64_t step);
void cli_validation_close(cli_validation *validation);
#endif
