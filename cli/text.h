/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as long as they are, and what of them a terminal may see (floor 7). */
#ifndef PAL_CLI_TEXT_H
#define PAL_CLI_TEXT_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

/* What printf would print, as long as it is, to be freed; NULL without memory. */
char *cli_print(pal_error *error, const char *format, ...) PAL_FORMAT(2, 3);
/* A task's text of tokens, and of what kind an instance is, whole, to be freed; NULL without memory. */
char *cli_text_of(const pal_task *task, const int32_t *token, int n);
char *cli_traits_of(const pal_task *task, pal_form form, const pal_example *instance);
/* Text of data: on a terminal what would control it is shown as \x1b and the like, but for ends of lines. */
void cli_show(FILE *to, const char *text);
/* "palimpsest: " and a message on stderr, a line, with such characters shown in any case. */
void cli_say(const char *format, ...) PAL_FORMAT(1, 2);
/* Text with such characters shown, at most size - 1 bytes of it. */
void cli_escape(const char *text, char *out, size_t size);
#endif
