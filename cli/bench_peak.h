/* SPDX-License-Identifier: Apache-2.0 */
/* Loops that reach what a core can do, compiled once per instruction set (floor 6).
 *
 * Each bench_peak_<set>.c defines one table and nothing else that is external. A file compiled
 * without the flags of its set has a table of NULLs: that set is not in this build. */
#ifndef PAL_CLI_BENCH_PEAK_H
#define PAL_CLI_BENCH_PEAK_H

#include <palimpsest/context.h>

typedef struct cli_peak {
  const char *name;
  pal_isa isa; /* whose presence it needs */
  /* Independent chains of fused multiply-adds in registers; the result depends on all of them. */
  float (*fma)(int64_t rounds, float x);
  double fma_flops; /* of one round */
  /* The same of bf16 pairs summed to f32; NULL where there is no such instruction. */
  float (*dot)(int64_t rounds, float x);
  double dot_flops;
  /* Sum of n floats, n a multiple of CLI_READ_STEP, read `passes` times. */
  float (*read)(const float *x, int64_t n, int64_t passes);
} cli_peak;

enum { CLI_READ_STEP = 256 };

extern const cli_peak cli_peak_generic, cli_peak_avx2, cli_peak_avx512, cli_peak_bf16,
    cli_peak_neon;
#endif
