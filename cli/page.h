/* SPDX-License-Identifier: Apache-2.0 */
/* A text made in memory, then written to a file whole or not at all (floor 7). */
#ifndef PAL_CLI_PAGE_H
#define PAL_CLI_PAGE_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

typedef struct cli_page {
  FILE *to; /* print here */
  char *text;
  size_t bytes;
} cli_page;

/* As text of XML: markup is escaped, a control character becomes a question mark. */
void cli_page_text(FILE *to, const char *text);
pal_status cli_page_open(cli_page *page, pal_error *error);
void cli_page_drop(cli_page *page);
/* Writes it to `path` and frees it. */
pal_status cli_page_save(cli_page *page, const char *path, pal_error *error);
#endif
