/* SPDX-License-Identifier: Apache-2.0 */
/* Timing in rounds (floor 6); see bench.h. */
#ifndef PAL_BENCH_TIMING_H
#define PAL_BENCH_TIMING_H

#include "bench/bench.h"

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
#endif
