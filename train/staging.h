/* SPDX-License-Identifier: Apache-2.0 */
/* Packed rows of all shards of a step, on the host, before any of them runs (floor 5).
 *
 * All are built first because the loss is divided by counts of the whole step. */
#ifndef PAL_TRAIN_STAGING_H
#define PAL_TRAIN_STAGING_H

#include <palimpsest/model.h>

typedef struct pal_staging {
  const pal_model *model; /* borrowed */
  pal_batch *batch;       /* one per shard, each with the same room */
  int shards;
  int64_t row_room, sequence_room;
} pal_staging;

/* Room for `sequences` of moderate length in each shard, at first. */
pal_status pal_staging_init(pal_staging *staging, const pal_model *model, int shards,
                            int64_t sequences, pal_error *error);
void pal_staging_free(pal_staging *staging);
/* Empties all shards. */
void pal_staging_clear(pal_staging *staging);
/* Appends an example with draws of `rng`; where it does not fit, all shards get twice the room and
 * it is appended to what is there with the same draws. `*used` counts draws up, unless NULL. */
pal_status pal_staging_add(pal_staging *staging, int shard, const pal_example *example, pal_rng rng,
                           bool evaluate, uint64_t *used, pal_error *error);
#endif
