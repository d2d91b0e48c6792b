/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled plans, and plans that measure the machine (floor 7). */
#ifndef PAL_BENCH_PROBE_H
#define PAL_BENCH_PROBE_H

#include "bench/bench.h"

/* Compiles the graph, frees it, also on failure, and creates an instance of the plan. */
pal_status bench_compile(pal_graph *graph, bench_compiled *plan, pal_error *error);
/* Frees the plan and its instance; it may be empty. */
void bench_release(bench_compiled *plan);
/* Fills x with n pseudo-random values in [-1, 1). */
void bench_fill(float *x, int64_t n, uint64_t seed);

/* Defines the measuring ops, chooses b->best and compiles the bursts b->burst. */
pal_status bench_probes(bench *b, pal_error *error);
/* A plan of multiply-adds (or, with `dot`, dot products) with the loops `peak` on the threads of
 * `team`; *flops of one run. */
pal_status bench_burst(bench *b, const bench_peak *peak, bool dot, int team, bench_compiled *plan,
                       double *flops, pal_error *error);
/* A plan that reads from one memory level on the threads of `team`; *bytes of one run. */
pal_status bench_reading(bench *b, bench_level level, int team, bench_compiled *plan, double *bytes,
                         pal_error *error);
/* A plan of empty stages, `depth` ops of PAL_MAX_PHASES each, on the threads of the last team. */
pal_status bench_stages(bench *b, int depth, bench_compiled *plan, pal_error *error);
#endif
