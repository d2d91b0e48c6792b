/* SPDX-License-Identifier: Apache-2.0 */
/* Running the shards of a step: one plan, one instance of it per worker (floor 5).
 *
 * A worker is a thread that claims one shard after another and runs it. The results of a shard
 * depend on its rows only, so they are the same bits whatever the number of workers and whichever
 * of them runs it. */
#ifndef PAL_TRAIN_SHARD_H
#define PAL_TRAIN_SHARD_H

#include "train/staging.h"
#include "train/tree.h"

typedef struct pal_worker pal_worker;

typedef struct pal_shards {
  pal_model *model;        /* borrowed */
  bool training;           /* gradients are computed, dropout is on */
  pal_precision precision; /* of matrix products */
  bool recompute;          /* activations of blocks are recomputed in the backward pass */
  /* The rows, borrowed. The pointer may be changed to another one with as many shards. */
  const pal_staging *staging;
  int64_t row_room, sequence_room; /* capacity of the plan */
  pal_plan *plan;
  double seconds;     /* estimated time of a full shard on one thread */
  pal_worker *worker; /* [workers] */
  int workers;
  pal_variable **parameter; /* [parameters]: those that are trained, in the order of the store */
  int parameters;
  double (*part)[PAL_MAX_PARTS]; /* [shards]: after a run, the sum of each part over the rows */
} pal_shards;

/* Compiles the plan, and creates the model's parameters if they do not exist yet. */
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

/* The loss per count of each part of the model: mean[k] = sum[k] / count[k], and 0 for a part that
 * has nothing to score. Refuses (PAL_E_ARGUMENT) a sum other than 0 whose count is 0, and a count
 * that is negative or not finite: the definition's `rows` forgot to count what its `loss` adds. */
pal_status pal_part_means(const pal_model *model, const double sum[PAL_MAX_PARTS],
                          const double count[PAL_MAX_PARTS], double mean[PAL_MAX_PARTS],
                          pal_error *error);

/* Other work, to be done while shards run. */
typedef struct pal_aside {
  void (*run)(void *data);
  void *data;
} pal_aside;

/* Runs shards first .. end - 1. The loss of a shard is the sum of scale[k] x part[k]; it must be
 * finite (PAL_E_NONFINITE). With a tree, its gradients are added there. Of several failures that of
 * the lowest shard is reported. `aside` (NULL: nothing) is called once, by the first worker that
 * finds no shard left, while others finish theirs. It is not called if all threads share every
 * shard, or after a failure. */
pal_status pal_shards_run(pal_shards *shards, int first, int end, const float scale[PAL_MAX_PARTS],
                          const int32_t seed[3], pal_tree *tree, const pal_aside *aside,
                          pal_error *error);
#endif
