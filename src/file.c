/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing files (floor 0). See file.h.
 *
 * Invariant of a writer between calls: path != NULL if and only if fd is open and, unless the
 * target is written directly, the temporary file exists. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* realpath, fsync */
#endif
#include "src/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "src/alloc.h"

uint64_t pal_hash64(const void *data, size_t size) { return XXH3_64bits(data, size); }

/* Records that `what` failed on `path` for the reason in errno. */
static pal_status system_failure(pal_error *error, const char *what, const char *path) {
  const int reason = errno;
  const pal_status code = reason == ENOENT || reason == ENOTDIR ? PAL_E_NOT_FOUND
                          : reason == ENOMEM                    ? PAL_E_MEMORY
                                                                : PAL_E_IO;
  return pal_fail(error, code, "cannot %s %s: %s", what, path, strerror(reason));
}

static pal_status memory_failure(pal_error *error, size_t size, const char *path) {
  return pal_fail(error, PAL_E_MEMORY, "out of memory: %zu bytes for %s", size, path);
}

/* How much to transfer in one system call: some systems refuse 2 GiB or more. */
static size_t at_once(size_t size) {
  const size_t most = (size_t)1 << 30;
  return size < most ? size : most;
}

/* ---- reading ------------------------------------------------------------------------------- */

static pal_status too_long(pal_error *error, const char *path, size_t limit) {
  return pal_fail(error, PAL_E_FORMAT, "%s is longer than the %zu bytes allowed here", path, limit);
}

/* Reads to the end of fd. `guess` is the expected size, which may be wrong: the file may grow or
 * shrink while it is read. */
static pal_status read_to_end(int fd, const char *path, size_t guess, size_t limit, char **data,
                              size_t *size, pal_error *error) {
  size_t room = guess + 1, n = 0;
  char *bytes = pal_alloc(room);
  if (!bytes) return memory_failure(error, room, path);
  for (;;) {
    if (n == room) {
      const size_t more = room > SIZE_MAX / 2 ? SIZE_MAX : 2 * room;
      char *larger = pal_grow(bytes, n, more);
      if (!larger) {
        pal_free(bytes);
        return memory_failure(error, more, path);
      }
      bytes = larger;
      room = more;
    }
    const ssize_t got = read(fd, bytes + n, at_once(room - n));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      system_failure(error, "read", path);
      pal_free(bytes);
      return PAL_E_IO;
    }
    if (got == 0) break;
    n += (size_t)got;
    if (n > limit) {
      pal_free(bytes);
      return too_long(error, path, limit);
    }
  }
  bytes[n] = 0; /* there is room: the loop ends by a read into at least one free byte */
  *data = bytes;
  *size = n;
  return PAL_OK;
}

pal_status pal_file_read(const char *path, size_t limit, char **data, size_t *size,
                         pal_error *error) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_failure(error, "open", path);
  struct stat about;
  pal_status status = PAL_OK;
  if (fstat(fd, &about) != 0) {
    status = system_failure(error, "examine", path);
  } else if (S_ISDIR(about.st_mode)) {
    status = pal_fail(error, PAL_E_IO, "cannot read %s: it is a directory", path);
  } else {
    const bool known = S_ISREG(about.st_mode) && about.st_size > 0;
    if (known && (uintmax_t)about.st_size > limit) status = too_long(error, path, limit);
    else
      status =
          read_to_end(fd, path, known ? (size_t)about.st_size : 4095, limit, data, size, error);
  }
  (void)close(fd);
  return status;
}

