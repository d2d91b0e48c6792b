/* SPDX-License-Identifier: Apache-2.0 */
/* Declarations that the measurements of `palimpsest bench` share (floor 7).
 *
 * Alternatives that are compared are timed alternately, one run of each per round. Short bursts of
 * fused multiply-adds on the library's threads are timed in the same rounds; they give the peak
 * that a result is divided by, so both see the same clock frequency and load. Results are medians
 * over the rounds, ceilings the best of them. Spread is the interquartile range divided by the
 * median. */
#ifndef PAL_BENCH_H
#define PAL_BENCH_H

#include <jansson.h>

#include "bench/peak.h"
#include "bench/measure.h"

/* Everything is measured with up to two numbers of threads ("teams"): one, and all. */
enum { BENCH_TEAMS = 2 };
typedef enum bench_level { BENCH_L2, BENCH_L3, BENCH_DRAM, BENCH_LEVELS } bench_level;

/* The plan of a graph, with one executable instance. */
typedef struct bench_compiled {
  pal_plan *plan;
  pal_exec *exec;
} bench_compiled;

typedef struct bench {
  pal_context *context;
  int threads[BENCH_TEAMS], teams; /* [teams] numbers of threads */
  int rounds;                      /* of timings */
  double least;                    /* least duration of one timing, in seconds */
  const bench_peak *best;          /* loops for the widest instruction set of this machine */
  const bench_peak *dot;     /* bf16 dot products; NULL where there is no instruction for them */
  int64_t cache[BENCH_DRAM]; /* bytes: L2 of one core, L3 */
  bench_compiled burst[BENCH_TEAMS];          /* the bursts of multiply-adds */
  double fma[BENCH_TEAMS], bf16[BENCH_TEAMS]; /* peaks in GFLOP/s: f32, bf16 dot products */
  double read[BENCH_LEVELS][BENCH_TEAMS];     /* GB/s in all, each thread reading its own data */
  bool lost;    /* whether a result is missing from json, for lack of memory */
  json_t *json; /* the results */
} bench;

/* Measures the peaks of multiply-adds and bf16 for the widest instruction set, and memory
 * bandwidth; with `all` every instruction set, and the costs of barriers and of fork and join. To
 * be called first: the others need its results. */
pal_status bench_ceilings(bench *b, bool all, pal_error *error);
pal_status bench_gemm(bench *b, pal_error *error);
pal_status bench_ops(bench *b, pal_error *error);
/* With the request's `out`, also exports the case for other frameworks (export.h). */
pal_status bench_train(bench *b, const bench_request *request, pal_error *error);
pal_status bench_decode(bench *b, pal_error *error);
pal_status bench_window(bench *b, pal_error *error);
pal_status bench_plan(bench *b, pal_error *error);
/* The request's `name` is the file of a program, `set` are settings of the task. */
pal_status bench_pram(bench *b, const bench_request *request, pal_error *error);

/* "1 thread" or "2 threads", in `text`. */
const char *bench_team(const bench *b, int team, char *text, size_t size);
/* Appends `item` to the list `key` of the results and takes ownership of it. */
void bench_add(bench *b, const char *key, json_t *item);
#endif
