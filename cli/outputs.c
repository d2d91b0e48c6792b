/* SPDX-License-Identifier: Apache-2.0 */
/* See outputs.h (floor 8). */
#include "cli/outputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/text.h"

/* A file of the command line, and the option that names it, for messages. */
typedef struct named {
  const char *option, *path;
} named;

enum { OUTPUTS = 4 };

/* All options that name output files; the path is NULL where one is not given. */
static void list(const cli_options *o, named output[OUTPUTS]) {
  const named all[OUTPUTS] = {
      {"--json", o->json}, {"--svg", o->svg}, {"--html", o->html}, {"--answers", o->answers}};
  memcpy(output, all, sizeof all);
  for (int i = 0; i < OUTPUTS; i++)
    if (output[i].path && strcmp(output[i].path, "-") == 0) output[i].path = NULL; /* no file */
}

/* Whether both paths lead to the same existing regular file. */
static bool are_one(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
         x.st_ino == y.st_ino;
}

/* The directory part of a path, to be freed; NULL without memory. */
static char *folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == path ? strdup("/") : slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

static const char *last_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* Whether neither file exists and both would be created as the same one: the same name in the same
 * directory. */
static bool would_be_one(const char *a, const char *b) {
  struct stat x, y;
  if (stat(a, &x) == 0 || stat(b, &y) == 0) return false;
  if (strcmp(a, b) == 0) return true;
  if (strcmp(last_of(a), last_of(b)) != 0) return false;
  char *one = folder_of(a), *other = folder_of(b);
  const bool same = one && other && stat(one, &x) == 0 && stat(other, &y) == 0 &&
                    x.st_dev == y.st_dev && x.st_ino == y.st_ino;
  free(one);
  free(other);
  return same;
}

static pal_status refuse_same(const named *a, const named *b, pal_error *error) {
  if (!a->path || !b->path || (!are_one(a->path, b->path) && !would_be_one(a->path, b->path)))
    return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "%s %s and %s %s are the same file, which would be overwritten; name another one",
                  a->option, a->path, b->option, b->path);
}

/* Refuses an output that is one of the files of a run directory, which the command reads or writes
 * too. */
static pal_status refuse_in_run(const cli_options *o, const named *output, const char *directory,
                                pal_error *error) {
  static const char *const kept[] = {"config", "metrics.csv", "metrics.jsonl",
                                     "ckpt/weights.safetensors", "ckpt/state.safetensors"};
  pal_status status = PAL_OK;
  for (size_t i = 0; i < sizeof kept / sizeof *kept && !status; i++) {
    char *path = cli_print(error, "%s/%s", directory, kept[i]);
    if (!path) return error->code;
    const named own = {o->out ? "--out, with its" : "the run's", path};
    status = refuse_same(output, &own, error);
    free(path);
  }
  return status;
}

/* Refuses an output that is also another output or any input of the same command. */
static pal_status refuse_overwriting(const cli_options *o, pal_error *error) {
  named output[OUTPUTS];
  list(o, output);
  const named config = {"--config", o->config}, recipe = {"--recipe", o->recipe};
  const bool of_run = strcmp(o->verb, "eval") == 0 || strcmp(o->verb, "sample") == 0;
  const char *directory = of_run ? o->argument : o->out;
  pal_status status = PAL_OK;
  for (int i = 0; i < OUTPUTS && !status; i++) {
    if (!output[i].path) continue;
    for (int k = 0; k < i && !status; k++) status = refuse_same(&output[k], &output[i], error);
    if (!status) status = refuse_same(&output[i], &config, error);
    if (!status) status = refuse_same(&output[i], &recipe, error);
    for (int k = 0; k < o->n_files && !status; k++)
      status = refuse_same(&output[i], &(named){"--data", o->file[k]}, error);
    for (int k = 0; k < o->n_plugins && !status; k++)
      status = refuse_same(&output[i], &(named){"--plugin", o->plugin[k]}, error);
    if (!status && directory) status = refuse_in_run(o, &output[i], directory, error);
  }
  return status;
}

/* Whether a path is inside `directory`, judging by its text: the directory may not exist yet. */
static bool is_below(const char *path, const char *directory) {
  const size_t n = strlen(directory);
  return strncmp(path, directory, n) == 0 && (path[n] == '/' || (n && path[n - 1] == '/'));
}

pal_status cli_outputs_check(const cli_options *o, pal_error *error) {
  named output[OUTPUTS];
  list(o, output);
  const char *made = o->out ? o->out : strcmp(o->verb, "train") == 0 ? "runs" : NULL;
  pal_status status = refuse_overwriting(o, error);
  for (int i = 0; i < OUTPUTS && !status; i++)
    if (output[i].path && !(made && is_below(output[i].path, made)))
      status = pal_file_try(output[i].path, error);
  return status;
}
