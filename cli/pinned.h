/* SPDX-License-Identifier: Apache-2.0 */
/* Pinned settings: those that a resumed run or trained weights require to be unchanged (floor
 * 8). */
#ifndef PAL_CLI_PINNED_H
#define PAL_CLI_PINNED_H

#include "cli/job.h"

/* The pinned settings of a job. For a resumed run these are all but a few; for trained weights they
 * are the settings of the network and those that determine the meaning of tokens (see
 * pal_setting_kept). */
typedef struct cli_pinned {
  char **text; /* [n] "key=value", owned */
  int n;
  bool resumed; /* pinned for a resumed run, else for trained weights */
  bool failed;  /* out of memory */
} cli_pinned;
/* Collects the pinned settings with their present values. Free them in any case. */
pal_status cli_pinned_collect(cli_pinned *pinned, const cli_job *job, bool resumed,
                              pal_error *error);
/* Compares them with the config file of a run. PAL_E_ARGUMENT names each setting that has another
 * value there. */
pal_status cli_pinned_check(const cli_pinned *pinned, const char *config, pal_error *error);
void cli_pinned_free(cli_pinned *pinned);
#endif
