/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of layer_norm, rms_norm and the losses, f32 (floor 2).
 *
 * The results of a row depend on that row only. Sums over a row are taken in 16 lanes (element i
 * goes to lane i mod 16) and then over the lanes by the fixed tree of vf_sum. */
#ifndef PAL_OPS_KERNELS_NORM_H
#define PAL_OPS_KERNELS_NORM_H

#include <stdint.h>

/* y = (x - mean) rstd gain + bias for `rows` rows of `width` elements, with rstd = 1 /
 * sqrt(variance + epsilon). If `mean` is NULL it is rms_norm: nothing is subtracted. */
typedef struct pal_norm_forward {
  int64_t rows, width;
  const float *x, *gain, *bias; /* gain, bias: [width] or NULL */
  float epsilon;
  float *y, *mean, *rstd; /* y: [rows, width]; mean, rstd: [rows] */
} pal_norm_forward;

/* The operands of the gradient. dy, mean and gain may be NULL, x and rstd not. */
typedef struct pal_norm_backward {
  int64_t rows, width;
  const float *dy, *x, *mean, *rstd, *gain;
  const float *dmean, *drstd; /* gradients of the results mean and rstd, [rows] or NULL */
  float *dx;
} pal_norm_backward;

/* The largest number of classes: an index into 16 rows of logits has to fit an i32. */
enum { PAL_MOST_CLASSES = INT32_MAX / 16 };

/* Rows of a cross-entropy. Either `hard` [rows] is given, a class or -1 for a row to ignore, in
 * range; or `soft` [rows, width], weights of the classes. The other is NULL. */
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
  /* dgain [width] = sum over the rows, in order, of dy h; dbias [width], unless NULL, = sum of
   * dy. */
  void (*parameters)(const pal_norm_backward *call, float *dgain, float *dbias);
  /* to += from, n elements. */
  void (*add)(float *to, const float *from, int64_t n);
  /* loss [rows] and lse [rows], the log of the sum of exp of the logits. */
  void (*cross_entropy)(const pal_cross_entropy_rows *call, float *loss, float *lse);
  /* The gradient of the logits [rows, width]; dloss and dlse are [rows] or NULL. */
  void (*cross_entropy_backward)(const pal_cross_entropy_rows *call, const float *lse,
                                 const float *dloss, const float *dlse, float *dlogits);
  /* The gradient of soft targets [rows, width], dloss weight (lse - x); 0 where the logit x is
   * -inf. */
  void (*cross_entropy_targets)(const pal_cross_entropy_rows *call, const float *lse,
                                const float *dloss, float *dtarget);
  /* loss [n] = max(x, 0) - x t + log(1 + exp(-|x|)) for logits x and targets t, times weight unless
   * that is NULL. */
  void (*binary_cross_entropy)(const float *x, const float *target, const float *weight, int64_t n,
                               float *loss);
} pal_norm_kernels;
#endif
