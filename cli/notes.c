/* SPDX-License-Identifier: Apache-2.0 */
/* What of a job's settings must be as it was: held against a run's config and its weights (floor 7). */
#include "cli/notes.h"

#include <stdlib.h>
#include <string.h>

#include "cli/job.h"
#include "cli/lines.h"

/* Settings that a run may change when it goes on: how long it trains, what it is evaluated on, how it
 * decodes. That the data of another name are the same, the state of the stream says. */
static const char *const free_when_resumed[] = {
    "train.steps",      "train.micro",       "task.data",
    "task.lengths",     "task.per_length",   "task.test_puzzles",
    "task.test_givens", "task.test_seed",    "task.cap",
    "task.lines",       "task.test_guesses", "model.temperature",
    "model.top_k",      "model.top_p",       "model.bits",
    "model.tau_unmask", "model.tau_remask",  "model.jitter",
    "model.guess",      "model.tau_insert",  "model.tau_remove",
    "model.tau_write",  "model.window",      "model.order",
    "model.k",          "model.steps",       "model.schedule",
    "model.noise",      "model.dropout",     "model.decode_precision"};
/* Of those, what training depends on; a trained model may be given others. */
static const char *const trained_with[] = {"model.schedule", "model.noise", "model.dropout"};
/* Settings of tasks that say what a token means: weights know no others. */
static const char *const meaning[] = {"task.characters", "task.size", "task.answer", "task.order",
                                      "task.trace"};

static bool listed(const char *const *list, size_t n, const char *key) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i], key) == 0) return true;
  return false;
}
#define LISTED(list, key) listed(list, sizeof list / sizeof *list, key)

static bool must_stay(const char *key, bool resumed) {
  if (resumed) return !LISTED(free_when_resumed, key) || LISTED(trained_with, key);
  if (strncmp(key, "task.", 5) == 0) return LISTED(meaning, key);
  return strcmp(key, "task") == 0 ||
         (strncmp(key, "model.", 6) == 0 && !LISTED(free_when_resumed, key));
}

static void note(cli_notes *all, const char *prefix, const char *name, const char *value) {
  char key[128];
  snprintf(key, sizeof key, "%s%s", prefix, name);
  if (!must_stay(key, all->resumed)) return;
  char **grown = realloc(all->text, sizeof *grown * ((size_t)all->n + 1));
  const size_t room = strlen(key) + strlen(value) + 2;
  if (grown) all->text = grown;
  char *text = grown ? malloc(room) : NULL;
  if (!text) {
    all->failed = true;
    return;
  }
  snprintf(text, room, "%s=%s", key, value);
  all->text[all->n++] = text;
}

static void note_task(const pal_setting *s, void *data) { note(data, "task.", s->name, s->value); }
static void note_model(const pal_setting *s, void *data) {
  note(data, "model.", s->name, s->value);
}
static void note_train(const pal_setting *s, void *data) {
  note(data, "train.", s->name, s->value);
}

pal_status cli_notes_make(cli_notes *all, const cli_job *job, bool resumed, pal_error *error) {
  *all = (cli_notes){.resumed = resumed};
  note(all, "", "task", job->task_name);
  if (resumed) {
    note(all, "", "model", job->model_name);
    note(all, "", "form", job->form == PAL_FORM_REASONED ? "reasoned" : "plain");
  }
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
