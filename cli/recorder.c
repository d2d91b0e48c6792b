/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the run directory of a training run: config, metrics, checkpoints (floor 8). */
#include "cli/recorder.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/job.h"
#include "cli/lock.h"
#include "cli/log.h"
#include "cli/manifest.h"
#include "cli/provenance.h"
#include "cli/pinned.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "cli/page.h"
#include "cli/progress.h"
#include "cli/rundir.h"
#include "cli/text.h"

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
  static const char *const beside[] = {"config", "manifest.json", "metrics.csv", "metrics.jsonl",
                                       NULL};
  static const char *const below[] = {"state.safetensors", "weights.safetensors",
                                      "best.safetensors", NULL};
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
  k->manifest = cli_print(error, "%s/manifest.json", in);
  k->log = cli_print(error, "%s/log", in);
  k->checkpoints = cli_print(error, "%s/ckpt", in);
  k->weights = cli_print(error, "%s/ckpt/weights.safetensors", in);
  k->best = cli_print(error, "%s/ckpt/best.safetensors", in);
  k->state = cli_print(error, "%s/ckpt/state.safetensors", in);
  k->metrics.path[0] = cli_print(error, "%s/metrics.csv", in);
  k->metrics.path[1] = cli_print(error, "%s/metrics.jsonl", in);
  return error->code;
}

/* Locks the directory and loads the checkpoint. Without a checkpoint nothing is created; the error
 * then comes from loading. */
static pal_status resume_run(cli_recorder *k, const cli_job *job, pal_error *error) {
  pal_status status =
      access(k->state, F_OK) == 0 ? cli_lock_acquire(&k->lock, k->directory, error) : PAL_OK;
  if (!status) status = check_settings(k, job, error);
  if (!status && cli_manifest_check(k->manifest, job, error)) status = error->code;
  return status ? status : pal_trainer_load(job->trainer, k->state, error);
}

static pal_status start_run(cli_recorder *k, pal_error *error) {
  pal_status status = pal_directory_create(k->directory, error);
  if (!status) status = cli_lock_acquire(&k->lock, k->directory, error);
  return status ? status : refuse_existing_run(k, error);
}

static pal_status open_log(const cli_recorder *k, const cli_job *job, const cli_options *o,
                           pal_error *error) {
  char text[160], *command = cli_provenance_command();
  if (cli_log_open(k->log, error)) return error->code;
  if (o->resume) cli_log("goes on after step %lld", (long long)pal_trainer_done(job->trainer));
  cli_log("%s", pal_version(job->context, text, sizeof text));
  if (command) cli_log("%s", command);
  free(command);
  return PAL_OK;
}

/* Takes the best validation so far from the weights that were kept. They may be later than the
 * checkpoint: then the resumed run comes to them again. */
static pal_status find_best(cli_recorder *k, pal_error *error) {
  char step[32], loss[40];
  if (!k->validation.every || access(k->best, F_OK) != 0) return PAL_OK;
  pal_status status = pal_weights_metadata(k->best, "step", step, sizeof step, error);
  if (!status) status = pal_weights_metadata(k->best, "validation_loss", loss, sizeof loss, error);
  if (status) return status;
  k->validation.best_step = strtoll(step, NULL, 10);
  k->validation.best = strtod(loss, NULL);
  return PAL_OK;
}

pal_status cli_recorder_open(cli_recorder *k, cli_job *job, const cli_options *o,
                             pal_error *error) {
  size_t size;
  k->every = o->keep_every > 0 ? o->keep_every : 600;
  k->last = cli_seconds();
  pal_status status = name_files(k, job, o, error);
  if (!status) status = cli_outputs_check_run(o, k->directory, error);
  if (!status) status = cli_validation_open(&k->validation, job, error);
  char *config = status ? NULL : cli_run_config(job, &size, error);
  if (!status && !config) status = error->code;
  if (!status) status = o->resume ? resume_run(k, job, error) : start_run(k, error);
  if (!status) status = pal_directory_create(k->checkpoints, error);
  if (!status) remove_all_temporaries(k);
  if (!status && o->json && strcmp(o->json, "-") != 0)
    status = pal_file_try(o->json, error); /* it may be in this new directory */
  if (!status) status = pal_file_try(k->weights, error);
  if (!status) status = pal_file_try(k->state, error);
  if (!status) status = pal_file_replace(k->config, config, size, error);
  if (!status)
    status = (o->resume ? cli_manifest_resume : cli_manifest_write)(k->manifest, job, error);
  if (!status) status = open_log(k, job, o, error);
  if (!status) status = cli_metrics_open(&k->metrics, job, o->resume, &k->seconds, error);
  if (!status && o->resume) status = find_best(k, error);
  free(config);
  return status;
}

