/* SPDX-License-Identifier: Apache-2.0 */
/* A lock, so that only one process at a time writes a run directory (floor 8). */
#ifndef PAL_CLI_LOCK_H
#define PAL_CLI_LOCK_H

#include <palimpsest/palimpsest.h>

/* A lock on a run directory. Zero-initialise. */
typedef struct cli_lock {
  char *path; /* of the lock file, owned; NULL: not locked */
  int fd;     /* of the open lock file */
} cli_lock;

/* Locks `directory`, which exists. PAL_E_ARGUMENT when another process has the lock, with its
 * process id where that is known; PAL_E_IO when the lock file cannot be written. */
pal_status cli_lock_acquire(cli_lock *lock, const char *directory, pal_error *error);
/* Does nothing when it is not locked. */
void cli_lock_release(cli_lock *lock);
#endif
