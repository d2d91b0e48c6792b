/* SPDX-License-Identifier: Apache-2.0 */
/* Loops that reach what a core can do, compiled once per instruction set (floor 6).
 *
 * Each peak_<set>.c defines one table and nothing else that is external. A file compiled
 * without the flags of its set has a table of NULLs: that set is not in this build. */
#ifndef PAL_BENCH_PEAK_H
#define PAL_BENCH_PEAK_H

#include <palimpsest/context.h>

typedef struct bench_peak {
  const char *name;
  pal_isa isa; /* whose presence it needs */
  /* Independent chains of fused multiply-adds in registers; the result depends on all of them. */
  float (*fma)(int64_t rounds, float x);
  double fma_flops; /* of one round */
  /* The same of bf16 pairs summed to f32; NULL where there is no such instruction. */
  float (*dot)(int64_t rounds, float x);
  double dot_flops;
  /* Sum of n floats, n a multiple of BENCH_READ_STEP, read `passes` times. */
  float (*read)(const float *x, int64_t n, int64_t passes);
} bench_peak;

enum { BENCH_READ_STEP = 256 };

extern const bench_peak bench_peak_generic, bench_peak_avx2, bench_peak_avx512, bench_peak_bf16,
    bench_peak_neon;
#endif
