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

/* ---- timing (time.c) -------------------------------------------------------------- */

enum { BENCH_MOST_TIMED = 24, BENCH_MOST_ROUNDS = 1000 };

typedef struct bench_timed {
  pal_status (*run)(void *data, pal_error *error);
  void *data;
  int team;    /* index of its number of threads */
  double work; /* FLOP of one run */
  /* Measured: */
  double median, best, spread; /* seconds of one run; see above */
  double rate, peak;           /* GFLOP/s: work / median; the best burst in between */
} bench_timed;

/* Times n things in turn, b->rounds times each. PAL_E_INTERRUPTED on a signal. */
pal_status bench_rounds(bench *b, bench_timed *timed, int n, pal_error *error);
/* The same among bursts of multiply-adds of every team that occurs: fills rate and peak too. */
pal_status bench_time(bench *b, bench_timed *timed, int n, pal_error *error);
/* Share of the time asked for, 0 to 1, that the machine gives to bursts on all threads. */
pal_status bench_share(bench *b, double *share, pal_error *error);
/* Peak that a result of this precision is held against: the bursts around a measurement are
 * multiply-adds, the ceilings say how much faster dot products are. Without them bf16 is emulated by
 * multiply-adds. */
double bench_peak_of(const bench *b, const char *precision, const bench_timed *timed);
/* Median of n values, which are sorted; their spread when `spread` is not NULL. */
double bench_median(double *value, int n, double *spread);
/* Monotonic seconds. */
double bench_seconds(void);
/* A bench_compiled, run once. */
pal_status bench_run(void *plan, pal_error *error);

/* ---- plans (probe.c) -------------------------------------------------------------- */

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

/* ---- sections --------------------------------------------------------------------------- */

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
