/* SPDX-License-Identifier: Apache-2.0 */
/* Running the shards of a step (floor 5). See shard.h. */
#define PAL_NO_CALLER
#include "train/shard.h"

#include <palimpsest/gradient.h>
#include <palimpsest/ops.h>

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "models/models.h"
#include "src/alloc.h"
#include "src/team.h"
#include "train/parameters.h"

/* With less work than this, waking the other threads costs more time than they save. The rates are
 * rough measurements of one Zen 4 core on whole training steps, in which most values come from
 * beyond the level 2 cache. They decide how many threads run, and never change a result. */
static const double TEAM_PAYS_SECONDS = 100e-6;
static const double SECONDS_PER_FLOP = 1.0 / 4e10, SECONDS_PER_BYTE = 1.0 / 1e10;

/* An instance of the plan for one thread, with pointers to its inputs and outputs. */
struct pal_worker {
  pal_exec *exec;
  pal_batch in;
  int32_t *seed;                    /* [3] */
  float *scale;                     /* [parts] */
  const float *part[PAL_MAX_PARTS]; /* a scalar each; NULL beyond the model's parts */
  const float **gradient;           /* [parameters]: one gradient each */
  pal_error error;                  /* of shard `failed` */
  int failed;
};

/* ---- the plan ------------------------------------------------------------------------- */

/* The loss sum of scale[k] x part[k], with the parts as outputs "part.<k>". */
static pal_value add_loss(pal_graph *g, const pal_model *model, const pal_batch_values *in) {
  const pal_model_definition *d = pal_model_definition_of(model);
  pal_value part[PAL_MAX_PARTS] = {{0}}, total = PAL_NIL;
  d->loss(model, g, in, part);
  for (int k = 0; k < d->n_parts; k++) {
    char name[24];
    snprintf(name, sizeof name, "part.%d", k);
    const pal_type type = pal_type_of(g, part[k]);
    if (pal_is_nil(part[k]) || type.dtype != PAL_F32 || type.rank != 0)
      return pal_graph_fail(g, PAL_E_ARGUMENT, "model \"%s\": part %d of the loss, %s, is %s",
                            d->name, k, d->part[k],
                            pal_is_nil(part[k]) ? "not set" : "no scalar f32");
    pal_output(g, name, part[k]);
    const pal_value scale =
        pal_reshape(g, pal_slice(g, in->scale, 0, k, k + 1), pal_type_scalar(PAL_F32));
    const pal_value scaled = pal_mul(g, part[k], scale);
    total = k ? pal_add(g, total, scaled) : scaled;
  }
  pal_check_finite(g, total, "the loss");
  return total;
}

static pal_status list_parameters(pal_shards *shards, pal_error *error) {
  const pal_store *store = pal_model_store(shards->model);
  int n = 0;
  while (pal_store_parameter_at(store, n)) n++;
  shards->parameter = pal_calloc((size_t)n + 1, sizeof *shards->parameter);
  if (!shards->parameter) return pal_fail(error, PAL_E_MEMORY, "no memory for %d parameters", n);
  for (int i = 0; i < n; i++) {
    pal_variable *v = pal_store_parameter_at(store, i);
    if (!pal_variable_traits(v).frozen) shards->parameter[shards->parameters++] = v;
  }
  if (n == 0 || (shards->training && shards->parameters == 0))
    return pal_fail(error, PAL_E_UNSUPPORTED, "model \"%s\" has no parameters%s",
                    pal_model_definition_of(shards->model)->name,
                    n ? " to train: all are frozen" : "");
  return PAL_OK;
}

