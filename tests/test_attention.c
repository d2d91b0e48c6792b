/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of attention that the random cases of test_ops.c do not cover: memory of the plan,
 * forward and backward, is not quadratic in the number of rows; the special kernels for short
 * sequences and for single queries agree with the general one; and so does q, k and v as one joined
 * tensor. */
#include <check.h>
#include <math.h>
#include <palimpsest/palimpsest.h>
#include <stdlib.h>
#include <string.h>

#include "tests/run.h"

enum { HEADS = 2, WIDTH = 32, SEQUENCES = 4 };

/* Bytes of the arena and of a worker's scratch for attention and its gradients over `rows` rows. */
static size_t bytes_at(pal_context *context, int64_t rows) {
  pal_error error = {0};
  pal_graph *g = pal_graph_new(context, NULL);
  pal_symbol t = pal_symbol_new(g, "T", rows), s = pal_symbol_new(g, "S", SEQUENCES);
  pal_value x[3], gradient[3];
  static const char *const name[3] = {"q", "k", "v"};
  for (int i = 0; i < 3; i++) x[i] = pal_input(g, name[i], PAL_TYPE(PAL_F32, t, 1, WIDTH));
  pal_attention options = {.heads = HEADS,
                           .causal = true,
                           .q_begin = pal_input(g, "begin", PAL_TYPE(PAL_I32, s, 1)),
                           .q_length = pal_input(g, "length", PAL_TYPE(PAL_I32, s, 1))};
  pal_value y = pal_scaled_dot_product_attention(g, x[0], x[1], x[2], &options);
  pal_gradient(g, pal_sum_all(g, pal_mul(g, y, y)), x, 3, gradient);
  for (int i = 0; i < 3; i++) pal_output(g, name[i], gradient[i]);
  pal_plan *plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  pal_plan_stats stats = pal_plan_statistics(plan);
  pal_plan_free(plan);
  pal_graph_free(g);
  return stats.arena_bytes + stats.task_scratch_bytes;
}

START_TEST(memory_is_linear_in_rows) {
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  size_t one = bytes_at(context, 4096), two = bytes_at(context, 8192),
         four = bytes_at(context, 16384);
  /* Linear growth: the second doubling adds twice what the first did; quadratic would add four
   * times. */
  ck_assert_msg((double)(four - two) < 2.1 * (double)(two - one), "%zu, %zu, %zu bytes", one, two,
                four);
  ck_assert_uint_lt(four, (size_t)16384 * 16384);
  pal_context_free(context);
}
END_TEST

/* ---- short sequences --------------------------------------------------------------------- */

/* 40 sequences of 0 to 16 rows; 2 heads of 4 and of 7 columns. */
enum { SHORT = 40, LONGEST = 16, SHORT_HEADS = 2, D = 4, DV = 7 };

/* q, k, v to out and the gradients of a loss in it. A bias of zeros changes nothing, and keeps
 * heads from the kernels of short sequences. */
static void build(pal_graph *g, const char *const *name, bool biased, bool positions,
                  const pal_attention *form) {
  static const int64_t width[3] = {D, D, DV};
  static const float none[SHORT_HEADS] = {0};
  static const int32_t alike[LONGEST * LONGEST] = {0};
  const pal_symbol t = pal_symbol_new(g, "T", SHORT * LONGEST), s = pal_symbol_new(g, "S", SHORT);
  pal_value x[3], gradient[3];
  for (int i = 0; i < 3; i++)
    x[i] = pal_input(g, name[i], PAL_TYPE(PAL_F32, t, 1, SHORT_HEADS * width[i]));
  pal_attention options = *form;
  options.heads = SHORT_HEADS;
  options.q_begin = pal_input(g, "begin", PAL_TYPE(PAL_I32, s, 1));
  options.q_length = pal_input(g, "length", PAL_TYPE(PAL_I32, s, 1));
  const pal_value position = pal_input(g, "position", PAL_TYPE(PAL_I32, t, 1));
  if (positions) options.q_position = options.k_position = position;
  if (biased) {
    options.bias = pal_constant(g, PAL_TYPE(PAL_F32, PAL_STATIC, SHORT_HEADS, 1), none);
    options.relation = pal_constant(g, PAL_TYPE(PAL_I32, PAL_STATIC, LONGEST, LONGEST), alike);
  }
  const pal_value out = pal_scaled_dot_product_attention(g, x[0], x[1], x[2], &options);
  pal_output(g, "out", out);
  pal_gradient(g, pal_sum_all(g, pal_mul(g, out, out)), x, 3, gradient);
  for (int i = 0; i < 3; i++) {
    static const char *const of[3] = {"dq", "dk", "dv"};
    pal_output(g, of[i], gradient[i]);
  }
}

