/* SPDX-License-Identifier: Apache-2.0 */
/* Batches in host memory that grow as needed (floor 5). See staging.h. */
#include "train/staging.h"

#include "models/models.h"
#include "src/alloc.h"

/* Largest initial capacity in rows: few sequences of a task with a long context fill that
 * context. */
enum { FIRST_ROWS = 4096 };
static const int64_t most_rows = (int64_t)1 << 28;

/* Allocates an empty batch. Its arrays are one block, which begins with `token`. */
static pal_status make_batch(const pal_staging *staging, pal_batch *b, int64_t rows,
                             int64_t sequences, pal_error *error) {
  const pal_model_definition *definition = pal_model_definition_of(staging->model);
  void *block = pal_alloc(pal_batch_bytes(definition, rows, sequences));
  if (!block)
    return pal_fail(error, PAL_E_MEMORY, "no memory for %lld packed rows", (long long)rows);
  *b = pal_batch_within(block, definition, rows, sequences);
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
    if (make_batch(staging, &staging->batch[i], rows, sequences, error)) {
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

/* Enlarges all batches, with their contents. On failure none is changed. */
static pal_status grow(pal_staging *staging, int64_t rows, int64_t sequences, pal_error *error) {
  pal_batch *grown = pal_calloc((size_t)staging->shards, sizeof *grown);
  pal_status status = grown ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory to grow batches");
  for (int i = 0; i < staging->shards && !status; i++) {
    status = make_batch(staging, &grown[i], rows, sequences, error);
    if (!status) pal_batch_copy(&staging->batch[i], &grown[i]);
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
  char flaw[160];
  if (pal_example_flaw(example, pal_model_format(staging->model), flaw, sizeof flaw))
    return pal_fail(error, PAL_E_ARGUMENT, "an example for model \"%s\" is unsound: %s",
                    definition->name, flaw);
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
    *b = before; /* removes what was added of the example */
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
