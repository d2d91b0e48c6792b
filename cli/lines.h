/* SPDX-License-Identifier: Apache-2.0 */
/* Files read line by line (floor 7). */
#ifndef PAL_CLI_LINES_H
#define PAL_CLI_LINES_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

/* A file line by line: ends are LF, CRLF or CR, and a byte order mark at the beginning is none of it. */
typedef struct cli_lines {
  const char *path; /* borrowed */
  FILE *file;
  char *text; /* of the line, without its end; it may hold zero bytes */
  size_t length, room;
  int number; /* from 1 */
} cli_lines;
pal_status cli_lines_open(cli_lines *lines, const char *path, pal_error *error);
/* The same of a text in memory that is called `name`. */
pal_status cli_lines_open_text(cli_lines *lines, const char *name, const char *text, size_t size,
                               pal_error *error);
/* False at the end of the file, and with an error. */
bool cli_lines_next(cli_lines *lines, pal_error *error);
void cli_lines_rewind(cli_lines *lines);
void cli_lines_close(cli_lines *lines);
/* The line as "key = value", blanks around either dropped; *key is NULL where it is empty or a comment. */
pal_status cli_lines_pair(cli_lines *lines, char **key, char **value, pal_error *error);
/* A text in place, without blanks around it. */
char *cli_trim(char *text);
#endif