/* Adds the gradient of every parameter that is trained, as output "gradient.<name>". */
static void add_gradients(const pal_shards *shards, pal_graph *g, pal_value total) {
  const size_t n = (size_t)shards->parameters;
  pal_value *wrt = pal_calloc(2 * n, sizeof *wrt), *gradient = wrt ? wrt + n : NULL;
  if (!wrt) {
    pal_graph_fail(g, PAL_E_MEMORY, "no memory for %zu gradients", n);
    return;
  }
  for (size_t i = 0; i < n; i++)
    wrt[i] = pal_variable_old(g, pal_variable_name(shards->parameter[i]));
  pal_gradient(g, total, wrt, (int)n, gradient);
  for (size_t i = 0; i < n; i++) {
    char name[PAL_MOST_PARAMETER_NAME + 16];
    snprintf(name, sizeof name, "gradient.%s", pal_variable_name(shards->parameter[i]));
    pal_output(g, name, gradient[i]);
  }
  pal_free(wrt);
}

static void drop_plan(pal_shards *shards) {
  for (int i = 0; i < shards->workers; i++) {
    pal_exec_free(shards->worker[i].exec);
    pal_free(shards->worker[i].gradient);
  }
  pal_free(shards->worker);
  pal_plan_free(shards->plan);
  shards->worker = NULL;
  shards->plan = NULL;
  shards->workers = 0;
}

/* NULL on failure. */
static pal_plan *compile(pal_shards *shards, int64_t rows, int64_t sequences, pal_error *error) {
  pal_graph *g = pal_graph_new(pal_model_context(shards->model), pal_model_store(shards->model));
  if (!g) {
    pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
    return NULL;
  }
  pal_here(g, __FILE__, __LINE__); /* until the definition's loss says where it is */
  pal_graph_set_precision(g, shards->precision);
  pal_batch_values in = pal_batch_inputs(g, pal_model_definition_of(shards->model), rows, sequences,
                                         shards->training);
  in.recompute = shards->recompute;
  const pal_value total = add_loss(g, shards->model, &in);
  pal_plan *plan = NULL;
  if (pal_graph_error(g)->code || shards->parameter || !list_parameters(shards, error)) {
    if (shards->training && !pal_graph_error(g)->code) add_gradients(shards, g, total);
    plan = pal_compile(g, error);
  }
  pal_graph_free(g);
  return plan;
}

/* Makes sure that the plan has at least the capacity of the staging; the capacity never shrinks. */
static pal_status make_plan(pal_shards *shards, pal_error *error) {
  int64_t rows = shards->staging->row_room, sequences = shards->staging->sequence_room;
  if (shards->plan && rows <= shards->row_room && sequences <= shards->sequence_room) return PAL_OK;
  if (rows < shards->row_room) rows = shards->row_room;
  if (sequences < shards->sequence_room) sequences = shards->sequence_room;
  drop_plan(shards);
  pal_error own = {0};
  shards->plan = compile(shards, rows, sequences, &own);
  if (!shards->plan) {
    if (error && !error->code) *error = own;
    return own.code;
  }
  const pal_plan_stats stats = pal_plan_statistics(shards->plan);
  shards->seconds = stats.flops * SECONDS_PER_FLOP + stats.bytes * SECONDS_PER_BYTE;
  shards->row_room = rows;
  shards->sequence_room = sequences;
  return PAL_OK;
}

/* ---- workers ---------------------------------------------------------------------------- */

static pal_status make_worker(const pal_shards *shards, pal_worker *w, pal_error *error) {
  *w = (pal_worker){.exec = pal_exec_new(shards->plan, error)};
  w->gradient = pal_calloc((size_t)shards->parameters, sizeof *w->gradient);
  if (!w->exec || !w->gradient) {
    pal_exec_free(w->exec);
    pal_free(w->gradient);
    return pal_fail(error, PAL_E_MEMORY, "no memory for a worker");
  }
  w->in = pal_batch_of(w->exec, pal_model_definition_of(shards->model));
  w->seed = pal_exec_input(w->exec, "seed");
  w->scale = pal_exec_input(w->exec, "scale");
  for (int k = 0; k < pal_model_definition_of(shards->model)->n_parts; k++) {
    char name[24];
    snprintf(name, sizeof name, "part.%d", k);
    w->part[k] = pal_exec_output(w->exec, name, NULL);
  }
  for (int i = 0; i < shards->parameters && shards->training; i++) {
    char name[PAL_MOST_PARAMETER_NAME + 16];
    snprintf(name, sizeof name, "gradient.%s", pal_variable_name(shards->parameter[i]));
    w->gradient[i] = pal_exec_output(w->exec, name, NULL);
  }
  return PAL_OK;
}

