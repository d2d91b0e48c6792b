/* SPDX-License-Identifier: Apache-2.0 */
/* Plans that measure the machine (floor 7). Their ops do nothing but arithmetic, reading or
 * synchronisation. The library's executor runs them on its own threads, so that the same cores,
 * barriers and other load affect them as affect its kernels. */
#include <stdlib.h>
#include <string.h>

#include "bench/probe.h"
#include "bench/timing.h"

static const bench_peak *const peaks[] = {&bench_peak_generic, &bench_peak_avx2, &bench_peak_avx512,
                                          &bench_peak_bf16, &bench_peak_neon};
enum { PEAKS = sizeof peaks / sizeof *peaks };

/* Tasks per thread: the executor hands out an eighth of a thread's part at a time. */
enum { SHARES = 8 };
/* A burst is long enough to be timed and short enough to be run between any two measurements. */
static const double BURST_SECONDS = 8e-3, READ_SECONDS = 20e-3;
/* The cost that empty stages declare: the executor runs cheap stages on one thread. */
static const double PRETENDED_FLOPS = 1e12;

/* Attributes of the ops below. */
typedef struct probe {
  int64_t peak;   /* index in `peaks` of the loops to run */
  int64_t dot;    /* 1: bf16 dot products instead of multiply-adds */
  int64_t rounds; /* of the loop in each task; for reading, passes over a piece */
  int64_t tasks;  /* number of tasks, the rows of the output */
  int64_t pieces; /* parts of the input, read by the tasks in turn */
} probe;

static const pal_attr_field fields[] = {
    PAL_FIELD(probe, peak, PAL_ATTR_INT), PAL_FIELD(probe, dot, PAL_ATTR_INT),
    PAL_FIELD(probe, rounds, PAL_ATTR_INT), PAL_FIELD(probe, tasks, PAL_ATTR_INT),
    PAL_FIELD(probe, pieces, PAL_ATTR_INT)};

static const probe *of(const void *attrs) { return attrs; }
static int64_t tasks(const pal_run *run) { return of(run->attrs)->tasks; }

static pal_status infer(pal_infer *call) {
  call->n_out = 1;
  call->out_type[0] = PAL_TYPE(PAL_F32, PAL_STATIC, of(call->attrs)->tasks);
  return PAL_OK;
}

static pal_status reference(const pal_reference *call) {
  return pal_fail(call->error, PAL_E_UNSUPPORTED, "a measurement has no value");
}

static pal_status run_burst(const pal_run *run) {
  const probe *p = of(run->attrs);
  const bench_peak *peak = peaks[p->peak];
  const float *x = run->in[0];
  float *y = run->out[0];
  for (int64_t t = run->begin; t < run->end; t++)
    y[t] = (p->dot ? peak->dot : peak->fma)(p->rounds, x[0]);
  return PAL_OK;
}

static pal_cost cost_of_burst(const pal_run *run) {
  const probe *p = of(run->attrs);
  const double round = p->dot ? peaks[p->peak]->dot_flops : peaks[p->peak]->fma_flops;
  return (pal_cost){.flops = round * (double)(p->rounds * p->tasks)};
}

static pal_status run_read(const pal_run *run) {
  const probe *p = of(run->attrs);
  const int64_t n = run->in_rows[0] / p->pieces;
  float *y = run->out[0];
  for (int64_t t = run->begin; t < run->end; t++)
    y[t] = peaks[p->peak]->read((const float *)run->in[0] + t % p->pieces * n, n, p->rounds);
  return PAL_OK;
}

static pal_cost cost_of_read(const pal_run *run) {
  const probe *p = of(run->attrs);
  const double piece = (double)(run->in_rows[0] / p->pieces) * sizeof(float);
  return (pal_cost){.bytes = piece * (double)(p->rounds * p->tasks)};
}

static pal_status run_nothing(const pal_run *run) {
  (void)run;
  return PAL_OK;
}

static pal_cost cost_of_nothing(const pal_run *run) {
  (void)run;
  return (pal_cost){.flops = PRETENDED_FLOPS};
}

#define PROBE(op_name, op_doc)                                                               \
  .abi_size = sizeof(pal_op), .name = (op_name), .version = 1, .doc = (op_doc), .min_in = 1, \
  .max_in = 1, .flags = PAL_OP_NO_GRADIENT, .fields = fields,                                \
  .n_fields = sizeof fields / sizeof *fields, .attrs_size = sizeof(probe), .infer = infer,   \
  .reference = reference, .no_case = "it measures time and has no value"

static const pal_op burst = {PROBE("bench_burst", "Multiply-adds in registers."),
                             .phase = {{.run = run_burst, .tasks = tasks}}, .cost = cost_of_burst};
static const pal_op reading = {PROBE("bench_read", "Sums of pieces of the input."),
                               .phase = {{.run = run_read, .tasks = tasks}}, .cost = cost_of_read};
static const pal_op nothing = {PROBE("bench_stages", "One task per thread that does nothing."),
                               .phase = {{.run = run_nothing, .tasks = tasks},
                                         {.run = run_nothing, .tasks = tasks},
                                         {.run = run_nothing, .tasks = tasks},
                                         {.run = run_nothing, .tasks = tasks}},
                               .cost = cost_of_nothing};

