/* SPDX-License-Identifier: Apache-2.0 */
/* See timing.h (floor 7). */
#include "bench/timing.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The q-quantile of n sorted values, interpolated linearly between neighbours. */
static double quantile(const double *sorted, int n, double q) {
  const double at = q * (n - 1);
  const int i = (int)at;
  return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

double bench_median(double *value, int n, double *spread) {
  qsort(value, (size_t)n, sizeof *value, by_value);
  const double median = quantile(value, n, 0.5);
  if (spread)
    *spread = median > 0 ? (quantile(value, n, 0.75) - quantile(value, n, 0.25)) / median : 0;
  return median;
}

double bench_peak_of(const bench *b, const char *precision, const bench_timed *timed) {
  const bool dots = b->dot && strcmp(precision, "bf16") == 0;
  return dots ? timed->peak * b->bf16[timed->team] / b->fma[timed->team] : timed->peak;
}

pal_status bench_run(void *plan, pal_error *error) {
  return pal_exec_run(((bench_compiled *)plan)->exec, error);
}

static pal_status run_times(bench_timed *t, int64_t times, double *seconds, pal_error *error) {
  const double start = bench_seconds();
  pal_status status = PAL_OK;
  for (int64_t i = 0; i < times && !status; i++) status = t->run(t->data, error);
  *seconds = (bench_seconds() - start) / (double)times;
  return status;
}

/* Finds how many runs take at least b->least seconds, by doubling. The first run is not counted,
 * since it touches memory for the first time and starts threads. */
static pal_status calibrate(const bench *b, bench_timed *t, int64_t *times, pal_error *error) {
  double seconds;
  pal_status status = run_times(t, 1, &seconds, error);
  *times = 1;
  if (status || seconds > 10 * b->least) return status;
  status = run_times(t, 1, &seconds, error);
  while (!status && seconds * (double)*times < b->least) {
    *times *= 2;
    status = run_times(t, *times, &seconds, error);
  }
  return status;
}

pal_status bench_rounds(bench *b, bench_timed *timed, int n, pal_error *error) {
  int64_t times[BENCH_MOST_TIMED];
  double *seconds = malloc(sizeof *seconds * (size_t)n * (size_t)b->rounds);
  pal_status status = seconds ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for timings");
  if (!status && n > BENCH_MOST_TIMED)
    status = pal_fail(error, PAL_E_ARGUMENT, "at most %d things can be timed together, not %d",
                      BENCH_MOST_TIMED, n);
  for (int i = 0; i < n && !status; i++) {
    pal_context_set_threads(b->context, b->threads[timed[i].team]);
    status = calibrate(b, &timed[i], &times[i], error);
  }
  for (int r = 0; r < b->rounds && !status; r++)
    for (int i = 0; i < n && !status; i++) {
      pal_context_set_threads(b->context, b->threads[timed[i].team]);
      status = run_times(&timed[i], times[i], &seconds[i * b->rounds + r], error);
    }
  for (int i = 0; i < n && !status; i++) {
    timed[i].median = bench_median(seconds + i * b->rounds, b->rounds, &timed[i].spread);
    timed[i].best = seconds[i * b->rounds]; /* the first one: bench_median sorts */
    timed[i].rate = timed[i].work / timed[i].median * 1e-9;
  }
  free(seconds);
  return status;
}

pal_status bench_time(bench *b, bench_timed *timed, int n, pal_error *error) {
  bench_timed all[BENCH_MOST_TIMED];
  int burst[BENCH_TEAMS], count = n;
  if (n + b->teams > BENCH_MOST_TIMED)
    return pal_fail(error, PAL_E_ARGUMENT, "at most %d things can be timed together, not %d",
                    BENCH_MOST_TIMED - b->teams, n);
  memcpy(all, timed, sizeof *all * (size_t)n);
  for (int t = 0; t < b->teams; t++) {
    burst[t] = -1;
    for (int i = 0; i < n; i++)
      if (timed[i].team == t) burst[t] = count;
    if (burst[t] < 0) continue;
    const double flops = pal_plan_statistics(b->burst[t].plan).flops;
    all[count++] = (bench_timed){.run = bench_run, .data = &b->burst[t], .team = t, .work = flops};
  }
  const pal_status status = bench_rounds(b, all, count, error);
  if (status) return status;
  memcpy(timed, all, sizeof *all * (size_t)n);
  for (int i = 0; i < n; i++) {
    const bench_timed *peak = &all[burst[timed[i].team]];
    timed[i].peak = peak->work / peak->best * 1e-9;
  }
  return PAL_OK;
}

pal_status bench_share(bench *b, double *share, pal_error *error) {
  enum { BURSTS = 8 };
  const int team = b->teams - 1;
  struct timespec before, after;
  pal_status status = PAL_OK;
  pal_context_set_threads(b->context, b->threads[team]);
  const double start = bench_seconds();
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  for (int i = 0; i < BURSTS && !status; i++) status = bench_run(&b->burst[team], error);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  const double wall = bench_seconds() - start;
  const double used =
      (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec);
  *share = used / (wall * b->threads[team]);
  return status;
}
