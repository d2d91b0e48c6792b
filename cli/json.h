/* SPDX-License-Identifier: Apache-2.0 */
/* Building JSON such that a failed allocation makes the whole result NULL instead of dropping an
 * item silently (floor 8). */
#ifndef PAL_CLI_JSON_H
#define PAL_CLI_JSON_H

#include <jansson.h>
#include <stdbool.h>

/* Whether the text is valid UTF-8. */
bool cli_json_is_valid(const char *text);
/* A string of any text. Bytes that are not valid UTF-8 (file names may have such) become U+FFFD. */
json_t *cli_json_text(const char *text);
/* The same of a text's first line, without the end of line. */
json_t *cli_json_line(const char *text);
/* A real number; null for NaN and infinities, which JSON does not have. */
json_t *cli_json_number(double value);
/* Adds `item` to an array, or to an object under `key`, and takes ownership of it. On failure, also
 * when item is NULL for lack of memory, *to is freed and becomes NULL; json_pack gives NULL in turn
 * for what contains it. */
void cli_json_append(json_t **to, json_t *item);
void cli_json_put(json_t **to, const char *key, json_t *item);
#endif
