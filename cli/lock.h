/* SPDX-License-Identifier: Apache-2.0 */
/* One process at a time writes a run directory (floor 7). */
#ifndef PAL_CLI_LOCK_H
#define PAL_CLI_LOCK_H

#include <palimpsest/palimpsest.h>

/* That this process writes a run directory. Zero-initialise. */
typedef struct cli_lock {
  char *path; /* NULL: not held */
  int fd;
} cli_lock;

/* PAL_E_ARGUMENT names the directory, and the process where it is known, when another one has it. */
pal_status cli_lock_take(cli_lock *lock, const char *directory, pal_error *error);
/* Nothing when it is not held. */
void cli_lock_release(cli_lock *lock);
#endif
