/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that end a training run gracefully (floor 8). */
#ifndef PAL_CLI_SIGNALS_H
#define PAL_CLI_SIGNALS_H

#include <stdbool.h>

/* While enabled, SIGINT, SIGTERM and SIGHUP only set the value of cli_signal; training stops after
 * the current step and writes a checkpoint. While disabled they end the program at once. SIGHUP
 * stays ignored where it was when the program began, as nohup has it. */
void cli_catch_signals(bool enable);
/* The number of the signal caught, 0 if none. */
int cli_signal(void);
#endif
