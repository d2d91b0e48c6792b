/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as text, independent of the locale that the host program has set (floor 0).
 *
 * strtod and printf follow the locale of the calling thread, where the decimal point may be a
 * comma. The library therefore reads and writes numbers with these two functions only;
 * tools/check-floors.sh rejects the others. */
#ifndef PAL_SRC_NUMBER_H
#define PAL_SRC_NUMBER_H

#include <stdarg.h>
#include <stddef.h>

/* As strtod and vsnprintf in the C locale. Neither changes the locale of the thread. */
double pal_number_parse(const char *text, char **end);
int pal_number_print(char *text, size_t size, const char *format, va_list arguments);
#endif
