/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer: one sharded step after another (floor 5). See train.h.
 *
 * Invariants: a step changes the store, the stream's state for checkpoints and the counters
 * together or not at all; no result depends on the number of threads, on micro-batches or on the
 * capacity of a plan.
 *
 * Rows are double-buffered. While the last shards of step s run, the first idle thread prefetches
 * the rows of step s + 1:
 *
 *   drawn[s % 2]        rows of step s, which the shards read
 *   drawn[(s + 1) % 2]  rows of step s + 1, being built; its `before` is the state of the stream
 *                       before them, which a checkpoint after step s stores */
#include "train/trainer.h"

#include <string.h>

#include "src/alloc.h"
#include "train/parameters.h"

/* Early in a run the decay is smaller, so that the average soon forgets the initial weights. */
static double average_decay(double ema, int64_t step) {
  const double young = (1 + (double)step) / (10 + (double)step);
  return young < ema ? young : ema;
}

/* ---- creation ---------------------------------------------------------------------------- */

static pal_status build(pal_trainer *t, pal_error *error) {
  const int64_t n = (t->set->batch + t->set->shard - 1) / t->set->shard;
  pal_update_options options;
  pal_status status = pal_trainer_optimizers(t->set, pal_model_context(t->model), &options, error);
  for (int i = 0; i < 2 && !status; i++)
    status = pal_staging_init(&t->drawn[i].staging, t->model, (int)n, (t->set->batch + n - 1) / n,
                              error);
  if (!status)
    status = pal_shards_init(&t->shards, t->model, &t->drawn[0].staging, true,
                             (pal_precision)t->set->precision, t->set->recompute, error);
  if (!status)
    status = pal_update_init(&t->update, pal_model_context(t->model), pal_model_store(t->model),
                             t->shards.parameter, t->shards.parameters, &options, error);
  if (!status)
    status = pal_tree_init(&t->tree, (int)n, t->update.size, t->shards.parameters,
                           t->update.gradient, error);
  if (!status && t->set->ema > 0) {
    t->kept = pal_alloc(t->tree.floats * sizeof *t->kept);
    if (!t->kept) status = pal_fail(error, PAL_E_MEMORY, "no memory for averages");
  }
  return status;
}

static pal_status configure(pal_trainer *t, const char *const *setting, int n, pal_error *error) {
  static const char owner[] = "the trainer";
  const pal_model_definition *definition = pal_model_definition_of(t->model);
  pal_settings *const one[] = {&t->given};
  int rows;
  const pal_setting *table = pal_train_setting_table(&rows);
  pal_status status =
      pal_settings_open(&t->given, owner, table, rows, sizeof(pal_train_settings), error);
  if (!status) status = pal_settings_set(one, 1, owner, setting, n, error);
  if (status) return status;
  t->set = t->given.self;
  if (t->set->weights.n > definition->n_parts)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "the trainer: %d weights where the loss of model %s has %d parts",
                    t->set->weights.n, definition->name, definition->n_parts);
  t->schedule = (pal_schedule){.kind = (pal_schedule_kind)t->set->schedule,
                               .warmup = t->set->warmup,
                               .steps = t->set->steps,
                               .final = t->set->final};
  return build(t, error);
}

pal_trainer *pal_trainer_new(pal_model *model, pal_stream *stream, const char *const *setting,
                             int n, pal_error *error) {
  if (!stream->next || !stream->save || !stream->load) {
    pal_fail(error, PAL_E_ARGUMENT, "a stream to train on needs next, save and load");
    return NULL;
  }
  pal_trainer *t = pal_calloc(1, sizeof *t);
  if (!t) {
    pal_fail(error, PAL_E_MEMORY, "no memory for a trainer");
    return NULL;
  }
  t->model = model;
  t->stream = stream;
  if (configure(t, setting, n, error)) {
    pal_trainer_free(t);
    return NULL;
  }
  return t;
}

void pal_trainer_free(pal_trainer *t) {
  if (!t) return;
  pal_tree_free(&t->tree);
  pal_update_free(&t->update);
  pal_shards_free(&t->shards);
  for (int i = 0; i < 2; i++) pal_drawn_free(&t->drawn[i]);
  pal_settings_close(&t->given);
  pal_free(t->kept);
  pal_free(t);
}

int64_t pal_trainer_steps(const pal_trainer *t) { return t->set->steps; }
int64_t pal_trainer_done(const pal_trainer *t) { return t->done; }
int64_t pal_trainer_examples(const pal_trainer *t) { return t->examples; }
int64_t pal_trainer_tokens(const pal_trainer *t) { return t->tokens; }

const pal_plan *pal_trainer_shard_plan(const pal_trainer *t) { return t->shards.plan; }
const pal_plan *pal_trainer_update_plan(const pal_trainer *t) { return t->update.plan; }

