/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest check-op: runs the test suite's checks on one op or on all, those of plug-ins included
 * (floor 8). */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/near.h"
#include "cli/options.h"
#include "cli/text.h"
#include "cli/verbs.h"

typedef struct checking {
  pal_context *context;
  const cli_options *o;
  int checked, failed;
} checking;

enum { SEED = 1, CASE_SECONDS = 120 /* far more than the slowest case takes with sanitizers */ };

/* Runs case `number` and ends the process: status 0 when it passed, else 1, the error's text having
 * been written to the pipe `to`. */
static void run_child(pal_context *context, const char *name, int number, int to) {
  pal_error error = {0};
  alarm(CASE_SECONDS);
  pal_status status = pal_check_op_case(context, name, SEED, number, &error);
  size_t n = strlen(error.text);
  if (status && write(to, error.text, n) != (ssize_t)n) _exit(2);
  _exit(status ? 1 : 0);
}

/* Reads the child's error text from the pipe `from` until the child ends, then waits for it. PAL_OK
 * when it exited with status 0; otherwise `error` has its text or, without one, how it ended. */
static pal_status wait_for(pid_t child, int from, const char *name, int number, pal_error *error) {
  char text[sizeof error->text];
  size_t n = 0;
  ssize_t got;
  while (n + 1 < sizeof text && (got = read(from, text + n, sizeof text - 1 - n)) != 0) {
    if (got > 0) n += (size_t)got;
    else if (errno != EINTR) break;
  }
  text[n] = 0;
  int how = 0;
  while (waitpid(child, &how, 0) < 0)
    if (errno != EINTR) return pal_fail(error, PAL_E_IO, "cannot wait for case %d", number);
  if (WIFEXITED(how) && WEXITSTATUS(how) == 0) return PAL_OK;
  if (n) return pal_fail(error, PAL_E_ARGUMENT, "%s", text);
  char end[64];
  if (WIFSIGNALED(how) && WTERMSIG(how) == SIGALRM)
    snprintf(end, sizeof end, "did not end within %d seconds", CASE_SECONDS);
  else if (WIFSIGNALED(how)) snprintf(end, sizeof end, "died of signal %d", WTERMSIG(how));
  else snprintf(end, sizeof end, "ended the process with status %d", WEXITSTATUS(how));
  return pal_fail(error, PAL_E_ARGUMENT, "op \"%s\", seed %d, case %d: %s", name, SEED, number,
                  end);
}

/* Runs one case in a child process, so that a crash or an endless loop fails that case only. The
 * parent never runs a case itself: it then has no worker threads, which fork() would not copy. */
static pal_status check_apart(pal_context *context, const char *name, int number,
                              pal_error *error) {
  int ends[2];
  fflush(NULL);
  if (pipe(ends)) return pal_fail(error, PAL_E_IO, "no pipe for case %d", number);
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    run_child(context, name, number, ends[1]);
  }
  close(ends[1]);
  pal_status status = child < 0 ? pal_fail(error, PAL_E_IO, "no process for case %d", number)
                                : wait_for(child, ends[0], name, number, error);
  close(ends[0]);
  return status;
}

/* Called by pal_each for every op: runs its cases and prints one line per failure, or "ok". */
static void check(const char *name, const void *definition, void *data) {
  checking *c = data;
  const pal_op *op = definition;
  if (c->o->argument && strcmp(c->o->argument, name) != 0) return;
  if (op->no_case) {
    printf("%-40s not checked: %s\n", name, op->no_case);
    c->checked += c->o->argument != NULL;
    return;
  }
  c->checked++;
  int cases = c->o->n ? c->o->n : 3, failed = 0;
  for (int i = 0; i < cases; i++) {
    pal_error error = {0};
    if (check_apart(c->context, name, i, &error) == PAL_OK) continue;
    printf("%-40s %s\n", name, error.text);
    fflush(stdout);
    failed++;
  }
  if (!failed) printf("%-40s ok\n", name);
  fflush(stdout);
  c->failed += failed > 0;
}

int cli_verb_check_op(pal_context *context, const cli_options *o) {
  checking c = {context, o, 0, 0};
  pal_each(context, "op", check, &c);
  if (c.checked) return c.failed ? CLI_CHECK : CLI_DONE;
  pal_error error = {0};
  cli_known(context, "op", o->argument ? o->argument : "", &error);
  return cli_report(&error);
}
