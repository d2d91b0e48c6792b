/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation of a model on sets of instances (floor 7). */
#ifndef PAL_CLI_EVALUATE_H
#define PAL_CLI_EVALUATE_H

#include "cli/row.h"

enum { CLI_DECODE_SEED = 1 }; /* of draws in decoding: what is evaluated is what is shown */

/* Evaluates on the task's sets or, when there are any, on files of instances; at most `limit` instances
 * a set (0: all). */
pal_status cli_evaluate(cli_job *job, const char *const *file, int n_files, int limit, bool quiet,
                        cli_row *row, pal_error *error);

/* The task's cap on forward passes of an instance, or the number that the model's sampler takes, if that is
 * more. */
pal_status cli_step_cap(const cli_job *job, const pal_example *instance, int *cap,
                        pal_error *error);
#endif
