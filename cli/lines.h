/* SPDX-License-Identifier: Apache-2.0 */
/* Reading text files line by line (floor 8). */
#ifndef PAL_CLI_LINES_H
#define PAL_CLI_LINES_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

/* A text file and its current line. Lines end with LF, CRLF or CR; a UTF-8 byte order mark at the
 * beginning of the file is skipped. */
typedef struct cli_lines {
  const char *path; /* borrowed */
  FILE *file;
  char *text;    /* the line without its end, 0-terminated; may contain zero bytes too */
  size_t length; /* of the line, in bytes */
  size_t room;   /* bytes allocated at text */
  int number;    /* of the line, from 1 */
} cli_lines;
pal_status cli_lines_open(cli_lines *lines, const char *path, pal_error *error);
/* The same for a text of `size` bytes in memory, called `name` in errors. */
pal_status cli_lines_open_text(cli_lines *lines, const char *name, const char *text, size_t size,
                               pal_error *error);
/* Reads the next line. False at the end of the file, and when an error is set. */
bool cli_lines_next(cli_lines *lines, pal_error *error);
void cli_lines_rewind(cli_lines *lines);
void cli_lines_close(cli_lines *lines);
/* Splits the line "key = value" in place, without the blanks around both. *key is NULL for an empty
 * line and a comment. PAL_E_FORMAT when it has another form. */
pal_status cli_lines_pair(cli_lines *lines, char **key, char **value, pal_error *error);
/* The text without blanks around it, shortened in place. */
char *cli_trim(char *text);
#endif
