/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the run directory of a training run: config, metrics, checkpoints (floor 8). */
#include "cli/recorder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/job.h"
#include "cli/lock.h"
#include "cli/pinned.h"
#include "cli/options.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/rundir.h"
#include "cli/text.h"

static const char head[] = "step,tokens,seconds,split,loss,loss_1,loss_2,loss_3,loss_4,"
                           "bits_per_token,rate,gradient_norm\n";

/* The step of a row of metrics (CSV or JSON); 0 for other lines, such as the CSV's header. */
static long long step_of(const char *line) {
  long long step;
  return sscanf(line, "%lld,", &step) == 1 || sscanf(line, "{\"step\": %lld,", &step) == 1 ? step
                                                                                           : 0;
}

/* Copies the complete lines whose step is at most `step`. In a CSV, *seconds becomes the time of
 * the last one copied. False when `from` could not be read to its end. */
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
  return feof(from) && !ferror(from); /* getline also stops when it is out of memory */
}

/* Removes the rows after `step` from a file of metrics. A run may have been killed long after its
 * last checkpoint, even in the middle of a line; a resumed run writes those rows again. */
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

/* Appends n bytes to metrics file `which`, by write() and not through the stream's buffer: rows
 * then appear at once for whoever follows the file, and a full disk is reported for the row it
 * concerns. */
