/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the known name that is most like a mistyped one (floor 8). */
#ifndef PAL_CLI_NEAR_H
#define PAL_CLI_NEAR_H

#include <palimpsest/palimpsest.h>

/* A search for the name that is nearest to `word`. */
typedef struct cli_near {
  const char *word; /* what was typed; borrowed */
  int distance;     /* of the best name so far: edits that turn one into the other */
  char hint[96];    /* "; did you mean NAME?", or empty while no name is similar */
} cli_near;

void cli_near_start(cli_near *near, const char *word);
/* Compares one name. `before` is printed in front of it, for instance "--". Upper and lower case,
 * and - and _, count as equal; names that other programs use for the same thing are known. */
void cli_near_try(cli_near *near, const char *before, const char *name);
void cli_near_settings(cli_near *near, const char *before, const pal_setting *table, int n);
/* PAL_OK if an op, model, ... of that name is defined; otherwise PAL_E_NOT_FOUND, with a hint. */
pal_status cli_known(const pal_context *context, const char *kind, const char *name,
                     pal_error *error);
#endif
