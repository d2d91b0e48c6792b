/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as tables of text (floor 7). */
#ifndef PAL_CLI_TABLE_H
#define PAL_CLI_TABLE_H

#include "cli/recipes.h"
#include "cli/row.h"

/* 95 % Wilson score interval of k successes in n. */
void cli_wilson(int k, int n, double *low, double *high);
void cli_table(FILE *to, const cli_row *row, int n);
/* Of each set: exact by number of passes, and by kind of instance, where the task tells kinds apart. */
void cli_details(FILE *to, const cli_row *row);
/* Every row in one line, then what others have published on the task. */
void cli_summary(FILE *to, const cli_row *row, int n, const cli_recipes *recipes);
#endif
