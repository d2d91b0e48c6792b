/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench ops: attention as a fraction of the peak of multiply-adds; row-local ops and
 * optimizer updates as a fraction of the bandwidth of the memory level that holds their operands
 * (floor 7). */
#include <math.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/probe.h"
#include "bench/timing.h"

enum { ROWS = 2592, WIDTH = 128, CLASSES = 31 };

typedef struct op_case {
  const char *name;
  int64_t rows, width; /* x is [rows, width] */
  void (*build)(const struct op_case *c, pal_graph *g, pal_symbol rows);
  int heads;
  int64_t length;        /* of a sequence, for attention; else 0 */
  bool causal, backward; /* backward: the gradients as well */
} op_case;

static pal_value input(const op_case *c, pal_graph *g, pal_symbol T, const char *name) {
  return pal_input(g, name, PAL_TYPE(PAL_F32, T, 1, c->width));
}

#define UNARY(name, call)                                          \
  static void name(const op_case *c, pal_graph *g, pal_symbol T) { \
    const pal_value x = input(c, g, T, "x");                       \
    pal_output(g, "y", call);                                      \
  }
UNARY(build_exp, pal_exp(g, x))
UNARY(build_tanh, pal_tanh(g, x))
UNARY(build_erf, pal_erf(g, x))
UNARY(build_gelu, pal_gelu(g, x, true))
UNARY(build_silu, pal_silu(g, x))
UNARY(build_softmax, pal_softmax(g, x))
UNARY(build_sum, pal_sum(g, x, 0, false))
UNARY(build_add, pal_add(g, x, input(c, g, T, "z")))

static void build_norm(const op_case *c, pal_graph *g, pal_symbol T) {
  const pal_type row = PAL_TYPE(PAL_F32, PAL_STATIC, c->width);
  const pal_value x = input(c, g, T, "x"), gain = pal_input(g, "gain", row);
  pal_value y = pal_layer_norm(g, x, gain, pal_input(g, "bias", row), 1e-5);
  if (c->backward) pal_gradient(g, pal_mul(g, y, input(c, g, T, "z")), &x, 1, &y);
  pal_output(g, "y", y);
}

static void build_rotary(const op_case *c, pal_graph *g, pal_symbol T) {
  const pal_value position = pal_input(g, "position", PAL_TYPE(PAL_I32, T, 1));
  pal_output(
      g, "y",
      pal_rotary_embedding(g, input(c, g, T, "x"), position, c->heads, c->width / c->heads, 10000));
}

static void build_embedding(const op_case *c, pal_graph *g, pal_symbol T) {
  const pal_value table = pal_input(g, "table", PAL_TYPE(PAL_F32, PAL_STATIC, CLASSES, c->width));
  pal_output(g, "y", pal_embedding(g, table, pal_input(g, "token", PAL_TYPE(PAL_I32, T, 1))));
}

static void build_loss(const op_case *c, pal_graph *g, pal_symbol T) {
  const pal_value x = input(c, g, T, "x"), target = pal_input(g, "token", PAL_TYPE(PAL_I32, T, 1));
  pal_value y = pal_cross_entropy(g, x, target, PAL_NIL, (pal_ints){NULL, 0});
  if (c->backward) pal_gradient(g, y, &x, 1, &y);
  pal_output(g, "y", y);
}

static void build_attention(const op_case *c, pal_graph *g, pal_symbol T) {
  const pal_symbol S = pal_symbol_new(g, "S", c->rows / c->length);
  pal_value in[3] = {input(c, g, T, "q"), input(c, g, T, "k"), input(c, g, T, "v")}, grad[3];
  const pal_attention options = {.heads = c->heads,
                                 .causal = c->causal,
                                 .q_begin = pal_input(g, "begin", PAL_TYPE(PAL_I32, S, 1)),
                                 .q_length = pal_input(g, "length", PAL_TYPE(PAL_I32, S, 1))};
  const pal_value y = pal_scaled_dot_product_attention(g, in[0], in[1], in[2], &options);
  pal_output(g, "y", y);
  if (!c->backward) return;
  pal_gradient(g, pal_mul(g, y, input(c, g, T, "dy")), in, 3, grad);
  pal_output(g, "dq", grad[0]);
  pal_output(g, "dk", grad[1]);
  pal_output(g, "dv", grad[2]);
}

