/* SPDX-License-Identifier: Apache-2.0 */
/* Reading whole files with a size limit, and writing them atomically (floor 0).
 *
 * Every error message has the path, the failed action and the system's reason. A file is either
 * replaced completely or left as it was: a writer fills a temporary file in the same directory and
 * renames it:
 *
 *   weights                  old contents          old contents       new contents
 *   weights.tmp-<pid>-<n>    being written   ->    fsync        ->    renamed */
#ifndef PAL_SRC_FILE_H
#define PAL_SRC_FILE_H

#include <palimpsest/status.h>

/* The 64-bit XXH3 hash. */
uint64_t pal_hash64(const void *data, size_t size);

/* Reads a whole regular file, pipe or device into *data, to be freed with pal_free. *size is in
 * bytes; a NUL, not counted, follows the last one. PAL_E_NOT_FOUND; PAL_E_FORMAT when longer than
 * `limit` bytes; PAL_E_IO; PAL_E_MEMORY. *data and *size are set only on success. */
pal_status pal_file_read(const char *path, size_t limit, char **data, size_t *size,
                         pal_error *error);

/* The hash of a whole file and its size in bytes. Errors as those of pal_file_read. */
pal_status pal_file_hash_read(const char *path, uint64_t *hash, int64_t *size, pal_error *error);

/* A file being written. A zero-initialised writer is closed. A failure also closes it, removes the
 * temporary file and leaves the target as it was. A target that is not a regular file (a pipe,
 * /dev/stdout) cannot be replaced and is written directly. Symbolic links are followed. */
typedef struct pal_writer {
  char *path;      /* of the target, links resolved; NULL when closed */
  char *temporary; /* path of the temporary file; NULL when writing directly */
  int fd;
} pal_writer;

pal_status pal_writer_open(pal_writer *writer, const char *path, pal_error *error);
pal_status pal_writer_write(pal_writer *writer, const void *data, size_t size, pal_error *error);
/* Makes the contents durable and visible: fsync, rename, fsync of the directory. */
pal_status pal_writer_close(pal_writer *writer, pal_error *error);
/* Discards what was written; the target stays as it was. Does nothing to a closed writer. */
void pal_writer_abandon(pal_writer *writer);

/* Writes a whole file: open, write, close. */
pal_status pal_file_write(const char *path, const void *data, size_t size, pal_error *error);

/* Whether pal_file_write could write there, by opening a writer and discarding it. A pipe or device
 * is only tested for permission: opening and closing it would signal end of file to its reader. */
pal_status pal_file_try_write(const char *path, pal_error *error);

/* Makes a directory and its parents; one that exists is fine. */
pal_status pal_directory_make(const char *path, pal_error *error);
#endif
