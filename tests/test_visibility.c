/* SPDX-License-Identifier: Apache-2.0 */
/* Attention with visibility by kind and block: compared with attention under a dense mask that the
 * test computes, and equal in bits to full and causal attention where the kinds mean the same. */
#include <check.h>
#include <math.h>
#include <palimpsest/palimpsest.h>
#include <stdlib.h>
#include <string.h>

#include "tests/run.h"

enum { HEADS = 2, D = 8, WIDE = HEADS * D, SEQUENCES = 3, ROWS = 700, BLOCK = 5 };
enum { CLEAN, NOISY, KINDS };

/* Lengths of an odd and an even number of tiles of keys, and of a short sequence. */
static const int32_t lengths[SEQUENCES] = {330, 256, 14};

typedef struct run {
  pal_context *context;
  pal_plan *plan;
  pal_exec *exec;
  int32_t *kind, *block;
} run;

enum { OUT, DQ, DK, DV, RESULTS };
static const char *const result[RESULTS] = {"out", "dq", "dk", "dv"};

/* out, and the gradients of sum(out * weight). `visible` NULL: without kinds. */
static run build(const pal_attention *form, const int32_t *visible, int kinds, bool bf16) {
  static const char *const name[3] = {"q", "k", "v"};
  pal_error error = {0};
  run r = {.context = pal_open(NULL, &error)};
  ck_assert_msg(r.context != NULL, "%s", error.text);
  pal_graph *g = pal_graph_new(r.context, NULL);
  if (bf16) pal_graph_set_precision(g, PAL_PRECISION_BF16);
  const pal_symbol t = pal_symbol_new(g, "T", ROWS), s = pal_symbol_new(g, "S", SEQUENCES);
  const pal_type matrix = PAL_TYPE(PAL_F32, t, 1, WIDE), ints = PAL_TYPE(PAL_I32, t, 1);
  pal_value x[3], gradient[3];
  for (int i = 0; i < 3; i++) x[i] = pal_input(g, name[i], matrix);
  const pal_value weight = pal_input(g, "weight", matrix);
  pal_attention options = *form;
  options.heads = HEADS;
  options.q_begin = pal_input(g, "begin", PAL_TYPE(PAL_I32, s, 1));
  options.q_length = pal_input(g, "length", PAL_TYPE(PAL_I32, s, 1));
  if (visible) {
    options.visible = pal_constant(g, PAL_TYPE(PAL_I32, PAL_STATIC, kinds, kinds), visible);
    options.q_kind = pal_input(g, "kind", ints);
    options.q_block = pal_input(g, "block", ints);
  }
  const pal_value y = pal_scaled_dot_product_attention(g, x[0], x[1], x[2], &options);
  pal_output(g, "out", y);
  pal_gradient(g, pal_sum_all(g, pal_mul(g, y, weight)), x, 3, gradient);
  for (int i = 0; i < 3; i++) pal_output(g, result[DQ + i], gradient[i]);
  r.plan = pal_compile(g, &error);
  ck_assert_msg(r.plan != NULL, "%s", error.text);
  pal_graph_free(g);
  r.exec = pal_exec_new(r.plan, &error);
  ck_assert_msg(r.exec != NULL, "%s", error.text);
  int32_t *begin = pal_exec_input(r.exec, "begin"), *length = pal_exec_input(r.exec, "length");
  int32_t rows = 0;
  for (int i = 0; i < SEQUENCES; i++) {
    begin[i] = rows;
    length[i] = lengths[i];
    rows += lengths[i];
  }
  pal_rng rng = pal_rng_new(2, "visibility", 0, 0);
  for (int i = 0; i < 4; i++) {
    float *at = pal_exec_input(r.exec, i < 3 ? name[i] : "weight");
    for (int e = 0; e < ROWS * WIDE; e++) at[e] = (float)pal_rng_normal(&rng);
  }
  r.kind = visible ? pal_exec_input(r.exec, "kind") : NULL;
  r.block = visible ? pal_exec_input(r.exec, "block") : NULL;
  ck_assert_msg(!pal_exec_count(r.exec, "T", rows, &error), "%s", error.text);
  return r;
}

static void done(run *r) {
  pal_exec_free(r->exec);
  pal_plan_free(r->plan);
  pal_context_free(r->context);
}

/* ---- a dense mask ---------------------------------------------------------------------------- */

/* Block diffusion (Arriola et al., arXiv 2503.09573, equations of section 3 and appendix B): noisy
 * rows see their own block and the clean ones before it, clean rows see clean ones up to their
 * block. */
static bool block_diffusion(int32_t kind, int32_t block, int32_t key_kind, int32_t key_block) {
  if (kind == NOISY && key_kind == NOISY) return block == key_block;
  if (kind == NOISY) return block > key_block;
  return key_kind == CLEAN && block >= key_block;
}
static const int32_t block_diffusion_table[KINDS * KINDS] = {
    PAL_SEES_EARLIER_AND_SAME, PAL_SEES_NOTHING, PAL_SEES_EARLIER, PAL_SEES_SAME};

