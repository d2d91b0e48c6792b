/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as JSON (floor 7). */
#ifndef PAL_CLI_TABLE_JSON_H
#define PAL_CLI_TABLE_JSON_H

#include "cli/recipes.h"
#include "cli/row.h"

/* {"task": ..., "rows": [...], "published": [...]} written to `path` whole or not at all; what others
 * have published is in the recipes, which may be NULL. */
pal_status cli_json(const char *path, const char *task, const cli_row *row, int n,
                    const cli_recipes *recipes, pal_error *error);
#endif
