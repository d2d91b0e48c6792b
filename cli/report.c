/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest report: one HTML page about runs, or about all runs of a comparison (floor 8). */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/evaluate.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/page.h"
#include "cli/report_page.h"
#include "cli/rundir.h"
#include "cli/text.h"
#include "cli/verbs.h"

enum { LIMIT = 100 }; /* instances of a set, unless --n says otherwise */

typedef struct report {
  cli_report_run *run; /* [n], memory for `room` */
  int n, room;
} report;

/* ---- which runs ------------------------------------------------------------------------------ */

static bool is_run(const char *directory) {
  pal_error ignored = {0};
  char *config = cli_print(&ignored, "%s/config", directory);
  const bool is = config && access(config, R_OK) == 0;
  free(config);
  return is;
}

/* Adds a run; takes ownership of the path. */
static pal_status add(report *r, char *directory, pal_error *error) {
  if (!directory) return error->code;
  if (r->n == r->room) {
    const int room = r->room ? 2 * r->room : 16;
    cli_report_run *more = realloc(r->run, sizeof *more * (size_t)room);
    if (!more) {
      free(directory);
      return pal_fail(error, PAL_E_MEMORY, "no memory for a report");
    }
    r->run = more;
    r->room = room;
  }
  r->run[r->n++] = (cli_report_run){.directory = directory};
  return PAL_OK;
}

/* Adds the runs in a directory of `compare --out`, sorted by name. */
static pal_status add_below(report *r, const char *directory, pal_error *error) {
  struct dirent **name = NULL;
  const int n = scandir(directory, &name, NULL, alphasort), before = r->n;
  pal_status status = PAL_OK;
  for (int i = 0; i < n; i++) {
    char *path = cli_print(error, "%s/%s", directory, name[i]->d_name);
    if (!path) status = error->code;
    else if (!status && *name[i]->d_name != '.' && is_run(path)) status = add(r, path, error);
    else free(path);
    free(name[i]);
  }
  free(name);
  if (status || r->n > before) return status;
  return pal_fail(error, PAL_E_NOT_FOUND,
                  "%s is neither a run (it has no config) nor a directory of runs", directory);
}

/* ---- what is shown of one -------------------------------------------------------------------- */

static pal_status evaluate(pal_context *context, const cli_options *o, cli_report_run *run,
                           pal_error *error) {
  cli_job job = {.context = context};
  cli_options own = *o;
  own.argument = run->directory;
  pal_status status = cli_run_open(&job, &own, NULL, error);
  if (!status)
    status = cli_evaluate(&job, NULL, 0, o->n ? o->n : LIMIT, o->quiet, &run->row, error);
  if (!status) status = cli_describe(&job, &run->row, error);
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
  }
  if (cli_losses_read(&run->losses, run->directory, &none)) cli_losses_free(&run->losses);
  return error->code;
}

static pal_status write_page(const report *r, const cli_options *o, pal_error *error) {
  const char *first = o->file[0];
  char *path = cli_print(error, o->html ? "%s" : "%s/report.html", o->html ? o->html : first);
  cli_page page;
  pal_status status = path ? cli_page_open(&page, error) : error->code;
  if (!status) {
    status = cli_report_page(page.to, r->run, r->n, o->n ? o->n : LIMIT, error);
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

int cli_verb_report(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  report r = {.n = 0};
  int evaluated = 0;
  if (!o->n_files)
    pal_fail(&error, PAL_E_ARGUMENT, "which run? palimpsest report RUN... or a directory of runs");
  for (int i = 0; i < o->n_files && !error.code; i++) {
    if (is_run(o->file[i])) add(&r, cli_print(&error, "%s", o->file[i]), &error);
    else add_below(&r, o->file[i], &error);
  }
  for (int i = 0; i < r.n && !error.code; i++) {
    look_at(context, o, &r.run[i], &error);
    evaluated += !r.run[i].problem;
  }
  if (!error.code && !evaluated)
    pal_fail(&error, PAL_E_NOT_FOUND, "no run could be evaluated, so there is no report");
  if (!error.code) write_page(&r, o, &error);
  for (int i = 0; i < r.n; i++) {
    free(r.run[i].directory);
    free(r.run[i].task);
    free(r.run[i].problem);
    cli_row_free(&r.run[i].row);
    cli_losses_free(&r.run[i].losses);
  }
  free(r.run);
  return error.code ? cli_report(&error) : CLI_DONE;
}
