/* palimpsest eval and sample: a run directory's model again (floor 6). */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static pal_status open_run(cli_job *job, const cli_options *o, const char *data, pal_error *error) {
  char path[4096];
  if (!o->argument)
    return pal_fail(error, PAL_E_ARGUMENT, "which run? palimpsest %s DIRECTORY", o->verb);
  snprintf(path, sizeof path, "%s/config", o->argument);
  pal_status status = cli_run_read_config(job, path, error);
  if (!status && data) {
    snprintf(path, sizeof path, "task.data=%s", data);
    status = cli_job_set(job, path, error);
  }
  for (int i = 0; i < o->n_set && !status; i++) status = cli_job_set(job, o->set[i], error);
  if (!status) status = cli_job_open(job, false, error);
  snprintf(path, sizeof path, "%s/ckpt/weights.safetensors", o->argument);
  if (!status) status = pal_weights_load(job->model, path, true, NULL, error);
  return status;
}

int cli_verb_eval(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_job job = {.context = context};
  cli_row *row = calloc(1, sizeof *row);
  char path[4096];
  snprintf(path, sizeof path, "%s/config", o->argument ? o->argument : "");
  pal_status status = row ? PAL_OK : pal_fail(&error, PAL_E_MEMORY, "no memory");
  /* A data file is one of instances where the task can read such, else the task's own data. */
  bool instances = false;
  if (!status && o->data && o->argument) {
    cli_job named = {.context = context};
    status = cli_run_read_config(&named, path, &error);
    const pal_task_definition *d = status ? NULL : pal_lookup(context, "task", named.task_name);
    instances = d && d->read;
    cli_job_close(&named);
  }
  if (!status) status = open_run(&job, o, instances ? NULL : o->data, &error);
  if (!status) status = cli_evaluate(&job, instances ? o->data : NULL, o->n, o->quiet, row, &error);
  if (!status) {
    snprintf(row->model, sizeof row->model, "%s", job.model_name);
    row->seed = job.seed;
    row->parameters = pal_model_parameters(job.model);
    row->fitted = true;
    cli_table(stdout, row, 1);
    if (o->json) status = cli_json(o->json, job.task_name, row, 1, &error);
  }
  cli_job_close(&job);
  free(row);
  return status ? cli_report(&error) : CLI_DONE;
}

typedef struct shown {
  const cli_job *job;
  const pal_example *instance;
} shown;

static void show(int index, const pal_decoded *decoded, void *data) {
  const shown *s = data;
  char before[2048], after[4096];
  const pal_task_definition *d = s->job->task->definition;
  d->print(s->job->task, s->instance[index].prompt, s->instance[index].n_prompt, before, sizeof before);
  d->print(s->job->task, decoded->token, decoded->n, after, sizeof after);
  printf("%s\n  -> %s\n  (%d forward passes, %s)\n", before, after, decoded->forward_passes,
         decoded->halted ? "halted by itself" : "stopped by the cap");
}

int cli_verb_sample(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  cli_job job = {.context = context};
  pal_status status = open_run(&job, o, o->data, &error);
  int n = o->n ? o->n : 4;
  for (int set = 0; !status && job.task->definition->set_name(job.task, set); set++) {
    const pal_task_definition *d = job.task->definition;
    printf("%s\n", d->set_name(job.task, set));
    for (int i = 0; i < n && i < d->set_size(job.task, set) && !status; i++) {
      pal_example e;
      status = d->instance(job.task, set, i, job.form, &e, &error);
      if (status) break;
      pal_decode_options options = {.sequences = 1, .seed = (uint64_t)i + 1,
                                    .max_steps = d->step_cap(job.task, &e, job.form),
                                    .answer_room = d->answer_room(job.task, &e, job.form)};
      options.max_length = e.n_prompt + options.answer_room;
      pal_decoder *decoder = pal_decoder_new(job.model, &options, &error);
      shown s = {&job, &e};
      status = decoder ? pal_decode(decoder, &e, 1, show, &s, &error) : error.code;
      pal_decoder_free(decoder);
    }
  }
  cli_job_close(&job);
  return status ? cli_report(&error) : CLI_DONE;
}
