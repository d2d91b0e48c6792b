/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of any length, and printing them safely on terminals (floor 8). */
#include "cli/text.h"

#include "cli/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *cli_print(pal_error *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int n = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = n < 0 ? NULL : malloc((size_t)n + 1);
  if (!text) {
    pal_fail(error, PAL_E_MEMORY, "no memory for a text of %d characters", n);
    return NULL;
  }
  va_start(arguments, format);
  (void)vsnprintf(text, (size_t)n + 1, format, arguments);
  va_end(arguments);
  return text;
}

/* ---- of tasks -------------------------------------------------------------------------------- */

/* A text that a task can make: of tokens, by its `print`; of an instance, by its `traits`; of an
 * answer, by its `outcome`. */
typedef struct request {
  const pal_task *task;
  pal_form form;
  const pal_example *instance; /* NULL: tokens, or an answer */
  const pal_judged *judged;    /* NULL: tokens, or an instance */
  const int32_t *token;
  int n;
  bool word; /* of one token, by its `word` */
} request;

static size_t put(const request *w, char *text, size_t room) {
  const pal_task *task = w->task;
  if (w->word) return pal_task_definition_of(task)->word(task, *w->token, text, room);
  if (w->judged) return pal_task_definition_of(task)->outcome(task, w->judged, text, room);
  return w->instance ? pal_task_definition_of(task)->traits(task, w->instance, w->form, text, room)
                     : pal_task_definition_of(task)->print(task, w->token, w->n, text, room);
}

/* Calls the task again with a larger buffer if the first was too small. NULL without memory. */
static char *make(const request *w) {
  enum { LONGEST = 1 << 30 }; /* a longer text is a fault of the task */
  size_t room = 512, length;
  char *text = malloc(room);
  if (!text || (length = put(w, text, room)) < room) return text;
  free(text);
  if (length > LONGEST) return NULL;
  text = malloc(room = length + 1);
  if (text) put(w, text, room), text[length] = 0;
  return text;
}

char *cli_text_of(const pal_task *task, const int32_t *token, int n) {
  return make(&(request){.task = task, .token = token, .n = n});
}

char *cli_word_of(const pal_task *task, int32_t token) {
  const bool word = pal_task_definition_of(task)->word != NULL;
  return make(&(request){.task = task, .token = &token, .n = 1, .word = word});
}

char *cli_traits_of(const pal_task *task, pal_form form, const pal_example *instance) {
  return make(&(request){.task = task, .form = form, .instance = instance});
}

char *cli_outcome_of(const pal_task *task, const pal_judged *judged) {
  return make(&(request){.task = task, .judged = judged});
}

/* ---- for terminals --------------------------------------------------------------------------- */

/* Length in bytes of the character at p if it may be printed as it is; 0 when it is a control
 * character, which could act on the terminal, or no valid UTF-8. With `lines`, line ends and tabs
 * may be printed. */
static int shown(const unsigned char *p, bool lines) {
  if (p[0] < 0x80)
    return (p[0] >= ' ' && p[0] != 0x7F) || (lines && (p[0] == '\n' || p[0] == '\t'));
  const int length = p[0] >= 0xC2 && p[0] < 0xE0 ? 2
                     : p[0] >> 4 == 14           ? 3
                     : p[0] >> 3 == 30           ? 4
                                                 : 0;
  for (int i = 1; i < length; i++)
    if (p[i] >> 6 != 2) return 0;
  return p[0] == 0xC2 && p[1] < 0xA0 ? 0 : length; /* U+0080 to U+009F are controls too */
}

/* Prints the text with \xNN for each byte that may not be printed; returns the bytes printed. */
static int put_shown(FILE *to, const char *text, bool lines) {
  const unsigned char *p = (const unsigned char *)text;
  int bytes = 0;
  for (int n; *p; p += n ? n : 1) {
    if ((n = shown(p, lines)) != 0) fwrite(p, 1, (size_t)n, to), bytes += n;
    else bytes += fprintf(to, "\\x%02x", *p);
  }
  return bytes;
}

void cli_show_padded(FILE *to, const char *text, int width) {
  const int bytes = put_shown(to, text, false);
  if (bytes < width) fprintf(to, "%*s", width - bytes, "");
}

void cli_show(FILE *to, const char *text) {
  if (isatty(fileno(to))) put_shown(to, text, true);
  else fputs(text, to);
}

void cli_say(const char *format, ...) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  va_list arguments;
  va_start(arguments, format);
  if (memory) vfprintf(memory, format, arguments);
  va_end(arguments);
  fputs("palimpsest: ", stderr);
  if (memory && !fclose(memory)) {
    put_shown(stderr, text, false);
    cli_log("%s", text);
  } else fputs("no memory for a message", stderr);
  fputc('\n', stderr);
  free(text);
}

void cli_quote(FILE *to, const char *word) {
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
  if (*word && !word[strspn(word, plain)]) {
    fputs(word, to);
    return;
  }
  fputc('\'', to);
  for (; *word; word++)
    if (*word == '\'') fputs("'\\''", to);
    else fputc(*word, to);
  fputc('\'', to);
}

void cli_escape(const char *text, char *out, size_t size) {
  const unsigned char *p = (const unsigned char *)text;
  size_t used = 0;
  for (int n; *p && used + 5 < size; p += n ? n : 1) {
    if ((n = shown(p, false)) != 0) {
      memcpy(out + used, p, (size_t)n);
      used += (size_t)n;
    } else {
      used += (size_t)snprintf(out + used, size - used, "\\x%02x", *p);
    }
  }
  if (size) out[used] = 0;
}
