/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer's settings (floor 5). */
#include <string.h>

#include "train/trainer.h"

#define TRAIN pal_train_settings
#define BELOW_ONE (1 - 1e-9)
static const pal_setting settings[] = {
    PAL_SET_WHOLE(TRAIN, steps, "1000", 0, 1e12, "optimizer steps in all", PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(TRAIN, batch, "32", 1, 1e6, "examples per step"),
    PAL_SET_WHOLE(TRAIN, shard, "8", 1, 1e6,
                  "most examples of a shard; batches are cut evenly. Part of the numbers"),
    PAL_SET_WHOLE(TRAIN, micro, "1", 1, 1e6,
                  "groups in which shards are run. Not part of the numbers", PAL_KEPT_BY_NONE),
    PAL_SET_TEXT(TRAIN, optimizer, "adamw", "adamw, sgd or a defined one"),
    PAL_SET_REAL(TRAIN, rate, "0.001", 0, 1e6, "learning rate after warm-up"),
    PAL_SET_TEXT(TRAIN, matrix_optimizer, "none",
                 "of matrices (in the backbone: those of blocks), e.g. muon; none: the one above"),
    PAL_SET_REAL(TRAIN, matrix_rate, "0.02", 0, 1e6, "its learning rate"),
    PAL_SET_REAL(TRAIN, weight_decay, "0.01", 0, 1e3,
                 "decoupled, of matrices but embeddings, unless declared otherwise"),
    PAL_SET_REAL(TRAIN, beta1, "0.9", 0, BELOW_ONE, "decay of the first moment (adamw)"),
    PAL_SET_REAL(TRAIN, beta2, "0.999", 0, BELOW_ONE, "decay of the second moment (adamw)"),
    PAL_SET_REAL(TRAIN, epsilon, "1e-8", 0, 1, "added to the root of the second moment (adamw)"),
    PAL_SET_REAL(TRAIN, momentum, "0.95", 0, BELOW_ONE, "of sgd and muon"),
    PAL_SET_REAL(TRAIN, clip, "1", 0, 1e9,
                 "greatest norm of the gradient over all parameters; 0: unlimited"),
    PAL_SET_CHOICE(TRAIN, schedule, "cosine", "constant linear cosine",
                   "of the rate after warm-up: constant, linear or cosine"),
    PAL_SET_WHOLE(TRAIN, warmup, "100", 0, 1e12, "steps in which the rate rises from 0"),
    PAL_SET_REAL(TRAIN, final, "0.1", 0, 1, "share of the rate that is left at the end"),
    PAL_SET_REAL(TRAIN, ema, "0", 0, BELOW_ONE,
                 "decay of the averages that are evaluated and saved, e.g. 0.999; 0: none"),
    PAL_SET_LIST(TRAIN, weights, "", 0, 1e9,
                 "of the loss's parts in turn, with commas, the last serving the rest; empty: 1"),
    PAL_SET_CHOICE(TRAIN, precision, "f32", "f32 bf16",
                   "of matrix products while training: f32, or bf16 with f32 sums"),
    PAL_SET_FLAG(TRAIN, recompute, "0",
                 "1: blocks are computed again in the backward pass instead of kept, for less "
                 "memory and more time. Not part of the numbers",
                 PAL_KEPT_BY_NONE),
    PAL_SET_SEED(TRAIN, seed, "1", "of corruption and dropout, at most 19 digits"),
};

const pal_setting *pal_train_setting_table(int *n) {
  *n = PAL_SETTINGS(settings);
  return settings;
}

pal_status pal_trainer_optimizers(const pal_train_settings *set, const pal_context *context,
                                  pal_update_options *u, pal_error *error) {
  *u = (pal_update_options){.beta1 = set->beta1,
                            .beta2 = set->beta2,
                            .epsilon = set->epsilon,
                            .momentum = set->momentum,
                            .weight_decay = set->weight_decay,
                            .clip = set->clip,
                            .average = set->ema > 0};
  const char *matrix = set->matrix_optimizer;
  u->optimizer = pal_lookup(context, "optimizer", set->optimizer);
  if (!u->optimizer)
    return pal_fail(error, PAL_E_NOT_FOUND, "no optimizer is named \"%s\"", set->optimizer);
  if (strcmp(matrix, "none") == 0) return PAL_OK;
  u->matrix_optimizer = pal_lookup(context, "optimizer", matrix);
  return u->matrix_optimizer
             ? PAL_OK
             : pal_fail(error, PAL_E_NOT_FOUND, "no optimizer is named \"%s\"", matrix);
}