/* Every other set: a kind that sees all but its own block of the other kind, which sees what
 * comes. */
static bool others(int32_t kind, int32_t block, int32_t key_kind, int32_t key_block) {
  if (kind == CLEAN && key_kind == NOISY) return block != key_block;
  if (kind == NOISY && key_kind == CLEAN) return key_block > block;
  return kind == CLEAN || key_block >= block;
}
static const int32_t others_table[KINDS * KINDS] = {PAL_SEES_ALL, PAL_SEES_EARLIER | PAL_SEES_LATER,
                                                    PAL_SEES_LATER, PAL_SEES_SAME | PAL_SEES_LATER};

static const struct {
  bool (*sees)(int32_t kind, int32_t block, int32_t key_kind, int32_t key_block);
  const int32_t *table;
  bool shuffled; /* kinds and blocks of a row by chance; else two copies, clean and noisy */
} cases[] = {{block_diffusion, block_diffusion_table, false},
             {block_diffusion, block_diffusion_table, true},
             {others, others_table, false},
             {others, others_table, true}};

static void set_kinds(const run *r, bool shuffled) {
  pal_rng rng = pal_rng_new(9, "kinds", 0, 0);
  for (int32_t s = 0, row = 0; s < SEQUENCES; s++)
    for (int32_t i = 0, half = lengths[s] / 2; i < lengths[s]; i++, row++) {
      r->kind[row] = shuffled ? (int32_t)pal_rng_below(&rng, KINDS) : i >= half;
      r->block[row] = shuffled ? (int32_t)pal_rng_below(&rng, 6) - 3 : i % half / BLOCK;
    }
}

/* The results of one head of one sequence, in double, into to[RESULTS] (zero before). */
static void dense(const float *const *x, const bool *mask, int n, double *const *to) {
  double *p = malloc((size_t)n * sizeof *p);
  ck_assert_ptr_nonnull(p);
  for (int i = 0; i < n; i++) {
    double sum = 0, delta = 0;
    for (int j = 0; j < n; j++) {
      double dot = 0;
      for (int e = 0; e < D; e++) dot += (double)x[0][i * WIDE + e] * (double)x[1][j * WIDE + e];
      p[j] = mask[i * n + j] ? exp(dot / sqrt(D)) : 0;
      sum += p[j];
    }
    for (int j = 0; j < n; j++) {
      p[j] = sum > 0 ? p[j] / sum : 0;
      for (int e = 0; e < D; e++) to[OUT][i * WIDE + e] += p[j] * (double)x[2][j * WIDE + e];
    }
    for (int e = 0; e < D; e++) delta += (double)x[3][i * WIDE + e] * to[OUT][i * WIDE + e];
    for (int j = 0; j < n; j++) {
      double dp = -delta;
      for (int e = 0; e < D; e++) dp += (double)x[3][i * WIDE + e] * (double)x[2][j * WIDE + e];
      for (int e = 0; e < D; e++) {
        to[DV][j * WIDE + e] += p[j] * (double)x[3][i * WIDE + e];
        to[DQ][i * WIDE + e] += p[j] * dp * (double)x[1][j * WIDE + e] / sqrt(D);
        to[DK][j * WIDE + e] += p[j] * dp * (double)x[0][i * WIDE + e] / sqrt(D);
      }
    }
  }
  free(p);
}

START_TEST(kinds_are_a_dense_mask) {
  const int k = _i / 2, bf16 = _i % 2;
  const pal_attention plain = {.heads = HEADS};
  run r = build(&plain, cases[k].table, KINDS, bf16);
  pal_error error = {0};
  set_kinds(&r, cases[k].shuffled);
  ck_assert_msg(!pal_exec_run(r.exec, &error), "%s", error.text);
  static double expected[RESULTS][ROWS * WIDE];
  memset(expected, 0, sizeof expected);
  for (int32_t s = 0, row = 0; s < SEQUENCES; row += lengths[s++]) {
    const int n = lengths[s];
    bool *mask = malloc((size_t)n * (size_t)n * sizeof *mask);
    ck_assert_ptr_nonnull(mask);
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++)
        mask[i * n + j] =
            cases[k].sees(r.kind[row + i], r.block[row + i], r.kind[row + j], r.block[row + j]);
    for (int h = 0; h < HEADS; h++) {
      const float *x[4];
      double *to[RESULTS];
      static const char *const name[4] = {"q", "k", "v", "weight"};
      for (int i = 0; i < 4; i++)
        x[i] = (const float *)pal_exec_input(r.exec, name[i]) + row * WIDE + h * D;
      for (int i = 0; i < RESULTS; i++) to[i] = &expected[i][row * WIDE + h * D];
      dense(x, mask, n, to);
    }
    free(mask);
  }
  const double allowed = bf16 ? 0.06 : 1e-5;
  for (int i = 0; i < RESULTS; i++) {
    int64_t rows;
    const float *got = pal_exec_output(r.exec, result[i], &rows);
    for (int64_t e = 0; e < rows * WIDE; e++)
      ck_assert_msg(fabs((double)got[e] - expected[i][e]) <= allowed * (1 + fabs(expected[i][e])),
                    "%s[%lld] is %g, by the dense mask %g", result[i], (long long)e, (double)got[e],
                    expected[i][e]);
  }
  done(&r);
}
END_TEST

