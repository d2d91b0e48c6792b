/* SPDX-License-Identifier: Apache-2.0 */
/* Peak of AArch64 Advanced SIMD (floor 7). */
#include "bench/peak.h"

#if defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>

enum { LANES = 4, CHAINS = 24, STREAMS = 8 };

/* One variable per register, by macros: the compiler might keep an array in memory. */
/* clang-format off */
#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define EACH(X)                                                                        \
  EIGHT(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) \
  X(21) X(22) X(23)

static float total(float32x4_t v) {
  float lane[LANES], sum = 0;
  vst1q_f32(lane, v);
  for (int i = 0; i < LANES; i++) sum += lane[i];
  return sum;
}

static float fma_chains(int64_t rounds, float x) {
  const float32x4_t factor = vdupq_n_f32(1 - x * 0x1p-10f), term = vdupq_n_f32(x);
/* clang-format on */
#define MAKE(i) float32x4_t c##i = vdupq_n_f32(x + (float)(i));
#define STEP(i) c##i = vfmaq_f32(term, c##i, factor);
#define JOIN(i) sum = vaddq_f32(sum, c##i);
  EACH(MAKE)
  for (int64_t r = 0; r < rounds; r++) {
    EACH(STEP)
  }
  float32x4_t sum = vdupq_n_f32(0);
  EACH(JOIN)
  return total(sum);
}

static float read_all(const float *x, int64_t n, int64_t passes) {
#define ZERO(i) float32x4_t s##i = vdupq_n_f32(0);
#define SUM(i) s##i = vaddq_f32(s##i, vld1q_f32(x + at + i * LANES));
#define ADD(i) sum = vaddq_f32(sum, s##i);
  EIGHT(ZERO)
  for (int64_t p = 0; p < passes; p++)
    for (int64_t at = 0; at < n; at += STREAMS * LANES) {
      EIGHT(SUM)
    }
  float32x4_t sum = vdupq_n_f32(0);
  EIGHT(ADD)
  return total(sum);
}

const bench_peak bench_peak_neon = {.name = "neon",
                                    .isa = PAL_ISA_NEON,
                                    .fma = fma_chains,
                                    .fma_flops = 2.0 * CHAINS * LANES,
                                    .read = read_all};
#else
const bench_peak bench_peak_neon = {.name = "neon", .isa = PAL_ISA_NEON};
#endif
