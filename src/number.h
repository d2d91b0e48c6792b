/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text, the same whatever locale the host program has set (floor 0).
 *
 * The decimal point is a point. strtod, printf and their kin follow the locale of the calling thread,
 * so the library reads and writes text with numbers through these two only; tools/check-floors.sh
 * refuses the others. */
#ifndef PAL_SRC_NUMBER_H
#define PAL_SRC_NUMBER_H

#include <stdarg.h>
#include <stddef.h>

/* As strtod and vsnprintf in the C locale. Neither changes the locale of the thread. */
double pal_number_parse(const char *text, char **end);
int pal_number_print(char *text, size_t size, const char *format, va_list arguments);
#endif
