/* SPDX-License-Identifier: Apache-2.0 */
/* Running the shards of a step: one plan, one instance per worker (floor 5).
 *
 * Shards are claimed by workers, each of which runs them on its own thread; what they compute
 * depends on nothing but their rows, so neither the number of workers nor who ran what can
 * change a bit. */
#ifndef PAL_TRAIN_SHARD_H
#define PAL_TRAIN_SHARD_H

#include "train/staging.h"
#include "train/tree.h"

typedef struct pal_worker pal_worker;

typedef struct pal_shards {
  pal_model *model;        /* borrowed */
  bool training;           /* gradients are wanted, dropout is on */
  pal_precision precision; /* of products */
  bool recompute;          /* blocks are computed again for their gradients */
  const pal_staging
      *staging; /* the rows, borrowed; another with as many shards may take its place */
  int64_t row_room, sequence_room; /* of the plan */
  pal_plan *plan;
  double seconds; /* of a full shard on one thread, roughly */
  pal_worker *worker;
  int workers;
  pal_variable **parameter; /* those to be trained, in the order of the store */
  int parameters;
  double (*part)[PAL_MAX_PARTS]; /* of each shard, after a run: the sums over its rows */
} pal_shards;

/* Makes the model's parameters where they are absent. */
pal_status pal_shards_init(pal_shards *shards, pal_model *model, const pal_staging *staging,
                           bool training, pal_precision precision, bool recompute,
                           pal_error *error);
void pal_shards_free(pal_shards *shards);

/* The rows and counts of all shards together. */
typedef struct pal_totals {
  int64_t rows, sequences;
  double count[PAL_MAX_PARTS];
} pal_totals;
pal_totals pal_shards_totals(const pal_shards *shards);

/* Work beside that of shards. */
typedef struct pal_aside {
  void (*run)(void *data);
  void *data;
} pal_aside;

/* Runs shards first .. end - 1: sum of scale[k] x part[k] must be finite. With a tree, gradients of
 * that sum go to it. Of several failures that of the lowest shard is reported.
 * `aside` (NULL: nothing) is called, once, by the first worker for whom no shard is left, while the
 * others finish theirs; not where the whole team shares every shard, nor after a failure. */
pal_status pal_shards_run(pal_shards *shards, int first, int end, const float scale[PAL_MAX_PARTS],
                          const int32_t seed[3], pal_tree *tree, const pal_aside *aside,
                          pal_error *error);
#endif