static pal_status make_workers(pal_shards *shards, int n, pal_error *error) {
  if (n <= shards->workers) return PAL_OK;
  pal_worker *all =
      pal_grow(shards->worker, sizeof *all * (size_t)shards->workers, sizeof *all * (size_t)n);
  if (!all) return pal_fail(error, PAL_E_MEMORY, "no memory for %d workers", n);
  shards->worker = all;
  while (shards->workers < n) {
    const pal_status status = make_worker(shards, &all[shards->workers], error);
    if (status) return status;
    shards->workers++;
  }
  return PAL_OK;
}

/* ---- running ------------------------------------------------------------------------------ */

/* Arguments of one pal_shards_run, shared by its threads. */
typedef struct job {
  pal_shards *shards;
  const float *scale;
  const int32_t *seed;
  pal_tree *tree;
  const pal_aside *aside;
  int end;
  atomic_int next, failed; /* next shard to claim; 1 once a shard has failed */
} job;

static pal_status run_shard(const job *j, pal_worker *w, int shard, bool team, pal_error *error) {
  pal_batch_copy(&j->shards->staging->batch[shard], &w->in);
  memcpy(w->seed, j->seed, 3 * sizeof *w->seed);
  memcpy(w->scale, j->scale,
         (size_t)pal_model_definition_of(j->shards->model)->n_parts * sizeof *w->scale);
  pal_status status = pal_exec_count(w->exec, "T", w->in.rows, error);
  if (!status) status = pal_exec_count(w->exec, "S", w->in.sequences, error);
  if (!status) status = team ? pal_exec_run(w->exec, error) : pal_exec_run_serial(w->exec, error);
  if (status) return status;
  for (int k = 0; k < PAL_MAX_PARTS; k++)
    j->shards->part[shard][k] = w->part[k] ? (double)*w->part[k] : 0;
  return j->tree ? pal_tree_add(j->tree, shard, w->gradient, error) : PAL_OK;
}

/* Runs shards until none is left. Threads claim shards in ascending order and finish those that
 * they have claimed even after a failure elsewhere. So all shards below a failed one have run, and
 * the lowest failure is the same whatever the number of threads. */
static void work(void *data, int rank, int size) {
  job *j = data;
  pal_worker *w = &j->shards->worker[rank];
  (void)size;
  while (!atomic_load(&j->failed)) {
    const int shard = atomic_fetch_add(&j->next, 1);
    if (shard == j->end && j->aside) j->aside->run(j->aside->data);
    if (shard >= j->end) return;
    if (run_shard(j, w, shard, false, &w->error)) {
      w->failed = shard;
      atomic_store(&j->failed, 1);
      return;
    }
  }
}

static pal_status run_together(job *j, int first, int end, int workers, pal_error *error) {
  j->end = end;
  atomic_init(&j->next, first);
  atomic_init(&j->failed, 0);
  for (int i = 0; i < workers; i++) pal_error_clear(&j->shards->worker[i].error);
  if (workers > 1) pal_team_run(workers, work, j);
  else work(j, 0, 1);
  if (!atomic_load(&j->failed)) return PAL_OK;
  const pal_worker *lowest = NULL;
  for (int i = 0; i < workers; i++) {
    const pal_worker *w = &j->shards->worker[i];
    if (w->error.code && (!lowest || w->failed < lowest->failed)) lowest = w;
  }
  if (error && !error->code) *error = lowest->error;
  return lowest->error.code;
}

/* Turns the packed-weight cache of each worker on or off: weights are packed once for all shards
 * that the worker runs. Every worker has its own cache, so it stays off where it would take much
 * memory; without it results are the same, but packing is repeated for every shard. */
