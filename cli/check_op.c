/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest check-op: the checks of the test suite, for ops of plug-ins too (floor 6). */
#include <string.h>

#include "cli/cli.h"

typedef struct checking {
  pal_context *context;
  const cli_options *o;
  int checked, failed;
} checking;

static void check(const char *name, const void *definition, void *data) {
  checking *c = data;
  const pal_op *op = definition;
  pal_error error = {0};
  if (c->o->argument && strcmp(c->o->argument, name) != 0) return;
  if (op->no_case) {
    printf("%-40s not checked: %s\n", name, op->no_case);
    c->checked += c->o->argument != NULL;
    return;
  }
  c->checked++;
  bool ok = pal_check_op(c->context, name, 1, c->o->n ? c->o->n : 3, &error) == PAL_OK;
  printf("%-40s %s\n", name, ok ? "ok" : error.text);
  fflush(stdout);
  c->failed += !ok;
}

int cli_verb_check_op(pal_context *context, const cli_options *o) {
  checking c = {context, o, 0, 0};
  pal_each(context, "op", check, &c);
  if (c.checked) return c.failed ? CLI_CHECK : CLI_DONE;
  cli_say("no op is named \"%s\"", o->argument ? o->argument : "");
  return CLI_USAGE;
}
