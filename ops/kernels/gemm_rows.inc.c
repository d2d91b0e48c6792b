/* SPDX-License-Identifier: Apache-2.0 */
/* Thin products, f32, with an operand y [K, many] that is row-major (floor 2). Included after
 * gemm.inc.c.
 *
 * The other operand, x, has at most PAL_GEMM_THIN_MAX rows. Such a product reads each element of y
 * once, so y is not packed, which would read it once as well. Two kinds of calls come here:
 * products with few rows (PAL_GEMM_ROWS), and sums of outer products whose result has few rows or
 * few columns. */

#if defined(PAL_SIMD_AVX512)
/* Register tile for up to 3 rows: 8 vectors wide, 24 sums. */
enum { THIN_ROWS = 3, THIN_STRIPE = 8 * PAL_LANES };

/* clang-format off */
#define THIN_VECTORS(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3) X(i, 4) X(i, 5) X(i, 6) X(i, 7)
#define THIN_ZERO(i, v) vf c##i##_##v = vf_zero();
#define THIN_BIAS(i, v) \
  if (t->bias) c##i##_##v = vf_add(c##i##_##v, vf_load(t->bias + v * PAL_LANES));
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
/* The micro-kernel of `rows` rows x 8 vectors of c, over all of k. The pointers to rows that do not
 * exist are those of row 0, and their loads are unused. */
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

/* Computes the product if it is 8 vectors wide and has at most 3 rows; else gives false. */
static bool thin_stripe(const gemm_slice *s) {
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
static bool thin_stripe(const gemm_slice *s) {
  (void)s;
  return false;
}
#endif

/* c [few, many] = x [few, k] y [k, many] (+ bias), or the transposed result c [many, few]. */
typedef struct thin_sum {
  int64_t few, many, k;
  const float *x; /* element (i, k) is x[i * x_few + k * x_k] */
  int64_t x_few, x_k;
  const float *y;
  int64_t y_row;
  float *c;
  int64_t c_row;
  bool transposed;   /* c is [many, few] */
  const float *bias; /* [many]; or NULL; only if not transposed */
} thin_sum;

/* Computes columns j .. j + s->n - 1 on the micro-kernels of gemm.inc.c. These load whole vectors
 * of y. In the last row or rows of y that would read beyond its end, so those rows are first copied
 * to a padded array. */
static void thin_slices(const thin_sum *o, int64_t j, gemm_slice *s) {
  float copy[PAL_LANES * THIN_SPAN];
  const int64_t beyond = gemm_vectors(s->n) * PAL_LANES - s->n;
  const int64_t last = gemm_min((beyond + o->y_row - 1) / o->y_row, o->k);
  int64_t k = 0;
  s->begin = true;
  do {
    const bool copied = k == o->k - last;
    s->a = o->x + k * o->x_k;
    s->b = copied ? copy : o->y + k * o->y_row + j;
    s->b_row = copied ? THIN_SPAN : o->y_row;
    s->depth = copied ? last : gemm_min(o->k - last - k, PAL_GEMM_DEPTH);
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

/* Goes through the many columns, THIN_SPAN at a time. */
static void thin_rows(const thin_sum *o) {
  float sums[PAL_GEMM_THIN_MAX * THIN_SPAN];
  for (int64_t j = 0; j < o->many; j += THIN_SPAN) {
    gemm_slice s = {.m = o->few,
                    .n = gemm_min(o->many - j, THIN_SPAN),
                    .depth = o->k,
                    .a = o->x,
                    .a_row = o->x_few,
                    .a_col = o->x_k,
                    .a_tile = GEMM_MR * o->x_few,
                    .b = o->y + j,
                    .b_row = o->y_row,
                    .c = o->transposed ? sums : o->c + j,
                    .c_row = o->transposed ? THIN_SPAN : o->c_row,
                    .bias = o->bias ? o->bias + j : NULL};
    if (!thin_stripe(&s)) thin_slices(o, j, &s);
    for (int64_t r = 0; o->transposed && r < s.n; r++)
      for (int64_t i = 0; i < o->few; i++) o->c[(j + r) * o->c_row + i] = sums[i * THIN_SPAN + r];
  }
}

/* Thin results by the functions above, all others by gemm_outer. */
static void gemm_outer_any(const pal_gemm_outer *o) {
  const bool transposed = o->n <= PAL_GEMM_THIN_MAX && o->m > o->n;
  if (o->b_col == 1 && transposed)
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
                          .transposed = true});
  else if (o->b_col == 1 && o->m <= PAL_GEMM_THIN_MAX)
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
