/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the first-error record (floor 0). */
#include <palimpsest/status.h>

#include <stdarg.h>
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
  }
  return "unknown";
}

pal_status pal_fail(pal_error *error, pal_status code, const char *format, ...) {
  if (error && error->code == PAL_OK) {
    va_list arguments;
    va_start(arguments, format);
    if (pal_number_print(error->text, sizeof error->text, format, arguments) < 0)
      error->text[0] = 0;
    va_end(arguments);
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
