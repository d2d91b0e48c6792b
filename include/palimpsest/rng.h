/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., SC 2011).
 *
 * Every draw is a pure function of (seed, purpose, step, sample, position, index), so results do
 * not depend on threads, on batch order or on how examples are packed:
 *   purpose   what draws, for instance the path of a random op; a stable text
 *   step      training or decoding step
 *   sample    the example's own id, never its place in a batch
 *   position  row within the example
 *   index     number of the draw at that position */
#ifndef PAL_RNG_H
#define PAL_RNG_H

#include <palimpsest/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The Philox 4x32-10 block function: 4 x 32 random bits for a counter and a key. */
PAL_API void pal_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The key of a stream: XXH3 of seed, purpose text and step. */
PAL_API uint64_t pal_rng_key(uint64_t seed, const char *purpose, uint64_t step);

/* 32 random bits: word index % 4 of the block whose counter is (low half of sample, high half of
 * sample, position, index / 4). */
PAL_API uint32_t pal_rng_bits(uint64_t key, uint64_t sample, uint32_t position, uint32_t index);

/* Uniform in (0, 1), both ends excluded: ((bits >> 9) + 0.5) * 2^-23, which is exact in f32. */
PAL_API float pal_rng_uniform(uint64_t key, uint64_t sample, uint32_t position, uint32_t index);

/* A sequential generator, for code outside of graphs (tasks, order of the data). Copying the struct
 * copies its state. */
typedef struct pal_rng {
  uint64_t key, sample; /* of the stream; do not change after the first draw */
  uint64_t used;        /* draws so far; (key, sample, used) is the whole state */
  uint64_t block;       /* `bits` hold draws 4 block - 4 .. 4 block - 1; 0: nothing yet */
  uint32_t bits[4];
} pal_rng;
PAL_API pal_rng pal_rng_new(uint64_t seed, const char *purpose, uint64_t step, uint64_t sample);
PAL_API uint32_t pal_rng_next(pal_rng *rng);
/* Uniform in (0, 1), both ends excluded; uses two draws. */
PAL_API double pal_rng_real(pal_rng *rng);
/* Uniform in 0 .. n-1 without bias (Lemire 2019), n >= 1. Uses a varying number of draws. */
PAL_API uint32_t pal_rng_below(pal_rng *rng, uint32_t n);
/* Standard normal, by the Box-Muller transform. */
PAL_API double pal_rng_normal(pal_rng *rng);

#ifdef __cplusplus
}
#endif
#endif
