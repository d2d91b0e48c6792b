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
  pal_settings given;
  const pal_train_settings *set; /* their values */
  pal_schedule schedule;
  pal_drawn drawn[2]; /* rows of a step are in that of its parity */
  pal_shards shards;
  pal_tree tree;
  pal_update update;
  int64_t done, examples, tokens;
  bool averaged; /* parameters are averages now, their own contents in `kept` */
  float *kept;
};

/* The options of the update; its optimizers are looked up in `context`. */
pal_status pal_trainer_optimizers(const pal_train_settings *set, const pal_context *context,
                                  pal_update_options *options, pal_error *error);
/* What the stream will be, or was, before the rows of step done + 1. The trainer's until its next
 * call. NULL on failure. */
const pal_stream_state *pal_trainer_stream(pal_trainer *trainer, pal_error *error);
#endif
