/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluation of single decoding steps (floor 8). */
#ifndef PAL_CLI_STEPS_H
#define PAL_CLI_STEPS_H

#include "cli/row.h"

/* Evaluates one decoding step from each of n states and fills the one set of the row. The states
 * are drawn from the task's training stream under another seed (task settings may choose other
 * data). A step is exact when every token after it is as labelled; steps are counted by the kinds
 * of edits that they need. For causal models it is the next token given each of n beginnings of
 * answers, counted by its place in the answer. PAL_E_UNSUPPORTED for other models. */
pal_status cli_evaluate_steps(cli_job *job, int n, cli_row *row, pal_error *error);
#endif
