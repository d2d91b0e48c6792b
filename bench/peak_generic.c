/* SPDX-License-Identifier: Apache-2.0 */
/* Peak of portable C, an upper bound for the generic kernels (floor 7). */
#include <math.h>

#include "bench/peak.h"

enum { CHAINS = 8, LANES = 16 };

static float fma_chains(int64_t rounds, float x) {
  float chain[CHAINS], sum = 0;
  const float factor = 1 - x * 0x1p-10f;
  for (int i = 0; i < CHAINS; i++) chain[i] = x + (float)i;
  for (int64_t r = 0; r < rounds; r++)
    for (int i = 0; i < CHAINS; i++) chain[i] = fmaf(chain[i], factor, x);
  for (int i = 0; i < CHAINS; i++) sum += chain[i];
  return sum;
}

static float read_all(const float *x, int64_t n, int64_t passes) {
  float lane[LANES] = {0}, sum = 0;
  for (int64_t p = 0; p < passes; p++)
    for (int64_t i = 0; i < n; i += LANES)
      for (int j = 0; j < LANES; j++) lane[j] += x[i + j];
  for (int j = 0; j < LANES; j++) sum += lane[j];
  return sum;
}

const bench_peak bench_peak_generic = {.name = "generic",
                                       .isa = PAL_ISA_GENERIC,
                                       .fma = fma_chains,
                                       .fma_flops = 2.0 * CHAINS,
                                       .read = read_all};
