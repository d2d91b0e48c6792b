/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench ceilings: peaks of multiply-adds and bf16 dot products, memory bandwidth, costs
 * of synchronisation (floor 7). */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "bench/bench.h"
#include "bench/probe.h"
#include "bench/timing.h"

static const bench_peak *const sets[] = {&bench_peak_generic, &bench_peak_avx2, &bench_peak_avx512,
                                         &bench_peak_neon};
enum { SETS = sizeof sets / sizeof *sets };
static const char *const level_key[BENCH_LEVELS] = {"l2_gbs", "l3_gbs", "dram_gbs"};
static const char *const level_name[BENCH_LEVELS] = {"L2", "L3", "DRAM"};

const char *bench_team(const bench *b, int team, char *text, size_t size) {
  snprintf(text, size, "%d thread%s", b->threads[team], b->threads[team] > 1 ? "s" : "");
  return text;
}

/* Adds a result: under `key` for the first number of threads, under `key`_all for the second. */
static void put(bench *b, json_t *to, const char *key, int team, double value) {
  char full[64];
  snprintf(full, sizeof full, "%s%s", key, team ? "_all" : "");
  b->lost |= json_object_set_new(to, full, json_real(value)) != 0;
}

/* Bytes of core 0's cache of this level according to Linux; 0 if unknown. sysconf() is not used,
 * since on machines with several L3 caches it may return their sum. */
static int64_t cache_of(int level) {
  for (int i = 0; i < 8; i++) {
    char path[96], unit = 0;
    int found = 0;
    long long size = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%d", &found) != 1) found = 0;
    fclose(file);
    if (found != level) continue;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
    file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%lld%c", &size, &unit) < 1) size = 0;
    fclose(file);
    return size * (unit == 'K' ? 1 << 10 : unit == 'M' ? 1 << 20 : 1);
  }
  return 0;
}

static void find_caches(bench *b) {
  static const int64_t usual[BENCH_DRAM] = {1 << 20, 32 << 20};
  for (int level = 0; level < BENCH_DRAM; level++) {
    const int64_t size = cache_of(level + 2);
    b->cache[level] = size > 0 ? size : usual[level];
  }
}

/* Whether bf16 dot products are available: AVX512_BF16 is bit 5 of eax in CPUID leaf 7, subleaf 1;
 * the library knows whether AVX-512 can be used at all. */
static bool has_dot(void) {
#if defined(__x86_64__) || defined(__i386__)
  unsigned eax = 0, ebx, ecx, edx;
  return bench_peak_bf16.dot && pal_isa_available(bench_peak_bf16.isa) &&
         __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 5 & 1);
#else
  return false;
#endif
}

/* ---- a spinning barrier of two threads, as a lower bound for the library's ---------------- */

enum { MEETINGS = 20000 /* timed */, PATIENCE = 1 << 14 /* spins before yielding */ };

typedef struct meeting {
  atomic_int arrived, turn;
} meeting;

static void meet(meeting *m) {
  const int turn = atomic_load_explicit(&m->turn, memory_order_relaxed);
  if (atomic_fetch_add_explicit(&m->arrived, 1, memory_order_acq_rel) == 1) {
    atomic_store_explicit(&m->arrived, 0, memory_order_relaxed);
    atomic_store_explicit(&m->turn, turn + 1, memory_order_release);
    return;
  }
  for (int i = 0; atomic_load_explicit(&m->turn, memory_order_acquire) == turn; i++)
    if (i > PATIENCE) sched_yield();
}

static void *partner(void *data) {
  for (int i = 0; i < 2 * MEETINGS; i++) meet(data);
  return NULL;
}

/* Microseconds of one barrier; 0 when it cannot be measured: there is no second thread, or OpenMP
 * has bound this thread, whose core the second one would then share. */
