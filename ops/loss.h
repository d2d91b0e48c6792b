/* SPDX-License-Identifier: Apache-2.0 */
/* What the files on losses share (floor 2). */
#ifndef PAL_OPS_LOSS_H
#define PAL_OPS_LOSS_H

#include "ops/common.h"

extern const pal_op pal_op_cross_entropy_backward, pal_op_cross_entropy_targets, pal_op_exclude,
    pal_op_binary_cross_entropy;

/* The inputs of cross_entropy and its backward ops; each op has the first few of them. */
enum {
  PAL_LOSS_LOGITS, /* f32 [T, V] */
  PAL_LOSS_TARGET, /* i32 [T] (hard) or f32 [T, V] (soft) */
  PAL_LOSS_WEIGHT, /* f32 [T] or nil */
  PAL_LOSS_LSE,    /* f32 [T], log-sum-exp of the logits */
  PAL_LOSS_DLOSS,  /* f32 [T] or nil, gradient of the loss */
  PAL_LOSS_DLSE    /* f32 [T] or nil, gradient of lse */
};

/* Checks the types of logits, target and weight. */
pal_status pal_loss_want(const pal_infer *call);
/* Checks that input i, if it is given, is f32 [T]. */
pal_status pal_loss_want_rows(const pal_infer *call, int i, const char *what);
/* Input i at the first row of the range, or NULL if it is not given. */
const float *pal_loss_rows(const pal_run *run, int i);
/* The operands of a kernel for the rows of the range. */
pal_cross_entropy_rows pal_loss_range(const pal_run *run);
/* Draws logits, target and weight of a random case. */
void pal_loss_sample(pal_case *random, pal_value *in, bool soft);
#endif
