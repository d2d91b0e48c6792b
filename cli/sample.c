/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest sample: decodes a few instances and shows them, or one of them pass by pass (floor
 * 8). */
#include <stdlib.h>
#include <string.h>

#include "cli/evaluate.h"
#include "cli/instances.h"
#include "cli/job.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/rundir.h"
#include "cli/text.h"
#include "cli/page.h"
#include "cli/trace_page.h"
#include "cli/trace_record.h"
#include "cli/trace_show.h"
#include "cli/verbs.h"

/* The argument of show(). */
typedef struct shown {
  const cli_job *job;
  const pal_example *instance;
  bool failed; /* out of memory for the text */
} shown;

static void show(int index, const pal_decoded *decoded, void *data) {
  shown *s = data;
  (void)index;
  char *before = cli_text_of(s->job->task, s->instance->prompt, s->instance->n_prompt);
  char *after = cli_text_of(s->job->task, decoded->token, decoded->n);
  s->failed = !before || !after;
  if (!s->failed) {
    cli_show(stdout, before);
    printf("\n  -> ");
    cli_show(stdout, after);
    printf("\n  (%d forward passes, %s", decoded->forward_passes,
           decoded->halted ? "halted by itself" : "stopped by the cap");
    int masks = 0;
    for (int i = 0; i < decoded->n; i++)
      masks += decoded->token[i] == pal_model_format(s->job->model)->mask;
    if (!decoded->halted && masks) printf(", %d masks are left", masks);
    printf(")\n");
  }
  free(before);
  free(after);
}

/* Shows the text alone, of a prompt that is a text. */
static void show_text(int index, const pal_decoded *decoded, void *data) {
  shown *s = data;
  (void)index;
  char *text = cli_text_of(s->job->task, decoded->token, decoded->n);
  s->failed = !text;
  if (text) cli_show(stdout, text);
  printf("\n");
  free(text);
}

/* ---- traces ------------------------------------------------------------------------------ */

/* What is recorded: for --trace as text, for the other options in memory. */
typedef struct traces {
  cli_trace kept;
  cli_page lines;
} traces;

/* Whether the states after each pass are to be shown, or written. */
static bool wants_trace(const cli_options *o) { return o->watch || o->trace || o->svg || o->html; }

static pal_status trace_one(const cli_job *job, const cli_options *o, const pal_example *instance,
                            traces *t, pal_error *error) {
  char verdict[128];
  shown s = {job, instance, false};
  const bool keeps = o->watch || o->svg || o->html, text = job->own_room && !o->watch;
  pal_status status =
      cli_trace_decode(job, instance, keeps ? &t->kept : NULL, o->trace ? t->lines.to : NULL,
                       text ? show_text : NULL, &s, verdict, sizeof verdict, error);
  if (!status && s.failed) status = pal_fail(error, PAL_E_MEMORY, "no memory for a sample's text");
  if (!status && !o->watch && !text) printf("%s\n", verdict);
  if (!status && text && !o->quiet) cli_say("%s", verdict);
  if (status || !o->watch) return status;
  cli_trace one = {.instance = t->kept.instance + (t->kept.n - 1), .n = 1};
  return cli_trace_show(&one, 0, false, error);
}

static pal_status start_traces(traces *t, const cli_options *o, pal_error *error) {
  return o->trace ? cli_page_open(&t->lines, error) : PAL_OK;
}

/* Writes the files of the instances that were traced, and frees the traces. */
static pal_status end_traces(traces *t, const cli_options *o, pal_status status, pal_error *error) {
  if (!status && o->svg && t->kept.n) status = cli_trace_svg(&t->kept.instance[0], o->svg, error);
  if (!status && o->html) status = cli_trace_html(&t->kept, o->html, error);
  if (t->lines.to && !status) status = cli_page_save(&t->lines, o->trace, error);
  else if (t->lines.to) cli_page_drop(&t->lines);
  cli_trace_free(&t->kept);
  return status;
}