static const op_case cases[] = {
    {"exp", ROWS, WIDTH, build_exp, 0, 0, false, false},
    {"tanh", ROWS, WIDTH, build_tanh, 0, 0, false, false},
    {"erf", ROWS, WIDTH, build_erf, 0, 0, false, false},
    {"gelu", ROWS, WIDTH, build_gelu, 0, 0, false, false},
    {"silu", ROWS, WIDTH, build_silu, 0, 0, false, false},
    {"add", ROWS, WIDTH, build_add, 0, 0, false, false},
    {"sum of rows", ROWS, WIDTH, build_sum, 0, 0, false, false},
    {"softmax", ROWS, WIDTH, build_softmax, 0, 0, false, false},
    {"layer_norm", ROWS, WIDTH, build_norm, 0, 0, false, false},
    {"layer_norm, both ways", ROWS, WIDTH, build_norm, 0, 0, false, true},
    {"rotary", ROWS, WIDTH, build_rotary, 2, 0, false, false},
    {"embedding", ROWS, WIDTH, build_embedding, 0, 0, false, false},
    {"cross_entropy", 8 * ROWS, CLASSES, build_loss, 0, 0, false, false},
    {"cross_entropy, both ways", 8 * ROWS, CLASSES, build_loss, 0, 0, false, true},
    {"attention", ROWS, 128, build_attention, 2, 324, false, false},
    {"attention, both ways", ROWS, 128, build_attention, 2, 324, false, true},
    {"attention", ROWS, 256, build_attention, 4, 324, false, false},
    {"attention, both ways", ROWS, 256, build_attention, 4, 324, false, true},
    {"attention", ROWS, 128, build_attention, 4, 81, false, false},
    {"attention, both ways", ROWS, 128, build_attention, 4, 81, false, true},
    {"attention, causal", ROWS, 128, build_attention, 2, 324, true, false},
    {"attention", ROWS, 16, build_attention, 1, 3, false, false},
};
enum { CASES = sizeof cases / sizeof *cases };

/* ---- data ------------------------------------------------------------------------------- */

static void fill_inputs(const op_case *c, pal_exec *exec) {
  static const char *const rows[] = {"x", "z", "q", "k", "v", "dy"};
  static const char *const row[] = {"gain", "bias"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    float *x = pal_exec_input(exec, rows[i]);
    if (x) bench_fill(x, c->rows * c->width, i);
  }
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    float *x = pal_exec_input(exec, row[i]);
    if (x) bench_fill(x, c->width, i);
  }
  float *table = pal_exec_input(exec, "table");
  if (table) bench_fill(table, CLASSES * c->width, 9);
  int32_t *position = pal_exec_input(exec, "position"), *token = pal_exec_input(exec, "token");
  int32_t *begin = pal_exec_input(exec, "begin"), *length = pal_exec_input(exec, "length");
  for (int32_t i = 0; i < c->rows; i++) {
    if (position) position[i] = i % 324;
    if (token) token[i] = i * 7 % CLASSES;
  }
  for (int32_t s = 0; begin && s < c->rows / c->length; s++) {
    begin[s] = s * (int32_t)c->length;
    length[s] = (int32_t)c->length;
  }
}

/* FLOP of the products of queries with keys and of weights with values; the backward pass has twice
 * as many, causal attention about half. 0 for other ops. */
static double attention_flops(const op_case *c) {
  const double pairs = (double)c->rows * (double)(c->causal ? c->length + 1 : 2 * c->length) / 2;
  return c->length ? (c->backward ? 3 : 1) * 4 * pairs * (double)c->width : 0;
}

/* ---- results ---------------------------------------------------------------------------- */

/* The memory level whose bandwidth bounds an op: the smallest that holds all its operands. */
static bench_level level_of(const bench *b, double bytes, int team) {
  if (bytes < 0.75 * (double)b->cache[BENCH_L2] * b->threads[team]) return BENCH_L2;
  return bytes < 0.5 * (double)b->cache[BENCH_L3] ? BENCH_L3 : BENCH_DRAM;
}