static pal_exec *run_short(pal_context *context, bool biased, bool positions, bool bf16,
                           const pal_attention *form, pal_plan **plan) {
  static const char *const name[] = {"q", "k", "v"};
  pal_error error = {0};
  pal_graph *g = pal_graph_new(context, NULL);
  if (bf16) pal_graph_set_precision(g, PAL_PRECISION_BF16);
  build(g, name, biased, positions, form);
  *plan = pal_compile(g, &error);
  ck_assert_msg(*plan != NULL, "%s", error.text);
  pal_graph_free(g);
  pal_exec *exec = pal_exec_new(*plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  pal_rng rng = pal_rng_new(3, "short", 0, 0);
  int32_t *begin = pal_exec_input(exec, "begin"), *length = pal_exec_input(exec, "length");
  int32_t *position = pal_exec_input(exec, "position"), rows = 0;
  for (int s = 0; s < SHORT; s++) {
    begin[s] = rows;
    length[s] = (int32_t)pal_rng_below(&rng, s % 4 ? LONGEST + 1 : 4);
    for (int i = 0; i < length[s]; i++)
      position[rows + i] = s % 2 ? i : (int32_t)pal_rng_below(&rng, LONGEST);
    rows += length[s];
  }
  for (int i = 0; i < 3; i++) {
    float *x = pal_exec_input(exec, name[i]);
    for (int e = 0; e < rows * SHORT_HEADS * (i < 2 ? D : DV); e++)
      x[e] = (float)pal_rng_normal(&rng);
  }
  ck_assert_msg(!pal_exec_count(exec, "T", rows, &error), "%s", error.text);
  ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
  return exec;
}

/* Full, causal, windowed, both, each with positions that count up or (in every other sequence) not;
 * in both precisions. */
START_TEST(short_sequences_are_as_others) {
  static const char *const result[] = {"out", "dq", "dk", "dv"};
  static const int64_t width[] = {DV, D, D, DV};
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  const pal_attention form = {.causal = _i & 1, .window = _i & 2 ? 3 : 0};
  pal_plan *plan[2];
  pal_exec *exec[2];
  for (int b = 0; b < 2; b++) exec[b] = run_short(context, b, _i & 4, _i & 8, &form, &plan[b]);
  for (int i = 0; i < 4; i++) {
    int64_t rows;
    const float *one = pal_exec_output(exec[0], result[i], &rows);
    const float *other = pal_exec_output(exec[1], result[i], NULL);
    for (int64_t e = 0; e < rows * SHORT_HEADS * width[i]; e++)
      ck_assert_msg(one[e] == other[e], "%s[%lld]: %g and %g", result[i], (long long)e,
                    (double)one[e], (double)other[e]);
  }
  for (int b = 0; b < 2; b++) {
    pal_exec_free(exec[b]);
    pal_plan_free(plan[b]);
  }
  pal_context_free(context);
}
END_TEST

/* ---- q, k and v joined -------------------------------------------------------------------- */

typedef struct joined_form {
  int heads, d, longest;
  bool
      equal; /* every sequence as long as the longest, none starting elsewhere than behind the last */
  pal_attention form;
} joined_form;

/* out and the gradient of the joined matrix, attention reading it as it is or in slices. */
static pal_exec *run_joined(pal_context *context, const joined_form *f, bool joined, bool bf16,
                            pal_plan **plan) {
  const int64_t all = (int64_t)f->heads * f->d;
  pal_error error = {0};
  pal_graph *g = pal_graph_new(context, NULL);
  if (bf16) pal_graph_set_precision(g, PAL_PRECISION_BF16);
  const pal_symbol t = pal_symbol_new(g, "T", SHORT * f->longest),
                   s = pal_symbol_new(g, "S", SHORT);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, 3 * all));
  pal_value part[3] = {x, PAL_NIL, PAL_NIL}, gradient;
  for (int i = 0; i < 3 && !joined; i++) part[i] = pal_slice(g, x, 1, i * all, (i + 1) * all);
  pal_attention options = f->form;
  options.heads = f->heads;
  options.q_begin = pal_input(g, "begin", PAL_TYPE(PAL_I32, s, 1));
  options.q_length = pal_input(g, "length", PAL_TYPE(PAL_I32, s, 1));
  const pal_value y = pal_scaled_dot_product_attention(g, part[0], part[1], part[2], &options);
  pal_output(g, "out", y);
  pal_gradient(g, pal_sum_all(g, pal_mul(g, y, y)), &x, 1, &gradient);
  pal_output(g, "gradient", gradient);
  *plan = pal_compile(g, &error);
  ck_assert_msg(*plan != NULL, "%s", error.text);
  pal_graph_free(g);
  pal_exec *exec = pal_exec_new(*plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  pal_rng rng = pal_rng_new(7, "joined", 0, 0);
  int32_t *begin = pal_exec_input(exec, "begin"), *length = pal_exec_input(exec, "length"),
          rows = 0;
  for (int i = 0; i < SHORT; i++) {
    if (!f->equal) rows += i % 5 == 2; /* a row of no sequence: 0 in all results */
    begin[i] = rows;
    length[i] = f->equal ? f->longest : (int32_t)pal_rng_below(&rng, (uint32_t)f->longest);
    rows += length[i];
  }
  float *to = pal_exec_input(exec, "x");
  for (int64_t e = 0; e < rows * 3 * all; e++) to[e] = (float)pal_rng_normal(&rng);
  ck_assert_msg(!pal_exec_count(exec, "T", rows, &error), "%s", error.text);
  ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
  return exec;
}

