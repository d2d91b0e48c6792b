/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that must keep their values: compared with a run's config and its weights (floor 8). */
#include "cli/pinned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/job.h"
#include "cli/lines.h"

/* Adds "key=value" if the setting is pinned here: some are pinned for a resumed run only, some for
 * trained weights too, some never. */
static void add(cli_pinned *all, pal_setting_kept kept, const char *prefix, const char *name,
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

/* Adds a setting of a table; `usually` is how those that do not say otherwise are pinned. */
static void add_setting(cli_pinned *all, const char *prefix, const pal_setting *s,
                        pal_setting_kept usually) {
  add(all, s->kept == PAL_KEPT_USUALLY ? usually : s->kept, prefix, s->name, s->value);
}

static void add_task(const pal_setting *s, void *data) {
  add_setting(data, "task.", s, PAL_KEPT_BY_RUN);
}
static void add_model(const pal_setting *s, void *data) {
  add_setting(data, "model.", s, PAL_KEPT_BY_WEIGHTS);
}
static void add_train(const pal_setting *s, void *data) {
  add_setting(data, "train.", s, PAL_KEPT_BY_RUN);
}

pal_status cli_pinned_collect(cli_pinned *all, const cli_job *job, bool resumed, pal_error *error) {
  *all = (cli_pinned){.resumed = resumed};
  add(all, PAL_KEPT_BY_WEIGHTS, "", "task", job->task_name);
  add(all, PAL_KEPT_BY_RUN, "", "model", job->model_name);
  add(all, PAL_KEPT_BY_RUN, "", "form", cli_form_name(job->form));
  pal_task_settings(job->task, add_task, all);
  pal_model_settings(job->model, add_model, all);
  if (job->trainer) pal_trainer_settings(job->trainer, add_train, all);
  return all->failed ? pal_fail(error, PAL_E_MEMORY, "no memory for settings") : PAL_OK;
}

void cli_pinned_free(cli_pinned *all) {
  for (int i = 0; i < all->n; i++) free(all->text[i]);
  free(all->text);
}

/* Whether two values are equal: as text, or as numbers, which may be written in several ways. */
static bool same(const char *a, const char *b) {
  char *end[2];
  const double x = strtod(a, &end[0]), y = strtod(b, &end[1]);
  return strcmp(a, b) == 0 || (end[0] != a && end[1] != b && !*end[0] && !*end[1] && x == y);
}

/* If the config's line gives a pinned setting another value, writes the difference to `list`. */
static void compare_line(const cli_pinned *all, char *line, FILE *list) {
  char *equals = strstr(line, " = ");
  const size_t length = equals ? (size_t)(equals - line) : 0;
  if (!length || *line == '#') return;
  char *value = equals + 3;
  for (size_t n = strlen(value); n && value[n - 1] == ' ';) value[--n] = 0;
  for (int i = 0; i < all->n; i++) {
    const char *text = all->text[i];
    if (strncmp(text, line, length) != 0 || text[length] != '=' || same(value, text + length + 1))
      continue;
    fprintf(list, "%s%.*s is %s, not %s", ftell(list) > 0 ? "; " : "", (int)length, line,
            *value ? value : "empty", text[length + 1] ? text + length + 1 : "empty");
  }
}

pal_status cli_pinned_check(const cli_pinned *all, const char *config, pal_error *error) {
  cli_lines l;
  char *text = NULL;
  size_t size = 0;
  pal_status status = cli_lines_open(&l, config, error);
  if (status) return status;
  FILE *list = open_memstream(&text, &size);
  pal_error read = {0};
  while (list && cli_lines_next(&l, &read)) compare_line(all, l.text, list);
  cli_lines_close(&l);
  const bool failed = !list || ferror(list);
  if ((list && fclose(list)) || failed)
    status = pal_fail(error, PAL_E_MEMORY, "%s: no memory to compare settings", config);
  else if (read.code) status = pal_fail(error, read.code, "%s", read.text);
  else if (size)
    status = pal_fail(error, PAL_E_ARGUMENT, "%s: %s; %s", config, text,
                      all->resumed ? "a resumed run must keep these settings"
                                   : "a trained model depends on these settings");
  free(text);
  return status;
}
