/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: validating and registering definitions, and opening tasks by name (floor 5). */
#include <palimpsest/task.h>

#include <string.h>

#include "graph/define.h"
#include "src/alloc.h"
#include "src/setting.h"

struct pal_task {
  const pal_task_definition *definition;
  pal_format format;
  void *self; /* the definition's, see pal_task_set_self */
  pal_settings own;
  int threads; /* that the task may use */
};

/* The first required member that is missing, or NULL. */
static const char *missing(const pal_task_definition *d) {
  const struct {
    const char *name;
    bool there;
  } member[] = {{"doc", d->doc != NULL},           {"open", d->open != NULL},
                {"close", d->close != NULL},       {"stream", d->stream != NULL},
                {"set_name", d->set_name != NULL}, {"set_size", d->set_size != NULL},
                {"instance", d->instance != NULL}, {"answer_room", d->answer_room != NULL},
                {"step_cap", d->step_cap != NULL}, {"score", d->score != NULL},
                {"print", d->print != NULL}};
  for (size_t i = 0; i < sizeof member / sizeof *member; i++)
    if (!member[i].there) return member[i].name;
  /* These come in pairs. */
  if (!d->read != !d->write) return d->read ? "write" : "read";
  if (!d->train_size != !d->train_instance) return d->train_size ? "train_instance" : "train_size";
  return NULL;
}

/* Keys of reports that every task has; a task's own columns must have other names. */
static const char *const reported[] = {
    "set",   "n",         "index",          "prompt",   "answer",     "passes",
    "exact", "exact_low", "exact_high",     "exact_by", "halted",     "forward_passes_mean",
    "model", "seed",      "parameters",     "steps",    "train_rows", "forward_passes_p95",
    "loss",  "fitted",    "train_examples", "eval",     "notes",      "train_seconds",
    "nats",  "bits",      "likelihood",     "left_out", "refused",    "traits"};

static const char *flaw_of(const pal_report_column *all, int i) {
  const pal_report_column *c = &all[i];
  if (!c->name || !*c->name || c->name[strspn(c->name, "abcdefghijklmnopqrstuvwxyz0123456789_")])
    return "has no name of a-z, 0-9 and _";
  for (size_t k = 0; k < sizeof reported / sizeof *reported; k++)
    if (strcmp(c->name, reported[k]) == 0) return "has the name of a column that all reports have";
  for (int k = 0; k < i; k++)
    if (strcmp(c->name, all[k].name) == 0) return "is declared twice";
  if (!c->doc) return "has no doc";
  if (c->kind < PAL_REPORT_SHARE || c->kind > PAL_REPORT_FLAG) return "has no known kind";
  const bool judged = c->kind == PAL_REPORT_SHARE || c->kind == PAL_REPORT_MEAN;
  if (judged && !c->value) return "needs a value";
  return !judged && !c->total ? "needs a total" : NULL;
}

static pal_status check_report(const pal_task_definition *d, pal_error *error) {
  if (d->n_report < 0 || d->n_report > PAL_MAX_REPORT_COLUMNS || (d->n_report && !d->report))
    return pal_fail(error, PAL_E_ARGUMENT, "task \"%s\": a report has 0 to %d columns of its own",
                    d->name, PAL_MAX_REPORT_COLUMNS);
  for (int i = 0; i < d->n_report; i++) {
    const char *flaw = flaw_of(d->report, i), *name = d->report[i].name;
    if (flaw)
      return pal_fail(error, PAL_E_ARGUMENT, "task \"%s\": column %d of its report, \"%.40s\", %s",
                      d->name, i, name ? name : "", flaw);
  }
  return PAL_OK;
}

pal_status pal_define_task(pal_context *context, const pal_task_definition *d, pal_error *error) {
  pal_status status = pal_definition_check("task", d, sizeof *d, error);
  if (status) return status;
  const char *member = missing(d);
  if (member) return pal_fail(error, PAL_E_ARGUMENT, "task \"%s\": %s is missing", d->name, member);
  status = check_report(d, error);
  if (status) return status;
  status = pal_settings_check(d->name, d->setting, d->n_settings, d->settings_size, error);
  return status ? status : pal_definition_add(context, "task", d, error);
}

pal_task *pal_task_new(pal_context *context, const char *name, const char *const *setting, int n,
                       pal_error *error) {
  const pal_task_definition *definition = pal_lookup(context, "task", name);
  if (!definition) {
    pal_fail(error, PAL_E_NOT_FOUND, "no task is named \"%s\"", name);
    return NULL;
  }
  pal_task *task = pal_calloc(1, sizeof *task);
  if (!task) {
    pal_fail(error, PAL_E_MEMORY, "no memory for task \"%s\"", name);
    return NULL;
  }
  task->definition = definition;
  task->threads = pal_context_threads(context);
  pal_settings *const one[] = {&task->own};
  if (pal_settings_open(&task->own, name, definition->setting, definition->n_settings,
                        definition->settings_size, error) ||
      pal_settings_set(one, 1, name, setting, n, error) || definition->open(task, error)) {
    pal_task_free(task);
    return NULL;
  }
  return task;
}

void pal_task_free(pal_task *task) {
  if (!task) return;
  if (task->self) task->definition->close(task);
  pal_settings_close(&task->own);
  pal_free(task);
}

const pal_task_definition *pal_task_definition_of(const pal_task *task) { return task->definition; }
const pal_format *pal_task_format(const pal_task *task) { return &task->format; }
const void *pal_task_own(const pal_task *task) { return task->own.self; }
void *pal_task_self(const pal_task *task) { return task->self; }
int pal_task_threads(const pal_task *task) { return task->threads; }
void pal_task_set_self(pal_task *task, void *self) { task->self = self; }
void pal_task_set_format(pal_task *task, const pal_format *format) { task->format = *format; }

double pal_report_valid(const pal_task *task, const pal_judged *judged) {
  (void)task;
  return judged->score.valid;
}

double pal_report_kept(const pal_task *task, const pal_judged *judged) {
  (void)task;
  return judged->score.kept;
}

pal_status pal_task_set(pal_task *task, const char *setting, pal_error *error) {
  pal_settings *const one[] = {&task->own};
  return pal_settings_set(one, 1, task->definition->name, &setting, 1, error);
}

void pal_task_settings(const pal_task *task, void (*visit)(const pal_setting *setting, void *data),
                       void *data) {
  pal_settings_visit(&task->own, visit, data);
}
