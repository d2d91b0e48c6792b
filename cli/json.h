/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from which nothing is missing unnoticed (floor 7). */
#ifndef PAL_CLI_JSON_H
#define PAL_CLI_JSON_H

#include <jansson.h>

/* Any text: a byte that is not part of UTF-8, in a file's name say, becomes U+FFFD. */
json_t *cli_json_text(const char *text);
/* A number; null where it is none, or infinite. */
json_t *cli_json_number(double value);
/* Adds an item, taken over, to a list or object. Where that fails (item is NULL, say, for lack of
 * memory) *to is freed and becomes NULL, and so does everything that is packed from it. */
void cli_json_append(json_t **to, json_t *item);
void cli_json_put(json_t **to, const char *key, json_t *item);
#endif
