/* SPDX-License-Identifier: Apache-2.0 */
/* Decoded instances as JSON lines, so that other programs can score the answers (floor 8). */
#ifndef PAL_CLI_ANSWERS_H
#define PAL_CLI_ANSWERS_H

#include "cli/job.h"

/* One decoded instance as a line of JSON: name of the set, index in it, prompt, answer, score. The
 * caller frees it; NULL without memory. */
char *cli_answer_line(const cli_job *job, const char *set, int index, const pal_judged *judged);
/* Closes job->answers and writes what was collected there to `path`, replacing the file as a whole.
 * On failure the old file stays. */
pal_status cli_answers_save(cli_job *job, const char *path, pal_error *error);
#endif
