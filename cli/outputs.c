/* SPDX-License-Identifier: Apache-2.0 */
/* See outputs.h (floor 8). */
#include "cli/outputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/job.h"
#include "cli/text.h"

/* A file of the command line, and the option that names it, for messages. */
typedef struct named {
  const char *option, *path;
} named;

enum { OUTPUTS = 5 };

/* All options that name output files; the path is NULL where one is not given. */
static void list(const cli_options *o, named output[OUTPUTS]) {
  const named all[OUTPUTS] = {{"--json", o->json},
                              {"--svg", o->svg},
                              {"--html", o->html},
                              {"--answers", o->answers},
                              {"--trace", o->trace}};
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

/* The path with all links followed and without "." and "..", as far as its directories exist, to be
 * freed; NULL without memory. */
static char *resolve(const char *path) {
  char *head = strdup(path), *rest = strdup(""), *real = NULL;
  while (head && rest && !(real = realpath(*head ? head : ".", NULL)) && *head) {
    char *slash = strrchr(head, '/');
    const char *last = slash ? slash + 1 : head;
    pal_error ignored = {0};
    char *longer = !*last || strcmp(last, ".") == 0 ? cli_print(&ignored, "%s", rest)
                                                    : cli_print(&ignored, "/%s%s", last, rest);
    free(rest);
    rest = longer;
    if (!slash) *head = 0; /* what is left is the present directory */
    else if (slash == head) slash[slash[1] != 0] = 0;
    else *slash = 0;
  }
  pal_error ignored = {0};
  char *whole = real && rest
                    ? cli_print(&ignored, "%s%s", strcmp(real, "/") || !*rest ? real : "", rest)
                    : NULL;
  free(head);
  free(rest);
  free(real);
  return whole;
}

/* Whether neither file exists and both would be created as the same one. */
static bool would_be_one(const char *a, const char *b) {
  struct stat x, y;
  if (stat(a, &x) == 0 || stat(b, &y) == 0) return false;
  char *one = resolve(a), *other = resolve(b);
  const bool same = one && other && strcmp(one, other) == 0;
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

pal_status cli_outputs_check_run(const cli_options *o, const char *directory, pal_error *error) {
  static const char *const kept[] = {"config",
                                     "manifest.json",
                                     "log",
                                     "metrics.csv",
                                     "metrics.jsonl",
                                     "lock",
                                     "ckpt/weights.safetensors",
                                     "ckpt/best.safetensors",
                                     "ckpt/state.safetensors"};
  named output[OUTPUTS];
  list(o, output);
  pal_status status = PAL_OK;
  for (size_t i = 0; i < sizeof kept / sizeof *kept && !status; i++) {
    char *path = cli_print(error, "%s/%s", directory, kept[i]);
    if (!path) return error->code;
    const named own = {o->out ? "--out, with its" : "the run's", path};
    for (int k = 0; k < OUTPUTS && !status; k++) status = refuse_same(&output[k], &own, error);
    free(path);
  }
  return status;
}

pal_status cli_outputs_check_settings(const cli_options *o, const cli_job *job, pal_error *error) {
  named output[OUTPUTS];
  list(o, output);
  pal_status status = PAL_OK;
  for (int i = 0; i < job->n_set[CLI_TASK]; i++)
    for (int k = 0; k < OUTPUTS && !status; k++) {
      const char *value = strchr(job->set[CLI_TASK][i], '=');
      if (output[k].path && value && are_one(output[k].path, value + 1))
        status = refuse_same(&output[k], &(named){"the task's", value + 1}, error);
    }
  return status;
}

/* Refuses an output that is also another output or any input of the same command. */
static pal_status refuse_overwriting(const cli_options *o, pal_error *error) {
  named output[OUTPUTS];
  list(o, output);
  const named config = {"--config", o->config}, recipe = {"--recipe", o->recipe},
              init = {"--init", o->init};
  const bool of_run = strcmp(o->verb, "eval") == 0 || strcmp(o->verb, "sample") == 0;
  const char *directory = of_run ? o->argument : o->out;
  const named read = {"the trace", strcmp(o->verb, "trace") == 0 ? o->argument : NULL};
  pal_status status = PAL_OK;
  for (int i = 0; i < OUTPUTS && !status; i++) {
    if (!output[i].path) continue;
    for (int k = 0; k < i && !status; k++) status = refuse_same(&output[k], &output[i], error);
    if (!status) status = refuse_same(&output[i], &config, error);
    if (!status) status = refuse_same(&output[i], &recipe, error);
    if (!status) status = refuse_same(&output[i], &read, error);
    for (int k = 0; k < o->n_files && !status; k++)
      status = refuse_same(&output[i], &(named){"--data", o->file[k]}, error);
    for (int k = 0; k < o->n_plugins && !status; k++)
      status = refuse_same(&output[i], &(named){"--plugin", o->plugin[k]}, error);
    if (!status) status = refuse_same(&output[i], &init, error);
  }
  return status || !directory ? status : cli_outputs_check_run(o, directory, error);
}

/* Whether a path is inside `directory`, which may not exist yet. */
static bool is_below(const char *path, const char *directory) {
  char *whole = resolve(path), *of = resolve(directory);
  const size_t n = of ? strlen(of) : 0;
  const bool below = whole && of && strncmp(whole, of, n) == 0 && whole[n] == '/';
  free(whole);
  free(of);
  return below;
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
