/* SPDX-License-Identifier: Apache-2.0 */
/* Instances in memory, and those of a user's file (floor 7). */
#ifndef PAL_CLI_INSTANCES_H
#define PAL_CLI_INSTANCES_H

#include "cli/job.h"

/* Instances with copies of their prompts and answers; zero-initialise. Lines of a file that the task
 * refuses are kept with what is wrong with them. */
typedef struct cli_refusal {
  int line;
  char *text;
} cli_refusal;
typedef struct cli_instances {
  pal_example *instance;
  cli_refusal *refusal;
  int n, room, refused;
} cli_instances;
pal_status cli_instances_add(cli_instances *all, const pal_example *example, pal_error *error);
/* At most `limit` (0: all). PAL_E_FORMAT when that leaves none. */
pal_status cli_instances_read(cli_instances *all, cli_job *job, const char *path, int limit,
                              pal_error *error);
/* The refused lines on stderr. */
void cli_instances_report(const cli_instances *all, const char *path);
void cli_instances_free(cli_instances *all);
#endif