/* Short and long, packed and with gaps, one head and several; in both precisions. */
START_TEST(joined_operands_are_as_three) {
  static const joined_form form[] = {
      {1, 4, 3, true, {.causal = false}},   {1, 4, 3, true, {.causal = true}},
      {1, 7, 9, false, {.window = 4}},      {1, 8, 16, true, {.causal = true}},
      {3, 4, 5, true, {.causal = false}},   {2, 24, 81, false, {.causal = false}},
      {1, 32, 81, true, {.causal = false}}, {4, 16, 40, false, {.causal = true}},
  };
  const joined_form *f = &form[_i / 2];
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  pal_plan *plan[2];
  pal_exec *exec[2];
  for (int b = 0; b < 2; b++) exec[b] = run_joined(context, f, b, _i & 1, &plan[b]);
  for (int i = 0; i < 2; i++) {
    const char *name = i ? "gradient" : "out";
    int64_t rows;
    const float *three = pal_exec_output(exec[0], name, &rows);
    const float *joined = pal_exec_output(exec[1], name, NULL);
    double size = 0;
    for (int64_t e = 0; e < rows * f->heads * f->d * (i ? 3 : 1); e++) {
      ck_assert_msg(three[e] == joined[e], "%s[%lld]: %g and %g", name, (long long)e,
                    (double)three[e], (double)joined[e]);
      size += fabs((double)joined[e]);
    }
    ck_assert_msg(size > 1, "%s is nothing", name);
  }
  for (int b = 0; b < 2; b++) {
    pal_exec_free(exec[b]);
    pal_plan_free(plan[b]);
  }
  pal_context_free(context);
}
END_TEST

