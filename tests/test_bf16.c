/* SPDX-License-Identifier: Apache-2.0 */
/* Products in the precision bf16: every instruction set computes the sum in the order that
 * gemm_bf16.h defines; which ops of a graph use that precision; training gets close to that in
 * f32. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <palimpsest/gradient.h>
#include <palimpsest/ops.h>

#include "ops/kernels/kernels.h"
#include "tests/gym.h"
#include "tests/run.h"

/* ---- the numbers ----------------------------------------------------------------------------- */

static float of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static float flushed(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

/* To nearest even by the definition: of the two neighbours the nearer, or that with an even last
 * bit. */
static float rounded(float x) {
  uint32_t bits;
  x = flushed(x);
  memcpy(&bits, &x, sizeof bits);
  const float below = of_bits(bits & 0xffff0000u);
  if (!isfinite(x) || below == x) return x;
  const uint32_t next = (bits & 0xffff0000u) + 0x10000u;
  const double down = fabs((double)x - below), gap = ldexp(1, ilogbf(x) - 7);
  if (down != gap / 2) return of_bits(down < gap / 2 ? bits & 0xffff0000u : next);
  return of_bits(next & 0x10000u ? bits & 0xffff0000u : next);
}

static float step(float a, float b, float sum) {
  return flushed(fmaf(rounded(a), rounded(b), sum));
}

typedef struct table {
  const pal_gemm_kernels *plain;
  const pal_gemm_bf16_kernels *bf16;
} table;

/* The kernel tables of every instruction set, with bf16 dot products and without. */
static int tables(table *to) {
  int n = 0;
  for (int i = 0; i < PAL_ISA_COUNT; i++) {
    if (!pal_isa_available((pal_isa)i)) continue;
    const pal_kernels *k = pal_kernels_of((pal_isa)i);
    to[n++] = (table){&k->gemm, &k->gemm_bf16};
    if (pal_gemm_bf16_of((pal_isa)i) != &k->gemm_bf16)
      to[n++] = (table){&k->gemm, pal_gemm_bf16_of((pal_isa)i)};
  }
  return n;
}

static float *numbers(int64_t n, uint64_t seed, float low_exponent) {
  float *x = malloc(sizeof *x * (size_t)(n + 1));
  pal_rng rng = pal_rng_new(7, "numbers", 0, seed);
  for (int64_t i = 0; i < n; i++) {
    const double scale = exp2(low_exponent * pal_rng_real(&rng));
    x[i] = (float)((2 * pal_rng_real(&rng) - 1) * scale);
    if (pal_rng_below(&rng, 8) == 0) x[i] = of_bits(0x3f808000u + (pal_rng_below(&rng, 4) << 16));
    if (pal_rng_below(&rng, 50) == 0) x[i] = of_bits(pal_rng_below(&rng, 0x00ffffff)); /* tiny */
  }
  return x;
}

static void same(const float *want, const float *got, int64_t n, const char *what, int which) {
  for (int64_t i = 0; i < n; i++) {
    if (isnan(want[i]) ? isnan(got[i]) : memcmp(&want[i], &got[i], sizeof *got) == 0) continue;
    ck_abort_msg("%s, table %d, element %lld: %a, not %a", what, which, (long long)i, got[i],
                 want[i]);
  }
}

static const int64_t shapes[][3] = {{1, 1, 1},      {2, 17, 3},   {9, 16, 31},   {13, 49, 64},
                                    {31, 100, 515}, {7, 5, 1030}, {65, 33, 129}, {3, 20, 0}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void product_of(const table *t, bool transposed, const int64_t *s, const float *a,
                       const float *b, const float *bias, float *c) {
  const int64_t m = s[0], n = s[1], k = s[2], row = transposed ? 1 : n, col = transposed ? k : 1;
  float *packed = malloc(sizeof(float) * (size_t)pal_gemm_packed_size(k, n));
  float *room = malloc(sizeof(float) * (size_t)pal_gemm_bf16_room(k));
  const int64_t panels = t->plain->panels(n);
  t->bf16->pack(b, row, col, k, n, 0, panels / 2, packed);
  t->bf16->pack(b, row, col, k, n, panels / 2, panels, packed);
  const pal_gemm_product call = {.m = m,
                                 .n = n,
                                 .k = k,
                                 .a = a,
                                 .a_row = k,
                                 .b = packed,
                                 .c = c,
                                 .c_row = n,
                                 .epilogue = {.bias = bias}};
  t->bf16->product(&call, room);
  free(packed);
  free(room);
}

START_TEST(products) {
  const int64_t *s = shapes[_i / 3], m = s[0], n = s[1], k = s[2];
  const float exponent = (const float[]){0, -80, 70}[_i % 3];
  float *a = numbers(m * k, 1, exponent), *b = numbers(k * n, 2, exponent);
  float *bias = numbers(n, 3, exponent);
  float *want = malloc(sizeof *want * (size_t)(m * n)),
        *got = malloc(sizeof *got * (size_t)(m * n));
  table all[2 * PAL_ISA_COUNT];
  const int count = tables(all);
  for (int transposed = 0; transposed < 2; transposed++) {
    const int64_t row = transposed ? 1 : n, col = transposed ? k : 1;
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) {
        float sum = 0;
        for (int64_t p = 0; p < k; p++) sum = step(a[i * k + p], b[p * row + j * col], sum);
        want[i * n + j] = flushed(sum + flushed(bias[j]));
      }
    for (int t = 0; t < count; t++) {
      product_of(&all[t], transposed, s, a, b, bias, got);
      same(want, got, m * n, transposed ? "a b^T" : "a b", t);
    }
  }
  free(a);
  free(b);
  free(bias);
  free(want);
  free(got);
}
END_TEST

START_TEST(outer_products) {
  const int64_t *s = shapes[_i / 3], m = s[0], n = s[1], rows = s[2];
  const float exponent = (const float[]){0, -80, 70}[_i % 3];
  float *a = numbers(m * rows, 4, exponent), *b = numbers(rows * n, 5, exponent);
  float *want = malloc(sizeof *want * (size_t)(m * n)),
        *got = malloc(sizeof *got * (size_t)(m * n));
  float *buffer = aligned_alloc(64, sizeof *buffer * PAL_GEMM_BUFFER);
  table all[2 * PAL_ISA_COUNT];
  const int count = tables(all);
  for (int transposed = 0; transposed < 2; transposed++) {
    const int64_t row = transposed ? 1 : n, col = transposed ? rows : 1;
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) {
        float sum = 0;
        for (int64_t p = 0; p < rows; p++) sum = step(a[p * m + i], b[p * row + j * col], sum);
        want[i * n + j] = sum;
      }
    const pal_gemm_outer call = {.rows = rows,
                                 .m = m,
                                 .n = n,
                                 .a = a,
                                 .a_row = m,
                                 .b = b,
                                 .b_row = row,
                                 .b_col = col,
                                 .c = got,
                                 .c_row = n,
                                 .buffer = buffer};
    for (int t = 0; t < count; t++) {
      all[t].bf16->outer(&call);
      same(want, got, m * n, transposed ? "a^T b^T" : "a^T b", t);
    }
  }
  free(a);
  free(b);
  free(want);
  free(got);
  free(buffer);
}
END_TEST

