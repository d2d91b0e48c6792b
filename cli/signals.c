/* SPDX-License-Identifier: Apache-2.0 */
/* See signals.h (floor 7). */
#include "cli/signals.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t caught;

static void note(int signal) { caught = signal; }

void cli_catch_signals(bool wanted) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = wanted ? note : SIG_DFL;
  action.sa_flags = (int)SA_RESETHAND; /* a second one ends the program at once */
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

int cli_signal(void) { return caught; }
