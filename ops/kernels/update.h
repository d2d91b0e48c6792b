/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of the optimizer updates, of random fills and of the factored lookups (floor 2). */
#ifndef PAL_OPS_KERNELS_UPDATE_H
#define PAL_OPS_KERNELS_UPDATE_H

#include <stddef.h>
#include <stdint.h>

/* One AdamW step's scalars: correct1 = 1 / (1 - beta1^step), decay = rate * weight_decay; the
 * gradient counts `scale` times; the new average is keep * average + rest * new p. */
typedef struct pal_adamw_step {
  float beta1, rest1, beta2, rest2, correct1, correct2, epsilon, rate, decay, scale, keep, rest;
} pal_adamw_step;

/* average NULL: none. */
typedef struct pal_adamw_arrays {
  const float *p, *g, *m, *v, *average;
  float *new_p, *new_m, *new_v, *new_average;
} pal_adamw_arrays;

typedef struct pal_sgd_step {
  float momentum, rate, decay;
  int nesterov;
} pal_sgd_step;

typedef struct pal_update_kernels {
  /* n elements. New values may be written over the old. */
  void (*adamw)(const pal_adamw_step *step, const pal_adamw_arrays *x, int64_t n);
  /* velocity NULL: no momentum. */
  void (*sgd)(const pal_sgd_step *step, const float *p, const float *g, const float *velocity,
              int64_t n, float *new_p, float *new_velocity);
  /* decay * ema + rest * x. */
  void (*ema)(float decay, float rest, const float *ema, const float *x, int64_t n, float *out);

  /* The first n draws of (key, sample, position), those of pal_rng_uniform. */
  void (*uniform)(uint64_t key, uint64_t sample, uint32_t position, int64_t n, float *u);
  /* -log(-log u) of the same draws. */
  void (*gumbel)(uint64_t key, uint64_t sample, uint32_t position, int64_t n, float *out);
  /* x * scale where draw >= rate, else 0. */
  void (*dropout)(uint64_t key, uint64_t sample, uint32_t position, const float *x, int64_t n,
                  float rate, float scale, float *y);
  /* exp(x - shift). */
  void (*exp_shifted)(const float *x, float shift, int64_t n, float *y);

  /* out[width] = sum over f < n of table row row[f] (-1: skipped), f ascending. */
  void (*sum_rows)(const float *table, int64_t width, const int32_t *row, int64_t n, float *out);
  /* Columns first .. first + n - 1 (n <= 16) of the transposed of the above: for each t ascending
   * and f ascending, out row factor[ids[t], f] += dy row t. All out_rows rows are zeroed first. */
  void (*scatter_columns)(const float *dy, int64_t width, int64_t first, int64_t n,
                          const int32_t *ids, int64_t rows, const int32_t *factor, int64_t per,
                          float *out, int64_t out_rows);
  /* out[j] = sum over the list of j of z[list[k]], k ascending. Lists are packed for 16 outputs
   * together: group j / 16 has depth[j / 16] slices of 16 indices; -1: none. */
  void (*gather_sum)(const float *z, const int32_t *packed, const int32_t *depth, int64_t n,
                     float *out);
} pal_update_kernels;
#endif