/* Small products, stored and added to, with rows of a or its columns in place. */
START_TEST(blocks) {
  static const int64_t some[][3] = {{1, 16, 1}, {7, 144, 33}, {70, 128, 128}, {24, 272, 131}};
  const int64_t m = some[_i / 2][0], n = some[_i / 2][1], k = some[_i / 2][2];
  const bool add = _i % 2;
  float *a = numbers(m * k, 6, -20), *b = numbers(k * n, 7, -20), *c = numbers(m * n, 8, -20);
  float *want = malloc(sizeof *want * (size_t)(m * n)),
        *got = malloc(sizeof *got * (size_t)(m * n));
  table all[2 * PAL_ISA_COUNT];
  const int count = tables(all);
  for (int turned = 0; turned < 2; turned++) {
    const int64_t row = turned ? 1 : k, col = turned ? m : 1;
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) {
        float sum = add ? flushed(c[i * n + j]) : 0;
        for (int64_t p = 0; p < k; p++) sum = step(a[i * row + p * col], b[p * n + j], sum);
        want[i * n + j] = sum;
      }
    const pal_gemm_block call = {.m = m,
                                 .n = n,
                                 .k = k,
                                 .a = a,
                                 .a_row = row,
                                 .a_col = col,
                                 .b = b,
                                 .b_row = n,
                                 .c = got,
                                 .c_row = n,
                                 .add = add};
    for (int t = 0; t < count; t++) {
      memcpy(got, c, sizeof *got * (size_t)(m * n));
      all[t].bf16->block(&call);
      same(want, got, m * n, turned ? "block of columns" : "block of rows", t);
    }
  }
  free(a);
  free(b);
  free(c);
  free(want);
  free(got);
}
END_TEST

/* After a product the processor's mode is restored: subnormal numbers are not flushed to zero. */
START_TEST(mode_is_left) {
  const volatile float small = 0x1p-126f;
  const float one = 1;
  float c;
  table all[2 * PAL_ISA_COUNT];
  for (int t = 0, n = tables(all); t < n; t++) {
    product_of(&all[t], false, (const int64_t[]){1, 1, 1}, &one, &one, NULL, &c);
    ck_assert(c == 1.0f && small / 2 > 0);
  }
}
END_TEST

/* ---- graphs ---------------------------------------------------------------------------------- */

static int count_of(const char *text, const char *what) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, what)) != NULL; at++) n++;
  return n;
}

/* Ops built before and after the precision is set are f32; gradients have the precision of their
 * products. */
