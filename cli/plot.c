/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest plot: the losses of runs over their steps, edits and length over decoding, or
 * points of a file, as text or SVG (floor 8). */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/chart.h"
#include "cli/decoding.h"
#include "cli/losses.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/points.h"
#include "cli/prompt.h"
#include "cli/rundir.h"
#include "cli/runs.h"
#include "cli/verbs.h"

enum { INSTANCES = 8 }; /* that are decoded, unless --n says otherwise */

static pal_status show(const cli_options *o, const cli_chart *chart, int n, pal_error *error) {
  if (o->svg) return cli_charts_svg(chart, n, o->svg, error);
  for (int i = 0; i < n; i++) {
    if (i) printf("\n");
    cli_chart_text(stdout, &chart[i]);
  }
  return PAL_OK;
}

static pal_status draw_losses(const cli_options *o, const cli_runs *runs, pal_error *error) {
  cli_losses *all = calloc((size_t)runs->n, sizeof *all);
  cli_chart chart = {.n = 0};
  pal_status status = all ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a plot");
  for (int r = 0; r < runs->n && !status; r++) {
    status = cli_outputs_check_run(o, runs->path[r], error);
    if (!status) status = cli_losses_read(&all[r], runs->path[r], error);
  }
  if (!status) status = cli_losses_chart(&chart, all, runs->n, error);
  if (!status) status = show(o, &chart, 1, error);
  cli_chart_free(&chart);
  for (int r = 0; all && r < runs->n; r++) cli_losses_free(&all[r]);
  free(all);
  return status;
}

static bool is_file(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && !S_ISDIR(about.st_mode);
}

static bool is_csv(const char *path) {
  const char *end = strrchr(path, '.');
  return end && strcmp(end, ".csv") == 0 && is_file(path);
}

static pal_status draw_points(const cli_options *o, pal_error *error) {
  cli_chart chart = {.n = 0};
  if (o->n_files > 1)
    return pal_fail(error, PAL_E_ARGUMENT, "%s: points are plotted of one file at a time",
                    o->file[1]);
  pal_status status = cli_points_chart(&chart, o->file[0], error);
  if (!status) status = show(o, &chart, 1, error);
  cli_points_free(&chart);
  return status;
}

/* Decodes with a run. */
static pal_status record(pal_context *context, const cli_options *o, cli_trace *trace,
                         pal_error *error) {
  cli_job job = {.context = context};
  cli_options own = *o;
  own.argument = o->file[0];
  pal_status status = cli_outputs_check_run(o, o->file[0], error);
  if (!status) status = cli_prompt_warm(context, &own, error);
  if (!status) status = cli_run_open(&job, &own, NULL, error);
  if (!status) status = cli_decoding_record(&job, o->n ? o->n : INSTANCES, trace, error);
  cli_job_close(&job);
  return status;
}

/* Edits and lengths by pass, of a trace that was written by `sample --trace` or of a run. */
static pal_status draw_decoding(pal_context *context, const cli_options *o, pal_error *error) {
  cli_trace trace = {.n = 0};
  cli_chart chart[CLI_DECODING_CHARTS] = {{.n = 0}};
  if (o->n_files > 1)
    return pal_fail(error, PAL_E_ARGUMENT, "%s: edits and lengths are plotted for one at a time",
                    o->file[1]);
  pal_status status = is_file(o->file[0]) ? cli_trace_read(&trace, o->file[0], error)
                                          : record(context, o, &trace, error);
  if (!status) status = cli_decoding_charts(chart, &trace, error);
  if (!status) status = show(o, chart, CLI_DECODING_CHARTS, error);
  for (int i = 0; i < CLI_DECODING_CHARTS; i++) cli_chart_free(&chart[i]);
  cli_trace_free(&trace);
  return status;
}

int cli_verb_plot(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_runs runs = {.n = 0};
  if (!o->n_files)
    pal_fail(&error, PAL_E_ARGUMENT, "which run? palimpsest plot RUN... or a directory of runs");
  else if (!o->decode && is_csv(o->file[0])) draw_points(o, &error);
  else if (o->decode || is_file(o->file[0])) draw_decoding(context, o, &error);
  else
    for (int i = 0; i < o->n_files && !error.code; i++) cli_runs_add(&runs, o->file[i], &error);
  if (!error.code && runs.n) draw_losses(o, &runs, &error);
  cli_runs_free(&runs);
  return error.code ? cli_report(&error) : CLI_DONE;
}
