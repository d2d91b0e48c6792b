/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest trace: plays a trace, or writes it as a page or a picture (floor 8). */
#include "cli/options.h"
#include "cli/trace.h"
#include "cli/trace_page.h"
#include "cli/trace_show.h"
#include "cli/verbs.h"

/* Leaves only the instance that --instance names. */
static pal_status choose(cli_trace *t, const cli_options *o, pal_error *error) {
  if (!o->instance) return PAL_OK;
  if (o->instance > t->n)
    return pal_fail(error, PAL_E_ARGUMENT, "--instance %d: %s has %d", o->instance, o->argument,
                    t->n);
  const cli_traced kept = t->instance[o->instance - 1];
  t->instance[o->instance - 1] = t->instance[0];
  t->instance[0] = kept;
  for (int i = 1; i < t->n; i++) cli_traced_free(&t->instance[i]);
  t->n = 1;
  return PAL_OK;
}

int cli_verb_trace(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_trace trace = {.n = 0};
  (void)context;
  pal_status status = o->argument ? cli_trace_read(&trace, o->argument, &error)
                                  : pal_fail(&error, PAL_E_ARGUMENT,
                                             "which trace? palimpsest trace FILE, which palimpsest "
                                             "sample RUN --trace FILE writes");
  if (!status) status = choose(&trace, o, &error);
  if (!status && o->svg && trace.n > 1)
    status = pal_fail(&error, PAL_E_ARGUMENT,
                      "--svg takes one instance, and %s has %d; name one by --instance N",
                      o->argument, trace.n);
  if (!status && o->svg) status = cli_trace_svg(&trace.instance[0], o->svg, &error);
  if (!status && o->html) status = cli_trace_html(&trace, o->html, &error);
  if (!status && !o->svg && !o->html) status = cli_trace_show(&trace, o->speed, true, &error);
  cli_trace_free(&trace);
  return status ? cli_report(&error) : CLI_DONE;
}
