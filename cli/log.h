/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a run directory: lines of text with the time (floor 8). */
#ifndef PAL_CLI_LOG_H
#define PAL_CLI_LOG_H

#include <palimpsest/palimpsest.h>

/* Opens a log to append to. Until it is closed, all messages to stderr go there, too. */
pal_status cli_log_open(const char *path, pal_error *error);
/* Adds a line; does nothing without an open log. */
void cli_log(const char *format, ...) PAL_FORMAT(1, 2);
void cli_log_close(void);
#endif