START_TEST(joined_operands_are_checked) {
  static const struct {
    int64_t columns;
    bool k, v, own_keys;
    const char *says;
  } form[] = {{22, false, false, false, "q, k and v, joined, are no multiple of 6"},
              {24, true, false, false, "k and v come together"},
              {24, false, true, false, "k and v come together"},
              {24, false, false, true, "have the same rows"}};
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  pal_graph *g = pal_graph_new(context, NULL);
  const pal_symbol t = pal_symbol_new(g, "T", 8), s = pal_symbol_new(g, "S", 2);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, form[_i].columns));
  pal_attention options = {.heads = HEADS,
                           .q_begin = pal_input(g, "begin", PAL_TYPE(PAL_I32, s, 1)),
                           .q_length = pal_input(g, "length", PAL_TYPE(PAL_I32, s, 1))};
  if (form[_i].own_keys) options.k_begin = options.q_begin, options.k_length = options.q_length;
  pal_scaled_dot_product_attention(g, x, form[_i].k ? x : PAL_NIL, form[_i].v ? x : PAL_NIL,
                                   &options);
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_SHAPE);
  ck_assert_msg(strstr(pal_graph_error(g)->text, form[_i].says) != NULL, "%s",
                pal_graph_error(g)->text);
  pal_graph_free(g);
  pal_context_free(context);
}
END_TEST

/* ---- lone queries ------------------------------------------------------------------------ */

enum { LONE = 24, LONE_HEADS = 3, MOST_KEYS = 300 };

typedef struct lone_form {
  int d, dv;
  pal_attention form;
  bool holes, biased;
} lone_form;

