/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JSON (floor 8). */
#ifndef PAL_CLI_TABLE_JSON_H
#define PAL_CLI_TABLE_JSON_H

#include "cli/recipes.h"
#include "cli/row.h"

/* Writes the head of provenance.h, then "task", "complete", "rows", "published" and "inputs" to the
 * file of --json, replacing it as a whole; see doc/formats.md. `complete` is false when rows are
 * missing. The published results are those of `recipes`, which may be NULL. */
pal_status cli_json(const cli_options *options, const char *task, const cli_row *row, int n,
                    const cli_recipes *recipes, bool complete, pal_error *error);
#endif
