/* SPDX-License-Identifier: Apache-2.0 */
/* Text files as code points, and UTF-8 (floor 5). */
#ifndef PAL_TASK_TEXT_FILE_H
#define PAL_TASK_TEXT_FILE_H

#include <palimpsest/status.h>
#include <stdbool.h>

/* The characters of files, one file after the other. Zero-initialise; free `code` with pal_free. */
typedef struct pal_codes {
  uint32_t *code; /* [n] code points, or bytes */
  int64_t n;
} pal_codes;
/* Appends the characters of a file: its bytes, or the code points of its UTF-8 without a byte order
 * mark at its beginning. PAL_E_FORMAT names the first byte that is not UTF-8, by file and line. */
pal_status pal_codes_read(pal_codes *all, const char *path, bool bytes, pal_error *error);

/* The code point at p, where n bytes are left. *used becomes its length in bytes, or 0 if it is not
 * valid UTF-8. */
uint32_t pal_utf8_decode(const unsigned char *p, size_t n, size_t *used);
/* Writes a code point and returns its length in bytes. */
size_t pal_utf8_encode(uint32_t code, char out[4]);
#endif
