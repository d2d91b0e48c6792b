/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text (floor 1). */
#ifndef PAL_GRAPH_TEXT_H
#define PAL_GRAPH_TEXT_H

#include <palimpsest/status.h>
#include <stdbool.h>

typedef struct pal_text {
  char *at;       /* NUL-terminated, from malloc */
  size_t n, room; /* bytes without the NUL; bytes allocated */
  bool failed;    /* out of memory; later calls do nothing */
} pal_text;

/* Appends as printf does, numbers in the C locale. */
void pal_text_add(pal_text *text, const char *format, ...) PAL_FORMAT(2, 3);
/* Appends a string in quotes; quotes, backslashes and control characters in it are escaped. */
void pal_text_quote(pal_text *text, const char *string);
/* The text, to be freed with free(), or NULL when memory ran out. */
char *pal_text_finish(pal_text *text);
#endif
