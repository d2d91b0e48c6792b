/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_norm_kernels, compiled once per instruction set (floor 2). */
#include "ops/kernels/norm.h"
#include "src/simd.h"

static inline int norm_lanes(int64_t left) { return left < PAL_LANES ? (int)left : PAL_LANES; }

/* Loads and stores of n elements. Whole vectors do not use the masked forms, which are slow on some
 * machines. */
static inline vf norm_load(const float *p, int n) {
  return n < PAL_LANES ? vf_load_n(p, n) : vf_load(p);
}
static inline void norm_store(float *p, vf v, int n) {
  if (n < PAL_LANES) vf_store_n(p, v, n);
  else vf_store(p, v);
}

/* Elements i .. i + lanes - 1 of a row; `absent` in every lane if the row is NULL. */
static inline vf norm_load_or(const float *row, int64_t i, int lanes, vf absent) {
  return row ? norm_load(row + i, lanes) : absent;
}

/* ---- layer_norm, rms_norm ------------------------------------------------------------ */

#include "ops/kernels/norm_narrow.inc.c"

static float norm_mean(const float *x, int64_t width) {
  vf sum = vf_zero();
  for (int64_t i = 0; i < width; i += PAL_LANES)
    sum = vf_add(sum, norm_load(x + i, norm_lanes(width - i)));
  return vf_sum(sum) / (float)width;
}

/* The mean of (x - mean)^2, in a second pass over the row, since mean(x^2) - mean^2 would
 * cancel. */
static float norm_variance(const float *x, int64_t width, float mean) {
  vf sum = vf_zero();
  const vf m = vf_set(mean);
  for (int64_t i = 0; i < width; i += PAL_LANES) {
    const int n = norm_lanes(width - i);
    const vf d = vf_select(vm_first(n), vf_sub(norm_load(x + i, n), m), vf_zero());
    sum = vf_fma(d, d, sum);
  }
  return vf_sum(sum) / (float)width;
}

static void norm_forward(const pal_norm_forward *c) {
  const int64_t width = c->width;
  if (width <= PAL_LANES) {
    norm_forward_narrow(c);
    return;
  }
  for (int64_t t = 0; t < c->rows; t++) {
    const float *x = c->x + t * width;
    float *y = c->y + t * width;
    const float mean = c->mean ? norm_mean(x, width) : 0.0f;
    const float rstd = 1.0f / sqrtf(norm_variance(x, width, mean) + c->epsilon);
    if (c->mean) c->mean[t] = mean;
    c->rstd[t] = rstd;
    const vf m = vf_set(mean), r = vf_set(rstd);
    for (int64_t i = 0; i < width; i += PAL_LANES) {
      const int n = norm_lanes(width - i);
      const vf h = vf_mul(vf_sub(norm_load(x + i, n), m), r);
      const vf gain = norm_load_or(c->gain, i, n, vf_set(1.0f));
      norm_store(y + i, vf_fma(h, gain, norm_load_or(c->bias, i, n, vf_zero())), n);
    }
  }
}

/* The gradient of one row. */
static void norm_backward_row(const pal_norm_backward *c, int64_t t) {
  const int64_t width = c->width;
  const float *dy = c->dy ? c->dy + t * width : NULL, *x = c->x + t * width;
  const vf one = vf_set(1.0f), rstd = vf_set(c->rstd[t]);
  const vf mean = vf_set(c->mean ? c->mean[t] : 0.0f);
  vf sum = vf_zero(), product = vf_zero();
  for (int64_t i = 0; i < width; i += PAL_LANES) {
    const int n = norm_lanes(width - i);
    const vf w = vf_mul(norm_load_or(dy, i, n, vf_zero()), norm_load_or(c->gain, i, n, one));
    const vf h = vf_mul(vf_sub(norm_load(x + i, n), mean), rstd);
    sum = vf_add(sum, w);
    product = vf_fma(w, h, product);
  }
  /* dx = rstd (w - h along - level); the gradients of mean and rstd only add to the two scalars. */
  float along = vf_sum(product) / (float)width, level = c->mean ? vf_sum(sum) / (float)width : 0.0f;
  if (c->drstd) along += c->drstd[t] * c->rstd[t] / (float)width;
  if (c->dmean) level -= c->dmean[t] / ((float)width * c->rstd[t]);
  for (int64_t i = 0; i < width; i += PAL_LANES) {
    const int n = norm_lanes(width - i);
    const vf w = vf_mul(norm_load_or(dy, i, n, vf_zero()), norm_load_or(c->gain, i, n, one));
    const vf h = vf_mul(vf_sub(norm_load(x + i, n), mean), rstd);
    const vf d = vf_sub(vf_fnma(h, vf_set(along), w), vf_set(level));
    norm_store(c->dx + t * width + i, vf_mul(d, rstd), n);
  }
}

