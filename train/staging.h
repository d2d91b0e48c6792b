/* SPDX-License-Identifier: Apache-2.0 */
/* Packed rows of all shards of a step in host memory (floor 5).
 *
 * All are built before the first shard runs, because the loss is divided by the counts of the whole
 * step. */
#ifndef PAL_TRAIN_STAGING_H
#define PAL_TRAIN_STAGING_H

#include <palimpsest/model.h>

typedef struct pal_staging {
  const pal_model *model; /* borrowed */
  pal_batch *batch;       /* [shards], all of the same capacity */
  int shards;
  int64_t row_room, sequence_room; /* that capacity */
} pal_staging;

/* The initial capacity of a shard is `sequences` sequences of moderate length. */
pal_status pal_staging_init(pal_staging *staging, const pal_model *model, int shards,
                            int64_t sequences, pal_error *error);
void pal_staging_free(pal_staging *staging);
/* Empties all shards. */
void pal_staging_clear(pal_staging *staging);
/* Appends an example to a shard, with random draws from `rng`. If it does not fit, the capacity of
 * all shards is at least doubled, and it is appended with the same draws. Adds the number of draws
 * to *used unless NULL. An invalid example is PAL_E_ARGUMENT. */
pal_status pal_staging_add(pal_staging *staging, int shard, const pal_example *example, pal_rng rng,
                           bool evaluate, uint64_t *used, pal_error *error);
#endif
