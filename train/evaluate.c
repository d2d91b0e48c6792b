/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of examples in evaluation mode (floor 5). See train.h.
 *
 * Examples are evaluated in chunks of a fixed number. The sums of the chunks are stored, then added
 * in their order, in double, so that the result does not depend on the number of threads. */
#include <math.h>
#include <string.h>

#include "src/alloc.h"
#include "train/shard.h"

#include <palimpsest/train.h>

/* A chunk has MOST_EXAMPLES examples, or fewer if their contexts would exceed MOST_ROWS rows.
 * TOGETHER chunks are packed at a time, then run. */
enum { MOST_EXAMPLES = 16, MOST_ROWS = 4096, TOGETHER = 64 };

/* Results of one chunk in one draw: sum and divisor of each part of the loss. */
typedef struct cell {
  double sum[PAL_MAX_PARTS], count[PAL_MAX_PARTS];
} cell;

typedef struct evaluation {
  pal_staging staging;
  pal_shards shards;
  pal_status (*example)(void *data, int i, pal_example *out, pal_error *error);
  void *data;
  int n, chunk, chunks, draws; /* examples; examples of a chunk; chunks; draws of each example */
  uint64_t seed, drawn;        /* random numbers used so far */
  cell *at;                    /* [draws][chunks] */
} evaluation;

static pal_status pack(evaluation *e, int first, int chunks, int draw, pal_error *error) {
  const uint64_t key = pal_rng_key(e->seed, "evaluate", (uint64_t)draw);
  pal_staging_clear(&e->staging);
  for (int c = 0; c < chunks; c++)
    for (int i = (first + c) * e->chunk; i < (first + c + 1) * e->chunk && i < e->n; i++) {
      pal_example example = {0};
      pal_status status = e->example(e->data, i, &example, error);
      if (status) return pal_fail(error, status, "example %d failed without saying why", i);
      const pal_rng rng = {.key = key, .sample = example.id};
      status = pal_staging_add(&e->staging, c, &example, rng, true, &e->drawn, error);
      if (status) return status;
    }
  return PAL_OK;
}

static pal_status run_draw(evaluation *e, int draw, pal_error *error) {
  float ones[PAL_MAX_PARTS];
  for (int k = 0; k < PAL_MAX_PARTS; k++) ones[k] = 1;
  static const int32_t seed[3] = {0, 0, 0}; /* nothing is random in the network */
  for (int first = 0; first < e->chunks; first += TOGETHER) {
    const int chunks = e->chunks - first < TOGETHER ? e->chunks - first : TOGETHER;
    pal_status status = pack(e, first, chunks, draw, error);
    if (!status) status = pal_shards_run(&e->shards, 0, chunks, ones, seed, NULL, NULL, error);
    if (status) return status;
    for (int c = 0; c < chunks; c++) {
      cell *to = &e->at[(size_t)draw * (size_t)e->chunks + (size_t)(first + c)];
      memcpy(to->sum, e->shards.part[c], sizeof to->sum);
      memcpy(to->count, e->staging.batch[c].count, sizeof to->count);
    }
  }
  return PAL_OK;
}

/* Each part of the loss is a ratio R = sum / count over all chunks. Its standard error follows from
 * the delta method: a chunk contributes to R, to first order, (sum - R x count) / (count of a
 * draw), and the variance of this between draws is estimated for each chunk. */
static pal_status conclude(const evaluation *e, int draws, const pal_model *model,
                           pal_likelihood *result, pal_error *error) {
  double sum[PAL_MAX_PARTS] = {0}, count[PAL_MAX_PARTS] = {0}, mean_of[PAL_MAX_PARTS] = {0};
  double variance = 0;
  for (size_t i = 0; i < (size_t)draws * (size_t)e->chunks; i++)
    for (int k = 0; k < PAL_MAX_PARTS; k++) {
      sum[k] += e->at[i].sum[k];
      count[k] += e->at[i].count[k];
    }
  const pal_status status = pal_part_means(model, sum, count, mean_of, error);
  if (status) return status;
  *result = (pal_likelihood){.examples = e->n,
                             .tokens = (int64_t)(count[0] / draws + 0.5),
                             .kind = pal_model_definition_of(model)->likelihood,
                             .draws = e->drawn ? draws : 0};
  for (int k = 0; k < PAL_MAX_PARTS; k++) result->nats += mean_of[k];
  for (int c = 0; c < e->chunks && draws > 1; c++) {
    double mean = 0, square = 0;
    for (int d = 0; d < draws; d++) {
      const cell *at = &e->at[(size_t)d * (size_t)e->chunks + (size_t)c];
      double share = 0;
      for (int k = 0; k < PAL_MAX_PARTS; k++)
        if (count[k] > 0) share += (at->sum[k] - mean_of[k] * at->count[k]) * draws / count[k];
      const double step = share - mean; /* Welford */
      mean += step / (d + 1);
      square += step * (share - mean);
    }
    variance += square / (draws - 1) / draws;
  }
  result->standard_error = sqrt(variance);
  return PAL_OK;
}

static pal_status evaluate(evaluation *e, pal_model *model, pal_likelihood *result,
                           pal_error *error) {
  e->at = pal_calloc((size_t)e->draws * (size_t)e->chunks + 1, sizeof *e->at);
  if (!e->at) return pal_fail(error, PAL_E_MEMORY, "no memory to evaluate %d examples", e->n);
  const int together = e->chunks < TOGETHER ? e->chunks : TOGETHER;
  pal_status status = pal_staging_init(&e->staging, model, together, e->chunk, error);
  if (!status)
    status =
        pal_shards_init(&e->shards, model, &e->staging, false, PAL_PRECISION_F32, false, error);
  int draws = 0;
  while (draws < e->draws && !status) {
    status = run_draw(e, draws++, error);
    if (!e->drawn) break; /* exact: another draw would be the same */
  }
  return status ? status : conclude(e, draws, model, result, error);
}

pal_status pal_evaluate_loss(
    pal_model *model, pal_status (*example)(void *data, int i, pal_example *out, pal_error *error),
    void *data, int n, int draws, uint64_t seed, pal_likelihood *result, pal_error *error) {
  if (n < 1 || draws < 1)
    return pal_fail(error, PAL_E_ARGUMENT, "%d draws of %d examples cannot be evaluated", draws, n);
  const int affordable = MOST_ROWS / pal_model_format(model)->context;
  const int chunk = affordable < 1 ? 1 : affordable < MOST_EXAMPLES ? affordable : MOST_EXAMPLES;
  evaluation e = {.example = example,
                  .data = data,
                  .n = n,
                  .chunk = chunk,
                  .chunks = (n - 1) / chunk + 1,
                  .draws = draws,
                  .seed = seed};
  pal_error own = {0};
  const pal_status status = evaluate(&e, model, result, &own);
  pal_shards_free(&e.shards);
  pal_staging_free(&e.staging);
  pal_free(e.at);
  if (!status) return PAL_OK;
  if (error && !error->code) error->needed = own.needed;
  return pal_fail(error, status, "evaluating: %s", own.text);
}
