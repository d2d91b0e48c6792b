/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of losses share (floor 2). */
#ifndef PAL_OPS_LOSS_H
#define PAL_OPS_LOSS_H

#include "ops/common.h"

extern const pal_op pal_op_cross_entropy_backward, pal_op_cross_entropy_targets, pal_op_exclude,
    pal_op_binary_cross_entropy;

/* Inputs of cross_entropy and its gradients; each op has a prefix of them. */
enum {
  PAL_LOSS_LOGITS, /* f32 [T, V] */
  PAL_LOSS_TARGET, /* i32 [T] or f32 [T, V] */
  PAL_LOSS_WEIGHT, /* f32 [T] or none */
  PAL_LOSS_LSE,    /* f32 [T] */
  PAL_LOSS_DLOSS,  /* f32 [T] or none */
  PAL_LOSS_DLSE    /* f32 [T] or none */
};

/* Types of logits, targets and weight. */
pal_status pal_loss_want(const pal_infer *call);
/* Input i, where there is one, is f32 [T]. */
pal_status pal_loss_want_rows(const pal_infer *call, int i, const char *what);
/* Input i of a row range, or NULL. */
const float *pal_loss_rows(const pal_run *run, int i);
/* The kernels' view of logits, targets and weight of a row range. */
pal_cross_entropy_rows pal_loss_range(const pal_run *run);
/* Draws logits, targets and weight of a case. */
void pal_loss_sample(pal_case *random, pal_value *in, bool soft);
#endif