static pal_status sample_one(const cli_job *job, const cli_options *o, const pal_example *instance,
                             traces *t, pal_error *error) {
  shown s = {job, instance, false};
  if (wants_trace(o)) return trace_one(job, o, instance, t, error);
  const pal_status status = cli_decode_one(job, instance, show, &s, error);
  return s.failed ? pal_fail(error, PAL_E_MEMORY, "no memory for a sample's text") : status;
}

/* ---- what is sampled --------------------------------------------------------------------- */

static pal_status sample_file(cli_job *job, const cli_options *o, int n, bool *refused, traces *t,
                              pal_error *error) {
  cli_instances all = {0};
  pal_status status = cli_instances_read(&all, job, o->data, n, error);
  for (int i = 0; i < all.n && !status; i++)
    status = sample_one(job, o, &all.instance[i], t, error);
  cli_instances_report(&all, o->data);
  *refused = all.refused > 0;
  cli_instances_free(&all);
  return status;
}

/* Shows n instances of every set; of the first set only, when they are shown pass by pass. */
static pal_status sample_sets(cli_job *job, const cli_options *o, int n, traces *t,
                              pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(job->task);
  int sets, size = 0;
  pal_status status = pal_task_sets(job->task, &sets, error);
  for (int set = 0; !status && set < sets && !(set && wants_trace(o)); set++) {
    if (!wants_trace(o)) printf("%s\n", d->set_name(job->task, set));
    status = pal_task_set_size(job->task, set, &size, error);
    for (int i = 0; i < n && i < size && !status; i++) {
      pal_example e;
      status = pal_task_instance(job->task, set, i, job->form, &e, error);
      if (!status) status = sample_one(job, o, &e, t, error);
    }
  }
  return status;
}

static pal_status check_picture(const cli_job *job, const cli_options *o, pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(job->task);
  return cli_trace_svg_check(job->task_name, !o->svg || d->picture || d->diagram, error);
}

/* Decodes the text or instance of --prompt or --infill. */
static pal_status sample_prompt(cli_job *job, const cli_options *o, traces *t, pal_error *error) {
  cli_prompt prompt = {.n = 0};
  pal_example e;
  pal_status status = cli_prompt_open(&prompt, job->context, o, error);
  if (!status) status = cli_run_open(job, &prompt.options, prompt.data, error);
  if (!status) status = cli_prompt_read(&prompt, job, &e, error);
  job->own_room = prompt.scanned;
  const int n = o->n ? o->n : 1;
  if (!status && prompt.scanned && !wants_trace(o)) {
    status = cli_prompt_sample(&prompt, job, n, error);
  } else {
    for (int i = 0; i < n && !status; i++) {
      status = check_picture(job, o, error);
      e.id = (uint64_t)i + !prompt.scanned;
      if (!status) status = sample_one(job, o, &e, t, error);
    }
  }
  cli_prompt_close(&prompt);
  return status;
}

/* Refuses an option like --top-k whose setting the run's model does not have. */
static pal_status check_switches(pal_context *context, const cli_options *o, pal_error *error) {
  cli_job named = {.context = context};
  pal_status status = cli_run_names(&named, o, error);
  for (int i = 0; i < o->n_set && !status; i++) {
    if (!o->option[i]) continue;
    char *key = strdup(strchr(o->set[i], '.') + 1); /* "model.KEY=VALUE" */
    if (key) *strchr(key, '=') = 0;
    if (!key) status = pal_fail(error, PAL_E_MEMORY, "no memory for settings");
    else if (!cli_job_has(&named, CLI_MODEL, key))
      status = pal_fail(error, PAL_E_UNSUPPORTED,
                        "%s: decoding by model %s has no such choice (no setting \"%s\"); "
                        "palimpsest info model %s shows what it has",
                        o->option[i], named.model_name, key, named.model_name);
    free(key);
  }
  cli_job_close(&named);
  return status;
}

