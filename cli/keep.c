/* SPDX-License-Identifier: Apache-2.0 */
/* What a training run keeps in its directory: config, metrics, checkpoints (floor 7). */
#include "cli/keep.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/job.h"
#include "cli/lock.h"
#include "cli/notes.h"
#include "cli/options.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/rundir.h"
#include "cli/text.h"

static const char head[] = "step,tokens,seconds,split,loss,loss_1,loss_2,loss_3,loss_4,"
                           "bits_per_token,rate,gradient_norm\n";

/* The step of a row; 0 where a line has none. */
static long long step_of(const char *line) {
  long long step;
  return sscanf(line, "%lld,", &step) == 1 || sscanf(line, "{\"step\": %lld,", &step) == 1 ? step
                                                                                           : 0;
}

/* Copies whole lines of rows up to `step`, or says that not all could be read; *seconds becomes that of the last one in a CSV. */
static bool copy_rows(FILE *from, FILE *to, long long step, double *seconds) {
  char *line = NULL;
  size_t room = 0;
  ssize_t n;
  while ((n = getline(&line, &room, from)) > 0) {
    if (line[n - 1] != '\n' || step_of(line) > step) continue;
    fputs(line, to);
    sscanf(line, "%*d,%*d,%lf", seconds);
  }
  free(line);
  return feof(from) && !ferror(from); /* getline ends without memory too */
}

/* A run may have been killed long after the checkpoint it goes on from, even within a line: what it will
 * write again is dropped. */
static pal_status drop_rows_after(const char *path, long long step, double *seconds,
                                  pal_error *error) {
  cli_page kept;
  FILE *from = fopen(path, "r");
  if (!from && errno == ENOENT) return PAL_OK;
  if (!from) return pal_fail(error, PAL_E_IO, "%s: %s", path, strerror(errno));
  pal_status status = cli_page_open(&kept, error);
  const bool read = !status && copy_rows(from, kept.to, step, seconds);
  fclose(from);
  if (status) return status;
  if (read) return cli_page_save(&kept, path, error);
  cli_page_drop(&kept);
  return pal_fail(error, PAL_E_IO, "%s cannot be read", path);
}

/* Past the stream's buffer, so that rows can be followed while the run goes on, and none is lost
 * when a signal interrupts the write or the disk is full. */
static pal_status put_row(cli_kept *k, int which, const char *text, size_t n, pal_error *error) {
  while (n > 0) {
    const ssize_t put = write(fileno(k->metrics[which]), text, n);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0)
      return pal_fail(error, PAL_E_IO, "%s: a row cannot be written: %s", k->metrics_path[which],
                      strerror(errno));
    text += put;
    n -= (size_t)put;
  }
  return PAL_OK;
}

/* Writes what is printed on the page as a row, and drops the page. */
static pal_status put_page(cli_kept *k, int which, cli_page *page, pal_error *error) {
  const bool whole = !fflush(page->to) && !ferror(page->to);
  const pal_status status = whole ? put_row(k, which, page->text, page->bytes, error)
                                  : pal_fail(error, PAL_E_MEMORY, "no memory for a row of metrics");
  cli_page_drop(page);
  return status;
}

static pal_status open_metrics(cli_kept *k, const cli_job *job, bool resume, pal_error *error) {
  for (int i = 0; i < 2; i++) {
    const char *path = k->metrics_path[i];
    pal_status status = resume ? drop_rows_after(path, (long long)pal_trainer_done(job->trainer),
                                                 &k->seconds, error)
                               : PAL_OK;
    if (status) return status;
    k->metrics[i] = fopen(path, resume ? "a" : "w");
    if (!k->metrics[i]) return pal_fail(error, PAL_E_IO, "%s: %s", path, strerror(errno));
  }
  const bool fresh = lseek(fileno(k->metrics[0]), 0, SEEK_END) <= 0;
  return fresh ? put_row(k, 0, head, strlen(head), error) : PAL_OK;
}