static double spin_barrier(void) {
  meeting m;
  pthread_t thread;
  const char *bind = getenv("OMP_PROC_BIND");
  if (bind && strcmp(bind, "false") != 0) return 0;
  atomic_init(&m.arrived, 0);
  atomic_init(&m.turn, 0);
  if (pthread_create(&thread, NULL, partner, &m)) return 0;
  for (int i = 0; i < MEETINGS; i++) meet(&m);
  const double start = bench_seconds();
  for (int i = 0; i < MEETINGS; i++) meet(&m);
  const double seconds = bench_seconds() - start;
  pthread_join(thread, NULL);
  return seconds / MEETINGS * 1e6;
}

/* ---- arithmetic ------------------------------------------------------------------------- */

/* Measures the peak of one instruction set with each number of threads into `rate`, in GFLOP/s. */
static pal_status arithmetic(bench *b, const bench_peak *peak, bool dot, json_t *list,
                             double rate[BENCH_TEAMS], pal_error *error) {
  bench_compiled plan[BENCH_TEAMS] = {{NULL, NULL}};
  bench_timed timed[BENCH_TEAMS] = {{0}};
  pal_status status = PAL_OK;
  for (int t = 0; t < b->teams && !status; t++) {
    timed[t] = (bench_timed){.run = bench_run, .data = &plan[t], .team = t};
    status = bench_burst(b, peak, dot, t, &plan[t], &timed[t].work, error);
  }
  if (!status) status = bench_rounds(b, timed, b->teams, error);
  for (int t = 0; t < b->teams; t++) bench_release(&plan[t]);
  for (int t = 0; t < b->teams && !status; t++) {
    char team[32];
    rate[t] = timed[t].work / timed[t].best * 1e-9;
    printf("  %-28s %-10s %8.1f GFLOP/s   spread %4.1f %%\n", peak->name,
           bench_team(b, t, team, sizeof team), rate[t], 100 * timed[t].spread);
    b->lost |= json_array_append_new(list, json_pack("{s:s, s:i, s:f, s:f}", "isa", peak->name,
                                                     "threads", b->threads[t], "gflops", rate[t],
                                                     "spread", timed[t].spread)) != 0;
  }
  return status;
}

/* Measures the peak of each instruction set, or of the widest only unless `all`; and of bf16 dot
 * products. */
static pal_status all_arithmetic(bench *b, bool all, json_t *to, pal_error *error) {
  json_t *fma = json_array(), *dot = json_array();
  pal_status status = PAL_OK;
  printf("multiply-adds in registers\n");
  for (int i = 0; i < SETS && !status; i++) {
    double rate[BENCH_TEAMS] = {0};
    if (!pal_isa_available(sets[i]->isa)) continue;
    if (!sets[i]->fma)
      fprintf(
          stderr,
          "palimpsest: the loops for %s were built without its compiler flags; percentages of the "
          "peak are too high\n",
          sets[i]->name);
    if (!sets[i]->fma || (!all && sets[i] != b->best)) continue;
    status = arithmetic(b, sets[i], false, fma, rate, error);
    if (sets[i] == b->best) memcpy(b->fma, rate, sizeof rate);
  }
  b->dot = has_dot() ? &bench_peak_bf16 : NULL;
  if (b->dot && !status) status = arithmetic(b, b->dot, true, dot, b->bf16, error);
  for (int t = 0; t < b->teams && !status; t++) {
    put(b, to, "fma_gflops", t, b->fma[t]);
    if (b->dot) put(b, to, "bf16_gflops", t, b->bf16[t]);
  }
  b->lost |= json_object_set_new(to, "fma", fma) != 0;
  b->lost |= json_object_set_new(to, "bf16", dot) != 0;
  return status;
}

/* ---- memory ----------------------------------------------------------------------------- */

