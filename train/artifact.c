/* SPDX-License-Identifier: Apache-2.0 */
/* Public functions for files and directories that programs write beside weights (floor 5). */
#include <palimpsest/train.h>

#include "src/file.h"

pal_status pal_file_replace(const char *path, const void *data, size_t size, pal_error *error) {
  return pal_file_write(path, data, size, error);
}

pal_status pal_file_try(const char *path, pal_error *error) {
  return pal_file_try_write(path, error);
}

pal_status pal_file_hash(const char *path, uint64_t *hash, int64_t *size, pal_error *error) {
  return pal_file_hash_read(path, hash, size, error);
}

pal_status pal_directory_create(const char *path, pal_error *error) {
  return pal_directory_make(path, error);
}
