/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of train/ share about a trainer (floor 5). */
#ifndef PAL_TRAIN_TRAINER_H
#define PAL_TRAIN_TRAINER_H

#include <palimpsest/train.h>

#include "src/setting.h"
#include "train/drawn.h"
#include "train/schedule.h"
#include "train/shard.h"
#include "train/update.h"

/* The trainer's settings, as its table in options.c fills them. */
typedef struct pal_train_settings {
  int64_t steps, batch, shard, micro, warmup;
  double rate, matrix_rate, weight_decay, beta1, beta2, epsilon, momentum, clip, final, ema;
  const char *optimizer, *matrix_optimizer;
  int schedule, precision; /* pal_schedule_kind, pal_precision */
  bool recompute;
  pal_numbers weights;
  uint64_t seed;
} pal_train_settings;

struct pal_trainer {
  pal_model *model; /* borrowed, as is the stream */
  pal_stream *stream;
  pal_settings given;            /* as texts */
  const pal_train_settings *set; /* as values */
  pal_schedule schedule;
  pal_drawn drawn[2]; /* double buffer: the rows of step s are in drawn[s % 2] */
  pal_shards shards;
  pal_tree tree;
  pal_update update;
  int64_t done, examples, tokens; /* steps done; examples and packed rows trained on */
  bool averaged; /* the parameters hold their averages now, and `kept` their own contents */
  float *kept;   /* [elements of all trained parameters]; NULL without averages */
};

/* Options of the update from the settings; optimizers are looked up by name in `context`. */
pal_status pal_trainer_optimizers(const pal_train_settings *set, const pal_context *context,
                                  pal_update_options *options, pal_error *error);
/* The state of the stream before the examples of step done + 1, whether or not these were
 * prefetched. Valid until the next call with this trainer. NULL on failure. */
const pal_stream_state *pal_trainer_stream(pal_trainer *trainer, pal_error *error);
#endif