static void norm_backward(const pal_norm_backward *c) {
  if (c->width <= PAL_LANES) {
    norm_backward_narrow(c);
    return;
  }
  for (int64_t t = 0; t < c->rows; t++) norm_backward_row(c, t);
}

/* Columns i .. i + 63. Each column is one chain of additions over the rows; four vectors of columns
 * at once hide the latency of the additions. */
static void norm_parameters_four(const pal_norm_backward *c, int64_t i, float *dgain,
                                 float *dbias) {
  vf gain[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  vf bias[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  for (int64_t t = 0; t < c->rows; t++) {
    const vf rstd = vf_set(c->rstd[t]), mean = vf_set(c->mean ? c->mean[t] : 0.0f);
    for (int v = 0; v < 4; v++) {
      const int64_t at = t * c->width + i + v * PAL_LANES;
      const vf dy = vf_load(c->dy + at);
      const vf h = vf_mul(vf_sub(vf_load(c->x + at), mean), rstd);
      gain[v] = vf_fma(dy, h, gain[v]);
      bias[v] = vf_add(bias[v], dy);
    }
  }
  for (int v = 0; v < 4; v++) {
    vf_store(dgain + i + v * PAL_LANES, gain[v]);
    if (dbias) vf_store(dbias + i + v * PAL_LANES, bias[v]);
  }
}

/* Columns i .. i + n - 1, n <= 16. */
static void norm_parameters_one(const pal_norm_backward *c, int64_t i, int n, float *dgain,
                                float *dbias) {
  vf gain = vf_zero(), bias = vf_zero();
  for (int64_t t = 0; t < c->rows; t++) {
    const vf rstd = vf_set(c->rstd[t]), mean = vf_set(c->mean ? c->mean[t] : 0.0f);
    const vf dy = vf_load_n(c->dy + t * c->width + i, n);
    const vf h = vf_mul(vf_sub(vf_load_n(c->x + t * c->width + i, n), mean), rstd);
    gain = vf_fma(dy, h, gain);
    bias = vf_add(bias, dy);
  }
  vf_store_n(dgain + i, gain, n);
  if (dbias) vf_store_n(dbias + i, bias, n);
}

static void norm_parameters(const pal_norm_backward *c, float *dgain, float *dbias) {
  int64_t i = 0;
  for (; i + 4 * PAL_LANES <= c->width; i += 4 * PAL_LANES)
    norm_parameters_four(c, i, dgain, dbias);
  for (; i < c->width; i += PAL_LANES)
    norm_parameters_one(c, i, norm_lanes(c->width - i), dgain, dbias);
}

static void norm_add(float *to, const float *from, int64_t n) {
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = norm_lanes(n - i);
    norm_store(to + i, vf_add(norm_load(to + i, k), norm_load(from + i, k)), k);
  }
}

/* ---- cross_entropy ----------------------------------------------------------------------- */

/* Up to 16 logits; lanes past the end of the row are -inf, whose exp is 0. */
static inline vf norm_logits(const float *x, int n) {
  return vf_select(vm_first(n), norm_load(x, n), vf_set(-INFINITY));
}

/* The largest logit of a row, and the sum of exp(x - largest). */
static void norm_exp_sum(const float *x, int64_t width, float *largest, float *total) {
  vf most = vf_set(-INFINITY), sum = vf_zero();
  for (int64_t i = 0; i < width; i += PAL_LANES)
    most = vf_max(norm_logits(x + i, norm_lanes(width - i)), most);
  *largest = vf_hmax(most);
  const vf m = vf_set(*largest);
  for (int64_t i = 0; i < width; i += PAL_LANES)
    sum = vf_add(sum, vf_exp(vf_sub(norm_logits(x + i, norm_lanes(width - i)), m)));
  *total = vf_sum(sum);
}

/* The loss of soft targets t, sum of t (lse - x). A target of 0 adds nothing even where x is
 * -inf. */
static float norm_soft_loss(const float *x, const float *target, int64_t width, float lse) {
  vf sum = vf_zero();
  const vf l = vf_set(lse), zero = vf_zero();
  for (int64_t i = 0; i < width; i += PAL_LANES) {
    const int n = norm_lanes(width - i);
    const vf t = norm_load(target + i, n);
    const vf next = vf_fma(t, vf_sub(l, norm_load(x + i, n)), sum);
    sum = vf_select(vf_eq(t, zero), sum, next);
  }
  return vf_sum(sum);
}

/* The losses of hard targets, lse - x[class]; 0 where the class is -1. */
static void norm_hard_losses(const pal_cross_entropy_rows *c, const float *lse, float *loss) {
  const vi rows = vi_mul(vi_iota(), vi_set((int32_t)c->width));
  for (int64_t t = 0; t < c->rows; t += PAL_LANES) {
    const int n = norm_lanes(c->rows - t);
    const vi hard = vi_load_n(c->hard + t, n);
    const vm given = vm_and(vm_first(n), vi_gt(hard, vi_set(-1)));
    const vi at = vi_select(given, vi_add(rows, hard), vi_zero());
    const vf value = vf_sub(norm_load(lse + t, n), vf_gather(c->logits + t * c->width, at));
    norm_store(loss + t, vf_select(given, value, vf_zero()), n);
  }
}

static void norm_cross_entropy(const pal_cross_entropy_rows *c, float *loss, float *lse) {
  for (int64_t first = 0; first < c->rows; first += PAL_LANES) {
    /* 16 rows at a time, whose logarithms are one call of vf_log. */
    float largest[PAL_LANES] = {0}, total[PAL_LANES];
    for (int k = 0; k < PAL_LANES; k++) total[k] = 1.0f;
    const int n = norm_lanes(c->rows - first);
    vf most, sum;
    if (c->width <= PAL_LANES) {
      norm_exp_sums(c->logits + first * c->width, n, (int)c->width, (c->rows - first) * c->width,
                    &most, &sum);
    } else {
      for (int k = 0; k < n; k++)
        norm_exp_sum(c->logits + (first + k) * c->width, c->width, &largest[k], &total[k]);
      most = vf_load(largest);
      sum = vf_load(total);
    }
    norm_store(lse + first, vf_add(most, vf_log(sum)), n);
  }
  if (c->soft)
    for (int64_t t = 0; t < c->rows; t++)
      loss[t] = norm_soft_loss(c->logits + t * c->width, c->soft + t * c->width, c->width, lse[t]);
  else norm_hard_losses(c, lse, loss);
  for (int64_t t = 0; t < c->rows && c->weight; t += PAL_LANES) {
    const int n = norm_lanes(c->rows - t);
    norm_store(loss + t, vf_mul(norm_load(loss + t, n), norm_load(c->weight + t, n)), n);
  }
}

static float norm_row_sum(const float *x, int64_t width) {
  vf sum = vf_zero();
  for (int64_t i = 0; i < width; i += PAL_LANES)
    sum = vf_add(sum, norm_load(x + i, norm_lanes(width - i)));
  return vf_sum(sum);
}

/* dlogits = softmax * a - target * scale, with scale = dloss * weight and a = scale * (sum of
 * targets) + dlse. It is one fused multiply-add, because the difference is much smaller than both
 * terms when the prediction is nearly certain. */
static void norm_cross_entropy_backward(const pal_cross_entropy_rows *c, const float *lse,
                                        const float *dloss, const float *dlse, float *dlogits) {
  if (c->hard && c->width <= PAL_LANES) {
    norm_cross_entropy_backward_narrow(c, lse, dloss, dlse, dlogits);
    return;
  }
  for (int64_t t = 0; t < c->rows; t++) {
    const float *x = c->logits + t * c->width, *soft = c->soft ? c->soft + t * c->width : NULL;
    float *out = dlogits + t * c->width;
    const int32_t hard = c->hard ? c->hard[t] : -1;
    float scale = dloss ? dloss[t] : 0.0f;
    if (c->weight) scale *= c->weight[t];
    if (!soft && hard < 0) scale = 0.0f;
    float a = soft ? scale * norm_row_sum(soft, c->width) : scale;
    if (dlse) a += dlse[t];
    const vf l = vf_set(lse[t]), s = vf_set(scale), all = vf_set(a), zero = vf_zero();
    const bool ignored =
        !soft && hard < 0 && !dlse; /* the gradient is 0 even if logits are not finite */
    for (int64_t i = 0; i < c->width; i += PAL_LANES) {
      const int n = norm_lanes(c->width - i);
      vf d = zero;
      if (!ignored) {
        const vf p = vf_exp(vf_sub(norm_load(x + i, n), l));
        const vm here = vi_eq(vi_iota(), vi_set((int32_t)(hard - i)));
        const vf target = soft ? vf_mul(norm_load(soft + i, n), s) : vf_select(here, s, zero);
        d = vf_fma(p, all, vf_neg(target));
      }
      norm_store(out + i, d, n);
    }
  }
}

static void norm_cross_entropy_targets(const pal_cross_entropy_rows *c, const float *lse,
                                       const float *dloss, float *dtarget) {
  const vf infinite = vf_set(-INFINITY);
  for (int64_t t = 0; t < c->rows; t++) {
    const vf l = vf_set(lse[t]), s = vf_set(c->weight ? dloss[t] * c->weight[t] : dloss[t]);
    for (int64_t i = 0; i < c->width; i += PAL_LANES) {
      const int n = norm_lanes(c->width - i);
      const vf x = norm_load(c->logits + t * c->width + i, n);
      const vf d = vf_mul(s, vf_sub(l, x));
      norm_store(dtarget + t * c->width + i, vf_select(vf_eq(x, infinite), vf_zero(), d), n);
    }
  }
}

/* ---- binary_cross_entropy_with_logits -------------------------------------------------------- */

/* log(1 + e) for 0 <= e <= 1: log(u) with u = 1 + e rounded, plus a first-order correction of the
 * rounding error. */
static inline vf norm_log1p(vf e) {
  const vf one = vf_set(1.0f), u = vf_add(one, e);
  return vf_add(vf_log(u), vf_div(vf_sub(e, vf_sub(u, one)), u));
}

static void norm_binary_cross_entropy(const float *x, const float *target, const float *weight,
                                      int64_t n, float *loss) {
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = norm_lanes(n - i);
    const vf z = norm_load(x + i, k), t = norm_load(target + i, k);
    const vf linear = vf_fnma(z, t, vf_max(vf_zero(), z));
    const vf value = vf_add(linear, norm_log1p(vf_exp(vf_neg(vf_abs(z)))));
    norm_store(loss + i, weight ? vf_mul(value, norm_load(weight + i, k)) : value, k);
  }
}

#define PAL_NORM_KERNELS                                                                   \
  {                                                                                        \
    norm_forward, norm_backward, norm_parameters, norm_add, norm_cross_entropy,            \
        norm_cross_entropy_backward, norm_cross_entropy_targets, norm_binary_cross_entropy \
  }
