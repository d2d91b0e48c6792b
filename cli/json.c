/* SPDX-License-Identifier: Apache-2.0 */
/* See json.h (floor 8). */
#include "cli/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Length in bytes of the UTF-8 character at the start of `text`, of which `left` bytes remain; 0
 * when these bytes are no valid character. jansson is not asked: it also refuses for lack of
 * memory. */
static size_t character(const char *text, size_t left) {
  const unsigned char *p = (const unsigned char *)text;
  if (p[0] < 0x80) return 1;
  const size_t n = p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
  if (!n || n > left) return 0;
  /* The second byte excludes forms that are too long, surrogates, and what is above 10FFFF. */
  const unsigned low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
  const unsigned high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
  if (p[1] < low || p[1] > high) return 0;
  for (size_t i = 2; i < n; i++)
    if (p[i] >> 6 != 2) return 0;
  return n;
}

bool cli_json_is_valid(const char *text) {
  for (size_t left = strlen(text), n; left; text += n, left -= n)
    if ((n = character(text, left)) == 0) return false;
  return true;
}

/* The first n bytes of a text, as cli_json_text. */
static json_t *text_of(const char *text, size_t n) {
  static const char unknown[] = "\xEF\xBF\xBD";
  json_t *whole = json_stringn(text, n);
  if (whole) return whole;
  char *clean = malloc(3 * n + 1);
  if (!clean) return NULL;
  size_t used = 0;
  for (size_t i = 0; i < n;) {
    const size_t bytes = character(text + i, n - i);
    const size_t put = bytes ? bytes : sizeof unknown - 1;
    memcpy(clean + used, bytes ? text + i : unknown, put);
    used += put;
    i += bytes ? bytes : 1;
  }
  whole = json_stringn(clean, used);
  free(clean);
  return whole;
}

json_t *cli_json_text(const char *text) { return text_of(text, strlen(text)); }

json_t *cli_json_line(const char *text) { return text_of(text, strcspn(text, "\n")); }

json_t *cli_json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

/* Makes *to NULL when an item could not be added to it. */
static void drop_if(int failed, json_t **to) {
  if (!failed) return;
  json_decref(*to);
  *to = NULL;
}

void cli_json_append(json_t **to, json_t *item) { drop_if(json_array_append_new(*to, item), to); }

void cli_json_put(json_t **to, const char *key, json_t *item) {
  drop_if(json_object_set_new(*to, key, item), to);
}
