/* SPDX-License-Identifier: Apache-2.0 */
/* The program `palimpsest`: reads the command line, opens a context and runs a verb (floor 8). */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/help.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/plugins.h"
#include "cli/provenance.h"
#include "cli/text.h"
#include "cli/signals.h"
#include "cli/standard.h"
#include "cli/verbs.h"
#include "cli/waiting.h"

int cli_report(const pal_error *error) {
  cli_say("%s", error->text);
  if (error->code == PAL_E_INTERNAL)
    cli_say("this is a fault of Palimpsest itself; please report it");
  switch (error->code) {
    case PAL_E_INTERRUPTED: return CLI_SIGNAL + (cli_signal() ? cli_signal() : 2);
    case PAL_E_NONFINITE: return CLI_DIVERGED;
    case PAL_E_ARGUMENT:
    case PAL_E_NOT_FOUND:
    case PAL_E_FORMAT:
    case PAL_E_ABI:
    case PAL_E_UNSUPPORTED: return CLI_USAGE;
    default: return CLI_FAILED;
  }
}

static int run_verb(pal_context *context, const cli_options *o) {
  if (strcmp(o->verb, "train") == 0) return cli_verb_train(context, o);
  if (strcmp(o->verb, "eval") == 0) return cli_verb_eval(context, o);
  if (strcmp(o->verb, "sample") == 0) return cli_verb_sample(context, o);
  if (strcmp(o->verb, "trace") == 0) return cli_verb_trace(context, o);
  if (strcmp(o->verb, "instances") == 0) return cli_verb_instances(context, o);
  if (strcmp(o->verb, "compare") == 0) return cli_verb_compare(context, o);
  if (strcmp(o->verb, "plan") == 0) return cli_verb_plan(context, o);
  if (strcmp(o->verb, "compile") == 0) return cli_verb_compile(context, o);
  if (strcmp(o->verb, "simulate") == 0) return cli_verb_simulate(context, o);
  if (strcmp(o->verb, "plot") == 0) return cli_verb_plot(context, o);
  if (strcmp(o->verb, "report") == 0) return cli_verb_report(context, o);
  if (strcmp(o->verb, "pram") == 0) return cli_verb_pram(context, o);
  if (strcmp(o->verb, "check-op") == 0) return cli_verb_check_op(context, o);
  if (strcmp(o->verb, "new") == 0) return cli_verb_new(context, o);
  if (strcmp(o->verb, "bench") == 0) return cli_verb_bench(context, o);
  return cli_verb_info(context, o); /* the command line has been checked: no other is left */
}

/* Makes OpenMP threads spin only briefly at barriers, unless the environment says otherwise. By
 * default libgomp spins so long that on a busy machine, where a thread of the team may have to wait
 * for a core, runs take many times longer. libgomp reads its environment before main(), so the
 * program sets the variable and executes itself again. */
static void spin_briefly(char **argv) {
  if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY") || getenv("OMP_PROC_BIND")) return;
  if (setenv("GOMP_SPINCOUNT", "10000", 1) == 0) execv("/proc/self/exe", argv);
}

/* Prints the help or the version. Help goes to stderr when it was not asked for. */
static int about(const cli_options *o) {
  pal_error error = {0};
  char text[160];
  const pal_options options = {.threads = 1};
  pal_context *context = pal_open(&options, &error);
  if (!context) return cli_report(&error);
  if (o->help || !o->version) cli_help(o->help ? stdout : stderr, context, o->verb);
  else printf("%s\n", pal_version(context, text, sizeof text));
  pal_context_free(context);
  return o->help || o->version ? CLI_DONE : CLI_USAGE;
}

static int run(cli_options *o, int argc, char **argv) {
  pal_error error = {0};
  if (o->help || o->version || !o->verb) return about(o);
  if (cli_standard(o, &error)) return cli_report(&error);
  const pal_options options = {.threads = o->threads, .isa = o->isa};
  pal_context *context = pal_open(&options, &error);
  if (!context) return cli_report(&error);
  cli_provenance_start(context, argc, argv);
  cli_waiting_quiet(o->quiet);
  const int threads = pal_context_threads(context), wanted = pal_context_threads_wanted(context);
  if (threads < wanted)
    cli_say("of %d threads only %d can be made (see ulimit -u); going on with %d, more slowly",
            wanted, threads, threads);
  int code = cli_outputs_check(o, &error) ? cli_report(&error) : CLI_DONE;
  if (!code && cli_plugins_load(context, o, &error)) code = cli_report(&error);
  if (!code) code = run_verb(context, o);
  pal_context_free(context);
  return code;
}

static int parse_and_run(int argc, char **argv) {
  cli_options o;
  pal_error error = {0};
  const pal_status status = cli_parse(argc, argv, &o, &error);
  if (status) cli_report(&error);
  const int code = status ? CLI_USAGE : run(&o, argc, argv);
  cli_options_free(&o);
  return code;
}

int main(int argc, char **argv) {
  cli_standard_hold();
  spin_briefly(argv);
  (void)uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* even if a plug-in sets another */
  int code = parse_and_run(argc, argv);
  if (fflush(stdout) || ferror(stdout)) {
    cli_say("standard output could not be written");
    if (!code) code = CLI_FAILED;
  }
  return code;
}
