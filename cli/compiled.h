/* SPDX-License-Identifier: Apache-2.0 */
/* Models whose weights are compiled from the task's program instead of trained (floor 8). */
#ifndef PAL_CLI_COMPILED_H
#define PAL_CLI_COMPILED_H

#include "cli/job.h"

/* Opens the job, whose settings are all there but those of the model that the program determines,
 * and sets the model's weights. PAL_E_UNSUPPORTED for a task without a program. */
pal_status cli_compiled_open(cli_job *job, pal_error *error);
#endif
