/* SPDX-License-Identifier: Apache-2.0 */
/* Products with at most 8 columns, f32, kind PAL_GEMM_NARROW (floor 2). Included after gemm.inc.c.
 *
 * A row of c is half a vector, 8 lanes. A register tile is 1, 4 or THIN_TALL rows of c; every
 * element of a is broadcast to a half vector and multiplied by row k of b, which is padded to 8
 * columns. */

/* Four rows of a share one pointer that moves along k: a pointer per row would need more address
 * registers than there are. The names are a<group>, sum<group>_<row within the group>. */
#define THIN_FOUR_ROWS(X, g) X(g, 0) X(g, 1) X(g, 2) X(g, 3)
#define THIN_GROUPS_1(X) X(0)
#define THIN_GROUPS_4(X) X(0)
#define THIN_GROUPS_12(X) X(0) X(1) X(2)
#define THIN_GROUPS_16(X) X(0) X(1) X(2) X(3)
#define THIN_HALF_1(X) X(0, 0)
#define THIN_HALF_4(X) THIN_FOUR_ROWS(X, 0)
#define THIN_HALF_12(X) THIN_FOUR_ROWS(X, 0) THIN_FOUR_ROWS(X, 1) THIN_FOUR_ROWS(X, 2)
#define THIN_HALF_16(X) THIN_HALF_12(X) THIN_FOUR_ROWS(X, 3)
#define THIN_GROUP_BEGIN(g) const float *a##g = t->a + 4 * g * t->a_row;
#define THIN_GROUP_NEXT(g) a##g++;
#define THIN_HALF_BEGIN(g, r) vh sum##g##_##r = vh_zero();
#define THIN_HALF_FMA(g, r) sum##g##_##r = vh_fma(vh_set(a##g[r * a_row]), y, sum##g##_##r);
#define THIN_HALF_BIAS(g, r) sum##g##_##r = vh_add(sum##g##_##r, bias);
#define THIN_HALF_END(g, r) vh_store_n(t->c + (4 * g + r) * t->c_row, sum##g##_##r, n);
#define THIN_HALF(rows)                                                             \
  static void thin_half_##rows(const gemm_tile *t) {                                \
    const float *b = t->b, *prefetch = t->prefetch;                                 \
    const int64_t a_row = t->a_row;                                                 \
    const int n = (int)t->last;                                                     \
    THIN_GROUPS_##rows(THIN_GROUP_BEGIN) THIN_HALF_##rows(                          \
        THIN_HALF_BEGIN) for (int64_t k = t->k; k > 0;                              \
                              k--, b += PAL_GEMM_THIN_MAX, prefetch += PAL_LANES) { \
      const vh y = vh_load(b);                                                      \
      __builtin_prefetch(prefetch);                                                 \
      THIN_HALF_##rows(THIN_HALF_FMA) THIN_GROUPS_##rows(THIN_GROUP_NEXT)           \
    }                                                                               \
    if (t->bias) {                                                                  \
      const vh bias = vh_load(t->bias);                                             \
      THIN_HALF_##rows(THIN_HALF_BIAS)                                              \
    }                                                                               \
    THIN_HALF_##rows(THIN_HALF_END)                                                 \
  }
#define THIN_HALF_OF_(rows) THIN_HALF(rows)
#define THIN_HALF_NAME_(rows) thin_half_##rows
#define THIN_HALF_NAME(rows) THIN_HALF_NAME_(rows)
THIN_HALF(1)
#if THIN_TALL > 4
THIN_HALF(4)
#endif
THIN_HALF_OF_(THIN_TALL)

/* t.prefetch: each tile prefetches a cache line per k of the rows of a that the next tile reads. */
static void thin_narrow(const pal_gemm_product *p) {
  float bias[PAL_GEMM_THIN_MAX] = {0};
  if (p->epilogue.bias) memcpy(bias, p->epilogue.bias, (size_t)p->n * sizeof *bias);
  gemm_tile t = {.a = p->a,
                 .a_row = p->a_row,
                 .b = p->b,
                 .k = p->k,
                 .c = p->c,
                 .c_row = p->c_row,
                 .last = p->n,
                 .bias = p->epilogue.bias ? bias : NULL};
  for (int64_t left = p->m, rows; left > 0;
       left -= rows, t.a += rows * t.a_row, t.c += rows * t.c_row) {
    rows = left >= THIN_TALL ? THIN_TALL : left >= 4 ? 4 : 1;
    t.prefetch = t.a + rows * t.a_row;
    if (rows == THIN_TALL) THIN_HALF_NAME(THIN_TALL)(&t);
    else if (rows == 4) thin_half_4(&t);
    else thin_half_1(&t);
  }
}
