/* SPDX-License-Identifier: Apache-2.0 */
/* See waiting.h (floor 8). A timer's signal handler writes the message, with write() alone, since
 * the work may be anywhere in the library. */
#include "cli/waiting.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { FIRST = 3, SECONDS = 10 };

static bool silent;
static const char *volatile work;
static volatile sig_atomic_t waited; /* seconds */

/* Appends a text to a message of n bytes; returns the new length. */
static size_t append(char *message, size_t room, size_t n, const char *text) {
  for (; *text && n < room; text++) message[n++] = *text;
  return n;
}

static void say(int signal) {
  char message[200], digits[12];
  size_t n = 0, at = sizeof digits - 1;
  const int before = errno;
  (void)signal;
  waited += waited ? SECONDS : FIRST;
  digits[at] = 0;
  for (int left = waited; left > 0 && at > 0; left /= 10) digits[--at] = (char)('0' + left % 10);
  n = append(message, sizeof message, n, "palimpsest: still ");
  n = append(message, sizeof message, n, work);
  n = append(message, sizeof message, n, " after ");
  n = append(message, sizeof message, n, digits + at);
  n = append(message, sizeof message, n, " s; Ctrl-C ends it\n");
  if (write(STDERR_FILENO, message, n) < 0) { /* then nobody reads it */
  }
  errno = before;
}

static void set_timer(bool on, void (*handler)(int)) {
  const struct itimerval timer = {{on ? SECONDS : 0, 0}, {on ? FIRST : 0, 0}};
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = (int)SA_RESTART;
  if (on) sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
  if (!on) sigaction(SIGALRM, &action, NULL);
}

void cli_waiting_quiet(bool quiet) { silent = quiet; }

void cli_waiting(const char *what) {
  if (silent) return;
  work = what;
  waited = 0;
  set_timer(true, say);
}

void cli_waiting_end(void) { set_timer(false, SIG_IGN); }
