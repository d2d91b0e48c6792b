/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the error record (floor 0). */
#include <palimpsest/status.h>

#include <stdarg.h>
#include <string.h>
#include <stdio.h>

#include "src/number.h"

const char *pal_status_name(pal_status status) {
  switch (status) {
    case PAL_OK: return "ok";
    case PAL_E_MEMORY: return "memory";
    case PAL_E_ARGUMENT: return "argument";
    case PAL_E_SHAPE: return "shape";
    case PAL_E_CAPACITY: return "capacity";
    case PAL_E_NONFINITE: return "nonfinite";
    case PAL_E_NOT_FOUND: return "not_found";
    case PAL_E_DUPLICATE: return "duplicate";
    case PAL_E_FORMAT: return "format";
    case PAL_E_IO: return "io";
    case PAL_E_ABI: return "abi";
    case PAL_E_UNSUPPORTED: return "unsupported";
    case PAL_E_INTERRUPTED: return "interrupted";
    case PAL_E_INTERNAL: return "internal";
  }
  return "unknown";
}

/* Shortens a text that is too long, for instance because of a long path, to its beginning and its
 * end, where the reason is. */
static void shorten(char *text, size_t room, const char *whole, size_t length) {
  static const char gap[] = " ... ";
  const size_t first = room / 2, last = room - 1 - first - strlen(gap);
  memcpy(text, whole, first);
  memcpy(text + first, gap, strlen(gap));
  memcpy(text + first + strlen(gap), whole + length - last, last + 1);
}

pal_status pal_fail(pal_error *error, pal_status code, const char *format, ...) {
  if (error && error->code == PAL_OK) {
    char whole[3 * 4096]; /* room for two paths and a reason */
    va_list arguments;
    va_start(arguments, format);
    if (pal_number_print(whole, sizeof whole, format, arguments) < 0) whole[0] = 0;
    va_end(arguments);
    const size_t length = strlen(whole);
    if (length < sizeof error->text) memcpy(error->text, whole, length + 1);
    else shorten(error->text, sizeof error->text, whole, length);
    error->code = code;
  }
  return code;
}

void pal_error_clear(pal_error *error) {
  if (!error) return;
  error->code = PAL_OK;
  error->needed = 0;
  error->text[0] = 0;
}
