/* SPDX-License-Identifier: Apache-2.0 */
/* See json_text.h (floor 7). */
#include "bench/json_text.h"

#include <stdlib.h>

char *bench_json_text(const json_t *value, size_t flags) {
  const size_t size = value ? json_dumpb(value, NULL, 0, flags) : 0;
  char *text = size ? malloc(size + 1) : NULL;
  if (!text) return NULL;
  text[size] = 0;
  if (json_dumpb(value, text, size, flags) == size) return text;
  free(text);
  return NULL;
}
