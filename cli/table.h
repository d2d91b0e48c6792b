/* SPDX-License-Identifier: Apache-2.0 */
/* Results as text tables (floor 8). */
#ifndef PAL_CLI_TABLE_H
#define PAL_CLI_TABLE_H

#include "cli/recipes.h"
#include "cli/row.h"

/* Prints each row with all of its sets. */
void cli_table(FILE *to, const cli_row *row, int n);
/* Prints for each set the exact share by number of passes and by trait, where the task names
 * traits. */
void cli_details(FILE *to, const cli_row *row);
/* Prints a table with one line per row, then the published results. */
void cli_summary(FILE *to, const cli_row *row, int n, const cli_recipes *recipes);
#endif
