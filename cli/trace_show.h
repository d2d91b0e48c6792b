/* SPDX-License-Identifier: Apache-2.0 */
/* Traces as text and on a terminal (floor 8). */
#ifndef PAL_CLI_TRACE_SHOW_H
#define PAL_CLI_TRACE_SHOW_H

#include "cli/trace.h"

/* Prints the states of an instance without escape codes: boards side by side, others as lines. */
void cli_trace_print(FILE *to, const cli_traced *instance);
/* Prints row r of a board in plain characters, padded to `width` (0: not). */
void cli_trace_put_row(FILE *to, const cli_traced *instance, int k, int r, int width);
/* Says what the marks of such rows mean. */
void cli_trace_put_marks(FILE *to, const cli_traced *instance);
/* Shows the trace on standard output. With `keys`, and terminals as standard input and output, it
 * is played by keys and stays until it is ended. Else each state is drawn over the one before on a
 * terminal with colours in which they fit, and elsewhere printed as by cli_trace_print. `speed`:
 * passes per second, 0: 4, or more for many passes. PAL_E_INTERRUPTED after a signal. */
pal_status cli_trace_show(const cli_trace *trace, double speed, bool keys, pal_error *error);
#endif
