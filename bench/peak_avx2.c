/* SPDX-License-Identifier: Apache-2.0 */
/* Peak of AVX2 with FMA (floor 7). */
#include "bench/peak.h"

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

enum { LANES = 8, CHAINS = 12, STREAMS = 8 };

/* One variable per register, by macros: the compiler might keep an array in memory. */
#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define EACH(X) EIGHT(X) X(8) X(9) X(10) X(11)

static float total(__m256 v) {
  float lane[LANES], sum = 0;
  _mm256_storeu_ps(lane, v);
  for (int i = 0; i < LANES; i++) sum += lane[i];
  return sum;
}

static float fma_chains(int64_t rounds, float x) {
  const __m256 factor = _mm256_set1_ps(1 - x * 0x1p-10f), term = _mm256_set1_ps(x);
#define MAKE(i) __m256 c##i = _mm256_set1_ps(x + (float)(i));
#define STEP(i) c##i = _mm256_fmadd_ps(c##i, factor, term);
#define JOIN(i) sum = _mm256_add_ps(sum, c##i);
  EACH(MAKE)
  for (int64_t r = 0; r < rounds; r++) {
    EACH(STEP)
  }
  __m256 sum = _mm256_set1_ps(0);
  EACH(JOIN)
  return total(sum);
}

static float read_all(const float *x, int64_t n, int64_t passes) {
#define ZERO(i) __m256 s##i = _mm256_set1_ps(0);
#define SUM(i) s##i = _mm256_add_ps(s##i, _mm256_loadu_ps(x + at + i * LANES));
#define ADD(i) sum = _mm256_add_ps(sum, s##i);
  EIGHT(ZERO)
  for (int64_t p = 0; p < passes; p++)
    for (int64_t at = 0; at < n; at += STREAMS * LANES) {
      EIGHT(SUM)
    }
  __m256 sum = _mm256_set1_ps(0);
  EIGHT(ADD)
  return total(sum);
}

const bench_peak bench_peak_avx2 = {.name = "avx2",
                                    .isa = PAL_ISA_AVX2,
                                    .fma = fma_chains,
                                    .fma_flops = 2.0 * CHAINS * LANES,
                                    .read = read_all};
#else
const bench_peak bench_peak_avx2 = {.name = "avx2", .isa = PAL_ISA_AVX2};
#endif
