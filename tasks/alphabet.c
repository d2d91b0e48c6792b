/* SPDX-License-Identifier: Apache-2.0 */
/* See alphabet.h (floor 5). */
#include "tasks/alphabet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"

static const char bytes[] = "bytes:";

char *pal_alphabet_print(const pal_alphabet *a) {
  enum { LONGEST = 16 }; /* room for "10ffff-10ffff," */
  const size_t room = sizeof bytes + LONGEST * ((size_t)a->n + 1);
  char *text = pal_alloc(room);
  if (!text) return NULL;
  size_t at = (size_t)snprintf(text, room, "%s", a->bytes ? bytes : "");
  for (int32_t i = 0, last; i < a->n; i = last + 1) {
    for (last = i; last + 1 < a->n && a->code[last + 1] == a->code[last] + 1;) last++;
    at += (size_t)snprintf(text + at, room - at, i ? ",%x" : "%x", a->code[i]);
    if (last > i) at += (size_t)snprintf(text + at, room - at, "-%x", a->code[last]);
  }
  return text;
}

/* Reads a code point of at least `least` and moves *at behind it; -1 for anything else. */
static int64_t number(const char **at, int64_t least) {
  char *end;
  if (!strchr("0123456789abcdef", **at) || !**at) return -1; /* strtoll accepts signs, blanks */
  const long long x = strtoll(*at, &end, 16);
  *at = end;
  return x < least || x > 0x10FFFF ? -1 : x;
}

pal_status pal_alphabet_read(const char *text, pal_alphabet *a, pal_error *error) {
  const char *at = text;
  *a = (pal_alphabet){.bytes = strncmp(text, bytes, strlen(bytes)) == 0};
  if (a->bytes) at += strlen(bytes);
  if ((a->bytes && !*at) || strcmp(text, "bytes") == 0) return a->bytes = true, PAL_OK;
  a->code = pal_alloc(sizeof *a->code * PAL_MOST_CHARACTERS);
  if (!a->code) return pal_fail(error, PAL_E_MEMORY, "no memory for an alphabet");
  for (int64_t next = 0; *at;) {
    const int64_t first = number(&at, next),
                  last = first >= 0 && *at == '-' ? (at++, number(&at, first)) : first;
    if (last < 0 || (a->bytes && last > 255) || last - first >= PAL_MOST_CHARACTERS - a->n ||
        (*at && (*at++ != ',' || !*at))) {
      pal_free(a->code);
      *a = (pal_alphabet){.n = 0};
      return pal_fail(error, PAL_E_FORMAT,
                      "characters are ascending code points in hexadecimal, at most %d, such as "
                      "a,20-7e, or bytes: and such; not \"%.60s\"",
                      PAL_MOST_CHARACTERS, text);
    }
    for (next = first; next <= last; next++) a->code[a->n++] = (uint32_t)next;
  }
  return PAL_OK;
}

static int by_value(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

pal_status pal_alphabet_collect(const uint32_t *code, int64_t n, const char *path, pal_alphabet *a,
                                pal_error *error) {
  pal_free(a->code);
  a->code = pal_alloc(sizeof *a->code * (size_t)n);
  a->n = 0;
  if (!a->code)
    return pal_fail(error, PAL_E_MEMORY, "%s: no memory for %lld characters", path, (long long)n);
  memcpy(a->code, code, sizeof *code * (size_t)n);
  qsort(a->code, (size_t)n, sizeof *code, by_value);
  for (int64_t i = 0; i < n; i++)
    if (!a->n || a->code[i] != a->code[a->n - 1]) a->code[a->n++] = a->code[i];
  if (a->n <= PAL_MOST_CHARACTERS) return PAL_OK;
  return pal_fail(error, PAL_E_UNSUPPORTED, "%s: %d different characters, at most %d", path, a->n,
                  PAL_MOST_CHARACTERS);
}

int32_t pal_alphabet_find(const pal_alphabet *a, uint32_t code) {
  const uint32_t *found = bsearch(&code, a->code, (size_t)a->n, sizeof code, by_value);
  return found ? (int32_t)(found - a->code) : -1;
}
