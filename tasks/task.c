/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: defining them, and opening them by name (floor 5). */
#include <palimpsest/task.h>

#include <string.h>

#include "graph/define.h"
#include "src/alloc.h"
#include "src/setting.h"

struct pal_task {
  const pal_task_definition *definition;
  pal_format format;
  void *self;
  pal_settings own;
  int threads;
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
  return NULL;
}

pal_status pal_define_task(pal_context *context, const pal_task_definition *d, pal_error *error) {
  pal_status status = pal_definition_check("task", d, sizeof *d, error);
  if (status) return status;
  const char *member = missing(d);
  if (member) return pal_fail(error, PAL_E_ARGUMENT, "task \"%s\": %s is missing", d->name, member);
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

pal_status pal_task_set(pal_task *task, const char *setting, pal_error *error) {
  pal_settings *const one[] = {&task->own};
  return pal_settings_set(one, 1, task->definition->name, &setting, 1, error);
}

void pal_task_settings(const pal_task *task, void (*visit)(const pal_setting *setting, void *data),
                       void *data) {
  pal_settings_visit(&task->own, visit, data);
}
