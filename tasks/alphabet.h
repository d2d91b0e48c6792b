/* SPDX-License-Identifier: Apache-2.0 */
/* The characters of a text task, and their form as the text of a setting (floor 5): ascending code
 * points in hexadecimal, with a dash for ranges, e.g. "a,20-7e,e9". After the prefix "bytes:" the
 * numbers are bytes. Token i of the task is character i. */
#ifndef PAL_TASKS_ALPHABET_H
#define PAL_TASKS_ALPHABET_H

#include <palimpsest/status.h>
#include <stdbool.h>

enum { PAL_MOST_CHARACTERS = 1 << 16 };

typedef struct pal_alphabet {
  uint32_t *code; /* [n], ascending; owned, freed with pal_free */
  int32_t n;
  bool bytes; /* characters are bytes; false: Unicode code points */
} pal_alphabet;

/* The alphabet as text, to be freed with pal_free; NULL when out of memory. */
char *pal_alphabet_print(const pal_alphabet *alphabet);
/* Reads such a text. On failure (PAL_E_FORMAT, PAL_E_MEMORY) there is nothing to free. */
pal_status pal_alphabet_read(const char *text, pal_alphabet *alphabet, pal_error *error);
/* Sets the alphabet to the distinct ones of n >= 1 code points; alphabet->bytes is unchanged.
 * Errors name the file `path`: PAL_E_MEMORY, or PAL_E_UNSUPPORTED if there are too many. */
pal_status pal_alphabet_collect(const uint32_t *code, int64_t n, const char *path,
                                pal_alphabet *alphabet, pal_error *error);
/* The token of a code point; -1 if it is not in the alphabet. */
int32_t pal_alphabet_find(const pal_alphabet *alphabet, uint32_t code);
#endif
