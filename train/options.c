/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer's settings (floor 5). */
#include <string.h>

#include "train/trainer.h"

#define TRAIN pal_train_settings
#define BELOW_ONE (1 - 1e-9)
static const pal_setting settings[] = {
    PAL_SET_WHOLE(TRAIN, steps, "1000", 0, 1e12, "number of optimizer steps", PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(TRAIN, batch, "32", 1, 1e6, "examples per step"),
    PAL_SET_WHOLE(
        TRAIN, shard, "8", 1, 1e6,
        "largest number of examples of a shard, the unit in which gradients are computed and "
        "summed; results depend on it"),
    PAL_SET_WHOLE(
        TRAIN, micro, "1", 1, 1e6,
        "number of groups in which the shards of a batch are run one after another, to save "
        "memory; results do not depend on it",
        PAL_KEPT_BY_NONE),
    PAL_SET_TEXT(TRAIN, optimizer, "adamw", "adamw, sgd, or an optimizer that a plug-in defines"),
    PAL_SET_REAL(TRAIN, rate, "0.001", 0, 1e6, "learning rate after warm-up"),
    PAL_SET_TEXT(
        TRAIN, matrix_optimizer, "none",
        "optimizer of the matrices inside the blocks, for example muon; none: as the other "
        "parameters"),
    PAL_SET_REAL(TRAIN, matrix_rate, "0.02", 0, 1e6, "learning rate of matrix_optimizer"),
    PAL_SET_REAL(
        TRAIN, weight_decay, "0.01", 0, 1e3,
        "decoupled weight decay of matrices; embeddings have none, nor does what is declared "
        "without"),
    PAL_SET_REAL(TRAIN, beta1, "0.9", 0, BELOW_ONE, "decay rate of the first moment (adamw)"),
    PAL_SET_REAL(TRAIN, beta2, "0.999", 0, BELOW_ONE, "decay rate of the second moment (adamw)"),
    PAL_SET_REAL(TRAIN, epsilon, "1e-8", 0, 1, "added to the root of the second moment (adamw)"),
    PAL_SET_REAL(TRAIN, momentum, "0.95", 0, BELOW_ONE, "momentum of sgd and muon"),
    PAL_SET_REAL(
        TRAIN, clip, "1", 0, 1e9,
        "largest norm of the gradient over all parameters; a larger one is scaled down to it. 0: "
        "no limit"),
    PAL_SET_CHOICE(TRAIN, schedule, "cosine", "constant linear cosine",
                   "learning-rate schedule after warm-up: constant, linear or cosine"),
    PAL_SET_WHOLE(TRAIN, warmup, "100", 0, 1e12,
                  "steps in which the learning rate rises linearly from 0"),
    PAL_SET_REAL(TRAIN, final, "0.1", 0, 1,
                 "learning rate at the last step, as a share of the highest"),
    PAL_SET_REAL(
        TRAIN, ema, "0", 0, BELOW_ONE,
        "decay rate of the moving average of the weights, for example 0.999, which is then "
        "evaluated and saved; 0: none"),
    PAL_SET_LIST(
        TRAIN, weights, "", 0, 1e9,
        "weights of the parts of the loss in their order, separated by commas; the last one holds "
        "for the rest. Empty: all 1"),
    PAL_SET_CHOICE(TRAIN, precision, "f32", "f32 bf16",
                   "matrix products in training: f32, or bf16 operands with f32 sums"),
    PAL_SET_FLAG(
        TRAIN, recompute, "0",
        "1: blocks are computed again in the backward pass instead of stored, which takes less "
        "memory and more time; results do not depend on it",
        PAL_KEPT_BY_NONE),
    PAL_SET_SEED(TRAIN, seed, "1", "seed of corruption and dropout, at most 19 digits"),
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
