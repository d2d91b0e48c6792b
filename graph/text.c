/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text (floor 1). It is allocated with malloc, since users of the library free it with
 * free(). */
#include "graph/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/number.h"

static bool reserve(pal_text *text, size_t more) {
  if (text->failed) return false;
  if (text->n + more + 1 <= text->room) return true;
  size_t room = 2 * (text->n + more + 64);
  char *grown = realloc(text->at, room);
  if (!grown) {
    text->failed = true;
    return false;
  }
  text->at = grown;
  text->room = room;
  return true;
}

void pal_text_add(pal_text *text, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = pal_number_print(NULL, 0, format, args);
  if (n >= 0 && reserve(text, (size_t)n)) {
    pal_number_print(text->at + text->n, (size_t)n + 1, format, again);
    text->n += (size_t)n;
  }
  va_end(again);
  va_end(args);
}

void pal_text_quote(pal_text *text, const char *string) {
  pal_text_add(text, "\"");
  for (const char *c = string; *c; c++) {
    if (*c == '"' || *c == '\\') pal_text_add(text, "\\%c", *c);
    else if ((unsigned char)*c < 32) pal_text_add(text, "\\x%02x", (unsigned)(unsigned char)*c);
    else pal_text_add(text, "%c", *c);
  }
  pal_text_add(text, "\"");
}

char *pal_text_finish(pal_text *text) {
  reserve(text, 0);
  if (!text->failed) return text->at;
  free(text->at);
  return NULL;
}
