/* SPDX-License-Identifier: Apache-2.0 */
/* A trace as an HTML page, see trace_page.h (floor 8). The page is share/page/trace.html, with the
 * lines of the trace in the place of its mark. */
#include <stdlib.h>
#include <string.h>

#include "bench/json_text.h"
#include "cli/embedded.h"
#include "cli/page.h"
#include "cli/trace_page.h"

static const char mark[] = "/*TRACE*/";

/* Prints a line as an element of an array of the script, in which "</script>" must not end it. */
static bool put_line(FILE *to, const json_t *line) {
  char *text = bench_json_text(line, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(5));
  for (const char *c = text; c && *c; c++)
    if (*c == '<') fputs("\\u003c", to);
    else fputc(*c, to);
  fputs(",\n", to);
  free(text);
  return text != NULL;
}

/* The bytes before the mark of a page. */
static size_t before_mark(const cli_embedded *page) {
  size_t at = 0;
  while (at + strlen(mark) < page->size && memcmp(page->text + at, mark, strlen(mark)) != 0) at++;
  return at;
}

pal_status cli_trace_page(FILE *to, const cli_trace *trace, pal_error *error) {
  const cli_embedded *frame = &cli_page_texts[0];
  const size_t head = before_mark(frame), rest = head + strlen(mark);
  bool whole = true;
  fwrite(frame->text, 1, head, to);
  for (int i = 0; i < trace->n && whole; i++) {
    const cli_traced *t = &trace->instance[i];
    whole = put_line(to, t->line);
    for (int k = 0; k < t->n && whole; k++) whole = put_line(to, t->pass[k].line);
    whole = whole && put_line(to, t->end);
  }
  fwrite(frame->text + rest, 1, frame->size - rest, to);
  return whole ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a page");
}

pal_status cli_trace_html(const cli_trace *trace, const char *path, pal_error *error) {
  cli_page page;
  if (cli_page_open(&page, error)) return error->code;
  if (!cli_trace_page(page.to, trace, error)) return cli_page_save(&page, path, error);
  cli_page_drop(&page);
  return error->code;
}
