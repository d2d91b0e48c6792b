/* SPDX-License-Identifier: Apache-2.0 */
/* Signals while a run trains (floor 7). */
#ifndef PAL_CLI_SIGNALS_H
#define PAL_CLI_SIGNALS_H

#include <stdbool.h>

/* While they are caught, SIGINT and SIGTERM only set what cli_signal returns, and training stops after its
 * step to save; at all other times they end the program at once. */
void cli_catch_signals(bool wanted);
int cli_signal(void);
#endif
