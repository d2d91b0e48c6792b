/* SPDX-License-Identifier: Apache-2.0 */
/* A job: one task with one model and, for training, a trainer, created from settings (floor 8). */
#include "cli/job.h"

#include <stdlib.h>
#include <string.h>

#include "cli/near.h"
#include "cli/options.h"
#include "cli/text.h"
#include "cli/waiting.h"

static const char *const prefix[3] = {"task.", "model.", "train."}; /* by CLI_TASK, ... */

/* The settings table number `which` (0 or 1) of owner k (CLI_TASK, ...), of *n settings; NULL when
 * there is none. Only models have two: their own and the network's. */
static const pal_setting *table_of(const cli_job *job, int k, int which, int *n) {
  *n = 0;
  if (k == CLI_TRAIN) return which ? NULL : pal_train_setting_table(n);
  if (k == CLI_MODEL && which) return pal_network_setting_table(n);
  if (which) return NULL;
  if (k == CLI_MODEL) {
    const pal_model_definition *d = pal_lookup(job->context, "model", job->model_name);
    if (d) *n = d->n_settings;
    return d ? d->setting : NULL;
  }
  const pal_task_definition *d = pal_lookup(job->context, "task", job->task_name);
  if (d) *n = d->n_settings;
  return d ? d->setting : NULL;
}

/* The setting of that name in the tables of owner k, with its default; NULL if there is none. */
static const pal_setting *find(const cli_job *job, int k, const char *key, size_t length) {
  for (int which = 0; which < 2; which++) {
    int n;
    const pal_setting *table = table_of(job, k, which, &n);
    for (int i = 0; i < n; i++)
      if (strlen(table[i].name) == length && strncmp(table[i].name, key, length) == 0)
        return &table[i];
  }
  return NULL;
}

static bool has_key(const cli_job *job, int k, const char *key, size_t length) {
  return find(job, k, key, length) != NULL;
}

bool cli_job_has(const cli_job *job, int owner, const char *key) {
  return has_key(job, owner, key, strlen(key));
}

/* "KEY=PATH" with the absolute path if the file exists: a run's config must find it from any
 * directory. */
static char *with_whole_path(const char *setting, const char *path, pal_error *error) {
  char *whole = *path ? realpath(path, NULL) : NULL;
  char *text = cli_print(error, "%.*s%s", (int)(path - setting), setting, whole ? whole : path);
  free(whole);
  return text;
}

static pal_status add_setting(cli_job *job, int k, const char *setting, pal_error *error) {
  if (job->n_set[k] == CLI_MAX_SET)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "\"%s%s\": more than %d settings of the %s, those of files included", prefix[k],
                    setting, CLI_MAX_SET,
                    k == CLI_TASK    ? "task"
                    : k == CLI_MODEL ? "model"
                                     : "trainer");
  const char *equals = strchr(setting, '=');
  const pal_setting *of = find(job, k, setting, (size_t)(equals - setting));
  char *copy = of->kind == PAL_SETTING_FILE ? with_whole_path(setting, equals + 1, error)
                                            : cli_print(error, "%s", setting);
  if (!copy) return error->code;
  job->set[k][job->n_set[k]++] = copy;
  return PAL_OK;
}

pal_status cli_job_known(const cli_job *job, pal_error *error) {
  const pal_status status = cli_known(job->context, "task", job->task_name, error);
  return status ? status : cli_known(job->context, "model", job->model_name, error);
}

/* Refuses a setting that owner `only` does not have; -1: that none of the three has. */
static pal_status no_setting(const cli_job *job, const char *setting, const char *equals, int only,
                             pal_error *error) {
  cli_near near;
  char *key = cli_print(error, "%.*s", (int)(equals - setting), setting);
  if (!key) return error->code;
  cli_near_start(&near, only < 0 ? key : key + strlen(prefix[only]));
  for (int k = 0; k < 3; k++)
    for (int which = 0; which < 2; which++) {
      int n;
      const pal_setting *table = table_of(job, k, which, &n);
      if (only < 0 || only == k) cli_near_settings(&near, only < 0 ? "" : prefix[k], table, n);
    }
  if (only < 0) cli_options_near(&near);
  pal_fail(error, PAL_E_ARGUMENT,
           "neither task \"%s\", model \"%s\" nor the trainer has a setting \"%s\"%s%s palimpsest "
           "info shows them",
           job->task_name, job->model_name, key, near.hint, *near.hint ? "" : ";");
  free(key);
  return error->code;
}

