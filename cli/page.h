/* SPDX-License-Identifier: Apache-2.0 */
/* A text that is composed in memory, then written to a file as a whole (floor 8). */
#ifndef PAL_CLI_PAGE_H
#define PAL_CLI_PAGE_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

typedef struct cli_page {
  FILE *to; /* stream to print the text to */
  char *text;
  size_t bytes; /* of text; both are valid after a flush of `to` */
} cli_page;

/* Prints a text for XML, also within an attribute: <, & and " are escaped, a control character
 * becomes "?". */
void cli_page_text(FILE *to, const char *text);
pal_status cli_page_open(cli_page *page, pal_error *error);
/* Frees the page without writing it. */
void cli_page_drop(cli_page *page);
/* Writes the text to `path`, replacing the file as a whole, and frees the page, also on failure. */
pal_status cli_page_save(cli_page *page, const char *path, pal_error *error);
#endif
