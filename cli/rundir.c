/* SPDX-License-Identifier: Apache-2.0 */
/* The config of a run directory, which suffices to repeat the run, and opening a run (floor 8). */
#include "cli/rundir.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/job.h"
#include "cli/lines.h"
#include "cli/manifest.h"
#include "cli/near.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/pinned.h"
#include "cli/plugins.h"
#include "cli/text.h"

/* A config while it is composed. */
typedef struct writer {
  char *text;
  size_t n, room;
  const char *prefix; /* of the settings that follow: "task.", ... */
  const char *odd[2]; /* prefix and name of a setting that would not be read as it is written */
  bool failed;        /* out of memory */
} writer;

static void add(writer *w, const char *a, const char *b, const char *c) {
  size_t more = strlen(a) + strlen(b) + strlen(c) + 8;
  if (w->n + more > w->room) {
    char *grown = realloc(w->text, 2 * (w->n + more));
    if (!grown) {
      w->failed = true;
      return;
    }
    w->text = grown;
    w->room = 2 * (w->n + more);
  }
  w->n += (size_t)snprintf(w->text + w->n, w->room - w->n, "%s%s%s", a, b, c);
}

/* Whether a config file can hold the value: on reading, blanks around a value are dropped and
 * quotes around it are refused. */
static bool survives(const char *value) {
  const size_t n = strlen(value);
  if (!n) return true;
  const char first = value[0], last = value[n - 1];
  return first != ' ' && first != '\t' && last != ' ' && last != '\t' &&
         !(n > 1 && first == '"' && last == '"');
}

static void write_setting(const pal_setting *setting, void *data) {
  writer *w = data;
  if (!survives(setting->value)) w->odd[0] = w->prefix, w->odd[1] = setting->name;
  add(w, "# ", setting->doc, "\n");
  add(w, w->prefix, setting->name, " = ");
  add(w, setting->value, "\n", "");
}

char *cli_run_config(const cli_job *job, size_t *size, pal_error *error) {
  writer w = {.prefix = "task."};
  add(&w, "# A run of palimpsest: the resolved settings, defaults included.\n", "", "");
  add(&w, "task = ", job->task_name, "\n");
  add(&w, "model = ", job->model_name, "\n");
  add(&w, "form = ", cli_form_name(job->form), "\n");
  const char *plugin;
  for (int i = 0; (plugin = cli_plugins_at(i)) != NULL; i++) {
    if (!survives(plugin)) w.odd[0] = "the plug-in ", w.odd[1] = plugin;
    add(&w, "plugin = ", plugin, "\n");
  }
  char every[24];
  snprintf(every, sizeof every, "%d", job->eval_every);
  if (job->eval_every) add(&w, "eval_every = ", every, "\n");
  pal_task_settings(job->task, write_setting, &w);
  w.prefix = "model.";
  pal_model_settings(job->model, write_setting, &w);
  w.prefix = "train.";
  if (job->trainer) pal_trainer_settings(job->trainer, write_setting, &w);
  if (w.failed) pal_fail(error, PAL_E_MEMORY, "no memory for a config");
  else if (w.odd[1])
    pal_fail(error, PAL_E_ARGUMENT,
             "%s%s has blanks or quotes around it, which a config does not keep; rename the file",
             w.odd[0], w.odd[1]);
  *size = w.n;
  if (!w.failed && !w.odd[1]) return w.text;
  free(w.text);
  return NULL;
}

static pal_status read_every(cli_job *job, const char *value, pal_error *error) {
  char *end;
  const long every = strtol(value, &end, 10);
  if (end == value || *end || every < 1 || every > 1000000)
    return pal_fail(error, PAL_E_ARGUMENT, "eval_every is a whole number of steps, not \"%s\"",
                    value);
  job->eval_every = (int)every;
  return PAL_OK;
}

/* Applies a line "key = value" of a config: plug-ins, names and form in pass 0, settings in pass
 * 1. */
