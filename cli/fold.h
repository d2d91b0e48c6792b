/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and lines that are folded to the width of the terminal (floor 8). */
#ifndef PAL_CLI_FOLD_H
#define PAL_CLI_FOLD_H

#include <stdio.h>

/* Text that is collected before it is folded. */
typedef struct cli_fold {
  FILE *to, *memory;
  char *text;
  size_t size;
} cli_fold;

/* The stream to print to; without memory that is `to` itself, and nothing is folded. */
FILE *cli_fold_open(cli_fold *fold, FILE *to);
/* Prints the collected lines, a table of aligned columns. If it is too wide, it is printed in
 * several blocks of columns, each with the first `stub` characters of every line. Columns begin at
 * marks "\v", which are not printed; in a table without any, where every line has a blank. */
void cli_fold_table(cli_fold *fold, int stub);
/* Prints the collected lines. One that is too wide goes on in the next line, from column `indent`
 * on, before a cell that does not fit; cells begin with "\v", which is not printed. */
void cli_fold_cells(cli_fold *fold, int indent);
#endif