/* What is there would be overwritten in parts, and its checkpoint pass for one of the new config. */
static pal_status want_unused(const cli_kept *k, pal_error *error) {
  if (access(k->config, F_OK) != 0 && access(k->state, F_OK) != 0 && access(k->weights, F_OK) != 0)
    return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT, "%s holds a run already: %s, or give another --out",
                  k->directory,
                  access(k->state, F_OK) == 0 ? "go on with it by --resume" : "remove it");
}

/* What a run that was killed while it replaced a file of `names` in the directory has left behind. */
static void remove_halves(const char *directory, const char *const *names) {
  static const char mark[] = ".tmp-";
  DIR *all = opendir(directory);
  for (struct dirent *one; all && (one = readdir(all));)
    for (const char *const *name = names; *name; name++) {
      const size_t n = strlen(*name);
      if (strncmp(one->d_name, *name, n) == 0 && strncmp(one->d_name + n, mark, strlen(mark)) == 0)
        unlinkat(dirfd(all), one->d_name, 0);
    }
  if (all) closedir(all);
}

static void remove_all_halves(const cli_kept *k) {
  static const char *const beside[] = {"config", "metrics.csv", "metrics.jsonl", NULL};
  static const char *const below[] = {"state.safetensors", "weights.safetensors", NULL};
  remove_halves(k->directory, beside);
  remove_halves(k->checkpoints, below);
}

/* A run goes on with the settings it began with; its config stays as it is when it does not. */
static pal_status want_same(const cli_kept *k, const cli_job *job, pal_error *error) {
  cli_notes notes;
  if (access(k->config, F_OK) != 0) return PAL_OK; /* nor will there be a state */
  pal_status status = cli_notes_make(&notes, job, true, error);
  if (!status) status = cli_notes_hold(&notes, k->config, error);
  cli_notes_free(&notes);
  return status;
}

static pal_status name_files(cli_kept *k, const cli_job *job, const cli_options *o,
                             pal_error *error) {
  k->directory = o->out ? cli_print(error, "%s", o->out)
                        : cli_print(error, "runs/%s-%s", job->task_name, job->model_name);
  const char *in = k->directory;
  if (!in) return error->code;
  k->config = cli_print(error, "%s/config", in);
  k->checkpoints = cli_print(error, "%s/ckpt", in);
  k->weights = cli_print(error, "%s/ckpt/weights.safetensors", in);
  k->state = cli_print(error, "%s/ckpt/state.safetensors", in);
  k->metrics_path[0] = cli_print(error, "%s/metrics.csv", in);
  k->metrics_path[1] = cli_print(error, "%s/metrics.jsonl", in);
  return error->code;
}

/* Nothing is made where there is no run. */
static pal_status go_on(cli_kept *k, const cli_job *job, pal_error *error) {
  pal_status status =
      access(k->state, F_OK) == 0 ? cli_lock_take(&k->lock, k->directory, error) : PAL_OK;
  if (!status) status = want_same(k, job, error);
  return status ? status : pal_trainer_load(job->trainer, k->state, error);
}

static pal_status begin(cli_kept *k, pal_error *error) {
  pal_status status = pal_directory_create(k->directory, error);
  if (!status) status = cli_lock_take(&k->lock, k->directory, error);
  return status ? status : want_unused(k, error);
}

pal_status cli_keep_open(cli_kept *k, const cli_job *job, const cli_options *o, pal_error *error) {
  size_t size;
  k->every = o->keep_every > 0 ? o->keep_every : 600;
  k->last = cli_seconds();
  pal_status status = name_files(k, job, o, error);
  char *config = status ? NULL : cli_run_config(job, &size, error);
  if (!status && !config) status = error->code;
  if (!status) status = o->resume ? go_on(k, job, error) : begin(k, error);
  if (!status) status = pal_directory_create(k->checkpoints, error);
  if (!status) remove_all_halves(k);
  if (!status && o->json) status = pal_file_try(o->json, error); /* it may be in there */
  if (!status) status = pal_file_try(k->weights, error);
  if (!status) status = pal_file_try(k->state, error);
  if (!status) status = pal_file_replace(k->config, config, size, error);
  if (!status) status = open_metrics(k, job, o->resume, error);
  free(config);
  return status;
}

