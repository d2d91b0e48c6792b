/* SPDX-License-Identifier: Apache-2.0 */
/* Loops that reach the peak of a core, compiled once per instruction set (floor 7).
 *
 * Each peak_<set>.c defines one table and no other external symbol. If it was compiled without the
 * flags of its instruction set, the functions in the table are NULL. */
#ifndef PAL_BENCH_PEAK_H
#define PAL_BENCH_PEAK_H

#include <palimpsest/context.h>

typedef struct bench_peak {
  const char *name;
  pal_isa isa; /* the instruction set that it needs */
  /* Runs independent chains of fused multiply-adds in registers, enough to hide their latency.
   * The result depends on all chains, so that the compiler cannot remove any. */
  float (*fma)(int64_t rounds, float x);
  double fma_flops; /* FLOP of one round */
  /* The same with dot products of bf16 pairs, summed in f32; NULL without such an instruction. */
  float (*dot)(int64_t rounds, float x);
  double dot_flops; /* FLOP of one round */
  /* Reads n floats `passes` times and returns their sum; n is a multiple of BENCH_READ_STEP. */
  float (*read)(const float *x, int64_t n, int64_t passes);
} bench_peak;

enum { BENCH_READ_STEP = 256 };

extern const bench_peak bench_peak_generic, bench_peak_avx2, bench_peak_avx512, bench_peak_bf16,
    bench_peak_neon;
#endif
