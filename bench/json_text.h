/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as text (floor 7). */
#ifndef PAL_BENCH_JSON_TEXT_H
#define PAL_BENCH_JSON_TEXT_H

#include <jansson.h>

/* The value as text, to be freed with free(); NULL without memory or for NULL. `flags` as those of
 * json_dumps, which in some versions drops a part of a key when memory runs out. */
char *bench_json_text(const json_t *value, size_t flags);
#endif
