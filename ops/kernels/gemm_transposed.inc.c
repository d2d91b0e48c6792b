/* SPDX-License-Identifier: Apache-2.0 */
/* Products with very few rows or columns whose operands are both contiguous in k, f32, kind
 * PAL_GEMM_TRANSPOSED (floor 2). Included after gemm.inc.c.
 *
 * The operand with many rows is here called `a`, the one with at most 4 rows `b`. The kernel
 * computes the dot products of 16 rows of a with all rows of b: it transposes blocks of 16 rows x
 * 16 k of a, in registers where there are enough, so that one vector has element k of 16 rows, and
 * multiplies it by the broadcast element k of each row of b. */

typedef struct thin_transpose {
  const float *a, *b; /* [rows, k], [few, k] */
  int64_t a_row, b_row, k;
  int64_t rows; /* of a, 1..16 */
  float *c;     /* [few, PAL_LANES]: element (i, r) belongs to row i of b and row r of a */
} thin_transpose;

/* Copies a block of rows x depth elements to a block of 16 x 16, the rest zeros. */
static void thin_pad(const float *a, int64_t a_row, int64_t rows, int64_t depth, float *block) {
  for (int64_t r = 0; r < PAL_LANES; r++)
    vf_store(block + r * PAL_LANES, r < rows ? vf_load_left(a + r * a_row, depth) : vf_zero());
}

/* clang-format off */
#define THIN_FEW_1(X, d) X(0, d)
#define THIN_FEW_2(X, d) THIN_FEW_1(X, d) X(1, d)
#define THIN_FEW_3(X, d) THIN_FEW_2(X, d) X(2, d)
#define THIN_FEW_4(X, d) THIN_FEW_3(X, d) X(3, d)
#define THIN_BEGIN(i, d) \
  vf sum##i = vf_zero(); \
  const float *b##i = t->b + i * t->b_row;
#define THIN_ADD(i, d) sum##i = vf_fma(vf_set(b##i[k + (d)]), y, sum##i);
#define THIN_END(i, d) vf_store(t->c + i * PAL_LANES, sum##i);
#define THIN_TRANSPOSED_ROW(few, d) \
  { \
    const vf y = vf_load(transposed + (d) * PAL_LANES); \
    THIN_FEW_##few(THIN_ADD, d) \
  }
#if defined(PAL_SIMD_AVX512)
#define THIN_FOUR(few, d) \
  THIN_TRANSPOSED_ROW(few, d) THIN_TRANSPOSED_ROW(few, d + 1) THIN_TRANSPOSED_ROW(few, d + 2) \
  THIN_TRANSPOSED_ROW(few, d + 3)
#define THIN_BLOCK(few) THIN_FOUR(few, 0) THIN_FOUR(few, 4) THIN_FOUR(few, 8) THIN_FOUR(few, 12)
#else /* the transposed block is in memory */
#define THIN_BLOCK(few) \
  for (int64_t d = 0; d < PAL_LANES; d++) THIN_TRANSPOSED_ROW(few, d)
#endif
/* Prefetches the next 16 rows of a: 16 cache lines per block of 16 k of the current rows. */
#define THIN_PREFETCH(r) __builtin_prefetch(t->a + (t->a_row + k + (r)) * PAL_LANES);
#define THIN_PREFETCH_4(r) \
  THIN_PREFETCH(r) THIN_PREFETCH(r + 1) THIN_PREFETCH(r + 2) THIN_PREFETCH(r + 3)
#define THIN_TRANSPOSE(few) \
  static void thin_transpose_##few(const thin_transpose *t) { \
    float pad[PAL_LANES * PAL_LANES]; \
    THIN_FEW_##few(THIN_BEGIN, 0) \
    int64_t k = 0; \
    for (; k + PAL_LANES <= t->k; k += PAL_LANES) { \
      float transposed[PAL_LANES * PAL_LANES]; \
      const float *from = t->a + k; \
      int64_t row = t->a_row; \
      THIN_PREFETCH_4(0) THIN_PREFETCH_4(4) THIN_PREFETCH_4(8) THIN_PREFETCH_4(12) \
      if (t->rows < PAL_LANES) { \
        thin_pad(from, row, t->rows, PAL_LANES, pad); \
        from = pad; \
        row = PAL_LANES; \
      } \
      vf_transpose_inline(from, row, transposed, PAL_LANES); \
      THIN_BLOCK(few) \
    } \
    if (k < t->k) { \
      float transposed[PAL_LANES * PAL_LANES]; \
      thin_pad(t->a + k, t->a_row, t->rows, t->k - k, pad); \
      vf_transpose(pad, PAL_LANES, transposed, PAL_LANES); \
      for (int64_t d = 0; d < t->k - k; d++) THIN_TRANSPOSED_ROW(few, d) \
    } \
    THIN_FEW_##few(THIN_END, 0) \
  }
/* clang-format on */
THIN_TRANSPOSE(1)
THIN_TRANSPOSE(2)
THIN_TRANSPOSE(3)
THIN_TRANSPOSE(4)

typedef void thin_transpose_run(const thin_transpose *t);
static thin_transpose_run *const thin_transposes[PAL_GEMM_TRANSPOSED_MAX] = {
    thin_transpose_1, thin_transpose_2, thin_transpose_3, thin_transpose_4};

/* Few columns of c: the lanes are 16 rows of the product's a. */
static void thin_transposed_columns(const pal_gemm_product *p) {
  float sums[PAL_LANES * PAL_LANES] = {0}, back[PAL_LANES * PAL_LANES];
  const float *bias = p->epilogue.bias;
  const vf add = bias ? vf_load_n(bias, (int)p->n) : vf_zero();
  thin_transpose t = {.b = p->b, .a_row = p->a_row, .b_row = p->k, .k = p->k, .c = sums};
  for (int64_t i = 0; i < p->m; i += PAL_LANES) {
    float *c = p->c + i * p->c_row;
    t.a = p->a + i * p->a_row;
    t.rows = gemm_min(p->m - i, PAL_LANES);
    thin_transposes[p->n - 1](&t);
    if (p->c_row == 1 && !bias) {
      vf_store_left(c, vf_load(sums), t.rows);
      continue;
    }
    vf_transpose(sums, PAL_LANES, back, PAL_LANES);
    for (int64_t r = 0; r < t.rows; r++) {
      const vf row = vf_load(back + r * PAL_LANES);
      vf_store_n(c + r * p->c_row, bias ? vf_add(row, add) : row, (int)p->n);
    }
  }
}

/* Few rows of c: the lanes are 16 columns of c, which are rows of the product's b, stored as [N,
 * K]. */
static void thin_transposed_rows(const pal_gemm_product *p) {
  float sums[PAL_GEMM_TRANSPOSED_MAX * PAL_LANES];
  thin_transpose t = {.b = p->a, .a_row = p->k, .b_row = p->a_row, .k = p->k, .c = sums};
  for (int64_t j = 0; j < p->n; j += PAL_LANES) {
    t.a = p->b + j * p->k;
    t.rows = gemm_min(p->n - j, PAL_LANES);
    thin_transposes[p->m - 1](&t);
    const vf bias = p->epilogue.bias ? vf_load_left(p->epilogue.bias + j, t.rows) : vf_zero();
    for (int64_t i = 0; i < p->m; i++) {
      const vf row = vf_load(sums + i * PAL_LANES);
      vf_store_left(p->c + i * p->c_row + j, p->epilogue.bias ? vf_add(row, bias) : row, t.rows);
    }
  }
}