pal_status cli_job_set(cli_job *job, const char *setting, pal_error *error) {
  const char *equals = strchr(setting, '=');
  if (!equals)
    return pal_fail(error, PAL_E_ARGUMENT, "\"%s\" is not of the form key=value", setting);
  if (cli_job_known(job, error)) return error->code;
  for (int k = 0; k < 3; k++)
    if (strncmp(setting, prefix[k], strlen(prefix[k])) == 0)
      return has_key(job, k, setting + strlen(prefix[k]),
                     (size_t)(equals - setting) - strlen(prefix[k]))
                 ? add_setting(job, k, setting + strlen(prefix[k]), error)
                 : no_setting(job, setting, equals, k, error);
  int owner = -1;
  for (int k = 0; k < 3; k++) {
    if (!has_key(job, k, setting, (size_t)(equals - setting))) continue;
    if (owner >= 0)
      return pal_fail(error, PAL_E_ARGUMENT,
                      "\"%s\" could be %s%s or %s%s; write it with its prefix", setting,
                      prefix[owner], setting, prefix[k], setting);
    owner = k;
  }
  if (owner < 0) return no_setting(job, setting, equals, -1, error);
  return add_setting(job, owner, setting, error);
}

pal_status cli_job_set_data(cli_job *job, const char *data, pal_error *error) {
  if (!data) return PAL_OK;
  char *setting = cli_print(error, "task.data=%s", data);
  const pal_status status = setting ? cli_job_set(job, setting, error) : error->code;
  free(setting);
  return status;
}

/* The settings of owner k as the library's functions take them. */
static const char *const *texts(const cli_job *job, int k) {
  return (const char *const *)job->set[k];
}

/* The value of train.seed: the one given last, else the default. */
static uint64_t seed_of(const cli_job *job) {
  int n;
  const pal_setting *table = pal_train_setting_table(&n);
  const char *seed = "1";
  for (int i = 0; i < n; i++)
    if (strcmp(table[i].name, "seed") == 0) seed = table[i].value;
  for (int i = 0; i < job->n_set[CLI_TRAIN]; i++)
    if (strncmp(job->set[CLI_TRAIN][i], "seed=", 5) == 0) seed = job->set[CLI_TRAIN][i] + 5;
  return strtoull(seed, NULL, 10);
}

/* Tells which lines of its data the task has refused. */
static pal_status show_refused(const pal_task *task, pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(task);
  const size_t size = d->refused ? d->refused(task, NULL, 0) : 0;
  char *text = malloc(size + 1), *rest = text;
  if (!text) return pal_fail(error, PAL_E_MEMORY, "no memory for refused lines");
  *text = 0;
  if (size) d->refused(task, text, size + 1);
  for (char *line; (line = strsep(&rest, "\n")) != NULL;)
    if (*line) cli_say("refused: %s", line);
  free(text);
  return PAL_OK;
}

pal_status cli_job_open_task(cli_job *job, pal_error *error) {
  job->seed = seed_of(job);
  if (cli_job_known(job, error)) return error->code;
  cli_waiting("opening the task (a setting may make its instances rare)");
  job->task =
      pal_task_new(job->context, job->task_name, texts(job, CLI_TASK), job->n_set[CLI_TASK], error);
  cli_waiting_end();
  return job->task ? PAL_OK : error->code;
}

pal_status cli_job_open(cli_job *job, bool train, pal_error *error) {
  if (!job->task && cli_job_open_task(job, error)) return error->code;
  job->store = pal_store_new(job->seed);
  if (!job->store) return pal_fail(error, PAL_E_MEMORY, "no memory for a store");
  job->model = pal_model_new(job->context, job->store, job->model_name, pal_task_format(job->task),
                             texts(job, CLI_MODEL), job->n_set[CLI_MODEL], error);
  if (!job->model) return error->code;
  const pal_form form = pal_model_form(job->model);
  if (job->form < form) job->form = form;
  if (!train) return PAL_OK;
  if (show_refused(job->task, error)) return error->code;
  const pal_status status = pal_task_stream(job->task, job->form, job->seed, &job->stream, error);
  if (status) return status;
  job->trainer = pal_trainer_new(job->model, &job->stream, texts(job, CLI_TRAIN),
                                 job->n_set[CLI_TRAIN], error);
  return job->trainer ? PAL_OK : error->code;
}

void cli_job_close(cli_job *job) {
  if (job->trainer) pal_trainer_free(job->trainer);
  if (job->stream.self) job->stream.free(job->stream.self);
  if (job->model) pal_model_free(job->model);
  if (job->store) pal_store_free(job->store);
  if (job->task) pal_task_free(job->task);
  if (job->answers) fclose(job->answers);
  free(job->answers_text);
  for (int k = 0; k < 2; k++) free(job->read_name[k]);
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < job->n_set[k]; i++) free(job->set[k][i]);
  memset(job, 0, sizeof *job);
}

pal_status cli_form_read(const char *text, pal_form *form, pal_error *error) {
  const bool reasoned = strcmp(text, "reasoned") == 0;
  if (!reasoned && strcmp(text, "plain") != 0)
    return pal_fail(error, PAL_E_ARGUMENT, "form is plain or reasoned, not \"%s\"", text);
  *form = reasoned ? PAL_FORM_REASONED : PAL_FORM_ANSWER;
  return PAL_OK;
}
