/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of train/ share about a trainer (floor 5). */
#ifndef PAL_TRAIN_TRAINER_H
#define PAL_TRAIN_TRAINER_H

#include <palimpsest/train.h>

#include "train/drawn.h"
#include "train/schedule.h"
#include "train/shard.h"
#include "train/update.h"

typedef struct pal_trainer_numbers {
  int64_t steps, batch, shard, micro;
  double rate, matrix_rate, ema, weight[PAL_MAX_PARTS];
  uint64_t seed;
  pal_precision precision;
  pal_schedule schedule;
  pal_update_options update;
} pal_trainer_numbers;

struct pal_trainer {
  pal_model *model; /* borrowed, as is the stream */
  pal_stream *stream;
  const char **value; /* of the settings */
  pal_trainer_numbers set;
  pal_drawn drawn[2]; /* rows of a step are in that of its parity */
  pal_shards shards;
  pal_tree tree;
  pal_update update;
  int64_t done, examples, tokens;
  bool averaged; /* parameters are averages now, their own contents in `kept` */
  float *kept;
};

/* Reads and checks the settings' texts against what is defined in `context`. */
pal_status pal_trainer_read(pal_trainer_numbers *numbers, const char *const *value,
                            pal_context *context, pal_error *error);
/* What the stream will be, or was, before the rows of step done + 1. The trainer's until its next
 * call. NULL on failure. */
const pal_stream_state *pal_trainer_stream(pal_trainer *trainer, pal_error *error);
#endif