/* Adds the rest of fd to the hash. */
static pal_status hash_to_end(int fd, XXH3_state_t *hash, const char *path, int64_t *size,
                              pal_error *error) {
  static const size_t part = (size_t)1 << 20;
  char *bytes = pal_alloc(part);
  if (!bytes) return memory_failure(error, part, path);
  ssize_t got;
  while ((got = read(fd, bytes, part)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    XXH3_64bits_update(hash, bytes, (size_t)got);
    *size += got;
  }
  const pal_status status = got < 0 ? system_failure(error, "read", path) : PAL_OK;
  pal_free(bytes);
  return status;
}

pal_status pal_file_hash_read(const char *path, uint64_t *hash, int64_t *size, pal_error *error) {
  *size = 0;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system_failure(error, "open", path);
  XXH3_state_t *state = XXH3_createState();
  pal_status status = PAL_OK;
  if (!state || XXH3_64bits_reset(state) == XXH_ERROR)
    status = memory_failure(error, sizeof *hash, path);
  if (!status) status = hash_to_end(fd, state, path, size, error);
  if (!status) *hash = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  (void)close(fd);
  return status;
}

/* ---- writing ------------------------------------------------------------------------------- */

void pal_writer_abandon(pal_writer *writer) {
  if (!writer->path) return;
  if (writer->fd >= 0) (void)close(writer->fd);
  if (writer->temporary) (void)unlink(writer->temporary);
  pal_free(writer->temporary);
  pal_free(writer->path);
  *writer = (pal_writer){0};
}

/* The path to write, with links resolved, so that a link to the target remains. Sets *direct when
 * it is no regular file and must be written directly. NULL on failure. */
static char *target_path(const char *path, bool *direct, pal_error *error) {
  struct stat about;
  *direct = false;
  if (lstat(path, &about) != 0) {
    if (errno != ENOENT) {
      system_failure(error, "write", path);
      return NULL;
    }
    char *copy = pal_strdup(path); /* a new file */
    if (!copy) memory_failure(error, strlen(path) + 1, path);
    return copy;
  }
  if (stat(path, &about) != 0) { /* a link that leads nowhere */
    system_failure(error, "write", path);
    return NULL;
  }
  if (S_ISDIR(about.st_mode)) {
    pal_fail(error, PAL_E_IO, "cannot write %s: it is a directory", path);
    return NULL;
  }
  *direct = !S_ISREG(about.st_mode);
  /* The target of /dev/stdout, for instance a pipe, may have no path. */
  char *real = *direct ? NULL : realpath(path, NULL);
  if (!*direct && !real) {
    system_failure(error, "write", path);
    return NULL;
  }
  char *copy = pal_strdup(real ? real : path);
  if (!copy) memory_failure(error, strlen(path) + 1, path);
  free(real);
  return copy;
}

/* Creates a new temporary file in the target's directory, since a rename cannot cross file
 * systems. */
static pal_status open_temporary(pal_writer *writer, pal_error *error) {
  static _Atomic unsigned serial;
  const size_t size = strlen(writer->path) + 48;
  writer->temporary = pal_alloc(size);
  if (!writer->temporary) return memory_failure(error, size, writer->path);
  for (int attempt = 0; attempt < 1000; attempt++) {
    (void)snprintf(writer->temporary, size, "%s.tmp-%ld-%u", writer->path, (long)getpid(),
                   atomic_fetch_add(&serial, 1u));
    writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->fd >= 0) return PAL_OK;
    if (errno != EEXIST) break;
  }
  const pal_status status = system_failure(error, "make a temporary file beside", writer->path);
  pal_free(writer->temporary); /* another program's file: it must not be removed */
  writer->temporary = NULL;
  return status;
}

