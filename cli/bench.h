/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements: what the parts of `palimpsest bench` share (floor 6).
 *
 * Things that are compared are timed in turn, round by round, and among them bursts of fused
 * multiply-adds on the library's own threads: a result's peak is that of the same minute. Results
 * are medians, ceilings the best of the rounds; spread is the distance between the quartiles
 * relative to the median. */
#ifndef PAL_CLI_BENCH_H
#define PAL_CLI_BENCH_H

#include <jansson.h>

#include "cli/bench_peak.h"
#include "cli/cli.h"

/* One thread, and as many as the library uses. */
enum { CLI_TEAMS = 2 };
typedef enum cli_level { CLI_L2, CLI_L3, CLI_DRAM, CLI_LEVELS } cli_level;

/* A graph compiled, with one instance of it. */
typedef struct cli_plan {
  pal_plan *plan;
  pal_exec *exec;
} cli_plan;

typedef struct cli_bench {
  pal_context *context;
  int threads[CLI_TEAMS], teams;
  int rounds;              /* repetitions of everything */
  double least;            /* seconds that one repetition lasts at least */
  const cli_peak *best;    /* the widest instruction set here */
  const cli_peak *dot;     /* bf16 dot products, or NULL */
  int64_t cache[CLI_DRAM]; /* bytes: L2 of one core, L3 */
  cli_plan burst[CLI_TEAMS];
  double fma[CLI_TEAMS], bf16[CLI_TEAMS]; /* GFLOP/s */
  double read[CLI_LEVELS][CLI_TEAMS];     /* GB/s, each thread its own data */
  bool lost; /* a result that is missing from json, for lack of memory */
  json_t *json;
} cli_bench;

/* ---- timing (bench_time.c) -------------------------------------------------------------- */

enum { CLI_MOST_TIMED = 24, CLI_MOST_ROUNDS = 1000 };

typedef struct cli_timed {
  pal_status (*run)(void *data, pal_error *error);
  void *data;
  int team;    /* index of its number of threads */
  double work; /* FLOP of one run */
  /* Measured: */
  double median, best, spread; /* seconds of one run; see above */
  double rate, peak;           /* GFLOP/s: work / median; the best burst in between */
} cli_timed;

/* Times n things in turn, b->rounds times each. PAL_E_INTERRUPTED on a signal. */
pal_status cli_bench_rounds(cli_bench *b, cli_timed *timed, int n, pal_error *error);
/* The same among bursts of multiply-adds of every team that occurs: fills rate and peak too. */
pal_status cli_bench_time(cli_bench *b, cli_timed *timed, int n, pal_error *error);
/* Share of the time asked for, 0 to 1, that the machine gives to bursts on all threads. */
pal_status cli_bench_share(cli_bench *b, double *share, pal_error *error);
/* Peak that a result of this precision is held against: the bursts around a measurement are
 * multiply-adds, the ceilings say how much faster dot products are. Without them bf16 is emulated by
 * multiply-adds. */
double cli_bench_peak(const cli_bench *b, const char *precision, const cli_timed *timed);
/* Median of n values, which are sorted; their spread when `spread` is not NULL. */
double cli_bench_median(double *value, int n, double *spread);
/* A cli_plan run once. */
pal_status cli_bench_run(void *plan, pal_error *error);

/* ---- plans (bench_probe.c) -------------------------------------------------------------- */

/* Compiles the graph, frees it and makes an instance. */
pal_status cli_bench_compile(pal_graph *graph, cli_plan *plan, pal_error *error);
/* Values in [-1, 1) of a generator that starts at `seed`. */
void cli_bench_fill(float *x, int64_t n, uint64_t seed);
void cli_bench_release(cli_plan *plan);

/* Defines the ops of the probes; chooses the widest set; makes the bursts. */
pal_status cli_bench_probes(cli_bench *b, pal_error *error);
/* Bursts of multiply-adds (or dot products) with set `peak` on team `team`, and their FLOP. */
pal_status cli_bench_burst(cli_bench *b, const cli_peak *peak, bool dot, int team, cli_plan *plan,
                           double *flops, pal_error *error);
/* Reading at a level on team `team`, and its bytes. */
pal_status cli_bench_reading(cli_bench *b, cli_level level, int team, cli_plan *plan, double *bytes,
                             pal_error *error);
/* Stages that do nothing, `depth` ops of PAL_MAX_PHASES each, on the last team. */
pal_status cli_bench_stages(cli_bench *b, int depth, cli_plan *plan, pal_error *error);

/* ---- sections --------------------------------------------------------------------------- */

/* Multiply-adds, bf16 and memory of the widest set; with `all`, every set, barriers, fork and join.
 */
pal_status cli_bench_ceilings(cli_bench *b, bool all, pal_error *error);
pal_status cli_bench_gemm(cli_bench *b, pal_error *error);
pal_status cli_bench_ops(cli_bench *b, pal_error *error);
/* `only`: NULL or the name of a case. With `out`, also what a twin needs to repeat the case. */
pal_status cli_bench_train(cli_bench *b, const cli_options *o, const char *only, pal_error *error);
pal_status cli_bench_decode(cli_bench *b, pal_error *error);
pal_status cli_bench_window(cli_bench *b, pal_error *error);
pal_status cli_bench_plan(cli_bench *b, pal_error *error);

/* "1 thread", "2 threads". */
const char *cli_bench_team(const cli_bench *b, int team, char *text, size_t size);
/* Appends to the list `key` of the results; takes `item` over. */
void cli_bench_add(cli_bench *b, const char *key, json_t *item);
#endif
