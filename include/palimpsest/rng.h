/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011).
 *
 * Every draw is a pure function of (seed, purpose, step, sample, position, index):
 * purpose is the stable path of what draws, sample an example's own id; never a slot, a
 * thread or a rank. */
#ifndef PAL_RNG_H
#define PAL_RNG_H

#include <palimpsest/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One block of 4 x 32 random bits. */
PAL_API void pal_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The key of a stream: XXH3 of seed, purpose text and step. */
PAL_API uint64_t pal_rng_key(uint64_t seed, const char *purpose, uint64_t step);

/* 32 bits: block counter (sample low, sample high, position, index / 4), lane index % 4. */
PAL_API uint32_t pal_rng_bits(uint64_t key, uint64_t sample, uint32_t position, uint32_t index);

/* Uniform in (0, 1): ((bits >> 9) + 0.5) * 2^-23, exact in f32. */
PAL_API float pal_rng_uniform(uint64_t key, uint64_t sample, uint32_t position, uint32_t index);

/* A sequential generator over one stream, for host code (tasks, data order). */
typedef struct pal_rng {
  uint64_t key, sample; /* fixed once something is drawn */
  uint64_t used;        /* draws so far: saving (key, sample, used) saves the state */
  uint64_t block;       /* `bits` are those of draws 4 block - 4 .. 4 block - 1; 0: of none yet */
  uint32_t bits[4];
} pal_rng;
PAL_API pal_rng pal_rng_new(uint64_t seed, const char *purpose, uint64_t step, uint64_t sample);
PAL_API uint32_t pal_rng_next(pal_rng *rng);
/* Uniform in (0, 1). */
PAL_API double pal_rng_real(pal_rng *rng);
/* Uniform in 0 .. n-1, without bias; n >= 1. */
PAL_API uint32_t pal_rng_below(pal_rng *rng, uint32_t n);
/* N(0, 1), Box-Muller. */
PAL_API double pal_rng_normal(pal_rng *rng);

#ifdef __cplusplus
}
#endif
#endif
