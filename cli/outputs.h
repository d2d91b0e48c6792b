/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the output files that options name, before any work is done (floor 8). */
#ifndef PAL_CLI_OUTPUTS_H
#define PAL_CLI_OUTPUTS_H

#include "cli/job.h"
#include "cli/options.h"

/* Refuses (PAL_E_ARGUMENT) an output file that is also another output or an input of the same
 * command, and (PAL_E_IO) one that cannot be written, so that no long training is lost for it. */
pal_status cli_outputs_check(const cli_options *options, pal_error *error);
/* Refuses an output that is one of the files of that run directory, which need not exist yet. */
pal_status cli_outputs_check_run(const cli_options *options, const char *directory,
                                 pal_error *error);
/* Refuses an output that a setting of the job's task names, such as its data. */
pal_status cli_outputs_check_settings(const cli_options *options, const cli_job *job,
                                      pal_error *error);
#endif
