/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs and the help text (floor 8). */
#ifndef PAL_CLI_HELP_H
#define PAL_CLI_HELP_H

#include <palimpsest/palimpsest.h>
#include <stdio.h>

/* A verb: its arguments as text, the most that it takes, one line on what it does, and examples,
 * one command a line, in which @T and @M stand for a task and a model. */
typedef struct cli_verb {
  const char *name, *arguments;
  int most;
  const char *doc, *example;
} cli_verb;

/* The verb of that name, or NULL with an error that names the one most like it. */
const cli_verb *cli_verb_find(const char *name, pal_error *error);
/* Prints the help of one verb or, when it is NULL, of the program. Examples name the first task and
 * model of the context. */
void cli_help(FILE *to, const pal_context *context, const char *verb);
/* Prints `text` from column `at` on, where the cursor is, broken at blanks into lines that fit the
 * terminal (80 columns elsewhere) and begin at column `indent`. Ends the line. */
void cli_wrap(FILE *to, const char *text, int at, int indent);
#endif