static pal_status apply(cli_job *job, const char *key, const char *value, int pass,
                        pal_error *error) {
  if (strcmp(key, "plugin") == 0) return pass == 0 ? cli_plugins_require(value, error) : PAL_OK;
  if (strcmp(key, "eval_every") == 0) return read_every(job, value, error);
  bool task = strcmp(key, "task") == 0, model = strcmp(key, "model") == 0;
  bool form = strcmp(key, "form") == 0;
  if (task || model || form) {
    if (pass != 0) return PAL_OK;
    if (form) return cli_form_read(value, &job->form, error);
    const char **place = task ? &job->task_name : &job->model_name;
    if (*place) return PAL_OK; /* the command line has named it */
    char **owned = &job->read_name[task ? 0 : 1];
    *place = *owned = strdup(value);
    return *place ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for settings");
  }
  if (pass != 1) return PAL_OK;
  const size_t room = strlen(key) + strlen(value) + 2;
  char *setting = malloc(room); /* a value may be long */
  if (!setting) return pal_fail(error, PAL_E_MEMORY, "no memory for settings");
  snprintf(setting, room, "%s=%s", key, value);
  pal_status status = cli_job_set(job, setting, error);
  free(setting);
  return status;
}

static pal_status read_setting(cli_job *job, cli_lines *l, int pass, pal_error *error) {
  char *key, *value;
  const pal_status status = cli_lines_pair(l, &key, &value, error);
  return status || !key ? status : apply(job, key, value, pass, error);
}

/* Reads the file in two passes, since the owner of a setting without prefix can only be found once
 * the task and the model are known. */
pal_status cli_run_read_config(cli_job *job, const char *path, pal_error *error) {
  cli_lines l;
  pal_error read = {0};
  pal_status status = cli_lines_open(&l, path, error);
  for (int pass = 0; pass < 2 && !status; pass++) {
    cli_lines_rewind(&l);
    while (!status && cli_lines_next(&l, &read)) {
      pal_error own = {0};
      if (read_setting(job, &l, pass, &own))
        status = pal_fail(error, own.code, "%s:%d: %s", path, l.number, own.text);
    }
    if (read.code) status = pal_fail(error, read.code, "%s", read.text);
    if (pass == 0 && !status && (!job->task_name || !job->model_name))
      status = pal_fail(error, PAL_E_FORMAT, "%s names no task or no model", path);
    if (pass == 0 && !status) status = cli_job_known(job, error);
  }
  cli_lines_close(&l);
  return status;
}

/* Without --model, a setting that is almost called so may have been meant. */
static pal_status ask_for_model(const cli_options *o, pal_error *error) {
  cli_near near = {.hint = ""};
  char key[24] = "";
  for (int i = 0; i < o->n_set && !*near.hint; i++) {
    snprintf(key, sizeof key, "%.*s", (int)strcspn(o->set[i], "="), o->set[i]);
    cli_near_start(&near, key);
    cli_near_try(&near, "--", "model");
  }
  return pal_fail(error, PAL_E_ARGUMENT,
                  "which model? --model NAME; palimpsest info model lists them%s", near.hint);
}

pal_status cli_run_settings(cli_job *job, const cli_options *o, const char *otherwise,
                            pal_error *error) {
  job->task_name = o->argument;
  job->model_name = o->model;
  if (!o->argument && !o->config)
    return pal_fail(error, PAL_E_ARGUMENT, "%s what? palimpsest %s TASK", o->verb, o->verb);
  pal_status status = o->config ? cli_run_read_config(job, o->config, error) : PAL_OK;
  if (!status && !job->model_name) job->model_name = otherwise;
  if (!status && !job->model_name) status = ask_for_model(o, error);
  if (o->eval_every) job->eval_every = o->eval_every;
  if (!status) status = cli_job_set_data(job, o->data, error);
  for (int i = 0; i < o->n_set && !status; i++) status = cli_job_set(job, o->set[i], error);
  return status ? status : cli_outputs_check_settings(o, job, error);
}

/* ---- opening a trained run ------------------------------------------------------------------- */

pal_status cli_run_names(cli_job *job, const cli_options *o, pal_error *error) {
  if (!o->argument)
    return pal_fail(error, PAL_E_ARGUMENT, "which run? palimpsest %s DIRECTORY", o->verb);
  char *config = cli_print(error, "%s/config", o->argument);
  pal_status status = config ? cli_run_read_config(job, config, error) : error->code;
  if (!status) status = cli_job_known(job, error);
  free(config);
  return status;
}

