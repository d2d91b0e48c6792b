/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal behind a stream can show (floor 8). */
#ifndef PAL_CLI_TERMINAL_H
#define PAL_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* Columns: those of the terminal, else what the variable COLUMNS says, else 80. From 20 on. */
int cli_columns(FILE *to);
/* Lines of the terminal; 0 when `to` is none. */
int cli_lines_high(FILE *to);
/* Whether text may be written over: `to` is a terminal and TERM is not "dumb". */
bool cli_rewrites(FILE *to);
/* Whether colours may be used: it can be written over, and NO_COLOR is not set (no-color.org). */
bool cli_colours(FILE *to);
#endif