/* The output and log-sum-exp of the first of each sequence's `queries` queries over its keys. */
static void run_lone(const char *isa, const lone_form *f, int queries, float *out) {
  const int64_t width[3] = {LONE_HEADS * f->d, LONE_HEADS * f->d, LONE_HEADS * f->dv};
  static const char *const name[3] = {"q", "k", "v"};
  const pal_options machine = {.isa = isa};
  pal_error error = {0};
  pal_context *context = pal_open(&machine, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  pal_graph *g = pal_graph_new(context, NULL);
  const pal_symbol s = pal_symbol_new(g, "S", LONE), t = pal_symbol_new(g, "T", LONE * queries);
  const pal_symbol u = pal_symbol_new(g, "U", LONE * MOST_KEYS);
  pal_value x[3];
  for (int i = 0; i < 3; i++)
    x[i] = pal_input(g, name[i], PAL_TYPE(PAL_F32, i ? u : t, 1, width[i]));
  pal_attention options = f->form;
  options.heads = LONE_HEADS;
  options.q_begin = pal_input(g, "q_begin", PAL_TYPE(PAL_I32, s, 1));
  options.q_length = pal_input(g, "q_length", PAL_TYPE(PAL_I32, s, 1));
  options.k_begin = pal_input(g, "k_begin", PAL_TYPE(PAL_I32, s, 1));
  options.k_length = pal_input(g, "k_length", PAL_TYPE(PAL_I32, s, 1));
  options.q_position = pal_input(g, "q_position", PAL_TYPE(PAL_I32, t, 1));
  if (f->holes) options.k_position = pal_input(g, "k_position", PAL_TYPE(PAL_I32, u, 1));
  if (f->biased) {
    static const float bias[LONE_HEADS * 2] = {0.5f, -1, 2, 0.25f, -0.75f, 1};
    options.bias = pal_constant(g, PAL_TYPE(PAL_F32, PAL_STATIC, LONE_HEADS, 2), bias);
    options.q_group = pal_input(g, "q_group", PAL_TYPE(PAL_I32, t, 1, 1));
    options.k_group = pal_input(g, "k_group", PAL_TYPE(PAL_I32, u, 1, 1));
  }
  pal_output(g, "out", pal_scaled_dot_product_attention(g, x[0], x[1], x[2], &options));
  pal_plan *plan = pal_compile(g, &error);
  ck_assert_msg(plan != NULL, "%s", error.text);
  pal_exec *exec = pal_exec_new(plan, &error);
  ck_assert_msg(exec != NULL, "%s", error.text);
  int32_t *q_begin = pal_exec_input(exec, "q_begin"), *q_length = pal_exec_input(exec, "q_length");
  int32_t *k_begin = pal_exec_input(exec, "k_begin"), *k_length = pal_exec_input(exec, "k_length");
  int32_t *q_position = pal_exec_input(exec, "q_position"),
          *q_group = pal_exec_input(exec, "q_group");
  int32_t *k_position = pal_exec_input(exec, "k_position"),
          *k_group = pal_exec_input(exec, "k_group");
  pal_rng rng = pal_rng_new(5, "lone", 0, 0);
  int32_t rows = 0;
  for (int i = 0; i < LONE; i++) {
    k_begin[i] = rows;
    k_length[i] = (int32_t)pal_rng_below(&rng, i % 3 ? MOST_KEYS + 1 : 40);
    rows += k_length[i];
    q_begin[i] = i * queries;
    q_length[i] = queries;
    for (int r = 0; r < queries; r++) {
      const int32_t at = r ? r : (int32_t)pal_rng_below(&rng, MOST_KEYS);
      q_position[i * queries + r] = at;
      if (q_group) q_group[i * queries + r] = at % 2;
    }
    float *q = (float *)pal_exec_input(exec, "q") + i * queries * width[0];
    for (int e = 0; e < queries * width[0]; e++)
      q[e] = e < width[0] ? (float)pal_rng_normal(&rng) : 1;
  }
  for (int i = 0; i < rows; i++) {
    if (k_position) k_position[i] = (int32_t)pal_rng_below(&rng, MOST_KEYS);
    if (k_group) k_group[i] = (int32_t)pal_rng_below(&rng, 2);
  }
  for (int i = 1; i < 3; i++) {
    float *at = pal_exec_input(exec, name[i]);
    for (int e = 0; e < rows * width[i]; e++) at[e] = (float)pal_rng_normal(&rng);
  }
  ck_assert_msg(!pal_exec_count(exec, "U", rows, &error), "%s", error.text);
  ck_assert_msg(!pal_exec_run(exec, &error), "%s", error.text);
  const float *all = pal_exec_output(exec, "out", NULL);
  for (int i = 0; i < LONE; i++)
    memcpy(out + i * width[2], all + i * queries * width[2], (size_t)width[2] * sizeof *out);
  pal_exec_free(exec);
  pal_plan_free(plan);
  pal_graph_free(g);
  pal_context_free(context);
}

/* A single query gives the same bits as among seven others, on every instruction set. */
START_TEST(lone_queries_are_as_others) {
  static const lone_form form[] = {
      {16, 16, {.causal = false}, false, false},
      {32, 32, {.causal = true}, false, false},
      {24, 24, {.causal = true}, false, false},
      {40, 20, {.window = 50}, false, true},
      {7, 48, {.causal = true}, true, false},
      {64, 24, {.causal = true, .window = 150}, true, true},
  };
  const lone_form *f = &form[_i];
  static float one[LONE * LONE_HEADS * 48], other[LONE * LONE_HEADS * 48];
  const size_t bytes = sizeof *one * LONE * LONE_HEADS * (size_t)f->dv;
  run_lone(NULL, f, 8, other);
  for (int isa = 0; isa < PAL_ISA_COUNT; isa++) {
    if (!pal_isa_available((pal_isa)isa)) continue;
    run_lone(pal_isa_name((pal_isa)isa), f, 1, one);
    ck_assert_msg(memcmp(one, other, bytes) == 0, "%s", pal_isa_name((pal_isa)isa));
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("attention");
  TCase *c = tcase_create("attention");
  tcase_add_test(c, memory_is_linear_in_rows);
  tcase_add_loop_test(c, short_sequences_are_as_others, 0, 16);
  tcase_add_loop_test(c, joined_operands_are_as_three, 0, 16);
  tcase_add_loop_test(c, joined_operands_are_checked, 0, 4);
  tcase_add_loop_test(c, lone_queries_are_as_others, 0, 6);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
