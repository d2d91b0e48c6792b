/* SPDX-License-Identifier: Apache-2.0 */
/* Reading text files line by line (floor 8). */
#include "cli/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Copies the rest of a file that cannot be rewound, such as a pipe, to one that can. */
static FILE *copy(FILE *from) {
  char part[4096];
  FILE *to = tmpfile();
  for (size_t n; to && (n = fread(part, 1, sizeof part, from)) > 0;) fwrite(part, 1, n, to);
  if (to && (ferror(from) || ferror(to) || fseek(to, 0, SEEK_SET))) fclose(to), to = NULL;
  fclose(from);
  return to;
}

pal_status cli_lines_open(cli_lines *l, const char *path, pal_error *error) {
  *l = (cli_lines){.path = path, .file = fopen(path, "r")};
  if (l->file && lseek(fileno(l->file), 0, SEEK_CUR) < 0 && errno == ESPIPE)
    l->file = copy(l->file);
  return l->file ? PAL_OK : pal_fail(error, PAL_E_NOT_FOUND, "%s: %s", path, strerror(errno));
}

pal_status cli_lines_open_text(cli_lines *l, const char *name, const char *text, size_t size,
                               pal_error *error) {
  *l = (cli_lines){.path = name, .file = fmemopen((void *)(uintptr_t)text, size, "r")};
  return l->file ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "%s: no memory to read it", name);
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

/* Removes a UTF-8 byte order mark from the first line. */
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
  if (c != EOF && put(l, 0, error))
    return false; /* allocates l->text, for lines without characters */
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

char *cli_trim(char *text) {
  while (*text == ' ' || *text == '\t') text++;
  size_t n = strlen(text);
  while (n && strchr(" \t\r\n", text[n - 1])) text[--n] = 0;
  return text;
}

pal_status cli_lines_pair(cli_lines *l, char **key, char **value, pal_error *error) {
  *key = *value = NULL;
  if (strlen(l->text) != l->length)
    return pal_fail(error, PAL_E_FORMAT, "the line holds a zero byte");
  char *text = cli_trim(l->text), *equals = strchr(text, '=');
  if (!*text || *text == '#') return PAL_OK;
  if (!equals)
    return pal_fail(error, PAL_E_FORMAT, "\"%.60s\" is not of the form key = value", text);
  *equals = 0;
  *key = cli_trim(text);
  *value = cli_trim(equals + 1);
  const size_t last = strlen(*value) - 1;
  if (**value == '"' && last > 0 && (*value)[last] == '"')
    return pal_fail(error, PAL_E_FORMAT, "values have no quotes: %s = %.*s", *key, (int)last - 1,
                    *value + 1);
  return PAL_OK;
}

void cli_lines_close(cli_lines *l) {
  free(l->text);
  if (l->file) fclose(l->file);
  *l = (cli_lines){.file = NULL};
}
