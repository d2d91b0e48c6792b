/* SPDX-License-Identifier: Apache-2.0 */
/* See log.h (floor 8). */
#include "cli/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static FILE *file; /* NULL: none is open */

pal_status cli_log_open(const char *path, pal_error *error) {
  cli_log_close();
  file = fopen(path, "a");
  return file ? PAL_OK : pal_fail(error, PAL_E_IO, "%s: %s", path, strerror(errno));
}

void cli_log(const char *format, ...) {
  char when[32] = "";
  struct tm utc;
  const time_t now = time(NULL);
  if (!file) return;
  if (gmtime_r(&now, &utc)) strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ ", &utc);
  fputs(when, file);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(file, format, arguments);
  va_end(arguments);
  fputc('\n', file);
  fflush(file); /* a log that cannot be written does not stop a run */
}

void cli_log_close(void) {
  if (file) fclose(file);
  file = NULL;
}