static pal_status memory_level(bench *b, bench_level level, json_t *to, pal_error *error) {
  bench_compiled plan[BENCH_TEAMS] = {{NULL, NULL}};
  bench_timed timed[BENCH_TEAMS] = {{0}};
  pal_status status = PAL_OK;
  for (int t = 0; t < b->teams && !status; t++) {
    timed[t] = (bench_timed){.run = bench_run, .data = &plan[t], .team = t};
    status = bench_reading(b, level, t, &plan[t], &timed[t].work, error);
  }
  if (!status) status = bench_rounds(b, timed, b->teams, error);
  for (int t = 0; t < b->teams; t++) bench_release(&plan[t]);
  for (int t = 0; t < b->teams && !status; t++) {
    char team[32];
    b->read[level][t] = timed[t].work / timed[t].best * 1e-9;
    printf("  %-28s %-10s %8.1f GB/s       spread %4.1f %%\n", level_name[level],
           bench_team(b, t, team, sizeof team), b->read[level][t], 100 * timed[t].spread);
    put(b, to, level_key[level], t, b->read[level][t]);
  }
  return status;
}

/* ---- barriers --------------------------------------------------------------------------- */

/* A run costs one fork and join, and one barrier per stage. Timing plans of two different numbers
 * of stages separates the two. */
static pal_status barriers(bench *b, json_t *to, pal_error *error) {
  enum { SHORT = 2, LONG = 64 };
  bench_compiled plan[2] = {{NULL, NULL}};
  bench_timed timed[2] = {{0}};
  double stages[2] = {0};
  static const int depth[2] = {SHORT, LONG};
  pal_status status = PAL_OK;
  for (int i = 0; i < 2 && !status; i++) {
    timed[i] = (bench_timed){.run = bench_run, .data = &plan[i], .team = b->teams - 1};
    status = bench_stages(b, depth[i], &plan[i], error);
    if (!status) stages[i] = pal_plan_statistics(plan[i].plan).stages;
  }
  if (!status) status = bench_rounds(b, timed, 2, error);
  for (int i = 0; i < 2; i++) bench_release(&plan[i]);
  if (status) return status;
  const double barrier = (timed[1].best - timed[0].best) / (stages[1] - stages[0]);
  const double fork_join = timed[0].best - stages[0] * barrier;
  b->lost |= json_object_set_new(to, "barrier_us", json_real(1e6 * barrier)) != 0;
  b->lost |= json_object_set_new(to, "fork_join_us", json_real(1e6 * fork_join)) != 0;
  printf("  stage with its barrier       %-10d %8.3f us         spread %4.1f %%\n",
         b->threads[b->teams - 1], 1e6 * barrier, 100 * timed[1].spread);
  printf("  run, fork and join           %-10d %8.3f us\n", b->threads[b->teams - 1],
         1e6 * fork_join);
  return PAL_OK;
}

pal_status bench_ceilings(bench *b, bool all, pal_error *error) {
  json_t *to = json_object(), *threads = json_array();
  const bool meet_too = all && b->threads[b->teams - 1] > 1;
  const double spin = meet_too ? spin_barrier() : 0; /* first, while no team of threads exists */
  find_caches(b);
  pal_status status = bench_probes(b, error);
  if (!status) status = all_arithmetic(b, all, to, error);
  if (!status) printf("reading memory\n");
  for (int level = 0; level < BENCH_LEVELS && !status; level++)
    status = memory_level(b, (bench_level)level, to, error);
  if (meet_too && !status) {
    printf("synchronisation              threads\n");
    if (spin > 0) {
      printf("  barrier of two that spin     2          %8.3f us\n", spin);
      b->lost |= json_object_set_new(to, "spin_barrier_us", json_real(spin)) != 0;
    }
    status = barriers(b, to, error);
  }
  for (int t = 0; t < b->teams; t++)
    b->lost |= json_array_append_new(threads, json_integer(b->threads[t])) != 0;
  b->lost |= json_object_set_new(to, "threads", threads) != 0;
  b->lost |= json_object_set_new(to, "isa", json_string(b->best ? b->best->name : "")) != 0;
  b->lost |= json_object_set_new(to, "l2_bytes", json_integer(b->cache[BENCH_L2])) != 0;
  b->lost |= json_object_set_new(to, "l3_bytes", json_integer(b->cache[BENCH_L3])) != 0;
  b->lost |= json_object_set_new(b->json, "ceilings", to) != 0;
  return status;
}
