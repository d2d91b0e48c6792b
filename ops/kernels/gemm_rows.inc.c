/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of few by many, f32, where the many are neighbours: c = x y with a few x, or turned (floor 2).
 * Included after gemm.inc.c.
 *
 * y is read where it lies, as it would be read once after packing, too. Products of few rows are such sums,
 * and those of outer products with few rows or columns. */

#if defined(PAL_SIMD_AVX512)
enum { THIN_ROWS = 3, THIN_STRIPE = 8 * PAL_LANES };

/* clang-format off */
#define THIN_VECTORS(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3) X(i, 4) X(i, 5) X(i, 6) X(i, 7)
#define THIN_ZERO(i, v) vf c##i##_##v = vf_zero();
#define THIN_BIAS(i, v) if (t->bias) c##i##_##v = vf_add(c##i##_##v, vf_load(t->bias + v * PAL_LANES));
#define THIN_STORE(i, v) vf_store(GEMM_PLACE(i, v), c##i##_##v);
#define THIN_ROW_1(X) THIN_VECTORS(X, 0)
#define THIN_ROW_2(X) THIN_ROW_1(X) THIN_VECTORS(X, 1)
#define THIN_ROW_3(X) THIN_ROW_2(X) THIN_VECTORS(X, 2)
#define THIN_FMA_1(v) c0_##v = vf_fma(x0, y, c0_##v);
#define THIN_FMA_2(v) THIN_FMA_1(v) c1_##v = vf_fma(x1, y, c1_##v);
#define THIN_FMA_3(v) THIN_FMA_2(v) c2_##v = vf_fma(x2, y, c2_##v);
#define THIN_STEP(rows, v) \
  { \
    const vf y = vf_load(b + v * PAL_LANES); \
    THIN_FMA_##rows(v) \
  }
/* Rows of c in a stripe of 8 vectors, bias or not. */
#define THIN_TILE(rows) \
  static void thin_tile_##rows(const gemm_tile *t) { \
    const float *a = t->a, *b = t->b; \
    const int64_t a_row = t->a_row; \
    THIN_ROW_##rows(THIN_ZERO) \
    for (int64_t k = 0; k < t->k; k++, a += t->a_col, b += t->b_row) { \
      const vf x0 = vf_set(a[0]); \
      const vf x1 = vf_set(a[rows > 1 ? a_row : 0]), x2 = vf_set(a[rows > 2 ? 2 * a_row : 0]); \
      (void)x1, (void)x2; \
      THIN_VECTORS(THIN_STEP, rows) \
    } \
    THIN_ROW_##rows(THIN_BIAS) \
    THIN_ROW_##rows(THIN_STORE) \
  }
THIN_TILE(1)
THIN_TILE(2)
THIN_TILE(3)
/* clang-format on */

/* Whether the cut was a stripe for few enough rows, and is done. */
static bool thin_stripe(const gemm_cut *s) {
  static gemm_tile_run *const tile[THIN_ROWS] = {thin_tile_1, thin_tile_2, thin_tile_3};
  if (s->m > THIN_ROWS || s->n != THIN_STRIPE) return false;
  tile[s->m - 1](&(gemm_tile){.a = s->a,
                              .a_row = s->a_row,
                              .a_col = s->a_col,
                              .b = s->b,
                              .b_row = s->b_row,
                              .k = s->depth,
                              .c = s->c,
                              .c_row = s->c_row,
                              .bias = s->bias});
  return true;
}
#else
static bool thin_stripe(const gemm_cut *s) {
  (void)s;
  return false;
}
#endif

/* c [few, many], or turned, = sum over k of x (i, k) y [k, j]. */
typedef struct thin_sum {
  int64_t few, many, k;
  const float *x; /* element (i, k) at x[i * x_few + k * x_k] */
  int64_t x_few, x_k;
  const float *y;
  int64_t y_row;
  float *c;
  int64_t c_row;
  bool turned;
  const float *bias; /* [many], not turned; or NULL */
} thin_sum;

/* Columns j .. j + s->n - 1. Whole vectors of y are read: of its last rows, where that would be beyond its
 * end, a copy. */
static void thin_cuts(const thin_sum *o, int64_t j, gemm_cut *s) {
  float copy[PAL_LANES * THIN_SPAN];
  const int64_t beyond = gemm_vectors(s->n) * PAL_LANES - s->n;
  const int64_t last = gemm_least((beyond + o->y_row - 1) / o->y_row, o->k);
  int64_t k = 0;
  s->begin = true;
  do {
    const bool copied = k == o->k - last;
    s->a = o->x + k * o->x_k;
    s->b = copied ? copy : o->y + k * o->y_row + j;
    s->b_row = copied ? THIN_SPAN : o->y_row;
    s->depth = copied ? last : gemm_least(o->k - last - k, PAL_GEMM_DEPTH);
    for (int64_t t = 0; copied && t < last; t++)
      for (int64_t v = 0; v < s->n; v += PAL_LANES)
        vf_store(copy + t * THIN_SPAN + v,
                 vf_load_left(o->y + (k + t) * o->y_row + j + v, s->n - v));
    k += s->depth;
    s->end = k == o->k;
    gemm_run(s);
    s->begin = false;
  } while (k < o->k);
}

static void thin_rows(const thin_sum *o) {
  float sums[PAL_GEMM_FEW * THIN_SPAN];
  for (int64_t j = 0; j < o->many; j += THIN_SPAN) {
    gemm_cut s = {.m = o->few,
                  .n = gemm_least(o->many - j, THIN_SPAN),
                  .depth = o->k,
                  .a = o->x,
                  .a_row = o->x_few,
                  .a_col = o->x_k,
                  .a_tile = GEMM_MR * o->x_few,
                  .b = o->y + j,
                  .b_row = o->y_row,
                  .c = o->turned ? sums : o->c + j,
                  .c_row = o->turned ? THIN_SPAN : o->c_row,
                  .bias = o->bias ? o->bias + j : NULL};
    if (!thin_stripe(&s)) thin_cuts(o, j, &s);
    for (int64_t r = 0; o->turned && r < s.n; r++)
      for (int64_t i = 0; i < o->few; i++) o->c[(j + r) * o->c_row + i] = sums[i * THIN_SPAN + r];
  }
}

static void gemm_outer_any(const pal_gemm_outer *o) {
  const bool turned = o->n <= PAL_GEMM_FEW && o->m > o->n;
  if (o->b_col == 1 && turned)
    thin_rows(&(thin_sum){.k = o->rows,
                          .few = o->n,
                          .many = o->m,
                          .x = o->b,
                          .x_few = 1,
                          .x_k = o->b_row,
                          .y = o->a,
                          .y_row = o->a_row,
                          .c = o->c,
                          .c_row = o->c_row,
                          .turned = true});
  else if (o->b_col == 1 && o->m <= PAL_GEMM_FEW)
    thin_rows(&(thin_sum){.k = o->rows,
                          .few = o->m,
                          .many = o->n,
                          .x = o->a,
                          .x_few = 1,
                          .x_k = o->a_row,
                          .y = o->b,
                          .y_row = o->b_row,
                          .c = o->c,
                          .c_row = o->c_row});
  else gemm_outer(o);
}