/* Writes the weights with n texts "key=value" and the settings that they depend on. */
static pal_status save_weights(const char *path, const cli_job *job, const char *const *text, int n,
                               pal_error *error) {
  char version[160];
  snprintf(version, sizeof version, "version=");
  pal_version(job->context, version + strlen(version), sizeof version - strlen(version));
  cli_pinned pinned;
  pal_status status = cli_pinned_collect(&pinned, job, false, error);
  const char **metadata = status ? NULL : calloc((size_t)(n + 1 + pinned.n), sizeof *metadata);
  if (metadata) {
    int all = 0;
    for (int i = 0; i < n; i++) metadata[all++] = text[i];
    metadata[all++] = version;
    for (int i = 0; i < pinned.n; i++) metadata[all++] = pinned.text[i];
    status = pal_weights_save(job->model, path, true, metadata, all, error);
  } else if (!status) {
    status = pal_fail(error, PAL_E_MEMORY, "no memory for metadata");
  }
  free(metadata);
  cli_pinned_free(&pinned);
  return status;
}

pal_status cli_recorder_weights(const cli_recorder *k, const cli_job *job, const char *origin,
                                pal_error *error) {
  return save_weights(k->weights, job, &origin, 1, error);
}

pal_status cli_recorder_validate(cli_recorder *k, cli_job *job, double seconds, pal_error *error) {
  cli_validation *v = &k->validation;
  const int64_t step = pal_trainer_done(job->trainer);
  if (!cli_validation_is_due(v, step, pal_trainer_steps(job->trainer))) return PAL_OK;
  pal_status status = cli_validation_run(v, job, error);
  if (!status) status = cli_metrics_validated(&k->metrics, job, &v->loss, seconds, error);
  if (!status)
    cli_log("step %lld: validation loss %.6g over %lld tokens", (long long)step, v->loss.nats,
            (long long)v->loss.tokens);
  if (status || !cli_validation_improves(v, step)) return status;
  char at[64], loss[64];
  snprintf(at, sizeof at, "step=%lld", (long long)step);
  snprintf(loss, sizeof loss, "validation_loss=%.17g", v->best);
  const char *const text[] = {at, loss};
  return save_weights(k->best, job, text, 2, error);
}

/* Writes a checkpoint in this order: metrics, so that no row is missing before the step at which a
 * resumed run begins; the trainer's state, which is all that resuming needs; the weights, for
 * evaluation. Each file is replaced as a whole. */
pal_status cli_recorder_checkpoint(cli_recorder *k, const cli_job *job, pal_error *error) {
  char step[64];
  snprintf(step, sizeof step, "step=%lld", (long long)pal_trainer_done(job->trainer));
  pal_status status = cli_metrics_sync(&k->metrics, error);
  if (!status) status = pal_trainer_save(job->trainer, k->state, error);
  if (!status) status = cli_recorder_weights(k, job, step, error);
  if (!status) cli_log("checkpoint after step %lld", (long long)pal_trainer_done(job->trainer));
  k->last = cli_seconds();
  return status;
}

bool cli_recorder_is_due(const cli_recorder *k) { return cli_seconds() - k->last >= k->every; }

pal_status cli_recorder_close(cli_recorder *k, pal_error *error) {
  const pal_status status = cli_metrics_close(&k->metrics, error);
  cli_lock_release(&k->lock);
  cli_log_close();
  cli_validation_close(&k->validation);
  char *owned[] = {k->directory,   k->config,  k->manifest, k->log,
                   k->checkpoints, k->weights, k->best,     k->state};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  *k = (cli_recorder){.every = 0};
  return status;
}