/* ---- the bits of other forms ------------------------------------------------------------- */

/* With every row a block of its own, or all in one, kinds say what causal and full attention do: in
 * each precision, alone and on top of a window. */
START_TEST(kinds_give_the_bits_of_other_forms) {
  static const int32_t earlier[1] = {PAL_SEES_EARLIER_AND_SAME}, all[1] = {PAL_SEES_ALL};
  const bool causal = _i & 1, bf16 = _i & 2;
  const pal_attention plain = {.window = _i & 4 ? 40 : 0};
  pal_attention other = plain;
  other.causal = causal;
  run r[2] = {build(&other, NULL, 0, bf16), build(&plain, causal ? earlier : all, 1, bf16)};
  pal_error error = {0};
  for (int32_t s = 0, row = 0; s < SEQUENCES; s++)
    for (int32_t i = 0; i < lengths[s]; i++, row++) r[1].kind[row] = 0, r[1].block[row] = i - 7;
  for (int b = 0; b < 2; b++) ck_assert_msg(!pal_exec_run(r[b].exec, &error), "%s", error.text);
  for (int i = 0; i < RESULTS; i++) {
    int64_t rows;
    const float *one = pal_exec_output(r[0].exec, result[i], &rows);
    const float *two = pal_exec_output(r[1].exec, result[i], NULL);
    for (int64_t e = 0; e < rows * WIDE; e++)
      ck_assert_msg(one[e] == two[e], "%s[%lld]: %g and %g", result[i], (long long)e,
                    (double)one[e], (double)two[e]);
  }
  for (int b = 0; b < 2; b++) done(&r[b]);
}
END_TEST

/* ---- what is refused --------------------------------------------------------------------- */

START_TEST(kinds_and_sets_are_checked) {
  static const int32_t unknown[1] = {PAL_SEES_ALL + 1}, all[1] = {PAL_SEES_ALL};
  const pal_attention plain = {.heads = HEADS};
  pal_error error = {0};
  run r = build(&plain, _i ? unknown : all, 1, false);
  if (_i == 0) r.kind[lengths[0] + 3] = 1;
  ck_assert_int_eq(pal_exec_run(r.exec, &error), PAL_E_ARGUMENT);
  const char *says = _i ? "visible[0, 0] is 8, must lie in 0..7"
                        : "row 3 of sequence 1 has the kind 1, must lie in 0..0";
  ck_assert_msg(strstr(error.text, says) != NULL, "%s", error.text);
  done(&r);
}
END_TEST

START_TEST(parts_come_together) {
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  ck_assert_msg(context != NULL, "%s", error.text);
  pal_graph *g = pal_graph_new(context, NULL);
  static const int32_t table[4] = {0};
  const pal_symbol t = pal_symbol_new(g, "T", 8), s = pal_symbol_new(g, "S", 2);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, t, 1, WIDE));
  const pal_value n = pal_input(g, "n", PAL_TYPE(PAL_I32, s, 1));
  const pal_value kind = pal_input(g, "kind", PAL_TYPE(PAL_I32, t, 1));
  const pal_type type =
      _i ? PAL_TYPE(PAL_I32, PAL_STATIC, 1, 4) : PAL_TYPE(PAL_I32, PAL_STATIC, 2, 2);
  pal_attention options = {.heads = HEADS, .q_begin = n, .q_length = n, .q_kind = kind};
  options.visible = pal_constant(g, type, table);
  if (_i) options.q_block = kind;
  pal_scaled_dot_product_attention(g, x, x, x, &options);
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_SHAPE);
  ck_assert_msg(strstr(pal_graph_error(g)->text, _i ? "visible must be i32 [K, K], K from 1 to 64"
                                                    : "visible, q_kind, q_block, k_kind and "
                                                      "k_block come together") != NULL,
                "%s", pal_graph_error(g)->text);
  pal_graph_free(g);
  pal_context_free(context);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("visibility");
  TCase *c = tcase_create("visibility");
  tcase_add_loop_test(c, kinds_are_a_dense_mask, 0, 8);
  tcase_add_loop_test(c, kinds_give_the_bits_of_other_forms, 0, 8);
  tcase_add_loop_test(c, kinds_and_sets_are_checked, 0, 2);
  tcase_add_loop_test(c, parts_come_together, 0, 2);
  suite_add_tcase(suite, c);
  return run_suite(suite);
}
