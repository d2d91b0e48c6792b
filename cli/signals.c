/* SPDX-License-Identifier: Apache-2.0 */
/* See signals.h (floor 8). */
#include "cli/signals.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t caught;

static void on_signal(int signal) { caught = signal; }

void cli_catch_signals(bool enable) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = enable ? on_signal : SIG_DFL;
  action.sa_flags = (int)SA_RESETHAND; /* a second signal ends the program at once */
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  struct sigaction before;
  sigaction(SIGHUP, NULL, &before);
  if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL); /* nohup ignores it */
}

int cli_signal(void) { return caught; }
