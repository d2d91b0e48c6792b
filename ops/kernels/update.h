/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of the optimizer updates, of random numbers and of the factored lookups (floor 2). */
#ifndef PAL_OPS_KERNELS_UPDATE_H
#define PAL_OPS_KERNELS_UPDATE_H

#include <stddef.h>
#include <stdint.h>

/* The scalars of one AdamW step; the formulas are in the documentation of the op adamw_update. */
typedef struct pal_adamw_step {
  float beta1, rest1, beta2, rest2; /* rest1 = 1 - beta1, rest2 = 1 - beta2 */
  float correct1, correct2;         /* bias correction, 1 / (1 - beta1^step) and of beta2 */
  float epsilon, rate;              /* rate is the learning rate */
  float decay;                      /* rate * weight_decay */
  float scale;                      /* the gradient is multiplied by it first */
  float average_decay,
      average_rest; /* new average = average_decay * average + average_rest * new p */
} pal_adamw_step;

/* Parameter p, gradient g, moments m and v, and a moving average of p, which may be NULL; [n]
 * each. */
typedef struct pal_adamw_arrays {
  const float *p, *g, *m, *v, *average;
  float *new_p, *new_m, *new_v, *new_average;
} pal_adamw_arrays;

typedef struct pal_sgd_step {
  float momentum, rate, decay; /* decay = rate * weight_decay */
  int nesterov;
} pal_sgd_step;

typedef struct pal_update_kernels {
  /* Updates of n elements. New values may be written over the old. */
  void (*adamw)(const pal_adamw_step *step, const pal_adamw_arrays *x, int64_t n);
  /* Without momentum `velocity` and `new_velocity` are NULL. */
  void (*sgd)(const pal_sgd_step *step, const float *p, const float *g, const float *velocity,
              int64_t n, float *new_p, float *new_velocity);
  /* out [n] = decay * ema + rest * x, with rest = 1 - decay. */
  void (*ema)(float decay, float rest, const float *ema, const float *x, int64_t n, float *out);

  /* u [n] = the first n draws of the generator keyed by (key, sample, position), the same numbers
   * as pal_rng_uniform gives. */
  void (*uniform)(uint64_t key, uint64_t sample, uint32_t position, int64_t n, float *u);
  /* Gumbel noise: out [n] = -log(-log u) of the same draws. */
  void (*gumbel)(uint64_t key, uint64_t sample, uint32_t position, int64_t n, float *out);
  /* y [n] = x * scale where the draw is >= rate, else 0. */
  void (*dropout)(uint64_t key, uint64_t sample, uint32_t position, const float *x, int64_t n,
                  float rate, float scale, float *y);
  /* y [n] = exp(x - shift). */
  void (*exp_shifted)(const float *x, float shift, int64_t n, float *y);

  /* out[width] = the sum of rows row[0 .. n - 1] of the table [., width], in this order; a -1 is
   * skipped. */
  void (*sum_rows)(const float *table, int64_t width, const int32_t *row, int64_t n, float *out);
  /* The gradient of the table, columns first .. first + n - 1 (n <= 16): out [out_rows, width] is
   * set to 0 in these columns; then row factor[ids[t], f] of out += row t of dy, for t = 0 .. rows
   * - 1 and within it f = 0 .. per - 1. Negative ids and factors are skipped. */
  void (*scatter_columns)(const float *dy, int64_t width, int64_t first, int64_t n,
                          const int32_t *ids, int64_t rows, const int32_t *factor, int64_t per,
                          float *out, int64_t out_rows);
  /* out[j] = the sum of z[i] over the indices i in the list of output j, in order, j < n. The lists
   * of 16 outputs are interleaved and padded with -1 to the length of the longest, depth[j / 16]:
   *
   *   packed:  | 1st index of outputs 0..15 | 2nd of 0..15 | ... | 1st of outputs 16..31 | ... */
  void (*gather_sum)(const float *z, const int32_t *packed, const int32_t *depth, int64_t n,
                     float *out);
} pal_update_kernels;
#endif
