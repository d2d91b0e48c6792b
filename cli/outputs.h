/* SPDX-License-Identifier: Apache-2.0 */
/* Files that options name for results, looked at before the work (floor 7). */
#ifndef PAL_CLI_OUTPUTS_H
#define PAL_CLI_OUTPUTS_H

#include "cli/options.h"

/* Refuses an output that is written over another file of the same command, output or input, and one
 * that cannot be written. */
pal_status cli_outputs_check(const cli_options *options, pal_error *error);
#endif
