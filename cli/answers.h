/* SPDX-License-Identifier: Apache-2.0 */
/* What was decoded, an instance a line, so that anyone can judge it (floor 7). */
#ifndef PAL_CLI_ANSWERS_H
#define PAL_CLI_ANSWERS_H

#include "cli/job.h"

/* What was decoded of an instance as a line of JSON, to be freed; NULL without memory. */
char *cli_answer_line(const cli_job *job, const char *set, int index, const pal_judged *judged);
/* Closes the job's answers and writes them, whole or not at all. */
pal_status cli_answers_save(cli_job *job, const char *path, pal_error *error);
#endif
