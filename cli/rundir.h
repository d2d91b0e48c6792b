/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a run directory, which has the config and the weights of one model (floor 8). */
#ifndef PAL_CLI_RUNDIR_H
#define PAL_CLI_RUNDIR_H

#include "cli/job.h"

/* The text of the job's config, all settings with their defaults, of `size` bytes; the caller frees
 * it. NULL on failure: PAL_E_ARGUMENT when a value has blanks or quotes around it, which would be
 * lost. */
char *cli_run_config(const cli_job *job, size_t *size, pal_error *error);
/* Adds the task, the model and the settings of a config file to the job. Names that the job has
 * already are not replaced. */
pal_status cli_run_read_config(cli_job *job, const char *file, pal_error *error);

/* For verbs that open no run directory: adds the task, the model and the settings of the command
 * line (--config, --model, --data, --set) to the job. If these name no model it is `otherwise`, or
 * an error when that is NULL. */
pal_status cli_run_settings(cli_job *job, const cli_options *options, const char *otherwise,
                            pal_error *error);

/* Reads the config of the run directory that the command line names: its task, model and settings.
 * Nothing is opened. */
pal_status cli_run_names(cli_job *job, const cli_options *options, pal_error *error);
/* Opens the job of the run directory that the command line names and loads its weights, the last or
 * those that --checkpoint names. `data`
 * replaces the task's data unless it is NULL. PAL_E_ARGUMENT when a pinned setting differs. */
pal_status cli_run_open(cli_job *job, const cli_options *options, const char *data,
                        pal_error *error);
/* Sets *reads to whether --data names a file of instances for the run's task. */
pal_status cli_run_reads_instances(pal_context *context, const cli_options *options, bool *reads,
                                   pal_error *error);
#endif