/* ---- plans ------------------------------------------------------------------------------ */

void bench_fill(float *x, int64_t n, uint64_t seed) {
  uint32_t state = (uint32_t)seed * 2654435769u + 1;
  for (int64_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u; /* a linear congruential generator of full period */
    x[i] = (float)(state >> 8) * 0x1p-23f - 1;
  }
}

pal_status bench_compile(pal_graph *graph, bench_compiled *plan, pal_error *error) {
  plan->plan = pal_compile(graph, error);
  pal_graph_free(graph);
  plan->exec = plan->plan ? pal_exec_new(plan->plan, error) : NULL;
  if (plan->exec) return PAL_OK;
  bench_release(plan);
  return error->code;
}

void bench_release(bench_compiled *plan) {
  if (plan->exec) pal_exec_free(plan->exec);
  if (plan->plan) pal_plan_free(plan->plan);
  *plan = (bench_compiled){0};
}

static pal_status probe_plan(bench *b, const char *op, const probe *p, int64_t floats, int depth,
                             bench_compiled *plan, pal_error *error) {
  pal_graph *g = pal_graph_new(b->context, NULL);
  if (!g) return pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, floats));
  for (int i = 0; i < depth; i++) x = pal_apply(g, op, &x, 1, p, NULL);
  pal_output(g, "y", x);
  const pal_status status = bench_compile(g, plan, error);
  float *input = status ? NULL : pal_exec_input(plan->exec, "x");
  for (int64_t i = 0; input && i < floats; i++)
    input[i] = 0.5f; /* writing makes the pages resident */
  return status;
}

static int index_of(const bench_peak *peak) {
  int i = 0;
  while (peaks[i] != peak) i++;
  return i;
}

/* The number of rounds that take about `wanted` seconds on one thread. */
static int64_t rounds_for(float (*loop)(int64_t rounds, float x), double wanted) {
  volatile float kept;
  for (int64_t rounds = 1024;; rounds *= 2) {
    const double start = bench_seconds();
    kept = loop(rounds, 0.5f);
    const double seconds = bench_seconds() - start;
    (void)kept;
    if (seconds > wanted / 4) {
      const double found = wanted / seconds * (double)rounds;
      return found > 1 ? (int64_t)found : 1;
    }
  }
}

pal_status bench_burst(bench *b, const bench_peak *peak, bool dot, int team, bench_compiled *plan,
                       double *flops, pal_error *error) {
  const probe p = {.peak = index_of(peak),
                   .dot = dot,
                   .tasks = (int64_t)SHARES * b->threads[team],
                   .rounds = rounds_for(dot ? peak->dot : peak->fma, BURST_SECONDS / SHARES)};
  const pal_status status = probe_plan(b, burst.name, &p, 1, 1, plan, error);
  *flops = (dot ? peak->dot_flops : peak->fma_flops) * (double)(p.rounds * p.tasks);
  return status;
}

pal_status bench_reading(bench *b, bench_level level, int team, bench_compiled *plan, double *bytes,
                         pal_error *error) {
  const int64_t threads = b->threads[team], l2 = b->cache[BENCH_L2], l3 = b->cache[BENCH_L3];
  probe p = {.peak = index_of(b->best), .tasks = SHARES * threads, .pieces = threads};
  int64_t piece = l2 / 2; /* bytes that one thread reads again and again */
  if (level == BENCH_L3) piece = l3 / (8 * threads) > 3 * l2 ? l3 / (8 * threads) : 3 * l2;
  if (level == BENCH_DRAM) {
    p.pieces = p.tasks;
    piece = 8 * l3 / p.tasks;
  }
  piece -= piece % (int64_t)(BENCH_READ_STEP * sizeof(float));
  /* So many passes that the first one, which reads from a slower level, hardly counts: as if the
   * level gave 100 GB/s. */
  p.rounds = level == BENCH_DRAM ? 1 : (int64_t)(READ_SECONDS / SHARES * 100e9 / (double)piece) + 1;
  *bytes = (double)piece * (double)(p.rounds * p.tasks);
  return probe_plan(b, reading.name, &p, p.pieces * piece / (int64_t)sizeof(float), 1, plan, error);
}

pal_status bench_stages(bench *b, int depth, bench_compiled *plan, pal_error *error) {
  const probe p = {.tasks = b->threads[b->teams - 1]};
  return probe_plan(b, nothing.name, &p, p.tasks, depth, plan, error);
}

/* ---- setting up ------------------------------------------------------------------------- */

static bool usable(const bench_peak *peak) { return peak->fma && pal_isa_available(peak->isa); }

pal_status bench_probes(bench *b, pal_error *error) {
  static const pal_op *const ops[] = {&burst, &reading, &nothing};
  double flops;
  for (int i = 0; i < PEAKS; i++) /* they are ordered by width; timing them could mislead */
    if (usable(peaks[i])) b->best = peaks[i];
  pal_status status = PAL_OK;
  for (size_t i = 0; i < sizeof ops / sizeof *ops && !status; i++)
    status = pal_define_op(b->context, ops[i], error);
  for (int t = 0; t < b->teams && !status; t++)
    status = bench_burst(b, b->best, false, t, &b->burst[t], &flops, error);
  return status;
}
