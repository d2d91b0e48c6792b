/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest plot: the losses of runs over their steps, as text or SVG (floor 8). */
#include <stdlib.h>

#include "cli/chart.h"
#include "cli/losses.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/runs.h"
#include "cli/verbs.h"

static pal_status draw(const cli_options *o, const cli_runs *runs, pal_error *error) {
  cli_losses *all = calloc((size_t)runs->n, sizeof *all);
  cli_chart chart = {.n = 0};
  pal_status status = all ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  for (int r = 0; r < runs->n && !status; r++) {
    status = cli_outputs_check_run(o, runs->path[r], error);
    if (!status) status = cli_losses_read(&all[r], runs->path[r], error);
  }
  if (!status) status = cli_losses_chart(&chart, all, runs->n, error);
  if (!status && o->svg) status = cli_chart_svg(&chart, o->svg, error);
  else if (!status) cli_chart_text(stdout, &chart);
  cli_chart_free(&chart);
  for (int r = 0; all && r < runs->n; r++) cli_losses_free(&all[r]);
  free(all);
  return status;
}

int cli_verb_plot(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_runs runs = {.n = 0};
  (void)context;
  if (!o->n_files)
    pal_fail(&error, PAL_E_ARGUMENT, "which run? palimpsest plot RUN... or a directory of runs");
  for (int i = 0; i < o->n_files && !error.code; i++) cli_runs_add(&runs, o->file[i], &error);
  if (!error.code) draw(o, &runs, &error);
  cli_runs_free(&runs);
  return error.code ? cli_report(&error) : CLI_DONE;
}
