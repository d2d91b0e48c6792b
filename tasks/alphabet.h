/* SPDX-License-Identifier: Apache-2.0 */
/* The characters of a text task as a setting (floor 5): ascending code points in hexadecimal, runs
 * with a dash, "a,20-7e,e9"; after "bytes:" they are bytes. */
#ifndef PAL_TASKS_ALPHABET_H
#define PAL_TASKS_ALPHABET_H

#include <palimpsest/status.h>
#include <stdbool.h>

enum { PAL_MOST_CHARACTERS = 1 << 16 };

typedef struct pal_alphabet {
  uint32_t *code; /* ascending; owned, freed with pal_free */
  int32_t n;
  bool bytes;
} pal_alphabet;

/* The text, freed with pal_free; NULL when out of memory. */
char *pal_alphabet_print(const pal_alphabet *alphabet);
/* On failure (PAL_E_FORMAT, PAL_E_MEMORY) nothing is owned. */
pal_status pal_alphabet_read(const char *text, pal_alphabet *alphabet, pal_error *error);
/* The distinct ones of n >= 1 code points, which `path` names in errors (PAL_E_MEMORY,
 * PAL_E_UNSUPPORTED where they are too many); alphabet->bytes stays. */
pal_status pal_alphabet_collect(const uint32_t *code, int64_t n, const char *path,
                                pal_alphabet *alphabet, pal_error *error);
/* The token of a code point, -1 where it is no character of the alphabet. */
int32_t pal_alphabet_find(const pal_alphabet *alphabet, uint32_t code);
#endif
