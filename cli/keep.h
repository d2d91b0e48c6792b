/* SPDX-License-Identifier: Apache-2.0 */
/* What a training run keeps in its run directory: config, metrics, checkpoints (floor 7). */
#ifndef PAL_CLI_KEEP_H
#define PAL_CLI_KEEP_H

#include "cli/job.h"
#include "cli/lock.h"

/* Config, a row of metrics every hundredth of the steps, the last checkpoint. Zero-initialise. */
typedef struct cli_kept {
  char *directory, *config, *checkpoints, *weights, *state, *metrics_path[2]; /* owned */
  cli_lock lock;
  FILE *metrics[2];   /* CSV, JSON lines */
  double every, last; /* seconds between checkpoints, time of the last one */
  double seconds;     /* of training before a run that is resumed */
} cli_kept;
/* With --resume the trainer is loaded, and rows after its step are dropped. What cannot be written is
 * found here, and that another process writes there. To be closed in any case. */
pal_status cli_keep_open(cli_kept *kept, const cli_job *job, const cli_options *options,
                         pal_error *error);
/* PAL_E_IO when the row is not written. */
pal_status cli_keep_metrics(cli_kept *kept, const cli_job *job, const pal_step_report *report,
                            double seconds, pal_error *error);
bool cli_keep_is_due(const cli_kept *kept); /* a checkpoint */
pal_status cli_keep_checkpoint(cli_kept *kept, const cli_job *job, pal_error *error);
/* PAL_E_IO when metrics have not all been written. */
pal_status cli_keep_close(cli_kept *kept, pal_error *error);
#endif