/* Puts a file in place of the task's data. A task with a setting `test` is evaluated on the whole
 * of that file and does not read its own data, unless it is to draw `training` examples. */
static pal_status replace_data(cli_job *job, const char *data, bool training, pal_error *error) {
  if (!data || training || !cli_job_has(job, CLI_TASK, "test"))
    return cli_job_set_data(job, data, error);
  char *test = cli_print(error, "task.test=%s", data);
  pal_status status = test ? cli_job_set(job, test, error) : error->code;
  if (!status) status = cli_job_set_data(job, "", error);
  free(test);
  return status;
}

/* The file of weights that --checkpoint names, to be freed. */
static char *weights_of(const cli_options *o, pal_error *error) {
  const bool best = o->checkpoint && strcmp(o->checkpoint, "best") == 0;
  if (o->checkpoint && !best && strcmp(o->checkpoint, "last") != 0) {
    pal_fail(error, PAL_E_ARGUMENT, "--checkpoint is best or last, not \"%s\"", o->checkpoint);
    return NULL;
  }
  char *path = cli_print(error, best ? "%s/ckpt/best.safetensors" : "%s/ckpt/weights.safetensors",
                         o->argument);
  if (path && best && access(path, F_OK) != 0)
    pal_fail(error, PAL_E_NOT_FOUND,
             "--checkpoint best: there is no %s; only training with --eval-every N keeps the best "
             "weights",
             path);
  return path;
}

/* Says which file that the run reads is another one now: its figures need not be comparable. */
static void say_changes(const cli_job *job, const char *directory) {
  pal_error changed = {0};
  char *manifest = cli_print(&changed, "%s/manifest.json", directory);
  if (manifest && cli_manifest_check(manifest, job, &changed)) cli_say("%s", changed.text);
  free(manifest);
}

pal_status cli_run_open(cli_job *job, const cli_options *o, const char *data, pal_error *error) {
  if (!o->argument)
    return pal_fail(error, PAL_E_ARGUMENT, "which run? palimpsest %s DIRECTORY", o->verb);
  char *config = cli_print(error, "%s/config", o->argument), *weights = weights_of(o, error);
  pal_status status = error->code;
  if (!status) status = cli_run_read_config(job, config, error);
  if (!status) status = replace_data(job, data, o->steps > 0, error);
  for (int i = 0; i < o->n_set && !status; i++) {
    const int before = job->n_set[CLI_TRAIN];
    status = cli_job_set(job, o->set[i], error);
    if (!status && job->n_set[CLI_TRAIN] > before &&
        strncmp(job->set[CLI_TRAIN][before], "seed=", 5) != 0)
      status = pal_fail(error, PAL_E_ARGUMENT, "%s does not train: setting \"%s\" is not used",
                        o->verb, o->set[i]);
  }
  if (!status) status = cli_outputs_check_settings(o, job, error);
  if (!status) status = cli_job_open(job, false, error);
  cli_pinned pinned = {.n = 0};
  if (!status) say_changes(job, o->argument);
  if (!status) status = cli_pinned_collect(&pinned, job, false, error);
  if (!status) status = cli_pinned_check(&pinned, config, error);
  if (!status)
    status = pal_weights_check(weights, (const char *const *)pinned.text, pinned.n, error);
  if (!status) status = pal_weights_load(job->model, weights, true, NULL, error);
  cli_pinned_free(&pinned);
  free(config);
  free(weights);
  return status;
}

/* --data names a file of instances where the task can read instances from text; otherwise it is the
 * task's own training data. */
pal_status cli_run_reads_instances(pal_context *context, const cli_options *o, bool *reads,
                                   pal_error *error) {
  *reads = false;
  if (!o->data || !o->argument) return PAL_OK;
  cli_job named = {.context = context};
  const pal_status status = cli_run_names(&named, o, error);
  const pal_task_definition *d = status ? NULL : pal_lookup(context, "task", named.task_name);
  *reads = d && d->read;
  cli_job_close(&named);
  return status;
}
