/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of any length, and printing them safely on terminals (floor 8). */
#ifndef PAL_CLI_TEXT_H
#define PAL_CLI_TEXT_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

/* Formats like printf into a text of the length needed. The caller frees it; NULL with an error
 * when out of memory. */
char *cli_print(pal_error *error, const char *format, ...) PAL_FORMAT(2, 3);
/* One token as text. */
char *cli_word_of(const pal_task *task, int32_t token);
/* The tokens as the task prints them; the traits of an instance, and the outcome of an answer, as
 * the task names them (with commas between). The caller frees the text; NULL without memory. */
char *cli_text_of(const pal_task *task, const int32_t *token, int n);
char *cli_traits_of(const pal_task *task, pal_form form, const pal_example *instance);
char *cli_outcome_of(const pal_task *task, const pal_judged *judged);
/* Prints a text that comes from data. On a terminal, control characters other than line ends and
 * tabs are written as \x1b and the like. */
void cli_show(FILE *to, const char *text);
/* Prints "palimpsest: " and a message as one line to stderr. All control characters are written as
 * \xNN, on a terminal or not. */
void cli_say(const char *format, ...) PAL_FORMAT(1, 2);
/* Prints a word as a shell reads it: in single quotes unless it needs none. */
void cli_quote(FILE *to, const char *word);
/* Prints the text with all control characters as \xNN, and blanks behind it up to `width` bytes. */
void cli_show_padded(FILE *to, const char *text, int width);
/* Copies the text to `out`, of `size` bytes, with control characters written as \xNN; what does not
 * fit is cut off. */
void cli_escape(const char *text, char *out, size_t size);
#endif
