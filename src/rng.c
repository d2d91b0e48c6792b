/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers (floor 0).
 *
 * Philox 4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011. No function has state besides that in a pal_rng. */
#include <palimpsest/rng.h>

#include <sleef.h>
#include <string.h>
#include <xxhash.h>

/* A static copy of pal_philox, since calls of an exported function cannot be inlined. */
static inline void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    const uint64_t p = (uint64_t)0xD2511F53u * c0, q = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)q;
    c3 = (uint32_t)p;
    k0 += 0x9E3779B9u; /* Weyl steps: the golden ratio and sqrt(3) - 1 */
    k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void pal_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  philox(counter, key, out);
}

static void put_u64(unsigned char *bytes, uint64_t value) {
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(value >> (8 * i));
}

/* The hash of 24 bytes: seed, hash of the text, step. They are little endian on every machine, so
 * the key is the same everywhere. */
uint64_t pal_rng_key(uint64_t seed, const char *purpose, uint64_t step) {
  unsigned char bytes[24];
  put_u64(bytes, seed);
  put_u64(bytes + 8, XXH3_64bits(purpose, strlen(purpose)));
  put_u64(bytes + 16, step);
  return XXH3_64bits(bytes, sizeof bytes);
}

static void draw_block(uint64_t key, uint64_t sample, uint32_t position, uint32_t block,
                       uint32_t out[4]) {
  const uint32_t counter[4] = {(uint32_t)sample, (uint32_t)(sample >> 32), position, block};
  const uint32_t halves[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
  philox(counter, halves, out);
}

uint32_t pal_rng_bits(uint64_t key, uint64_t sample, uint32_t position, uint32_t index) {
  uint32_t out[4];
  draw_block(key, sample, position, index / 4, out);
  return out[index % 4];
}

float pal_rng_uniform(uint64_t key, uint64_t sample, uint32_t position, uint32_t index) {
  return ((float)(pal_rng_bits(key, sample, position, index) >> 9) + 0.5f) * 0x1p-23f;
}

pal_rng pal_rng_new(uint64_t seed, const char *purpose, uint64_t step, uint64_t sample) {
  return (pal_rng){.key = pal_rng_key(seed, purpose, step), .sample = sample};
}

/* The same numbers as pal_rng_bits, but one block of four is computed at a time. Draws beyond the
 * 32-bit index go on in `position`. */
static inline uint32_t next(pal_rng *rng) {
  const uint64_t used = rng->used++, block = used / 4 + 1;
  if (rng->block != block) {
    draw_block(rng->key, rng->sample, (uint32_t)(used >> 32), (uint32_t)used / 4, rng->bits);
    rng->block = block;
  }
  return rng->bits[used % 4];
}

uint32_t pal_rng_next(pal_rng *rng) { return next(rng); }

/* (52 random bits + 1/2) * 2^-52, from two draws: exact, and never 0 or 1. */
double pal_rng_real(pal_rng *rng) {
  const uint64_t high = next(rng), low = next(rng);
  return ((double)((high << 32 | low) >> 12) + 0.5) * 0x1p-52;
}

/* Lemire, "Fast random integer generation in an interval", 2019: the product's high half is the
 * result; low halves below 2^32 mod n are drawn again. */
uint32_t pal_rng_below(pal_rng *rng, uint32_t n) {
  if (n <= 1) return 0;
  uint64_t product = (uint64_t)next(rng) * n;
  if ((uint32_t)product < n) {
    const uint32_t least = (0u - n) % n;
    while ((uint32_t)product < least) product = (uint64_t)next(rng) * n;
  }
  return (uint32_t)(product >> 32);
}

/* Box-Muller. SLEEF's plain C functions without FMA give the same bits on every machine; those of
 * the C library choose their code by processor. */
double pal_rng_normal(pal_rng *rng) {
  const double u = pal_rng_real(rng), v = pal_rng_real(rng);
  const double radius = Sleef_cinz_sqrtd1_u05purec(-2.0 * Sleef_cinz_logd1_u10purec(u));
  return radius * Sleef_cinz_cospid1_u05purec(2.0 * v);
}
