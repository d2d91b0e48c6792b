/* SPDX-License-Identifier: Apache-2.0 */
/* What of a job's settings must be as it was: held against a run's config and its weights (floor 7). */
#include "cli/notes.h"

#include <stdlib.h>
#include <string.h>

#include "cli/job.h"
#include "cli/lines.h"

/* Adds a line unless nobody keeps it: trained weights hold on to less than a run that goes on. */
static void note(cli_notes *all, pal_setting_kept kept, const char *prefix, const char *name,
                 const char *value) {
  if (kept == PAL_KEPT_BY_NONE || (kept == PAL_KEPT_BY_RUN && !all->resumed)) return;
  char **grown = realloc(all->text, sizeof *grown * ((size_t)all->n + 1));
  const size_t room = strlen(prefix) + strlen(name) + strlen(value) + 2;
  if (grown) all->text = grown;
  char *text = grown ? malloc(room) : NULL;
  if (!text) {
    all->failed = true;
    return;
  }
  snprintf(text, room, "%s%s=%s", prefix, name, value);
  all->text[all->n++] = text;
}

static void note_setting(cli_notes *all, const char *prefix, const pal_setting *s,
                         pal_setting_kept usually) {
  note(all, s->kept == PAL_KEPT_USUALLY ? usually : s->kept, prefix, s->name, s->value);
}

static void note_task(const pal_setting *s, void *data) {
  note_setting(data, "task.", s, PAL_KEPT_BY_RUN);
}
static void note_model(const pal_setting *s, void *data) {
  note_setting(data, "model.", s, PAL_KEPT_BY_WEIGHTS);
}
static void note_train(const pal_setting *s, void *data) {
  note_setting(data, "train.", s, PAL_KEPT_BY_RUN);
}

pal_status cli_notes_make(cli_notes *all, const cli_job *job, bool resumed, pal_error *error) {
  *all = (cli_notes){.resumed = resumed};
  note(all, PAL_KEPT_BY_WEIGHTS, "", "task", job->task_name);
  note(all, PAL_KEPT_BY_RUN, "", "model", job->model_name);
  note(all, PAL_KEPT_BY_RUN, "", "form", cli_form_name(job->form));
  pal_task_settings(job->task, note_task, all);
  pal_model_settings(job->model, note_model, all);
  if (job->trainer) pal_trainer_settings(job->trainer, note_train, all);
  return all->failed ? pal_fail(error, PAL_E_MEMORY, "no memory for settings") : PAL_OK;
}

void cli_notes_free(cli_notes *all) {
  for (int i = 0; i < all->n; i++) free(all->text[i]);
  free(all->text);
}

/* Numbers may be written in several ways. */
static bool same(const char *a, const char *b) {
  char *end[2];
  const double x = strtod(a, &end[0]), y = strtod(b, &end[1]);
  return strcmp(a, b) == 0 || (end[0] != a && end[1] != b && !*end[0] && !*end[1] && x == y);
}

/* Adds to `list` what differs when the line of the config has a value other than the note's. */
static void hold(const cli_notes *all, char *line, char *list, size_t size) {
  char *equals = strstr(line, " = ");
  const size_t length = equals ? (size_t)(equals - line) : 0;
  if (!length || *line == '#') return;
  char *value = equals + 3;
  for (size_t n = strlen(value); n && value[n - 1] == ' ';) value[--n] = 0;
  for (int i = 0; i < all->n; i++) {
    const char *text = all->text[i];
    if (strncmp(text, line, length) != 0 || text[length] != '=' || same(value, text + length + 1))
      continue;
    const size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%.*s is %.60s, not %.60s", used ? "; " : "", (int)length,
             line, *value ? value : "empty", text[length + 1] ? text + length + 1 : "empty");
  }
}

pal_status cli_notes_hold(const cli_notes *all, const char *config, pal_error *error) {
  cli_lines l;
  char list[600] = "";
  pal_status status = cli_lines_open(&l, config, error);
  if (status) return status;
  pal_error read = {0};
  while (cli_lines_next(&l, &read)) hold(all, l.text, list, sizeof list);
  cli_lines_close(&l);
  if (read.code) return pal_fail(error, read.code, "%s", read.text);
  if (!*list) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT, "%s: %s; %s", config, list,
                  all->resumed ? "a run goes on as it began" : "a trained model keeps these");
}