START_TEST(gradients_follow) {
  gym b;
  gym_open_model(&b, &recipes[ARM], 1, NULL, LONGEST);
  pal_graph *g = pal_graph_new(b.context, NULL);
  const pal_symbol rows = pal_symbol_new(g, "T", 4);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, rows, 1, 3));
  const pal_value w = pal_input(g, "w", PAL_TYPE(PAL_F32, PAL_STATIC, 3, 3));
  pal_value y = pal_linear(g, x, w, PAL_NIL), grad[2];
  pal_graph_set_precision(g, PAL_PRECISION_BF16);
  y = pal_matmul(g, pal_linear(g, y, w, PAL_NIL), w, false, false);
  pal_graph_set_precision(g, PAL_PRECISION_F32);
  pal_gradient(g, pal_sum_all(g, pal_linear(g, y, w, PAL_NIL)), (const pal_value[]){x, w}, 2, grad);
  pal_output(g, "dx", grad[0]);
  char *text = pal_graph_dump(g);
  ck_assert_msg(!pal_graph_error(g)->code && text, "%s", pal_graph_error(g)->text);
  ck_assert_int_eq(count_of(text, "precision=1"), 2 * 3);
  ck_assert_int_eq(count_of(text, "precision=0"), 2 * 3);
  free(text);
  pal_graph_free(g);
  gym_close(&b);
}
END_TEST

START_TEST(unknown_is_refused) {
  gym b;
  gym_open_model(&b, &recipes[ARM], 1, NULL, LONGEST);
  pal_graph *g = pal_graph_new(b.context, NULL);
  const pal_value x = pal_input(g, "x", PAL_TYPE(PAL_F32, PAL_STATIC, 3, 3));
  pal_graph_set_precision(g, (pal_precision)2);
  ck_assert(pal_is_nil(pal_linear(g, x, x, PAL_NIL)));
  ck_assert_int_eq(pal_graph_error(g)->code, PAL_E_ARGUMENT);
  pal_graph_free(g);
  const char *const setting[] = {"precision=fp16"};
  ck_assert_ptr_null(pal_trainer_new(b.model, &b.stream, setting, 1, &b.error));
  ck_assert_int_eq(b.error.code, PAL_E_ARGUMENT);
  ck_assert_ptr_nonnull(strstr(b.error.text, "fp16"));
  gym_close(&b);
}
END_TEST

/* ---- training -------------------------------------------------------------------------------- */

START_TEST(same_bits) {
  const recipe *r = &recipes[_i ? AP_MDM : ARM];
  const course one = gym_course(r, 1, NULL, "precision=bf16");
  const course plain = gym_course(r, 1, NULL, NULL);
  ck_assert_msg(!memory_same(&one.end, &plain.end), "bf16 makes no difference");
  free(plain.end.bytes);
  for (int isa = 0; isa < PAL_ISA_COUNT; isa++) {
    if (!pal_isa_available((pal_isa)isa)) continue;
    const course other = gym_course(r, 2 + isa, pal_isa_name((pal_isa)isa), "precision=bf16");
    ck_assert_msg(memcmp(one.report, other.report, sizeof one.report) == 0 &&
                      memory_same(&one.end, &other.end),
                  "%s: other bits at %d threads, %s", r->definition, 2 + isa,
                  pal_isa_name((pal_isa)isa));
    free(other.end.bytes);
  }
  free(one.end.bytes);
}
END_TEST

/* Mean loss of the last quarter of a run. */
static double late_loss(const recipe *r, const char *precision, int steps) {
  gym b;
  double sum = 0;
  gym_open(&b, r, 1, NULL, precision);
  for (int i = 0; i < steps; i++) {
    const double loss = gym_step(&b).loss;
    if (i >= steps * 3 / 4) sum += loss;
  }
  gym_close(&b);
  return sum / (steps - steps * 3 / 4);
}

/* See doc/architecture.md for what longer runs have shown. */
START_TEST(losses_track) {
  static const recipe long_run = {
      "mdm",
      {"layers=2", "width=32", "heads=2", NULL},
      {"batch=16", "shard=8", "rate=0.001", "warmup=10", "steps=160", NULL}};
  const double f32 = late_loss(&long_run, "precision=f32", 160);
  const double bf16 = late_loss(&long_run, "precision=bf16", 160);
  ck_assert_msg(fabs(bf16 - f32) <= 0.01 * f32, "losses %g in bf16, %g in f32", bf16, f32);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("bf16");
  TCase *kernels = tcase_create("kernels"), *graphs = tcase_create("graphs");
  TCase *training = tcase_create("training");
  tcase_add_loop_test(kernels, products, 0, 3 * SHAPES);
  tcase_add_loop_test(kernels, outer_products, 0, 3 * SHAPES);
  tcase_add_loop_test(kernels, blocks, 0, 8);
  tcase_add_test(kernels, mode_is_left);
  tcase_add_test(graphs, gradients_follow);
  tcase_add_test(graphs, unknown_is_refused);
  tcase_add_loop_test(training, same_bits, 0, 2);
  tcase_add_test(training, losses_track);
  tcase_set_timeout(training, 120);
  suite_add_tcase(suite, kernels);
  suite_add_tcase(suite, graphs);
  suite_add_tcase(suite, training);
  return run_suite(suite);
}
