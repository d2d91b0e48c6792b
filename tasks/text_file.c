/* SPDX-License-Identifier: Apache-2.0 */
/* See text_file.h (floor 5). */
#include "tasks/text_file.h"

#include <string.h>

#include "src/alloc.h"
#include "src/file.h"

enum { MOST_BYTES = 1 << 30 };

uint32_t pal_utf8_decode(const unsigned char *p, size_t n, size_t *used) {
  static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = p[0] < 0x80       ? 1
                  : p[0] >> 5 == 6  ? 2
                  : p[0] >> 4 == 14 ? 3
                  : p[0] >> 3 == 30 ? 4
                                    : 0;
  *used = 0;
  if (!length || length > n) return 0;
  uint32_t c = length == 1 ? p[0] : p[0] & (0x7Fu >> length);
  for (size_t i = 1; i < length; i++) {
    if (p[i] >> 6 != 2) return 0;
    c = c << 6 | (p[i] & 63u);
  }
  if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
  *used = length;
  return c;
}

size_t pal_utf8_encode(uint32_t c, char out[4]) {
  if (c < 0x80) return out[0] = (char)c, (size_t)1;
  size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 63));
  out[0] = (char)((0xF00u >> n & 0xFFu) | c);
  return n;
}

static pal_status decode_all(pal_codes *all, const unsigned char *p, size_t size, const char *path,
                             pal_error *error) {
  long long line = 1;
  for (size_t at = 0, used; at < size; at += used) {
    const uint32_t c = pal_utf8_decode(p + at, size - at, &used);
    if (!used)
      return pal_fail(error, PAL_E_FORMAT,
                      "%s:%lld: byte %zu of the file (%02x) is not UTF-8; mend the file, or set "
                      "characters=bytes to take its bytes for characters",
                      path, line, at + 1, p[at]);
    if (at > 0 || c != 0xFEFF) all->code[all->n++] = c;
    line += c == '\n';
  }
  return PAL_OK;
}

/* Makes room for n more characters. */
static pal_status grow(pal_codes *all, size_t n, const char *path, pal_error *error) {
  uint32_t *grown = pal_alloc(sizeof *grown * ((size_t)all->n + n + 1));
  if (!grown) return pal_fail(error, PAL_E_MEMORY, "%s: no memory for %zu bytes", path, n);
  if (all->n) memcpy(grown, all->code, sizeof *grown * (size_t)all->n);
  pal_free(all->code);
  all->code = grown;
  return PAL_OK;
}

pal_status pal_codes_read(pal_codes *all, const char *path, bool bytes, pal_error *error) {
  char *data = NULL;
  size_t size = 0;
  pal_status status = pal_file_read(path, MOST_BYTES, &data, &size, error);
  if (!status) status = grow(all, size, path, error);
  if (!status && bytes)
    for (size_t i = 0; i < size; i++) all->code[all->n++] = (unsigned char)data[i];
  else if (!status) status = decode_all(all, (const unsigned char *)data, size, path, error);
  pal_free(data);
  return status;
}
