/* SPDX-License-Identifier: Apache-2.0 */
/* Single decoding steps held against labels (floor 7). */
#ifndef PAL_CLI_STEPS_H
#define PAL_CLI_STEPS_H

#include "cli/row.h"

/* One decoding step from each of n states of the task's training stream under another seed (of other data,
 * if task settings say so): exact where all of it is as labelled, counted by what was to be done. Of causal
 * models, the next token from n beginnings of answers, counted by its place. PAL_E_UNSUPPORTED for others. */
pal_status cli_evaluate_steps(cli_job *job, int n, cli_row *row, pal_error *error);
#endif
