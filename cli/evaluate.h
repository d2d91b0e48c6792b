/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation of a model on sets of instances (floor 8). */
#ifndef PAL_CLI_EVALUATE_H
#define PAL_CLI_EVALUATE_H

#include "cli/row.h"

enum { CLI_DECODE_SEED = 1 }; /* one seed for eval, sample and plan, so that they decode alike */

/* Evaluates the job's model and fills row->set. With n_files > 0 the sets are those files of
 * instances, else the task's sets. At most `limit` instances per set (0: no limit). */
pal_status cli_evaluate(cli_job *job, const char *const *file, int n_files, int limit, bool quiet,
                        cli_row *row, pal_error *error);

/* The most forward passes that an instance may take: the task's cap or, if that is more, the number
 * of steps of the model's sampler. */
pal_status cli_step_cap(const cli_job *job, const pal_example *instance, int *cap,
                        pal_error *error);
/* The most rows that a sequence may have whose prompt has so many and whose answer may take
 * `answer_room` more. States that are edited may grow to the task's longest sequence. */
int cli_most_rows(const cli_job *job, int n_prompt, int answer_room);
/* Whether an instance counts as exact: its answer is, and the model has ended it, unless the task
 * judges single steps. */
bool cli_is_exact(const pal_judged *judged, const pal_task *task);
#endif
