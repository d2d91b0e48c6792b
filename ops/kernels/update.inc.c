/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_update_kernels, compiled once per instruction set (floor 2).
 *
 * Invariant: the arithmetic of an element does not depend on its place in the range, so a range may
 * be split anywhere. Multiplication and addition are fused only where the code calls vf_fma. */
#include "ops/kernels/update.h"

#include <palimpsest/rng.h>

#include "src/simd.h"

static inline int update_lanes(int64_t left) { return left < PAL_LANES ? (int)left : PAL_LANES; }

static void update_adamw(const pal_adamw_step *s, const pal_adamw_arrays *x, int64_t n) {
  const float *p = x->p, *g = x->g, *m = x->m, *v = x->v, *average = x->average;
  float *new_p = x->new_p, *new_m = x->new_m, *new_v = x->new_v, *new_average = x->new_average;
  const vf beta1 = vf_set(s->beta1), rest1 = vf_set(s->rest1);
  const vf beta2 = vf_set(s->beta2), rest2 = vf_set(s->rest2);
  const vf correct1 = vf_set(s->correct1), correct2 = vf_set(s->correct2);
  const vf epsilon = vf_set(s->epsilon), rate = vf_set(s->rate), decay = vf_set(s->decay);
  const vf scale = vf_set(s->scale), average_decay = vf_set(s->average_decay),
           average_rest = vf_set(s->average_rest);
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = update_lanes(n - i);
    const vf gradient = vf_mul(scale, vf_load_n(g + i, k)), old = vf_load_n(p + i, k);
    const vf first = vf_fma(beta1, vf_load_n(m + i, k), vf_mul(rest1, gradient));
    const vf second = vf_fma(beta2, vf_load_n(v + i, k), vf_mul(rest2, vf_mul(gradient, gradient)));
    const vf root = vf_sqrt(vf_mul(second, correct2));
    const vf direction = vf_div(vf_mul(first, correct1), vf_add(root, epsilon));
    vf_store_n(new_m + i, first, k);
    vf_store_n(new_v + i, second, k);
    const vf next = vf_fnma(rate, direction, vf_fnma(decay, old, old));
    vf_store_n(new_p + i, next, k);
    if (average) /* the same arithmetic as update_ema */
      vf_store_n(new_average + i,
                 vf_fma(average_decay, vf_load_n(average + i, k), vf_mul(average_rest, next)), k);
  }
}

static void update_sgd(const pal_sgd_step *s, const float *p, const float *g, const float *velocity,
                       int64_t n, float *new_p, float *new_velocity) {
  const vf momentum = vf_set(s->momentum), rate = vf_set(s->rate), decay = vf_set(s->decay);
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = update_lanes(n - i);
    const vf old = vf_load_n(p + i, k), gradient = vf_load_n(g + i, k);
    vf direction = gradient;
    if (velocity) {
      const vf next = vf_fma(momentum, vf_load_n(velocity + i, k), gradient);
      vf_store_n(new_velocity + i, next, k);
      direction = s->nesterov ? vf_fma(momentum, next, gradient) : next;
    }
    vf_store_n(new_p + i, vf_fnma(rate, direction, vf_fnma(decay, old, old)), k);
  }
}

static void update_ema(float decay, float rest, const float *ema, const float *x, int64_t n,
                       float *out) {
  const vf d = vf_set(decay), r = vf_set(rest);
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = update_lanes(n - i);
    vf_store_n(out + i, vf_fma(d, vf_load_n(ema + i, k), vf_mul(r, vf_load_n(x + i, k))), k);
  }
}

/* ---- random fills -------------------------------------------------------------------- */

enum { UPDATE_BLOCKS = 16, UPDATE_DRAWS = 4 * UPDATE_BLOCKS };

/* The high halves of 32 x 32 bit products. It is a loop of its own so that compilers vectorise
 * it. */
static inline void update_high(const uint32_t *a, uint32_t b, uint32_t *high) {
  for (int i = 0; i < UPDATE_BLOCKS; i++) high[i] = (uint32_t)((uint64_t)a[i] * b >> 32);
}

/* A number in (0, 1) from the upper 23 bits plus one half, which is exact in f32; as in
 * pal_rng_uniform. */
static inline float update_unit(uint32_t bits) {
  return ((float)(int32_t)(bits >> 9) + 0.5f) * 0x1p-23f;
}

/* Computes UPDATE_BLOCKS blocks of Philox 4x32-10 (Salmon et al., SC 2011) side by side, from block
 * number `block` on; u gets their draws in order, 4 per block. */
static inline void update_philox(uint64_t key, uint64_t sample, uint32_t position, uint32_t block,
                                 float *u) {
  uint32_t c0[UPDATE_BLOCKS], c1[UPDATE_BLOCKS], c2[UPDATE_BLOCKS], c3[UPDATE_BLOCKS];
  uint32_t h0[UPDATE_BLOCKS], h2[UPDATE_BLOCKS];
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int i = 0; i < UPDATE_BLOCKS; i++) {
    c0[i] = (uint32_t)sample;
    c1[i] = (uint32_t)(sample >> 32);
    c2[i] = position;
    c3[i] = block + (uint32_t)i;
  }
  for (int round = 0; round < 10; round++) {
    update_high(c0, 0xD2511F53u, h0);
    update_high(c2, 0xCD9E8D57u, h2);
    for (int i = 0; i < UPDATE_BLOCKS; i++) {
      const uint32_t low0 = c0[i] * 0xD2511F53u, low2 = c2[i] * 0xCD9E8D57u;
      c0[i] = h2[i] ^ c1[i] ^ k0;
      c2[i] = h0[i] ^ c3[i] ^ k1;
      c1[i] = low2;
      c3[i] = low0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int i = 0; i < UPDATE_BLOCKS; i++) {
    u[4 * i] = update_unit(c0[i]);
    u[4 * i + 1] = update_unit(c1[i]);
    u[4 * i + 2] = update_unit(c2[i]);
    u[4 * i + 3] = update_unit(c3[i]);
  }
}

