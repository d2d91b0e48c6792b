/* SPDX-License-Identifier: Apache-2.0 */
/* What reading and writing safetensors files share (floor 0). See safetensors.h. */
#ifndef PAL_SRC_SAFETENSORS_FORMAT_H
#define PAL_SRC_SAFETENSORS_FORMAT_H

#include <stdbool.h>
#include <string.h>

#include "src/safetensors.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are stored as they lie in memory, which has to be little endian"
#endif

enum {
  SAFETENSORS_HEADER = 100 * 1000 * 1000
};                                          /* most bytes of a header; the format's own limit */
#define SAFETENSORS_METADATA "__metadata__" /* the key that names no tensor */

/* The names of dtypes. */
static const struct {
  const char *name;
  pal_dtype dtype;
} safetensors_dtype[] = {{"F32", PAL_F32}, {"I32", PAL_I32}, {"BF16", PAL_BF16}, {"U8", PAL_U8}};
enum { SAFETENSORS_DTYPES = sizeof safetensors_dtype / sizeof *safetensors_dtype };

/* Hexadecimal digits of one hash, and of both: that of the tensors, then that of the header. */
enum { SAFETENSORS_DIGITS = 16, SAFETENSORS_CHECKSUM = 2 * SAFETENSORS_DIGITS };
#define SAFETENSORS_ZEROS "0000000000000000"

/* Finds, in the first `size` bytes of a file (length and JSON), the digits of the header's hash; or
 * NULL. Searching the text for the key with its quotes is safe: inside a JSON string quotes are
 * escaped. */
static inline char *safetensors_header_digits(char *text, size_t size) {
  static const char checksum_key[] = "\"xxh3\":\"";
  const size_t key = sizeof checksum_key - 1;
  for (size_t i = 8; i + key + SAFETENSORS_CHECKSUM < size; i++)
    if (memcmp(text + i, checksum_key, key) == 0) return text + i + key + SAFETENSORS_DIGITS;
  return NULL;
}

/* Bytes of a tensor, or false when the type cannot be stored. */
static inline bool safetensors_bytes(const pal_type *type, size_t *bytes) {
  size_t n = pal_dtype_size(type->dtype);
  if (n == 0 || type->symbol.id) return false;
  for (int i = 0; i < type->rank; i++) {
    const int64_t dim = type->dim[i];
    if (dim < 0 || (dim > 0 && n > (size_t)(INT64_MAX / dim))) return false;
    n *= (size_t)dim;
  }
  *bytes = n;
  return true;
}
#endif
