/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of layer_norm, rms_norm and the losses, f32 (floor 2).
 *
 * A row's numbers depend on that row only: 16 lanes and the fixed tree of vf_sum over its
 * elements. */
#ifndef PAL_OPS_KERNELS_NORM_H
#define PAL_OPS_KERNELS_NORM_H

#include <stdint.h>

/* `rows` rows of `width`. Without `mean` (NULL) it is rms_norm: nothing is subtracted. */
typedef struct pal_norm_forward {
  int64_t rows, width;
  const float *x, *gain, *bias; /* gain, bias: [width] or NULL */
  float epsilon;
  float *y, *mean, *rstd; /* mean, rstd: [rows] */
} pal_norm_forward;

typedef struct pal_norm_backward {
  int64_t rows, width;
  const float *dy, *x, *mean, *rstd, *gain; /* all but x, rstd: or NULL */
  const float *dmean, *drstd;               /* gradients of the statistics, [rows] or NULL */
  float *dx;
} pal_norm_backward;

/* Places in 16 rows of logits fit i32. */
enum { PAL_MOST_CLASSES = INT32_MAX / 16 };

/* Exactly one of `hard` [rows] (-1: ignored) and `soft` [rows, width]; hard targets are valid. */
typedef struct pal_cross_entropy_rows {
  int64_t rows, width;
  const float *logits;
  const int32_t *hard;
  const float *soft, *weight; /* weight: [rows] or NULL */
} pal_cross_entropy_rows;

typedef struct pal_norm_kernels {
  void (*forward)(const pal_norm_forward *call);
  /* dx = rstd (w - mean(w) - h mean(w h)), w = dy gain, h = (x - mean) rstd. */
  void (*backward)(const pal_norm_backward *call);
  /* dgain = sum over the rows, in order, of dy h; dbias (unless NULL) = sum of dy. [width] */
  void (*parameters)(const pal_norm_backward *call, float *dgain, float *dbias);
  /* to += from, n elements. */
  void (*add)(float *to, const float *from, int64_t n);
  /* loss [rows] and log-sum-exp [rows]. */
  void (*cross_entropy)(const pal_cross_entropy_rows *call, float *loss, float *lse);
  /* Gradients of logits [rows, width]; dloss, dlse: [rows] or NULL. */
  void (*cross_entropy_backward)(const pal_cross_entropy_rows *call, const float *lse,
                                 const float *dloss, const float *dlse, float *dlogits);
  /* Gradients of soft targets; 0 where a logit is -inf. */
  void (*cross_entropy_targets)(const pal_cross_entropy_rows *call, const float *lse,
                                const float *dloss, float *dtarget);
  /* max(x, 0) - x t + log(1 + exp(-|x|)), times weight unless that is NULL; n elements. */
  void (*binary_cross_entropy)(const float *x, const float *target, const float *weight, int64_t n,
                               float *loss);
} pal_norm_kernels;
#endif
