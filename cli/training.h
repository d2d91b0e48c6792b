/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop (floor 7). */
#ifndef PAL_CLI_TRAINING_H
#define PAL_CLI_TRAINING_H

#include "cli/recorder.h"
#include "cli/row.h"

/* Trains to the end with a progress line; fills what is known of training. `recorder` may be
 * NULL. */
pal_status cli_train(cli_job *job, cli_recorder *recorder, bool quiet, const char *label,
                     cli_row *row, pal_error *error);
#endif