/* Reads --seed and --max-steps, and refuses options that need a prompt where there is none. */
static pal_status read_options(cli_job *job, const cli_options *o, pal_error *error) {
  const bool prompt = o->prompt || o->infill;
  job->max_steps = o->max_steps;
  job->decode_seed = CLI_DECODE_SEED;
  if (!prompt && o->stop) return pal_fail(error, PAL_E_ARGUMENT, "--stop needs --prompt TEXT");
  if (!prompt && (o->length || o->mark))
    return pal_fail(error, PAL_E_ARGUMENT, "%s needs %s TEXT", o->length ? "--length" : "--mark",
                    o->length ? "--prompt" : "--infill");
  if (!o->seed) return PAL_OK;
  const size_t digits = strspn(o->seed, "0123456789");
  if (digits < 1 || digits > 19 || o->seed[digits])
    return pal_fail(error, PAL_E_ARGUMENT,
                    "--seed takes a whole number from 0 of at most 19 digits, not \"%s\"", o->seed);
  job->decode_seed = strtoull(o->seed, NULL, 10);
  return PAL_OK;
}

static pal_status sample_all(cli_job *job, const cli_options *o, int n, bool *refused, traces *t,
                             pal_error *error) {
  bool instances = false;
  pal_status status = cli_run_reads_instances(job->context, o, &instances, error);
  if (!status) status = cli_run_open(job, o, instances ? NULL : o->data, error);
  if (!status) status = check_picture(job, o, error);
  if (status) return status;
  return instances ? sample_file(job, o, n, refused, t, error) : sample_sets(job, o, n, t, error);
}

/* Puts the setting of the sampler that --sampler names before those of the command line. `text`, of
 * `size` bytes, holds it. */
static pal_status choose_sampler(pal_context *context, cli_options *o, char *text, size_t size,
                                 pal_error *error) {
  if (!o->sampler) return PAL_OK;
  cli_job named = {.context = context};
  pal_status status = cli_run_names(&named, o, error);
  const pal_model_definition *d = status ? NULL : pal_lookup(context, "model", named.model_name);
  char list[256] = "none";
  const char *setting = NULL;
  for (int i = 0; d && i < d->n_samplers && !setting; i++) {
    const size_t used = i ? strlen(list) : 0;
    snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", d->sampler[i].name);
    if (strcmp(d->sampler[i].name, o->sampler) == 0) setting = d->sampler[i].setting;
  }
  if (setting) snprintf(text, size, "model.%s", setting);
  if (setting) status = cli_options_prepend(o, text, error);
  else if (!status)
    status = pal_fail(error, PAL_E_UNSUPPORTED,
                      "model %s has no sampler \"%s\"; it has: %s; palimpsest info model %s says "
                      "what they do",
                      named.model_name, o->sampler, list, named.model_name);
  cli_job_close(&named);
  return status;
}

int cli_verb_sample(pal_context *context, const cli_options *given) {
  cli_options own = *given, *o = &own;
  pal_error error = {0};
  cli_job job = {.context = context};
  char sampler[128];
  bool refused = false;
  traces t = {.kept = {.n = 0}};
  const int n = o->n ? o->n : wants_trace(o) ? 1 : 4;
  pal_status status = start_traces(&t, o, &error);
  if (!status && n > 1 && o->svg)
    status = pal_fail(&error, PAL_E_ARGUMENT, "--svg takes one instance, not %d", n);
  if (!status) status = read_options(&job, o, &error);
  if (!status) status = check_switches(context, o, &error);
  if (!status) status = choose_sampler(context, o, sampler, sizeof sampler, &error);
  if (!status && !o->prompt && !o->infill) status = cli_prompt_warm(context, o, &error);
  if (!status)
    status = o->prompt || o->infill ? sample_prompt(&job, o, &t, &error)
                                    : sample_all(&job, o, n, &refused, &t, &error);
  status = end_traces(&t, o, status, &error);
  cli_job_close(&job);
  return status ? cli_report(&error) : refused ? CLI_USAGE : CLI_DONE;
}