static void report(bench *b, const char *name, const char *shape, double elements, double bytes,
                   const bench_timed *timed, int team) {
  static const char *const level_name[BENCH_LEVELS] = {"L2", "L3", "DRAM"};
  char text[32];
  const bool product = timed->work > 0;
  const bench_level level = level_of(b, bytes, team);
  const double gbs = bytes / timed->median * 1e-9, ns = timed->median / elements * 1e9;
  const double fraction = product ? timed->rate / timed->peak : gbs / b->read[level][team];
  printf("  %-25s %-16s %-10s %9.1f us %7.3f ns/element %7.1f %s %5.1f %% of %s\n", name, shape,
         bench_team(b, team, text, sizeof text), 1e6 * timed->median, ns,
         product ? timed->rate : gbs, product ? "GFLOP/s" : "GB/s   ", 100 * fraction,
         product ? "peak" : level_name[level]);
  bench_add(b, "ops",
            json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:s, s:f, s:f}", "op", name, "shape",
                      shape, "threads", b->threads[team], "us", 1e6 * timed->median,
                      "ns_per_element", ns, "gflops", timed->rate, "gbs", gbs, "bound",
                      product ? "fma" : level_name[level], "fraction", fraction, "spread",
                      timed->spread));
}

static pal_status time_plan(bench *b, bench_compiled *plan, double flops, const char *name,
                            const char *shape, double elements, pal_error *error) {
  bench_timed timed[BENCH_TEAMS] = {{0}};
  for (int t = 0; t < b->teams; t++)
    timed[t] = (bench_timed){.run = bench_run, .data = plan, .team = t, .work = flops};
  const pal_status status = bench_time(b, timed, b->teams, error);
  const double bytes = pal_plan_statistics(plan->plan).bytes;
  for (int t = 0; t < b->teams && !status; t++)
    report(b, name, shape, elements, bytes, &timed[t], t);
  return status;
}

static pal_status one(bench *b, const op_case *c, pal_error *error) {
  bench_compiled plan = {NULL, NULL};
  char shape[48];
  pal_graph *g = pal_graph_new(b->context, NULL);
  if (!g) return pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  c->build(c, g, pal_symbol_new(g, "T", c->rows));
  pal_status status = bench_compile(g, &plan, error);
  if (status) return status;
  fill_inputs(c, plan.exec);
  if (c->length)
    snprintf(shape, sizeof shape, "%lld x %lld x %d x %lld", (long long)(c->rows / c->length),
             (long long)c->length, c->heads, (long long)c->width / c->heads);
  else snprintf(shape, sizeof shape, "%lld x %lld", (long long)c->rows, (long long)c->width);
  status =
      time_plan(b, &plan, attention_flops(c), c->name, shape, (double)(c->rows * c->width), error);
  bench_release(&plan);
  return status;
}

/* AdamW on one [width, width] matrix, with the gradient as an input. */
static pal_status update(bench *b, int64_t width, pal_error *error) {
  bench_compiled plan = {NULL, NULL};
  char shape[48];
  const pal_type type = PAL_TYPE(PAL_F32, PAL_STATIC, width, width);
  const pal_optimizer *adamw = pal_lookup(b->context, "optimizer", "adamw");
  pal_store *store = pal_store_new(1);
  pal_graph *g = store ? pal_graph_new(b->context, store) : NULL;
  pal_status status = g ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  if (!status) {
    const pal_value p = pal_variable_new(g, "weight", type, PAL_PARAMETER, PAL_NORMAL(1));
    const pal_value gradient = pal_input(g, "gradient", type);
    const pal_value rate = pal_input(g, "rate", pal_type_scalar(PAL_F32));
    const pal_value step = pal_input(g, "step", pal_type_scalar(PAL_F32));
    pal_optimize(g, adamw,
                 (pal_optim_call){.options = &adamw->defaults,
                                  .parameter = p,
                                  .gradient = gradient,
                                  .rate = rate,
                                  .step = step});
    status = bench_compile(g, &plan, error);
  }
  if (!status) {
    bench_fill(pal_exec_input(plan.exec, "gradient"), width * width, 3);
    *(float *)pal_exec_input(plan.exec, "rate") = 1e-6f;
    *(float *)pal_exec_input(plan.exec, "step") = 1;
    snprintf(shape, sizeof shape, "%lld x %lld", (long long)width, (long long)width);
    status = time_plan(b, &plan, 0, "adamw", shape, (double)(width * width), error);
  }
  bench_release(&plan);
  if (store) pal_store_free(store);
  return status;
}

pal_status bench_ops(bench *b, pal_error *error) {
  pal_status status = PAL_OK;
  printf("ops; attention: sequences x length x heads x columns\n");
  for (int i = 0; i < CASES && !status; i++) status = one(b, &cases[i], error);
  if (!status) status = update(b, 256, error);
  if (!status) status = update(b, 1024, error);
  if (!status) status = update(b, 4096, error);
  return status;
}
