/* SPDX-License-Identifier: Apache-2.0 */
/* A run directory: config and weights of one model (floor 7). */
#ifndef PAL_CLI_RUNDIR_H
#define PAL_CLI_RUNDIR_H

#include "cli/job.h"

/* The text of its config, to be freed, `size` bytes; NULL on failure. PAL_E_ARGUMENT when a value has
 * blanks or quotes around it, which would be lost. */
char *cli_run_config(const cli_job *job, size_t *size, pal_error *error);
pal_status cli_run_read_config(cli_job *job, const char *file, pal_error *error);

/* Task, model and settings of the command line of a verb that opens no run directory: --config,
 * --model, --data, --set. A model that none of them names is `otherwise`; NULL: an error. */
pal_status cli_run_settings(cli_job *job, const cli_options *options, const char *otherwise,
                            pal_error *error);

/* The job of a run directory, open; `data` becomes the task's data, NULL leaves it. */
pal_status cli_run_open(cli_job *job, const cli_options *options, const char *data,
                        pal_error *error);
/* Whether --data names a file of instances for the run's task. */
pal_status cli_run_reads_instances(pal_context *context, const cli_options *options, bool *reads,
                                   pal_error *error);
#endif
