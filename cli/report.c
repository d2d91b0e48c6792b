/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest report: one HTML page about runs, or about all runs of a comparison (floor 8). */
#include <stdlib.h>
#include <string.h>

#include "cli/decoding.h"
#include "cli/evaluate.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/page.h"
#include "cli/prompt.h"
#include "cli/report_page.h"
#include "cli/rundir.h"
#include "cli/runs.h"
#include "cli/text.h"
#include "cli/verbs.h"

/* Instances of a set, unless --n says otherwise; instances that are shown pass by pass. */
enum { LIMIT = 100, TRACED = 2 };

static pal_status evaluate(pal_context *context, const cli_options *o, cli_report_run *run,
                           pal_error *error) {
  cli_job job = {.context = context};
  cli_options own = *o;
  own.argument = run->directory;
  pal_status status = cli_prompt_warm(context, &own, error);
  if (!status) status = cli_run_open(&job, &own, NULL, error);
  if (!status)
    status = cli_evaluate(&job, NULL, 0, o->n ? o->n : LIMIT, o->quiet, &run->row, error);
  if (!status) status = cli_describe(&job, &run->row, error);
  if (!status) status = cli_decoding_record(&job, TRACED, &run->trace, error);
  pal_error ignored = {0};
  if (job.task_name) run->task = cli_print(&ignored, "%s", job.task_name);
  if (!status && !run->task) status = pal_fail(error, PAL_E_MEMORY, "no memory for a report");
  cli_job_close(&job);
  return status;
}

/* A run that cannot be evaluated, for instance since it has no checkpoint yet, stays in the report
 * with the reason. */
static pal_status look_at(pal_context *context, const cli_options *o, cli_report_run *run,
                          pal_error *error) {
  pal_error own = {0}, none = {0};
  pal_status status = cli_outputs_check_run(o, run->directory, error);
  if (status) return status;
  if (evaluate(context, o, run, &own)) {
    if (own.code == PAL_E_MEMORY || own.code == PAL_E_INTERRUPTED)
      return pal_fail(error, own.code, "%s", own.text);
    run->problem = cli_print(error, "%s", own.text);
    cli_say("%s: %s", run->directory, own.text);
    cli_row_free(&run->row);
    cli_trace_free(&run->trace);
  }
  if (cli_losses_read(&run->losses, run->directory, &none)) cli_losses_free(&run->losses);
  return error->code;
}

static pal_status write_page(const cli_report_run *run, int n, const cli_options *o,
                             pal_error *error) {
  char *path = cli_print(error, o->html ? "%s" : "%s/report.html", o->html ? o->html : o->file[0]);
  cli_page page;
  pal_status status = path ? cli_page_open(&page, error) : error->code;
  if (!status) {
    status = cli_report_page(page.to, run, n, o->n ? o->n : LIMIT, error);
    if (status) cli_page_drop(&page);
    else status = cli_page_save(&page, path, error);
  }
  if (!status && strcmp(path, "-") != 0) {
    printf("wrote ");
    cli_show(stdout, path);
    printf("\n");
  }
  free(path);
  return status;
}

static pal_status report_on(pal_context *context, const cli_options *o, const cli_runs *runs,
                            pal_error *error) {
  cli_report_run *all = calloc((size_t)runs->n, sizeof *all);
  if (!all) return pal_fail(error, PAL_E_MEMORY, "no memory for a report");
  bool evaluated = false;
  pal_status status = PAL_OK;
  for (int i = 0; i < runs->n && !status; i++) {
    all[i].directory = runs->path[i];
    status = look_at(context, o, &all[i], error);
    evaluated |= !all[i].problem;
  }
  if (!status && !evaluated)
    status = pal_fail(error, PAL_E_NOT_FOUND, "no run could be evaluated, so there is no report");
  if (!status) status = write_page(all, runs->n, o, error);
  for (int i = 0; i < runs->n; i++) {
    free(all[i].task);
    free(all[i].problem);
    cli_row_free(&all[i].row);
    cli_losses_free(&all[i].losses);
    cli_trace_free(&all[i].trace);
  }
  free(all);
  return status;
}

int cli_verb_report(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_runs runs = {.n = 0};
  if (!o->n_files)
    pal_fail(&error, PAL_E_ARGUMENT, "which run? palimpsest report RUN... or a directory of runs");
  for (int i = 0; i < o->n_files && !error.code; i++) cli_runs_add(&runs, o->file[i], &error);
  if (!error.code) report_on(context, o, &runs, &error);
  cli_runs_free(&runs);
  return error.code ? cli_report(&error) : CLI_DONE;
}