void pal_trainer_settings(const pal_trainer *t,
                          void (*visit)(const pal_setting *setting, void *data), void *data) {
  pal_settings_visit(&t->given, visit, data);
}

/* ---- averages -------------------------------------------------------------------------------- */

void pal_trainer_use_average(pal_trainer *t, bool average) {
  if (t->averaged == average || !t->kept) return;
  float *kept = t->kept;
  for (int i = 0; i < t->shards.parameters; i++) {
    pal_variable *v = t->shards.parameter[i];
    const size_t bytes = pal_variable_bytes(v);
    if (average) {
      memcpy(kept, pal_variable_data(v), bytes);
      memcpy(pal_variable_data(v), pal_variable_data(pal_average_of(pal_model_store(t->model), v)),
             bytes);
    } else {
      memcpy(pal_variable_data(v), kept, bytes);
    }
    kept += t->update.size[i];
  }
  t->averaged = average;
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* Builds the rows of a step unless they were prefetched. */
static pal_status draw(pal_trainer *t, int64_t step, pal_error *error) {
  pal_drawn *d = &t->drawn[step % 2];
  return d->step == step ? PAL_OK
                         : pal_drawn_fill(d, t->stream, t->set->batch, t->set->seed, step, error);
}

/* Prefetches the rows of step done + 2 while the shards of step done + 1 run. An error is ignored
 * here: the rows are built again when their step comes, which then reports it. */
static void prefetch(void *data) {
  pal_trainer *t = data;
  pal_error later = {0};
  if (t->done + 2 <= t->set->steps) draw(t, t->done + 2, &later);
}

const pal_stream_state *pal_trainer_stream(pal_trainer *t, pal_error *error) {
  pal_drawn *next = &t->drawn[(t->done + 1) % 2];
  if (next->step == t->done + 1) return &next->before;
  next->step = 0;
  return pal_stream_note(&next->before, t->stream, error) ? NULL : &next->before;
}

static pal_status run(pal_trainer *t, int64_t step, pal_step_report *report, pal_error *error) {
  const int64_t n = t->tree.leaves, groups = t->set->micro < n ? t->set->micro : n;
  const double factor = pal_schedule_factor(&t->schedule, step);
  const pal_totals total = pal_shards_totals(&t->shards);
  const int32_t seed[3] = {(int32_t)(uint32_t)t->set->seed, (int32_t)(uint32_t)(t->set->seed >> 32),
                           (int32_t)(uint32_t)step};
  float scale[PAL_MAX_PARTS];
  const int parts = pal_model_definition_of(t->model)->n_parts;
  for (int k = 0; k < parts; k++)
    scale[k] =
        total.count[k] > 0 ? (float)(pal_number_at(t->set->weights, k, 1) / total.count[k]) : 0;
  pal_tree_begin(&t->tree);
  pal_status status = PAL_OK;
  const pal_aside ahead = {prefetch, t};
  for (int64_t g = 0; g < groups && !status; g++)
    status = pal_shards_run(&t->shards, (int)(n * g / groups), (int)(n * (g + 1) / groups), scale,
                            seed, &t->tree, g == groups - 1 ? &ahead : NULL, error);
  double sum[PAL_MAX_PARTS] = {0}, mean[PAL_MAX_PARTS];
  for (int k = 0; k < parts && !status; k++)
    for (int s = 0; s < n; s++) sum[k] += t->shards.part[s][k];
  if (!status) status = pal_part_means(t->model, sum, total.count, mean, error);
  if (!status)
    status = pal_update_run(&t->update, t->set->rate * factor, t->set->matrix_rate * factor, step,
                            average_decay(t->set->ema, step), error);
  if (status) return status;
  *report = (pal_step_report){.step = step,
                              .rate = t->set->rate * factor,
                              .tokens = total.rows,
                              .sequences = total.sequences,
                              .gradient_norm = (double)*t->update.norm};
  for (int k = 0; k < parts; k++) {
    report->part[k] = mean[k];
    report->loss += pal_number_at(t->set->weights, k, 1) * mean[k];
  }
  return PAL_OK;
}

pal_status pal_trainer_step(pal_trainer *t, pal_step_report *report, pal_error *error) {
  pal_step_report unwanted;
  pal_error own = {0};
  if (!report) report = &unwanted;
  pal_trainer_use_average(t, false);
  const int64_t step = t->done + 1;
  pal_status status = draw(t, step, &own);
  t->shards.staging = &t->drawn[step % 2].staging;
  if (!status) status = run(t, step, report, &own);
  if (status) {
    if (error && !error->code) error->needed = own.needed;
    return pal_fail(error, status, "step %lld: %s", (long long)step, own.text);
  }
  t->done = step;
  t->examples += t->set->batch;
  t->tokens += report->tokens;
  return PAL_OK;
}