static void cache_packed_weights(const pal_shards *shards, int workers, bool on) {
  enum { MOST = 4 }; /* the cache is at most a quarter of the arena */
  const pal_plan_stats stats = pal_plan_statistics(shards->plan);
  if (on && stats.kept_bytes > stats.arena_bytes / MOST) return;
  for (int i = 0; i < workers; i++) pal_exec_hold(shards->worker[i].exec, on, NULL);
}

pal_status pal_shards_run(pal_shards *shards, int first, int end, const float scale[PAL_MAX_PARTS],
                          const int32_t seed[3], pal_tree *tree, const pal_aside *aside,
                          pal_error *error) {
  pal_status status = make_plan(shards, error);
  if (status) return status;
  int threads = pal_context_threads(pal_model_context(shards->model)), n = end - first;
  double rows = 0;
  for (int i = first; i < end; i++) rows += (double)shards->staging->batch[i].rows;
  if (shards->seconds * rows / (double)shards->row_room < TEAM_PAYS_SECONDS) threads = 1;
  /* As many shards as is a multiple of the threads run one per thread. The remaining ones would
   * leave threads idle, so they run one after another, each on all threads. */
  const int together = n < threads ? 0 : n - n % threads, workers = together ? threads : 1;
  status = make_workers(shards, workers, error);
  const bool held = !status && n > workers;
  if (held) cache_packed_weights(shards, workers, true);
  job j = {.shards = shards, .scale = scale, .seed = seed, .tree = tree, .aside = aside};
  if (!status && together) status = run_together(&j, first, first + together, threads, error);
  for (int i = first + together; i < end && !status; i++)
    status = run_shard(&j, &shards->worker[0], i, true, error);
  if (held) cache_packed_weights(shards, workers, false);
  return status;
}

/* ---- all of it ------------------------------------------------------------------------------ */

pal_status pal_shards_init(pal_shards *shards, pal_model *model, const pal_staging *staging,
                           bool training, pal_precision precision, bool recompute,
                           pal_error *error) {
  *shards = (pal_shards){.model = model,
                         .training = training,
                         .precision = precision,
                         .recompute = recompute,
                         .staging = staging};
  shards->part = pal_calloc((size_t)staging->shards, sizeof *shards->part);
  pal_status status =
      shards->part ? make_plan(shards, error)
                   : pal_fail(error, PAL_E_MEMORY, "no memory for %d shards", staging->shards);
  if (status) pal_shards_free(shards);
  return status;
}

void pal_shards_free(pal_shards *shards) {
  drop_plan(shards);
  pal_free(shards->parameter);
  pal_free(shards->part);
  *shards = (pal_shards){0};
}

pal_totals pal_shards_totals(const pal_shards *shards) {
  pal_totals total = {0};
  for (int i = 0; i < shards->staging->shards; i++) {
    const pal_batch *b = &shards->staging->batch[i];
    total.rows += b->rows;
    total.sequences += b->sequences;
    for (int k = 0; k < PAL_MAX_PARTS; k++) total.count[k] += b->count[k];
  }
  return total;
}

pal_status pal_part_means(const pal_model *model, const double sum[PAL_MAX_PARTS],
                          const double count[PAL_MAX_PARTS], double mean[PAL_MAX_PARTS],
                          pal_error *error) {
  const pal_model_definition *d = pal_model_definition_of(model);
  for (int k = 0; k < d->n_parts; k++) {
    if (!isfinite(count[k]) || count[k] < 0 || (count[k] == 0 && sum[k] != 0))
      return pal_fail(error, PAL_E_ARGUMENT,
                      "model \"%s\": part %d of the loss, %s, is %g, but count[%d] is %g: its rows "
                      "must add to count[%d] what the part divides by",
                      d->name, k, d->part[k], sum[k], k, count[k], k);
    mean[k] = count[k] > 0 ? sum[k] / count[k] : 0;
  }
  return PAL_OK;
}
