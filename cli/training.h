/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop (floor 8). */
#ifndef PAL_CLI_TRAINING_H
#define PAL_CLI_TRAINING_H

#include "cli/recorder.h"
#include "cli/row.h"

/* Trains the job's model up to the trainer's number of steps with a progress line, writing metrics
 * and checkpoints by `recorder` unless that is NULL; then describes the model and its training in
 * `row`. PAL_E_INTERRUPTED after SIGINT, SIGTERM or SIGHUP, PAL_E_NONFINITE when the loss
 * diverges. */
pal_status cli_train(cli_job *job, cli_recorder *recorder, bool quiet, const char *label,
                     cli_row *row, pal_error *error);
#endif
