/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements: what the parts of `palimpsest bench` share (floor 6).
 *
 * Things that are compared are timed in turn, round by round, and among them bursts of fused
 * multiply-adds on the library's own threads: a result's peak is that of the same minute. Results
 * are medians, ceilings the best of the rounds; spread is the distance between the quartiles
 * relative to the median. */
#ifndef PAL_BENCH_H
#define PAL_BENCH_H

#include <jansson.h>

#include "bench/peak.h"
#include "bench/measure.h"

/* One thread, and as many as the library uses. */
enum { BENCH_TEAMS = 2 };
typedef enum bench_level { BENCH_L2, BENCH_L3, BENCH_DRAM, BENCH_LEVELS } bench_level;

/* A graph compiled, with one instance of it. */
typedef struct bench_compiled {
  pal_plan *plan;
  pal_exec *exec;
} bench_compiled;

typedef struct bench {
  pal_context *context;
  int threads[BENCH_TEAMS], teams;
  int rounds;                /* repetitions of everything */
  double least;              /* seconds that one repetition lasts at least */
  const bench_peak *best;    /* the widest instruction set here */
  const bench_peak *dot;     /* bf16 dot products, or NULL */
  int64_t cache[BENCH_DRAM]; /* bytes: L2 of one core, L3 */
  bench_compiled burst[BENCH_TEAMS];
  double fma[BENCH_TEAMS], bf16[BENCH_TEAMS]; /* GFLOP/s */
  double read[BENCH_LEVELS][BENCH_TEAMS];     /* GB/s, each thread its own data */
  bool lost; /* a result that is missing from json, for lack of memory */
  json_t *json;
} bench;

/* Multiply-adds, bf16 and memory of the widest set; with `all`, every set, barriers, fork and join.
 */
pal_status bench_ceilings(bench *b, bool all, pal_error *error);
pal_status bench_gemm(bench *b, pal_error *error);
pal_status bench_ops(bench *b, pal_error *error);
/* With the request's `out`, also what a twin needs to repeat the case. */
pal_status bench_train(bench *b, const bench_request *request, pal_error *error);
pal_status bench_decode(bench *b, pal_error *error);
pal_status bench_window(bench *b, pal_error *error);
pal_status bench_plan(bench *b, pal_error *error);

/* "1 thread", "2 threads". */
const char *bench_team(const bench *b, int team, char *text, size_t size);
/* Appends to the list `key` of the results; takes `item` over. */
void bench_add(bench *b, const char *key, json_t *item);
#endif