pal_status cli_keep_metrics(cli_kept *k, const cli_job *job, const pal_step_report *r,
                            double seconds, pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(job->model);
  char bits[32] = ""; /* of other models the training loss is no likelihood */
  if (d->likelihood == PAL_LIKELIHOOD_EXACT)
    snprintf(bits, sizeof bits, "%.9g", r->loss / 0.69314718055994531);
  cli_page row[2];
  pal_status status = cli_page_open(&row[0], error);
  if (status) return status;
  fprintf(row[0].to, "%lld,%lld,%.3f,train,%.9g,%.9g,%.9g,%.9g,%.9g,%s,%.9g,%.9g\n",
          (long long)r->step, (long long)r->tokens, seconds, r->loss, r->part[0], r->part[1],
          r->part[2], r->part[3], bits, r->rate, r->gradient_norm);
  status = put_page(k, 0, &row[0], error);
  if (!status) status = cli_page_open(&row[1], error);
  if (status) return status;
  FILE *to = row[1].to;
  fprintf(
      to,
      "{\"step\": %lld, \"tokens\": %lld, \"seconds\": %.3f, \"split\": \"train\", \"loss\": %.9g",
      (long long)r->step, (long long)r->tokens, seconds, r->loss);
  for (int i = 0; i < d->n_parts; i++) fprintf(to, ", \"loss_%s\": %.9g", d->part[i], r->part[i]);
  fprintf(to, ", \"rate\": %.9g, \"gradient_norm\": %.9g}\n", r->rate, r->gradient_norm);
  return put_page(k, 1, &row[1], error);
}

/* Metrics first, so that no row is missing before the step that a resumed run begins with. The state is
 * all that it needs; the weights, which it replaces in its turn, are for evaluation. */
static pal_status save_all(cli_kept *k, const cli_job *job, const char *const *metadata, int n,
                           pal_error *error) {
  for (int i = 0; i < 2; i++)
    if (fflush(k->metrics[i]) || fsync(fileno(k->metrics[i])))
      return pal_fail(error, PAL_E_IO, "%s: %s", k->metrics_path[i], strerror(errno));
  pal_status status = pal_trainer_save(job->trainer, k->state, error);
  if (!status) status = pal_weights_save(job->model, k->weights, true, metadata, n, error);
  k->last = cli_seconds();
  return status;
}

/* Weights say what they were trained with, so that none pass for those of another model. */
pal_status cli_keep_checkpoint(cli_kept *k, const cli_job *job, pal_error *error) {
  char step[64], version[160];
  snprintf(step, sizeof step, "step=%lld", (long long)pal_trainer_done(job->trainer));
  snprintf(version, sizeof version, "version=");
  pal_version(job->context, version + strlen(version), sizeof version - strlen(version));
  cli_notes notes;
  pal_status status = cli_notes_make(&notes, job, false, error);
  const char **metadata = status ? NULL : calloc((size_t)notes.n + 2, sizeof *metadata);
  if (metadata) {
    metadata[0] = step, metadata[1] = version;
    for (int i = 0; i < notes.n; i++) metadata[2 + i] = notes.text[i];
    status = save_all(k, job, metadata, notes.n + 2, error);
  } else if (!status) {
    status = pal_fail(error, PAL_E_MEMORY, "no memory for metadata");
  }
  free(metadata);
  cli_notes_free(&notes);
  return status;
}

bool cli_keep_is_due(const cli_kept *k) { return cli_seconds() - k->last >= k->every; }

pal_status cli_keep_close(cli_kept *k, pal_error *error) {
  pal_status status = PAL_OK;
  for (int i = 0; i < 2; i++) {
    if (k->metrics[i] && fclose(k->metrics[i]))
      status = pal_fail(error, PAL_E_IO, "%s: %s", k->metrics_path[i], strerror(errno));
  }
  cli_lock_release(&k->lock);
  char *owned[] = {k->directory, k->config,          k->checkpoints,    k->weights,
                   k->state,     k->metrics_path[0], k->metrics_path[1]};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  *k = (cli_kept){.metrics = {NULL, NULL}};
  return status;
}
