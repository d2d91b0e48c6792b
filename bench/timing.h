/* SPDX-License-Identifier: Apache-2.0 */
/* Timing in rounds, as bench.h describes it (floor 7). */
#ifndef PAL_BENCH_TIMING_H
#define PAL_BENCH_TIMING_H

#include "bench/bench.h"

enum { BENCH_MOST_TIMED = 24, BENCH_MOST_ROUNDS = 1000 };

/* Something to time, and its results. */
typedef struct bench_timed {
  pal_status (*run)(void *data, pal_error *error);
  void *data;
  int team;    /* index in bench.threads of its number of threads */
  double work; /* FLOP of one run */
  /* Results: */
  double median, best; /* seconds of one run */
  double spread;       /* interquartile range divided by the median */
  double rate, peak;   /* GFLOP/s: work / median; that of the best burst */
} bench_timed;

/* Times n things alternately, b->rounds times each. Fills median, best, spread and rate. */
pal_status bench_rounds(bench *b, bench_timed *timed, int n, pal_error *error);
/* The same, with bursts of multiply-adds in every round for each number of threads that occurs:
 * fills the peak too. */
pal_status bench_time(bench *b, bench_timed *timed, int n, pal_error *error);
/* The share, 0 to 1, of the processor that this process gets: CPU time of bursts on all threads
 * divided by their wall time. */
pal_status bench_share(bench *b, double *share, pal_error *error);
/* The peak in GFLOP/s for a result of this precision. For bf16 it is the peak of multiply-adds
 * timed with it, times the ratio of the two ceilings; where there are no bf16 dot products,
 * multiply-adds emulate them. */
double bench_peak_of(const bench *b, const char *precision, const bench_timed *timed);
/* The median of n values, which it sorts; *spread, unless NULL, gets the interquartile range
 * divided by the median. */
double bench_median(double *value, int n, double *spread);
/* Seconds of a monotonic clock. */
double bench_seconds(void);
/* Runs a bench_compiled once; for bench_timed.run. */
pal_status bench_run(void *plan, pal_error *error);
#endif
