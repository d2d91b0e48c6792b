/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench plan: time to compile a training step, and memory and stages of its plan (floor
 * 7). */
#include <stdlib.h>
#include <string.h>

#include "bench/net.h"
#include "bench/probe.h"
#include "bench/timing.h"

/* The value of a line of /proc/self/status, such as "VmRSS", in bytes; 0 if unknown. */
static double own_memory(const char *key) {
  char line[256];
  double kilobytes = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0) kilobytes = strtod(line + strlen(key) + 1, NULL);
  if (file) fclose(file);
  return kilobytes * 1024;
}

/* Resets the process's peak resident set size (Linux), which earlier measurements have raised. */
static void reset_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (!file) return;
  fputs("5", file);
  fclose(file);
}

/* Builds the graph and compiles it b->rounds times; returns the last plan. seconds[0] gets the
 * times of building, seconds[1] those of compiling. */
static pal_status compile(bench *b, const bench_net *net, int sequences, double *seconds[2],
                          pal_plan **plan, pal_error *error) {
  for (int r = 0; r < b->rounds; r++) {
    if (*plan) pal_plan_free(*plan);
    *plan = NULL;
    const double start = bench_seconds();
    pal_graph *g = bench_net_step(net, sequences, false, true, error);
    if (!g) return error->code;
    const double built = bench_seconds();
    *plan = pal_compile(g, error);
    const double end = bench_seconds();
    pal_graph_free(g);
    if (!*plan) return error->code;
    seconds[0][r] = built - start;
    seconds[1][r] = end - built;
  }
  return PAL_OK;
}

/* Prints one result. rss: resident set size before a run, and its peak, in bytes. */
static void report(bench *b, const bench_net_case *c, int sequences, const pal_plan_stats *s,
                   double build, double compiled, double spread, double rss[2]) {
  const double ratio = s->largest_live ? (double)s->arena_bytes / (double)s->largest_live : 0;
  printf("  %-2s %4d x %-4d built %7.2f ms, compiled %7.2f ms   spread %4.1f %%\n", c->name,
         sequences, c->length, 1e3 * build, 1e3 * compiled, 100 * spread);
  printf("     arena %.2f MB, largest live set %.2f MB, ratio %.3f; resident before a run %.1f MB,"
         " at most %.1f MB\n",
         (double)s->arena_bytes * 1e-6, (double)s->largest_live * 1e-6, ratio, rss[0] * 1e-6,
         rss[1] * 1e-6);
  printf("     %d steps, %d stages, %d chains, %d barriers; %.3f GFLOP, %.1f MB touched\n",
         s->steps, s->stages, s->chains, s->barriers, s->flops * 1e-9, s->bytes * 1e-6);
  bench_add(
      b, "plan",
      json_pack("{s:s, s:i, s:f, s:f, s:f, s:I, s:I, s:f, s:f, s:f, s:i, s:i, s:i, s:i, s:f, s:f}",
                "case", c->name, "sequences", sequences, "build_ms", 1e3 * build, "compile_ms",
                1e3 * compiled, "spread", spread, "arena_bytes", (json_int_t)s->arena_bytes,
                "largest_live_bytes", (json_int_t)s->largest_live, "arena_over_live", ratio,
                "rss_before", rss[0], "peak_rss", rss[1], "steps", s->steps, "stages", s->stages,
                "chains", s->chains, "barriers", s->barriers, "flops", s->flops, "bytes",
                s->bytes));
}

static pal_status one(bench *b, const bench_net_case *c, int sequences, pal_error *error) {
  double *seconds[2] = {malloc(sizeof(double) * (size_t)b->rounds),
                        malloc(sizeof(double) * (size_t)b->rounds)};
  bench_net net;
  bench_compiled plan = {NULL, NULL};
  pal_batch batch;
  double rss[2] = {0}, spread;
  pal_status status = bench_net_open(&net, b->context, c, "mdm", NULL, 0, error);
  if (!status && (!seconds[0] || !seconds[1])) status = pal_fail(error, PAL_E_MEMORY, "no memory");
  if (!status) status = compile(b, &net, sequences, seconds, &plan.plan, error);
  reset_peak();
  rss[0] = own_memory("VmRSS");
  if (!status) {
    plan.exec = pal_exec_new(plan.plan, error);
    status = plan.exec ? bench_net_feed(&net, plan.exec, sequences, &batch, error) : error->code;
  }
  if (!status)
    status = pal_exec_run(plan.exec, error); /* makes the memory that it needs resident */
  rss[1] = own_memory("VmHWM");
  if (!status) {
    const pal_plan_stats stats = pal_plan_statistics(plan.plan);
    const double build = bench_median(seconds[0], b->rounds, NULL);
    const double compiled = bench_median(seconds[1], b->rounds, &spread);
    report(b, c, sequences, &stats, build, compiled, spread, rss);
  }
  bench_release(&plan);
  bench_net_close(&net);
  free(seconds[0]);
  free(seconds[1]);
  return status;
}

pal_status bench_plan(bench *b, pal_error *error) {
  pal_status status = PAL_OK;
  printf("plans of a training step: sequences x length, all in one graph\n");
  for (int i = 0; bench_net_at(i) && !status; i++) {
    const bench_net_case *c = bench_net_at(i);
    status = one(b, c, c->shard, error); /* the trainer's plan is that of one shard */
    if (!status && c->shard != c->batch) status = one(b, c, c->batch, error);
  }
  return status;
}
