/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the source tree that are compiled into the program by tools/embed.sh (floor 8). */
#ifndef PAL_CLI_EMBEDDED_H
#define PAL_CLI_EMBEDDED_H

#include <stddef.h>

typedef struct cli_embedded {
  const char *name, *text;
  size_t size;
} cli_embedded;

/* Each list ends with an entry whose name is NULL. */
extern const cli_embedded cli_recipe_texts[]; /* recipes/, by task */
extern const cli_embedded cli_page_texts[];   /* share/page/, one page */
extern const cli_embedded cli_start_texts[];  /* share/new/, by file name */
#endif
