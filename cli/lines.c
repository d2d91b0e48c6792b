/* SPDX-License-Identifier: Apache-2.0 */
/* Files read line by line (floor 7). */
#include "cli/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

pal_status cli_lines_open(cli_lines *l, const char *path, pal_error *error) {
  *l = (cli_lines){.path = path, .file = fopen(path, "r")};
  return l->file ? PAL_OK : pal_fail(error, PAL_E_NOT_FOUND, "%s: %s", path, strerror(errno));
}

void cli_lines_rewind(cli_lines *l) {
  rewind(l->file);
  l->number = 0;
}

static pal_status put(cli_lines *l, char c, pal_error *error) {
  if (l->length + 1 >= l->room) {
    const size_t room = l->room ? 2 * l->room : 256;
    char *grown = realloc(l->text, room);
    if (!grown)
      return pal_fail(error, PAL_E_MEMORY, "%s:%d: no memory for the line", l->path, l->number);
    l->text = grown;
    l->room = room;
  }
  l->text[l->length++] = c;
  l->text[l->length] = 0;
  return PAL_OK;
}

static void skip_mark(cli_lines *l) {
  static const char mark[] = "\xEF\xBB\xBF";
  if (l->number != 1 || l->length < strlen(mark) || memcmp(l->text, mark, strlen(mark)) != 0)
    return;
  l->length -= strlen(mark);
  memmove(l->text, l->text + strlen(mark), l->length + 1);
}

bool cli_lines_next(cli_lines *l, pal_error *error) {
  int c = getc(l->file);
  l->length = 0;
  l->number++;
  if (c != EOF && put(l, 0, error)) return false; /* so that there is a text */
  for (l->length = 0; c != EOF && c != '\n' && c != '\r'; c = getc(l->file))
    if (put(l, (char)c, error)) return false;
  const bool read = c != EOF || l->length > 0;
  if (c == '\r' && (c = getc(l->file)) != '\n' && c != EOF) ungetc(c, l->file);
  if (ferror(l->file)) {
    pal_fail(error, PAL_E_IO, "%s: %s", l->path, strerror(errno));
    return false;
  }
  skip_mark(l);
  return read;
}

void cli_lines_close(cli_lines *l) {
  free(l->text);
  if (l->file) fclose(l->file);
  *l = (cli_lines){.file = NULL};
}