pal_status pal_writer_open(pal_writer *writer, const char *path, pal_error *error) {
  bool direct;
  *writer = (pal_writer){.fd = -1};
  pal_error own = {0}; /* `error` may be NULL, but the code is needed */
  writer->path = target_path(path, &direct, &own);
  if (writer->path) {
    if (!direct) open_temporary(writer, &own);
    else if ((writer->fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
      system_failure(&own, "write", path);
  }
  if (own.code == PAL_OK) return PAL_OK;
  pal_writer_abandon(writer);
  *writer = (pal_writer){0};
  return pal_fail(error, own.code, "%s", own.text);
}

pal_status pal_writer_write(pal_writer *writer, const void *data, size_t size, pal_error *error) {
  if (!writer->path) return pal_fail(error, PAL_E_INTERNAL, "writing to a file that is not open");
  const char *bytes = data;
  size_t left = size;
  while (left > 0) {
    const ssize_t put = write(writer->fd, bytes, at_once(left));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const pal_status status = system_failure(error, "write", writer->path);
      pal_writer_abandon(writer);
      return status;
    }
    bytes += put;
    left -= (size_t)put;
  }
  return PAL_OK;
}

/* fsync, again after a signal: file systems on a network may be interrupted. */
static int sync_whole(int fd) {
  int failed;
  while ((failed = fsync(fd)) != 0 && errno == EINTR) {
  }
  return failed;
}

/* Makes a rename durable by fsync of the directory; truncates `path` to the directory. It allocates
 * nothing, since a failure now could not restore the old file. Some file systems do not support
 * it. */
static pal_status sync_directory(char *path, pal_error *error) {
  char *slash = strrchr(path, '/');
  if (slash) slash[slash == path] = 0; /* "/name" is in "/" */
  const char *directory = slash ? path : ".";
  const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  pal_status status = PAL_OK;
  if (fd >= 0) { /* < 0: writable but not readable, so fsync is impossible */
    if (sync_whole(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
      status = system_failure(error, "make durable the directory", directory);
    (void)close(fd);
  }
  return status;
}

pal_status pal_writer_close(pal_writer *writer, pal_error *error) {
  if (!writer->path) return pal_fail(error, PAL_E_INTERNAL, "closing a file that is not open");
  pal_status status = PAL_OK;
  if (writer->temporary && sync_whole(writer->fd) != 0)
    status = system_failure(error, "write", writer->path);
  const int fd = writer->fd;
  writer->fd = -1;
  if (close(fd) != 0 && errno != EINTR && status == PAL_OK) /* EINTR: it is closed all the same */
    status = system_failure(error, "write", writer->path);
  if (status == PAL_OK && writer->temporary) {
    if (rename(writer->temporary, writer->path) != 0) {
      status = system_failure(error, "replace", writer->path);
    } else {
      pal_free(writer->temporary); /* it has become the target */
      writer->temporary = NULL;
      status = sync_directory(writer->path, error);
    }
  }
  pal_writer_abandon(writer);
  return status;
}

pal_status pal_file_write(const char *path, const void *data, size_t size, pal_error *error) {
  pal_writer writer;
  pal_status status = pal_writer_open(&writer, path, error);
  if (status == PAL_OK) status = pal_writer_write(&writer, data, size, error);
  if (status == PAL_OK) status = pal_writer_close(&writer, error);
  return status;
}

pal_status pal_file_try_write(const char *path, pal_error *error) {
  struct stat about;
  if (stat(path, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
    return access(path, W_OK) == 0 ? PAL_OK : system_failure(error, "write", path);
  pal_writer writer;
  const pal_status status = pal_writer_open(&writer, path, error);
  if (status == PAL_OK) pal_writer_abandon(&writer);
  return status;
}

/* ---- directories --------------------------------------------------------------------------- */

static pal_status make_one(const char *path, pal_error *error) {
  struct stat about;
  if (mkdir(path, 0777) == 0) return PAL_OK;
  const int reason = errno; /* besides EEXIST also EROFS or EACCES if it exists */
  if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) return PAL_OK;
  errno = reason;
  return system_failure(error, "make the directory", path);
}

pal_status pal_directory_make(const char *path, pal_error *error) {
  char *prefix = pal_strdup(path);
  if (!prefix) return memory_failure(error, strlen(path) + 1, path);
  pal_status status = PAL_OK;
  for (char *p = prefix; *p && status == PAL_OK; p++) {
    if (*p != '/' || p == prefix) continue;
    *p = 0;
    status = make_one(prefix, error);
    *p = '/';
  }
  if (status == PAL_OK) status = make_one(path, error);
  pal_free(prefix);
  return status;
}
