/* SPDX-License-Identifier: Apache-2.0 */
/* Messages during work whose length is not known, so that it does not look like a hang (floor
 * 8). */
#ifndef PAL_CLI_WAITING_H
#define PAL_CLI_WAITING_H

#include <stdbool.h>

/* Whether nothing is said. */
void cli_waiting_quiet(bool quiet);
/* After three seconds, and then every ten, stderr says that `what` goes on ("making instances"),
 * for how long, and that Ctrl-C ends it. `what` is constant text. */
void cli_waiting(const char *what);
/* That work is done. */
void cli_waiting_end(void);
#endif
