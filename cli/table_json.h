/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as JSON (floor 7). */
#ifndef PAL_CLI_TABLE_JSON_H
#define PAL_CLI_TABLE_JSON_H

#include "cli/row.h"

/* {"task": ..., "rows": [...], "published": [...]} written to `path` whole or not at all. */
pal_status cli_json(const char *path, const char *task, const cli_row *row, int n,
                    pal_error *error);
#endif
