/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text and a bounded scanner for the graph's text form (floor 1). */
#ifndef PAL_GRAPH_TEXT_H
#define PAL_GRAPH_TEXT_H

#include <palimpsest/status.h>
#include <stdbool.h>

typedef struct pal_text {
  char *at; /* NUL-terminated, from malloc */
  size_t n, room;
  bool failed; /* no memory: everything after is a no-op */
} pal_text;

void pal_text_add(pal_text *text, const char *format, ...) PAL_FORMAT(2, 3);
/* "a\"b" with quotes, backslashes and control characters escaped. */
void pal_text_quote(pal_text *text, const char *string);
/* The text, to be freed with free(), or NULL when memory ran out. */
char *pal_text_take(pal_text *text);
#endif
