/* SPDX-License-Identifier: Apache-2.0 */
/* See number.h (floor 0). */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* uselocale */
#endif
#include "src/number.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

/* The C locale in this thread until leave(). It is built into the C library, so neither making nor
 * freeing it takes memory; without it, numbers would follow the locale of the thread. */
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
