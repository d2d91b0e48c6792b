/* SPDX-License-Identifier: Apache-2.0 */
/* Peak of AVX-512 dot products of bf16 pairs (floor 7). */
#include "bench/peak.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>

enum { LANES = 16, CHAINS = 16, PAIR = 2 };

#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define EACH(X) EIGHT(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static float dot_chains(int64_t rounds, float x) {
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(x), _mm512_set1_ps(x));
  const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(-x), _mm512_set1_ps(x));
#define MAKE(i) __m512 c##i = _mm512_set1_ps(x + (float)(i));
#define STEP(i) c##i = _mm512_dpbf16_ps(c##i, a, b);
#define JOIN(i) sum = _mm512_add_ps(sum, c##i);
  EACH(MAKE)
  for (int64_t r = 0; r < rounds; r++) {
    EACH(STEP)
  }
  __m512 sum = _mm512_setzero_ps();
  EACH(JOIN)
  float lane[LANES], total = 0;
  _mm512_storeu_ps(lane, sum);
  for (int i = 0; i < LANES; i++) total += lane[i];
  return total;
}

const bench_peak bench_peak_bf16 = {.name = "avx512_bf16",
                                    .isa = PAL_ISA_AVX512,
                                    .dot = dot_chains,
                                    .dot_flops = 2.0 * CHAINS * LANES * PAIR};
#else
const bench_peak bench_peak_bf16 = {.name = "avx512_bf16", .isa = PAL_ISA_AVX512};
#endif
