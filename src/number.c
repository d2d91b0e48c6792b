/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text in the C locale (floor 0). See number.h. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* uselocale */
#endif
#include "src/number.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* Switches the thread to the C locale until leave(). newlocale of "C" returns an object built into
 * the C library, so it does not allocate. Should it fail, the thread's locale stays in force. */
typedef struct scope {
  locale_t plain, before;
} scope;

static scope enter(void) {
  const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  return (scope){plain, plain ? uselocale(plain) : (locale_t)0};
}

static void leave(scope s) {
  if (s.before) (void)uselocale(s.before);
  if (s.plain) freelocale(s.plain);
}

double pal_number_parse(const char *text, char **end) {
  const scope s = enter();
  const double value = strtod(text, end);
  leave(s);
  return value;
}

int pal_number_print(char *text, size_t size, const char *format, va_list arguments) {
  const scope s = enter();
  const int n = vsnprintf(text, size, format, arguments);
  leave(s);
  return n;
}