/* Draws first .. first + n - 1 to u [UPDATE_DRAWS]; first is a multiple of 4 and n <= UPDATE_DRAWS.
 * For a few blocks one at a time is faster. */
static inline void update_draws(uint64_t key, uint64_t sample, uint32_t position, int64_t first,
                                int64_t n, float *u) {
  const uint32_t block = (uint32_t)(first / 4), few = (uint32_t)(n + 3) / 4;
  if (few > 4) {
    update_philox(key, sample, position, block, u);
    return;
  }
  const uint32_t halves[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
  for (uint32_t i = 0; i < few; i++) {
    const uint32_t counter[4] = {(uint32_t)sample, (uint32_t)(sample >> 32), position, block + i};
    uint32_t bits[4];
    pal_philox(counter, halves, bits);
    for (int j = 0; j < 4; j++) u[4 * i + (uint32_t)j] = update_unit(bits[j]);
  }
}

static void update_uniform(uint64_t key, uint64_t sample, uint32_t position, int64_t n, float *u) {
  float draw[UPDATE_DRAWS];
  for (int64_t i = 0; i < n; i += UPDATE_DRAWS) {
    const int64_t some = n - i < UPDATE_DRAWS ? n - i : UPDATE_DRAWS;
    update_draws(key, sample, position, i, some, draw);
    for (int64_t j = 0; j < some; j++) u[i + j] = draw[j];
  }
}

static void update_gumbel(uint64_t key, uint64_t sample, uint32_t position, int64_t n, float *out) {
  float draw[UPDATE_DRAWS];
  for (int64_t i = 0; i < n; i += UPDATE_DRAWS) {
    const int64_t some = n - i < UPDATE_DRAWS ? n - i : UPDATE_DRAWS;
    update_draws(key, sample, position, i, some, draw);
    for (int64_t j = 0; j < some; j += PAL_LANES) {
      const int k = update_lanes(some - j);
      const vf u = vf_load_n(draw + j, k);
      vf_store_n(out + i + j, vf_neg(vf_log(vf_neg(vf_log(u)))), k);
    }
  }
}

static void update_dropout(uint64_t key, uint64_t sample, uint32_t position, const float *x,
                           int64_t n, float rate, float scale, float *y) {
  float draw[UPDATE_DRAWS];
  const vf low = vf_set(rate), factor = vf_set(scale);
  for (int64_t i = 0; i < n; i += UPDATE_DRAWS) {
    const int64_t some = n - i < UPDATE_DRAWS ? n - i : UPDATE_DRAWS;
    update_draws(key, sample, position, i, some, draw);
    for (int64_t j = 0; j < some; j += PAL_LANES) {
      const int k = update_lanes(some - j);
      const vm keep = vf_ge(vf_load_n(draw + j, k), low);
      const vf kept = vf_mul(vf_load_n(x + i + j, k), factor);
      vf_store_n(y + i + j, vf_select(keep, kept, vf_zero()), k);
    }
  }
}

static void update_exp_shifted(const float *x, float shift, int64_t n, float *y) {
  const vf s = vf_set(shift);
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = update_lanes(n - i);
    vf_store_n(y + i, vf_exp(vf_sub(vf_load_n(x + i, k), s)), k);
  }
}

/* ---- factored lookups ---------------------------------------------------------------- */

static void update_sum_rows(const float *table, int64_t width, const int32_t *row, int64_t n,
                            float *out) {
  for (int64_t i = 0; i < width; i += PAL_LANES) {
    const int k = update_lanes(width - i);
    vf sum = vf_zero();
    for (int64_t f = 0; f < n; f++)
      if (row[f] >= 0) sum = vf_add(sum, vf_load_n(table + row[f] * width + i, k));
    vf_store_n(out + i, sum, k);
  }
}

static void update_scatter_columns(const float *dy, int64_t width, int64_t first, int64_t n,
                                   const int32_t *ids, int64_t rows, const int32_t *factor,
                                   int64_t per, float *out, int64_t out_rows) {
  const int k = (int)n;
  for (int64_t r = 0; r < out_rows; r++) vf_store_n(out + r * width + first, vf_zero(), k);
  for (int64_t t = 0; t < rows; t++) {
    if (ids[t] < 0) continue;
    const vf x = vf_load_n(dy + t * width + first, k);
    for (int64_t f = 0; f < per; f++) {
      const int32_t r = factor[ids[t] * per + f];
      if (r < 0) continue;
      float *to = out + r * width + first;
      vf_store_n(to, vf_add(vf_load_n(to, k), x), k);
    }
  }
}

static void update_gather_sum(const float *z, const int32_t *packed, const int32_t *depth,
                              int64_t n, float *out) {
  for (int64_t j = 0; j < n; j += PAL_LANES) {
    vf sum = vf_zero();
    for (int32_t d = 0; d < depth[j / PAL_LANES]; d++, packed += PAL_LANES) {
      const vi index = vi_load(packed);
      const vm have = vi_gt(index, vi_set(-1));
      const vf value = vf_gather(z, vi_max(index, vi_zero()));
      sum = vf_add(sum, vf_select(have, value, vf_zero()));
    }
    vf_store_n(out + j, sum, update_lanes(n - j));
  }
}

#define PAL_UPDATE_KERNELS                                                               \
  {                                                                                      \
    update_adamw, update_sgd, update_ema, update_uniform, update_gumbel, update_dropout, \
        update_exp_shifted, update_sum_rows, update_scatter_columns, update_gather_sum   \
  }
