/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest plot: the losses of runs over their steps, as text or SVG (floor 8). */
#include <stdlib.h>

#include "cli/chart.h"
#include "cli/losses.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/verbs.h"

static pal_status draw(const cli_options *o, cli_losses *all, pal_error *error) {
  cli_chart chart = {.n = 0};
  pal_status status = PAL_OK;
  for (int r = 0; r < o->n_files && !status; r++) {
    status = cli_outputs_check_run(o, o->file[r], error);
    if (!status) status = cli_losses_read(&all[r], o->file[r], error);
  }
  if (!status) status = cli_losses_chart(&chart, all, o->n_files, error);
  if (!status && o->svg) status = cli_chart_svg(&chart, o->svg, error);
  else if (!status) cli_chart_text(stdout, &chart);
  cli_chart_free(&chart);
  return status;
}

int cli_verb_plot(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_losses *all = calloc(CLI_MAX_FILES, sizeof *all);
  (void)context;
  if (!all) pal_fail(&error, PAL_E_MEMORY, "no memory for a plot");
  else if (!o->n_files) pal_fail(&error, PAL_E_ARGUMENT, "which run? palimpsest plot RUN...");
  else draw(o, all, &error);
  for (int r = 0; all && r < CLI_MAX_FILES; r++) cli_losses_free(&all[r]);
  free(all);
  return error.code ? cli_report(&error) : CLI_DONE;
}
