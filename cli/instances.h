/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of instances in memory, and files of instances (floor 8). */
#ifndef PAL_CLI_INSTANCES_H
#define PAL_CLI_INSTANCES_H

#include "cli/job.h"

/* A line of a file that the task refused, and why. */
typedef struct cli_refusal {
  int line;   /* from 1 */
  char *text; /* owned */
} cli_refusal;
/* A list of instances. Zero-initialise. */
typedef struct cli_instances {
  pal_example *instance; /* [n], with copies of their prompts and answers; room for `room` */
  cli_refusal *refusal;  /* [refused] */
  int n, room, refused;
  bool open; /* the last line given to the task held no instance: one may have begun */
} cli_instances;
/* Adds a copy of the example; of its arrays only prompt and answer are copied. */
pal_status cli_instances_add(cli_instances *all, const pal_example *example, pal_error *error);
/* Reads a file of instances, of one or several lines each, at most `limit` of them (0: all). Lines
 * that the task refuses are recorded and skipped. PAL_E_FORMAT when no instance is left,
 * PAL_E_UNSUPPORTED when the task reads none. */
pal_status cli_instances_read(cli_instances *all, cli_job *job, const char *path, int limit,
                              pal_error *error);
/* Prints the first ten refused lines to stderr, and the number of the others. */
void cli_instances_report(const cli_instances *all, const char *path);
void cli_instances_free(cli_instances *all);
#endif