static pal_status put_row(cli_recorder *k, int which, const char *text, size_t n,
                          pal_error *error) {
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

/* Appends the text of the page as a row to metrics file `which`, and frees the page. */
static pal_status put_page(cli_recorder *k, int which, cli_page *page, pal_error *error) {
  const bool whole = !fflush(page->to) && !ferror(page->to);
  const pal_status status = whole ? put_row(k, which, page->text, page->bytes, error)
                                  : pal_fail(error, PAL_E_MEMORY, "no memory for a row of metrics");
  cli_page_drop(page);
  return status;
}

static pal_status open_metrics(cli_recorder *k, const cli_job *job, bool resume, pal_error *error) {
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

/* A directory with an earlier run is refused: a new run would overwrite only some of its files, and
 * the old checkpoint could be taken for one of the new config. */
static pal_status refuse_existing_run(const cli_recorder *k, pal_error *error) {
  if (access(k->config, F_OK) != 0 && access(k->state, F_OK) != 0 && access(k->weights, F_OK) != 0)
    return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT, "%s holds a run already: %s, or give another --out",
                  k->directory,
                  access(k->state, F_OK) == 0 ? "go on with it by --resume" : "remove it");
}

/* Removes temporary files ("NAME.tmp-...") of the named files, left by a run that was killed while
 * it replaced one. */
static void remove_temporaries(const char *directory, const char *const *names) {
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

static void remove_all_temporaries(const cli_recorder *k) {
  static const char *const beside[] = {"config", "metrics.csv", "metrics.jsonl", NULL};
  static const char *const below[] = {"state.safetensors", "weights.safetensors", NULL};
  remove_temporaries(k->directory, beside);
  remove_temporaries(k->checkpoints, below);
}

/* Compares the job's settings with the config of the run that it resumes: a run must continue with
 * the settings that it began with. */
static pal_status check_settings(const cli_recorder *k, const cli_job *job, pal_error *error) {
  cli_pinned pinned;
  if (access(k->config, F_OK) != 0)
    return PAL_OK; /* then there is no checkpoint either, which loading reports */
  pal_status status = cli_pinned_collect(&pinned, job, true, error);
  if (!status) status = cli_pinned_check(&pinned, k->config, error);
  cli_pinned_free(&pinned);
  return status;
}

static pal_status name_files(cli_recorder *k, const cli_job *job, const cli_options *o,
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

/* Locks the directory and loads the checkpoint. Without a checkpoint nothing is created; the error
 * then comes from loading. */
static pal_status resume_run(cli_recorder *k, const cli_job *job, pal_error *error) {
  pal_status status =
      access(k->state, F_OK) == 0 ? cli_lock_acquire(&k->lock, k->directory, error) : PAL_OK;
  if (!status) status = check_settings(k, job, error);
  return status ? status : pal_trainer_load(job->trainer, k->state, error);
}

static pal_status start_run(cli_recorder *k, pal_error *error) {
  pal_status status = pal_directory_create(k->directory, error);
  if (!status) status = cli_lock_acquire(&k->lock, k->directory, error);
  return status ? status : refuse_existing_run(k, error);
}

pal_status cli_recorder_open(cli_recorder *k, const cli_job *job, const cli_options *o,
                             pal_error *error) {
  size_t size;
  k->every = o->keep_every > 0 ? o->keep_every : 600;
  k->last = cli_seconds();
  pal_status status = name_files(k, job, o, error);
  char *config = status ? NULL : cli_run_config(job, &size, error);
  if (!status && !config) status = error->code;
  if (!status) status = o->resume ? resume_run(k, job, error) : start_run(k, error);
  if (!status) status = pal_directory_create(k->checkpoints, error);
  if (!status) remove_all_temporaries(k);
  if (!status && o->json)
    status = pal_file_try(o->json, error); /* it may be in this new directory */
  if (!status) status = pal_file_try(k->weights, error);
  if (!status) status = pal_file_try(k->state, error);
  if (!status) status = pal_file_replace(k->config, config, size, error);
  if (!status) status = open_metrics(k, job, o->resume, error);
  free(config);
  return status;
}

pal_status cli_recorder_metrics(cli_recorder *k, const cli_job *job, const pal_step_report *r,
                                double seconds, pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(job->model);
  char bits[32] = ""; /* stays empty where the training loss is no exact likelihood */
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

/* Writes a checkpoint in this order: metrics, so that no row is missing before the step at which a
 * resumed run begins; the trainer's state, which is all that resuming needs; the weights, for
 * evaluation. Each file is replaced as a whole. */
static pal_status save_all(cli_recorder *k, const cli_job *job, const char *const *metadata, int n,
                           pal_error *error) {
  for (int i = 0; i < 2; i++)
    if (fflush(k->metrics[i]) || fsync(fileno(k->metrics[i])))
      return pal_fail(error, PAL_E_IO, "%s: %s", k->metrics_path[i], strerror(errno));
  pal_status status = pal_trainer_save(job->trainer, k->state, error);
  if (!status) status = pal_weights_save(job->model, k->weights, true, metadata, n, error);
  k->last = cli_seconds();
  return status;
}

/* The metadata of the weights file has the settings that the weights depend on, so that `eval` can
 * refuse weights of another model. */
pal_status cli_recorder_checkpoint(cli_recorder *k, const cli_job *job, pal_error *error) {
  char step[64], version[160];
  snprintf(step, sizeof step, "step=%lld", (long long)pal_trainer_done(job->trainer));
  snprintf(version, sizeof version, "version=");
  pal_version(job->context, version + strlen(version), sizeof version - strlen(version));
  cli_pinned pinned;
  pal_status status = cli_pinned_collect(&pinned, job, false, error);
  const char **metadata = status ? NULL : calloc((size_t)pinned.n + 2, sizeof *metadata);
  if (metadata) {
    metadata[0] = step, metadata[1] = version;
    for (int i = 0; i < pinned.n; i++) metadata[2 + i] = pinned.text[i];
    status = save_all(k, job, metadata, pinned.n + 2, error);
  } else if (!status) {
    status = pal_fail(error, PAL_E_MEMORY, "no memory for metadata");
  }
  free(metadata);
  cli_pinned_free(&pinned);
  return status;
}

bool cli_recorder_is_due(const cli_recorder *k) { return cli_seconds() - k->last >= k->every; }

pal_status cli_recorder_close(cli_recorder *k, pal_error *error) {
  pal_status status = PAL_OK;
  for (int i = 0; i < 2; i++) {
    if (k->metrics[i] && fclose(k->metrics[i]))
      status = pal_fail(error, PAL_E_IO, "%s: %s", k->metrics_path[i], strerror(errno));
  }
  cli_lock_release(&k->lock);
  char *owned[] = {k->directory, k->config,          k->checkpoints,    k->weights,
                   k->state,     k->metrics_path[0], k->metrics_path[1]};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  *k = (cli_recorder){.metrics = {NULL, NULL}};
  return status;
}
