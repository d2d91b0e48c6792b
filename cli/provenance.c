/* SPDX-License-Identifier: Apache-2.0 */
/* See provenance.h (floor 8). */
#include "cli/provenance.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/json.h"
#include "cli/page.h"
#include "cli/plugins.h"
#include "cli/text.h"

enum { SCHEMA = 1 }; /* raised when a member changes its meaning or goes away */

static char version[160];
static char **word;
static int words;

void cli_provenance_start(const pal_context *context, int argc, char **argv) {
  pal_version(context, version, sizeof version);
  word = argv;
  words = argc;
}

char *cli_provenance_command(void) {
  cli_page line;
  pal_error error = {0};
  if (cli_page_open(&line, &error)) return NULL;
  for (int i = 0; i < words; i++) {
    if (i) fputc(' ', line.to);
    cli_quote(line.to, i ? word[i] : "palimpsest");
  }
  char *text = !fflush(line.to) && !ferror(line.to) ? strdup(line.text) : NULL;
  cli_page_drop(&line);
  return text;
}

json_t *cli_provenance_head(void) {
  json_t *command = json_array();
  for (int i = 0; i < words; i++)
    cli_json_append(&command, cli_json_text(i ? word[i] : "palimpsest"));
  return json_pack("{s:i, s:o, s:o}", "schema", SCHEMA, "version", cli_json_text(version),
                   "command", command);
}

/* ---- settings ------------------------------------------------------------------------------ */

/* A list or object that is being made, and the prefix of the settings that are visited. */
typedef struct collection {
  json_t *all;
  const char *prefix;
} collection;

static void add_setting(const pal_setting *s, void *data) {
  collection *c = data;
  pal_error ignored = {0};
  char *key = cli_print(&ignored, "%s%s", c->prefix, s->name);
  cli_json_put(&c->all, key ? key : "", key ? cli_json_text(s->value) : NULL);
  free(key);
}

json_t *cli_provenance_settings(const cli_job *job) {
  collection c = {json_object(), "task."};
  cli_json_put(&c.all, "task", cli_json_text(job->task_name));
  cli_json_put(&c.all, "model", cli_json_text(job->model_name));
  cli_json_put(&c.all, "form", cli_json_text(cli_form_name(job->form)));
  pal_task_settings(job->task, add_setting, &c);
  c.prefix = "model.";
  pal_model_settings(job->model, add_setting, &c);
  c.prefix = "train.";
  if (job->trainer) pal_trainer_settings(job->trainer, add_setting, &c);
  return c.all;
}

/* ---- files --------------------------------------------------------------------------------- */

/* Adds a file, unless it is a pipe or the like, which can be read only once. One that cannot be
 * read has no hash. */
static void add_file(json_t **all, const char *name, const char *path) {
  struct stat about;
  uint64_t hash;
  int64_t size;
  char digits[24];
  if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) return;
  const bool known = !pal_file_hash(path, &hash, &size, NULL);
  if (known) snprintf(digits, sizeof digits, "%016" PRIx64, hash);
  cli_json_append(all,
                  json_pack("{s:o, s:o, s:o, s:o}", "name", cli_json_text(name), "path",
                            cli_json_text(path), "bytes", known ? json_integer(size) : json_null(),
                            "xxh3", known ? json_string(digits) : json_null()));
}

static void add_if_file(const pal_setting *s, void *data) {
  collection *c = data;
  pal_error ignored = {0};
  if (s->kind != PAL_SETTING_FILE || !*s->value) return;
  char *name = cli_print(&ignored, "%s%s", c->prefix, s->name);
  add_file(&c->all, name ? name : "", s->value);
  free(name);
}

json_t *cli_provenance_inputs(const cli_job *job) {
  collection c = {json_array(), "task."};
  pal_task_settings(job->task, add_if_file, &c);
  c.prefix = "model.";
  pal_model_settings(job->model, add_if_file, &c);
  const char *plugin;
  for (int i = 0; (plugin = cli_plugins_at(i)) != NULL; i++) add_file(&c.all, "plugin", plugin);
  return c.all;
}

/* Adds a file of weights: `path`, or that of the run directory `path`. */
static void add_weights(json_t **all, const char *name, const char *path, const char *which) {
  pal_error ignored = {0};
  struct stat about;
  if (stat(path, &about) != 0) return;
  char *file = S_ISDIR(about.st_mode) ? cli_print(&ignored, "%s/ckpt/%s.safetensors", path, which)
                                      : cli_print(&ignored, "%s", path);
  if (file) add_file(all, name, file);
  free(file);
}

json_t *cli_provenance_files(const cli_options *o) {
  json_t *all = json_array();
  for (int i = 0; i < o->n_files; i++) add_file(&all, "--data", o->file[i]);
  if (o->config) add_file(&all, "--config", o->config);
  if (o->recipe) add_file(&all, "--recipe", o->recipe);
  if (o->init) add_weights(&all, "--init", o->init, "weights");
  const bool best = o->checkpoint && strcmp(o->checkpoint, "best") == 0;
  if (strcmp(o->verb, "eval") == 0 && o->argument)
    add_weights(&all, "weights", o->argument, best ? "best" : "weights");
  return all;
}

static const char *text_of(const json_t *input, const char *key) {
  const char *text = json_string_value(json_object_get(input, key));
  return text ? text : "";
}

pal_status cli_provenance_compare(const json_t *then, const json_t *now, pal_error *error) {
  for (size_t i = 0; i < json_array_size(then); i++)
    for (size_t k = 0; k < json_array_size(now); k++) {
      const json_t *a = json_array_get(then, i), *b = json_array_get(now, k);
      if (strcmp(text_of(a, "name"), text_of(b, "name")) != 0 ||
          strcmp(text_of(a, "path"), text_of(b, "path")) != 0 ||
          strcmp(text_of(a, "xxh3"), text_of(b, "xxh3")) == 0)
        continue;
      return pal_fail(error, PAL_E_ARGUMENT,
                      "%s: %s has changed since the run began (its XXH3 was %s and is %s)",
                      text_of(a, "name"), text_of(a, "path"), text_of(a, "xxh3"),
                      text_of(b, "xxh3"));
    }
  return PAL_OK;
}
