/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest instances: prints the instances of a task as lines that --data reads (floor 8). */
#include <stdlib.h>
#include <string.h>

#include "cli/near.h"
#include "cli/options.h"
#include "cli/text.h"
#include "cli/waiting.h"
#include "cli/verbs.h"

/* Prints the instance as a line. *text is a buffer of *room bytes that is reused and grows. */
static pal_status print_line(const pal_task *task, const pal_example *e, pal_form form, char **text,
                             size_t *room, pal_error *error) {
  enum { LONGEST = 1 << 30 };
  size_t length = pal_task_definition_of(task)->write(task, e, form, *text, *room);
  if (length >= *room) {
    free(*text);
    *text = NULL;
    if (length > LONGEST)
      return pal_fail(error, PAL_E_ARGUMENT, "task \"%s\": write gives a line of %zu characters",
                      pal_task_definition_of(task)->name, length);
    *room = length + 1;
    *text = malloc(*room);
    if (!*text)
      return pal_fail(error, PAL_E_MEMORY, "no memory for a line of %zu characters", length);
    pal_task_definition_of(task)->write(task, e, form, *text, *room);
  }
  puts(*text);
  return ferror(stdout) ? pal_fail(error, PAL_E_IO, "standard output could not be written")
                        : PAL_OK;
}

/* Prints all sets. Where there are several, a comment line with its name comes before each. */
static pal_status print_sets(pal_task *task, int limit, pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(task);
  const char *heading = d->heading ? d->heading(task) : NULL;
  const bool several = d->set_name(task, 0) && d->set_name(task, 1);
  const pal_form form = PAL_FORM_TRANSITION; /* any: an instance's text is the same in all forms */
  char *text = NULL;
  size_t room = 0;
  int sets, size = 0;
  pal_status status = pal_task_sets(task, &sets, error);
  if (heading) puts(heading);
  for (int set = 0; !status && set < sets; set++) {
    if (several) printf("# %s\n", d->set_name(task, set));
    status = pal_task_set_size(task, set, &size, error);
    for (int i = 0; !status && i < size && (!limit || i < limit); i++) {
      pal_example e;
      status = pal_task_instance(task, set, i, form, &e, error);
      if (!status) status = print_line(task, &e, form, &text, &room, error);
    }
  }
  free(text);
  return status;
}

/* Prints the instances that training examples are made of (--train). */
static pal_status print_training(pal_task *task, int limit, pal_error *error) {
  const pal_task_definition *d = pal_task_definition_of(task);
  if (!d->train_size || !d->train_instance)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "--train: training examples of task %s are not made of a fixed set", d->name);
  const char *heading = d->heading ? d->heading(task) : NULL;
  int64_t all;
  pal_status status = pal_task_train_size(task, &all, error);
  const int64_t n = limit && limit < all ? limit : all;
  char *text = NULL;
  size_t room = 0;
  if (heading) puts(heading);
  for (int64_t i = 0; i < n && !status; i++) {
    pal_example e;
    status = pal_task_train_instance(task, i, PAL_FORM_TRANSITION, &e, error);
    if (!status) status = print_line(task, &e, PAL_FORM_TRANSITION, &text, &room, error);
  }
  free(text);
  return status;
}

int cli_verb_instances(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  const char *setting[CLI_MAX_SET + 1];
  int n = 0;
  char *data = o->data ? cli_print(&error, "data=%s", o->data) : NULL;
  if (data) setting[n++] = data;
  for (int i = 0; i < o->n_set; i++)
    setting[n++] = strncmp(o->set[i], "task.", 5) == 0 ? o->set[i] + 5 : o->set[i];
  pal_task *task = NULL;
  if (!o->argument && !error.code)
    pal_fail(&error, PAL_E_ARGUMENT, "instances of which task? palimpsest info task lists them");
  if (!error.code) cli_known(context, "task", o->argument, &error);
  cli_waiting("making instances (a setting may make them rare)");
  if (!error.code) task = pal_task_new(context, o->argument, setting, n, &error);
  pal_status status = error.code;
  if (!status && !pal_task_definition_of(task)->write)
    status =
        pal_fail(&error, PAL_E_UNSUPPORTED, "task %s has no text form for instances", o->argument);
  if (!status) status = (o->train ? print_training : print_sets)(task, o->n, &error);
  cli_waiting_end();
  if (task) pal_task_free(task);
  free(data);
  return status ? cli_report(&error) : CLI_DONE;
}
