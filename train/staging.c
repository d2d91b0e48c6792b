/* SPDX-License-Identifier: Apache-2.0 */
/* Host batches that grow (floor 5). See staging.h. */
#include "train/staging.h"

#include <string.h>

#include "src/alloc.h"

/* What a batch starts with at most; a task with a long context seldom fills it. */
enum { FIRST_ROWS = 4096, ROW_ARRAYS = 10, SEQUENCE_ARRAYS = 3 };
static const int64_t most_rows = (int64_t)1 << 28;

/* The arrays of a batch: those of rows first. All have elements of 4 bytes. */
static void list_arrays(const pal_batch *b, void *array[ROW_ARRAYS + SEQUENCE_ARRAYS]) {
  void *const all[] = {b->token,  b->position, b->sequence, b->sample, b->target,
                       b->weight, b->remask,   b->insert,   b->remove, b->edit_weight,
                       b->begin,  b->length,   b->time};
  memcpy(array, all, sizeof all);
}

void pal_staging_copy(const pal_batch *from, pal_batch *to) {
  void *source[ROW_ARRAYS + SEQUENCE_ARRAYS], *target[ROW_ARRAYS + SEQUENCE_ARRAYS];
  list_arrays(from, source);
  list_arrays(to, target);
  for (int i = 0; i < ROW_ARRAYS + SEQUENCE_ARRAYS; i++)
    memcpy(target[i], source[i], 4 * (size_t)(i < ROW_ARRAYS ? from->rows : from->sequences));
  to->rows = from->rows;
  to->sequences = from->sequences;
  memcpy(to->count, from->count, sizeof to->count);
}

/* An empty batch in memory of its own; its `token` is the block. */
static pal_status make_batch(pal_batch *b, int64_t rows, int64_t sequences, pal_error *error) {
  const size_t bytes = 4 * (size_t)(ROW_ARRAYS * rows + SEQUENCE_ARRAYS * sequences);
  int32_t *i = pal_alloc(bytes);
  if (!i) return pal_fail(error, PAL_E_MEMORY, "no memory for %lld packed rows", (long long)rows);
  float *f = (float *)(void *)i;
  const int64_t r = rows, s = ROW_ARRAYS * rows;
  *b = (pal_batch){.row_room = rows,
                   .sequence_room = sequences,
                   .token = i,
                   .position = i + r,
                   .sequence = i + 2 * r,
                   .sample = i + 3 * r,
                   .target = i + 4 * r,
                   .weight = f + 5 * r,
                   .remask = f + 6 * r,
                   .insert = f + 7 * r,
                   .remove = f + 8 * r,
                   .edit_weight = f + 9 * r,
                   .begin = i + s,
                   .length = i + s + sequences,
                   .time = f + s + 2 * sequences};
  return PAL_OK;
}

pal_status pal_staging_init(pal_staging *staging, const pal_model *model, int shards,
                            int64_t sequences, pal_error *error) {
  const int64_t context = pal_model_format(model)->context;
  int64_t rows = sequences <= FIRST_ROWS / context ? sequences * context : FIRST_ROWS;
  if (rows < context && context <= FIRST_ROWS) rows = context;
  *staging =
      (pal_staging){.model = model, .shards = shards, .row_room = rows, .sequence_room = sequences};
  staging->batch = pal_calloc((size_t)shards, sizeof *staging->batch);
  if (!staging->batch) return pal_fail(error, PAL_E_MEMORY, "no memory for %d shards", shards);
  for (int i = 0; i < shards; i++)
    if (make_batch(&staging->batch[i], rows, sequences, error)) {
      pal_staging_free(staging);
      return PAL_E_MEMORY;
    }
  return PAL_OK;
}

void pal_staging_free(pal_staging *staging) {
  for (int i = 0; staging->batch && i < staging->shards; i++) pal_free(staging->batch[i].token);
  pal_free(staging->batch);
  *staging = (pal_staging){0};
}

void pal_staging_clear(pal_staging *staging) {
  for (int i = 0; i < staging->shards; i++) pal_batch_clear(&staging->batch[i]);
}

/* All or nothing: every batch keeps its rows. */
static pal_status grow(pal_staging *staging, int64_t rows, int64_t sequences, pal_error *error) {
  pal_batch *grown = pal_calloc((size_t)staging->shards, sizeof *grown);
  pal_status status = grown ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory to grow batches");
  for (int i = 0; i < staging->shards && !status; i++) {
    status = make_batch(&grown[i], rows, sequences, error);
    if (!status) pal_staging_copy(&staging->batch[i], &grown[i]);
  }
  pal_batch *old = status ? grown : staging->batch;
  for (int i = 0; old && i < staging->shards; i++) pal_free(old[i].token);
  pal_free(old);
  if (status) return status;
  staging->batch = grown;
  staging->row_room = rows;
  staging->sequence_room = sequences;
  return PAL_OK;
}

pal_status pal_staging_add(pal_staging *staging, int shard, const pal_example *example, pal_rng rng,
                           bool evaluate, uint64_t *used, pal_error *error) {
  const pal_model_definition *definition = pal_model_definition_of(staging->model);
  for (;;) {
    pal_batch *b = &staging->batch[shard];
    const pal_batch before = *b;
    pal_rng draws = rng;
    pal_error own;
    pal_error_clear(&own);
    pal_status status = definition->rows(staging->model, example, &draws, evaluate, b, &own);
    if (!status) {
      if (used) *used += draws.used - rng.used;
      return PAL_OK;
    }
    const bool crowded = b->sequences == b->sequence_room;
    *b = before; /* what the example has left half done is written over */
    int64_t rows = staging->row_room, sequences = staging->sequence_room;
    if (crowded) sequences *= 2;
    else rows = own.needed > 2 * rows ? own.needed : 2 * rows;
    if (status != PAL_E_CAPACITY || rows > most_rows || sequences > most_rows) {
      if (error && !error->code) *error = own;
      return pal_fail(error, status, "the model's rows failed without saying why");
    }
    status = grow(staging, rows, sequences, error);
    if (status) return status;
  }
}
