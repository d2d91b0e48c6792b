/* SPDX-License-Identifier: Apache-2.0 */
/* A lock, so that only one process at a time writes a run directory (floor 8).
 *
 * It is an flock() on the file DIR/lock, which the system releases when the process ends, however
 * it ends. The file contains the owner's process id and is removed on release. A file that is left
 * over without a lock on it has no effect. */
#include "cli/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/text.h"

/* The error for a directory whose lock another process has. */
static pal_status refuse(int fd, const char *directory, pal_error *error) {
  char text[32] = "", owner[48] = "";
  const ssize_t n = pread(fd, text, sizeof text - 1, 0);
  const long pid = n > 0 ? strtol(text, NULL, 10) : 0;
  if (pid > 0) snprintf(owner, sizeof owner, " (process %ld)", pid);
  return pal_fail(error, PAL_E_ARGUMENT,
                  "%s is being written by another palimpsest%s: wait until it has ended, or give "
                  "another --out",
                  directory, owner);
}

/* Whether the locked file is still the one at `path`: its last owner may have removed it after we
 * opened it and before we locked it. */
static bool is_current(int fd, const char *path) {
  struct stat ours, there;
  return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

/* Locks fd; false when another process has the lock. On file systems without locks it succeeds. */
static bool lock_file(int fd) {
  while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) break;
  }
  return true;
}

pal_status cli_lock_acquire(cli_lock *lock, const char *directory, pal_error *error) {
  char *path = cli_print(error, "%s/lock", directory);
  if (!path) return error->code;
  for (;;) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    pal_status status = PAL_OK;
    if (fd < 0) status = pal_fail(error, PAL_E_IO, "cannot open %s: %s", path, strerror(errno));
    else if (!lock_file(fd)) status = refuse(fd, directory, error);
    else if (is_current(fd, path)) {
      char text[32];
      const int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
      if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        status = pal_fail(error, PAL_E_IO, "cannot write %s: %s", path, strerror(errno));
      else {
        *lock = (cli_lock){.path = path, .fd = fd};
        return PAL_OK;
      }
    }
    if (fd >= 0) (void)close(fd);
    if (!status) continue;
    free(path);
    return status;
  }
}

void cli_lock_release(cli_lock *lock) {
  if (!lock->path) return;
  (void)unlink(lock->path);
  (void)close(lock->fd);
  free(lock->path);
  *lock = (cli_lock){0};
}
