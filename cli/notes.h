/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that a run or trained weights hold on to (floor 7). */
#ifndef PAL_CLI_NOTES_H
#define PAL_CLI_NOTES_H

#include "cli/job.h"

/* Settings as "key=value" that must be as they were: all but a few when a run is resumed; those of the
 * network and of the meaning of tokens for weights that are trained. */
typedef struct cli_notes {
  char **text;
  int n;
  bool resumed, failed;
} cli_notes;
pal_status cli_notes_make(cli_notes *notes, const cli_job *job, bool resumed, pal_error *error);
/* PAL_E_ARGUMENT, naming each setting of which a config has another value. */
pal_status cli_notes_hold(const cli_notes *notes, const char *config, pal_error *error);
void cli_notes_free(cli_notes *notes);
#endif
