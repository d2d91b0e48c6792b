/* SPDX-License-Identifier: Apache-2.0 */
/* Plans, and probes of what the machine can do (floor 6). */
#ifndef PAL_BENCH_PROBE_H
#define PAL_BENCH_PROBE_H

#include "bench/bench.h"

/* Compiles the graph, frees it and makes an instance. */
pal_status bench_compile(pal_graph *graph, bench_compiled *plan, pal_error *error);
/* Values in [-1, 1) of a generator that starts at `seed`. */
void bench_fill(float *x, int64_t n, uint64_t seed);
void bench_release(bench_compiled *plan);

/* Defines the ops of the probes; chooses the widest set; makes the bursts. */
pal_status bench_probes(bench *b, pal_error *error);
/* Bursts of multiply-adds (or dot products) with set `peak` on team `team`, and their FLOP. */
pal_status bench_burst(bench *b, const bench_peak *peak, bool dot, int team, bench_compiled *plan,
                       double *flops, pal_error *error);
/* Reading at a level on team `team`, and its bytes. */
pal_status bench_reading(bench *b, bench_level level, int team, bench_compiled *plan, double *bytes,
                         pal_error *error);
/* Stages that do nothing, `depth` ops of PAL_MAX_PHASES each, on the last team. */
pal_status bench_stages(bench *b, int depth, bench_compiled *plan, pal_error *error);
#endif
