/* palimpsest train (floor 6). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

typedef struct run {
  char directory[3072], weights[4096], state[4096];
  FILE *metrics[2];
} run;

/* Seconds of training up to `step`, as metrics.csv has them. */
static double seconds_before(const run *r, long long step) {
  char path[4096], line[512];
  long long at, tokens;
  double seconds, last = 0;
  snprintf(path, sizeof path, "%s/metrics.csv", r->directory);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%lld,%lld,%lf", &at, &tokens, &seconds) == 3 && at <= step) last = seconds;
  fclose(file);
  return last;
}

static pal_status open_metrics(run *r, bool resume, pal_error *error) {
  static const char *const name[2] = {"metrics.csv", "metrics.jsonl"};
  for (int i = 0; i < 2; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", r->directory, name[i]);
    r->metrics[i] = fopen(path, resume ? "a" : "w");
    if (!r->metrics[i]) return pal_fail(error, PAL_E_IO, "%s: %s", path, strerror(errno));
  }
  if (!resume)
    fprintf(r->metrics[0],
            "step,tokens,seconds,split,loss,loss_1,loss_2,loss_3,loss_4,bits_per_token,rate,"
            "gradient_norm,exact,valid,forward_passes\n");
  return PAL_OK;
}

static pal_status close_metrics(run *r, pal_error *error) {
  pal_status status = PAL_OK;
  for (int i = 0; i < 2; i++)
    if (r->metrics[i] && fclose(r->metrics[i]))
      status = pal_fail(error, PAL_E_IO, "%s: metrics: %s", r->directory, strerror(errno));
  return status;
}

static pal_status prepare(run *r, const cli_job *job, const cli_options *o, pal_error *error) {
  if (o->out) snprintf(r->directory, sizeof r->directory, "%s", o->out);
  else snprintf(r->directory, sizeof r->directory, "runs/%s-%s", job->task_name, job->model_name);
  char checkpoints[4096];
  snprintf(checkpoints, sizeof checkpoints, "%s/ckpt", r->directory);
  snprintf(r->weights, sizeof r->weights, "%s/ckpt/weights.safetensors", r->directory);
  snprintf(r->state, sizeof r->state, "%s/ckpt/state.safetensors", r->directory);
  pal_status status = o->resume ? pal_trainer_load(job->trainer, r->state, error) : PAL_OK;
  if (!status) status = pal_directory_create(checkpoints, error);
  if (!status) status = cli_run_save_config(job, r->directory, error);
  if (!status) status = open_metrics(r, o->resume, error);
  return status;
}

static pal_status save(const run *r, const cli_job *job, pal_error *error) {
  char step[64], version[160];
  snprintf(step, sizeof step, "step=%lld", (long long)pal_trainer_done(job->trainer));
  snprintf(version, sizeof version, "version=");
  pal_version(job->context, version + strlen(version), sizeof version - strlen(version));
  const char *metadata[] = {step, version};
  pal_status status = pal_trainer_save(job->trainer, r->state, error);
  return status ? status : pal_weights_save(job->model, r->weights, true, metadata, 2, error);
}

static pal_status train_and_evaluate(run *r, cli_job *job, const cli_options *o, cli_row *row,
                                     pal_error *error) {
  if (o->resume) row->seconds = seconds_before(r, (long long)pal_trainer_done(job->trainer));
  cli_catch_signals(true);
  pal_status status = cli_train(job, r->metrics, o->quiet, "training", row, error);
  if (status == PAL_OK || status == PAL_E_INTERRUPTED) {
    pal_error own = {0};
    if (save(r, job, &own) && !status) status = pal_fail(error, own.code, "%s", own.text);
  }
  cli_catch_signals(false);
  if (status) return status;
  pal_trainer_use_average(job->trainer, true);
  return cli_evaluate(job, NULL, o->n, o->quiet, row, error);
}

int cli_verb_train(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_job job = {.context = context, .task_name = o->argument, .model_name = o->model};
  cli_row *row = calloc(1, sizeof *row);
  run r = {.metrics = {NULL, NULL}};
  char data[4096];
  pal_status status = row ? PAL_OK : pal_fail(&error, PAL_E_MEMORY, "no memory");
  if (!status && !o->argument) status = pal_fail(&error, PAL_E_ARGUMENT, "train what? palimpsest train TASK");
  if (!status && o->config) status = cli_run_read_config(&job, o->config, &error);
  if (!status && !job.model_name)
    status = pal_fail(&error, PAL_E_ARGUMENT, "which model? --model NAME; palimpsest info model lists them");
  if (!status && o->data) {
    snprintf(data, sizeof data, "task.data=%s", o->data);
    status = cli_job_set(&job, data, &error);
  }
  for (int i = 0; i < o->n_set && !status; i++) status = cli_job_set(&job, o->set[i], &error);
  if (!status) status = cli_job_open(&job, true, &error);
  if (!status) status = prepare(&r, &job, o, &error);
  if (!status) status = train_and_evaluate(&r, &job, o, row, &error);
  if (!status) {
    snprintf(row->model, sizeof row->model, "%s", job.model_name);
    row->seed = job.seed;
    row->fitted = true;
    cli_table(stdout, row, 1);
    cli_details(stdout, row);
    printf("kept in %s\n", r.directory);
    if (o->json) status = cli_json(o->json, job.task_name, row, 1, &error);
  }
  if (close_metrics(&r, &error) && !status) status = error.code;
  cli_job_close(&job);
  free(row);
  return status ? cli_report(&error) : CLI_DONE;
}
