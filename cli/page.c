/* SPDX-License-Identifier: Apache-2.0 */
/* See page.h (floor 8). */
#include "cli/page.h"
#include "cli/standard.h"

#include <stdlib.h>

void cli_page_text(FILE *to, const char *text) {
  for (; *text; text++) {
    if (*text == '<') fputs("&lt;", to);
    else if (*text == '&') fputs("&amp;", to);
    else if (*text == '"') fputs("&quot;", to);
    else fputc((unsigned char)*text < ' ' ? '?' : *text, to);
  }
}

pal_status cli_page_open(cli_page *page, pal_error *error) {
  *page = (cli_page){0};
  page->to = open_memstream(&page->text, &page->bytes);
  return page->to ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a page");
}

void cli_page_drop(cli_page *page) {
  fclose(page->to);
  free(page->text);
}

pal_status cli_page_save(cli_page *page, const char *path, pal_error *error) {
  const bool failed = ferror(page->to) != 0;
  const bool lost = fclose(page->to) != 0 || failed;
  pal_status status = lost ? pal_fail(error, PAL_E_MEMORY, "%s: no memory for the page", path)
                           : cli_save(path, page->text, page->bytes, error);
  free(page->text);
  return status;
}
