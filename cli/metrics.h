/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of a training run, as CSV and as lines of JSON (floor 8).
 *
 * The CSV's columns are step, tokens, seconds, split, loss, likelihood, bits_per_token, perplexity,
 * rate, gradient_norm, and then loss_NAME for each part of the model's loss. See doc/formats.md. */
#ifndef PAL_CLI_METRICS_H
#define PAL_CLI_METRICS_H

#include <stdio.h>

#include "cli/job.h"

/* Zero-initialise, and set the paths. */
typedef struct cli_metrics {
  char *path[2]; /* CSV, JSON lines; owned */
  FILE *file[2];
} cli_metrics;

/* Opens both files: new ones or, with `resume`, those of the run, without the rows after the steps
 * that the job's trainer has done; *seconds becomes the time of the last row that stays. A CSV in
 * the columns of an earlier version of this program is converted; PAL_E_FORMAT for one of other
 * columns. */
pal_status cli_metrics_open(cli_metrics *metrics, const cli_job *job, bool resume, double *seconds,
                            pal_error *error);
/* Appends a row to both files; `seconds` of training so far. PAL_E_IO when it cannot be written. */
pal_status cli_metrics_add(cli_metrics *metrics, const cli_job *job, const pal_step_report *report,
                           double seconds, pal_error *error);
/* Appends a row of split "valid": the loss on development examples. */
pal_status cli_metrics_validated(cli_metrics *metrics, const cli_job *job,
                                 const pal_likelihood *loss, double seconds, pal_error *error);
/* Makes the rows written so far survive a crash of the machine. */
pal_status cli_metrics_sync(cli_metrics *metrics, pal_error *error);
/* Closes the files and frees the paths. */
pal_status cli_metrics_close(cli_metrics *metrics, pal_error *error);
#endif
