/* SPDX-License-Identifier: Apache-2.0 */
/* Opening tasks by name (floor 5). */
#include <palimpsest/task.h>

#include <stdlib.h>
#include <string.h>

#include "models/settings.h"
#include "src/alloc.h"
#include "src/number.h"

pal_task *pal_task_new(pal_context *context, const char *name, const char *const *setting, int n,
                       pal_error *error) {
  const pal_task_definition *definition = pal_lookup(context, "task", name);
  if (!definition) {
    pal_fail(error, PAL_E_NOT_FOUND, "no task is named \"%s\"", name);
    return NULL;
  }
  if (definition->abi_size != sizeof *definition) {
    pal_fail(error, PAL_E_ABI, "task \"%s\" was built against other headers; rebuild it", name);
    return NULL;
  }
  pal_task *task = pal_calloc(1, sizeof *task);
  if (task) task->definition = definition;
  if (task) task->threads = pal_context_threads(context);
  if (task) task->value = pal_calloc((size_t)definition->n_settings + 1, sizeof *task->value);
  if (!task || !task->value) {
    pal_fail(error, PAL_E_MEMORY, "no memory for task \"%s\"", name);
    pal_task_free(task);
    return NULL;
  }
  const pal_setting *tables[] = {definition->setting};
  if (pal_settings_resolve(name, tables, &definition->n_settings, 1, setting, n, task->value,
                           error) ||
      definition->open(task, error)) {
    pal_task_free(task);
    return NULL;
  }
  return task;
}

void pal_task_free(pal_task *task) {
  if (!task) return;
  if (task->self) task->definition->close(task);
  if (task->value) pal_settings_free(task->value, task->definition->n_settings);
  pal_free(task->value);
  pal_free(task);
}

const char *pal_task_text(const pal_task *task, const char *name) {
  for (int i = 0; i < task->definition->n_settings; i++)
    if (strcmp(task->definition->setting[i].name, name) == 0) return task->value[i];
  return "";
}

double pal_task_number(const pal_task *task, const char *name) {
  return pal_number_parse(pal_task_text(task, name), NULL);
}
