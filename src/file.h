/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded reading and atomic writing of whole files (floor 0).
 *
 * Every failure says the path, what was tried and the system's reason. A file is either replaced
 * completely or left as it was: a writer fills a temporary beside it and renames at the end. */
#ifndef PAL_SRC_FILE_H
#define PAL_SRC_FILE_H

#include <palimpsest/status.h>

/* XXH3, 64 bits. */
uint64_t pal_hash64(const void *data, size_t size);

/* Reads all of `path` (a regular file, a pipe ...) into *data, to be freed with pal_free; a NUL
 * that does not count follows the last byte. PAL_E_NOT_FOUND; PAL_E_FORMAT when longer than `limit`
 * bytes; PAL_E_IO; PAL_E_MEMORY. *data and *size are set only on success. */
pal_status pal_file_read(const char *path, size_t limit, char **data, size_t *size,
                         pal_error *error);

/* An open file to be. A zeroed writer is closed. After a failure it is closed too, the temporary is
 * gone, and the target is untouched. A target that is no regular file (a pipe, /dev/stdout) cannot
 * be replaced and is written directly; a symbolic link is followed. */
typedef struct pal_writer {
  char *path;      /* of the target, links resolved; NULL when closed */
  char *temporary; /* NULL when writing directly */
  int fd;
} pal_writer;

pal_status pal_writer_open(pal_writer *writer, const char *path, pal_error *error);
pal_status pal_writer_write(pal_writer *writer, const void *data, size_t size, pal_error *error);
/* Makes the contents durable and visible: fsync, rename, fsync of the directory. */
pal_status pal_writer_close(pal_writer *writer, pal_error *error);
/* Gives up: the target stays as it was. Nothing on a closed writer. */
void pal_writer_abandon(pal_writer *writer);

/* Open, write, close. */
pal_status pal_file_write(const char *path, const void *data, size_t size, pal_error *error);

/* Opens and gives up: the failure that pal_file_write would begin with. What is no regular file is not
 * opened, since a reader at the other end of a pipe would see it end. */
pal_status pal_file_try_write(const char *path, pal_error *error);

/* Makes a directory and its parents; one that exists is fine. */
pal_status pal_directory_make(const char *path, pal_error *error);
#endif
