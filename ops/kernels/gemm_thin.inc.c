/* Products of few rows or few columns, f32, included after gemm.inc.c (floor 2).
 *
 * The few are broadcast, the many lie along the lanes: in place where they are neighbours, else turned
 * a few vectors at a time on their way to the sums. Nothing is packed, as it would be read once. An
 * element is the chain of gemm.h whichever operand it meets in the lanes. */

/* ---- the many are neighbours ----------------------------------------------------------------- */

#if defined(PAL_SIMD_AVX512)
enum { THIN_ROWS = 3, THIN_STRIPE = 8 * PAL_LANES };

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

/* Whether the cut was a stripe for few enough rows, and is done. */
static bool thin_stripe(const gemm_cut *s) {
  static gemm_tile_run *const tile[THIN_ROWS] = {thin_tile_1, thin_tile_2, thin_tile_3};
  if (s->m > THIN_ROWS || s->n != THIN_STRIPE) return false;
  tile[s->m - 1](&(gemm_tile){.a = s->a, .a_row = s->a_row, .a_col = s->a_col, .b = s->b,
                              .b_row = s->b_row, .k = s->depth, .c = s->c, .c_row = s->c_row,
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

enum { THIN_SPAN = 128 };

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
    gemm_cut s = {.m = o->few, .n = gemm_least(o->many - j, THIN_SPAN), .depth = o->k,
                  .a = o->x, .a_row = o->x_few, .a_col = o->x_k, .a_tile = GEMM_MR * o->x_few,
                  .b = o->y + j, .b_row = o->y_row, .c = o->turned ? sums : o->c + j,
                  .c_row = o->turned ? THIN_SPAN : o->c_row, .bias = o->bias ? o->bias + j : NULL};
    if (!thin_stripe(&s)) thin_cuts(o, j, &s);
    for (int64_t r = 0; o->turned && r < s.n; r++)
      for (int64_t i = 0; i < o->few; i++) o->c[(j + r) * o->c_row + i] = sums[i * THIN_SPAN + r];
  }
}

static void gemm_outer_any(const pal_gemm_outer *o) {
  const bool turned = o->n <= PAL_GEMM_FEW && o->m > o->n;
  if (o->b_col == 1 && turned)
    thin_rows(&(thin_sum){.k = o->rows, .few = o->n, .many = o->m, .x = o->b, .x_few = 1,
                          .x_k = o->b_row, .y = o->a, .y_row = o->a_row, .c = o->c,
                          .c_row = o->c_row, .turned = true});
  else if (o->b_col == 1 && o->m <= PAL_GEMM_FEW)
    thin_rows(&(thin_sum){.k = o->rows, .few = o->m, .many = o->n, .x = o->a, .x_few = 1,
                          .x_k = o->a_row, .y = o->b, .y_row = o->b_row, .c = o->c,
                          .c_row = o->c_row});
  else
    gemm_outer(o);
}

/* ---- the many are turned -------------------------------------------------------------------- */

/* Sums of 16 rows of `a` with `few` rows of b: 16 x 16 of a are turned, in registers where there are
 * enough, and every turned row is multiplied by an element of each row of b. */
typedef struct thin_turn {
  const float *a, *b;
  int64_t a_row, b_row, k;
  int64_t rows;            /* of a, 1..16 */
  float *c;                /* [few, PAL_LANES] */
} thin_turn;

/* A block of rows x depth, zeros around it. */
static void thin_pad(const float *a, int64_t a_row, int64_t rows, int64_t depth, float *block) {
  for (int64_t r = 0; r < PAL_LANES; r++)
    vf_store(block + r * PAL_LANES, r < rows ? vf_load_left(a + r * a_row, depth) : vf_zero());
}

#define THIN_FEW_1(X, d) X(0, d)
#define THIN_FEW_2(X, d) THIN_FEW_1(X, d) X(1, d)
#define THIN_FEW_3(X, d) THIN_FEW_2(X, d) X(2, d)
#define THIN_FEW_4(X, d) THIN_FEW_3(X, d) X(3, d)
#define THIN_BEGIN(i, d) \
  vf sum##i = vf_zero(); \
  const float *b##i = t->b + i * t->b_row;
#define THIN_ADD(i, d) sum##i = vf_fma(vf_set(b##i[k + (d)]), y, sum##i);
#define THIN_END(i, d) vf_store(t->c + i * PAL_LANES, sum##i);
#define THIN_TURNED_ROW(few, d) \
  { \
    const vf y = vf_load(turned + (d) * PAL_LANES); \
    THIN_FEW_##few(THIN_ADD, d) \
  }
#define THIN_FOUR(few, d) \
  THIN_TURNED_ROW(few, d) THIN_TURNED_ROW(few, d + 1) THIN_TURNED_ROW(few, d + 2) \
  THIN_TURNED_ROW(few, d + 3)
/* The next 16 rows, a stretch of their memory for each block of these. */
#define THIN_ASK(r) __builtin_prefetch(t->a + (t->a_row + k + (r)) * PAL_LANES);
#define THIN_AHEAD(r) THIN_ASK(r) THIN_ASK(r + 1) THIN_ASK(r + 2) THIN_ASK(r + 3)
#define THIN_TURN(few) \
  static void thin_turn_##few(const thin_turn *t) { \
    float pad[PAL_LANES * PAL_LANES]; \
    THIN_FEW_##few(THIN_BEGIN, 0) \
    int64_t k = 0; \
    for (; k + PAL_LANES <= t->k; k += PAL_LANES) { \
      float turned[PAL_LANES * PAL_LANES]; \
      const float *from = t->a + k; \
      int64_t row = t->a_row; \
      THIN_AHEAD(0) THIN_AHEAD(4) THIN_AHEAD(8) THIN_AHEAD(12) \
      if (t->rows < PAL_LANES) { \
        thin_pad(from, row, t->rows, PAL_LANES, pad); \
        from = pad; \
        row = PAL_LANES; \
      } \
      vf_transpose_inline(from, row, turned, PAL_LANES); \
      THIN_FOUR(few, 0) THIN_FOUR(few, 4) THIN_FOUR(few, 8) THIN_FOUR(few, 12) \
    } \
    if (k < t->k) { \
      float turned[PAL_LANES * PAL_LANES]; \
      thin_pad(t->a + k, t->a_row, t->rows, t->k - k, pad); \
      vf_transpose(pad, PAL_LANES, turned, PAL_LANES); \
      for (int64_t d = 0; d < t->k - k; d++) THIN_TURNED_ROW(few, d) \
    } \
    THIN_FEW_##few(THIN_END, 0) \
  }
THIN_TURN(1)
THIN_TURN(2)
THIN_TURN(3)
THIN_TURN(4)

typedef void thin_turn_run(const thin_turn *t);
static thin_turn_run *const thin_turns[PAL_GEMM_TURNED_FEW] = {thin_turn_1, thin_turn_2,
                                                               thin_turn_3, thin_turn_4};

/* Few columns: lanes are rows of a. */
static void thin_turned_columns(const pal_gemm_product *p) {
  float sums[PAL_LANES * PAL_LANES] = {0}, back[PAL_LANES * PAL_LANES];
  const float *bias = p->epilogue.bias;
  const vf add = bias ? vf_load_n(bias, (int)p->n) : vf_zero();
  thin_turn t = {.b = p->b, .a_row = p->a_row, .b_row = p->k, .k = p->k, .c = sums};
  for (int64_t i = 0; i < p->m; i += PAL_LANES) {
    float *c = p->c + i * p->c_row;
    t.a = p->a + i * p->a_row;
    t.rows = gemm_least(p->m - i, PAL_LANES);
    thin_turns[p->n - 1](&t);
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

/* Few rows: lanes are columns of c, rows of b. */
static void thin_turned_rows(const pal_gemm_product *p) {
  float sums[PAL_GEMM_TURNED_FEW * PAL_LANES];
  thin_turn t = {.b = p->a, .a_row = p->k, .b_row = p->a_row, .k = p->k, .c = sums};
  for (int64_t j = 0; j < p->n; j += PAL_LANES) {
    t.a = p->b + j * p->k;
    t.rows = gemm_least(p->n - j, PAL_LANES);
    thin_turns[p->m - 1](&t);
    const vf bias = p->epilogue.bias ? vf_load_left(p->epilogue.bias + j, t.rows) : vf_zero();
    for (int64_t i = 0; i < p->m; i++) {
      const vf row = vf_load(sums + i * PAL_LANES);
      vf_store_left(p->c + i * p->c_row + j, p->epilogue.bias ? vf_add(row, bias) : row, t.rows);
    }
  }
}

/* ---- up to 8 columns: half vectors -------------------------------------------------------------- */

/* Rows of a tile: sums, b and an element of a in registers. */
#if defined(PAL_SIMD_AVX512)
#define THIN_TALL 16
#elif defined(PAL_SIMD_AVX2) || defined(PAL_SIMD_NEON)
#define THIN_TALL 12
#else
#define THIN_TALL 4
#endif

/* Four rows share a pointer that moves on: an address per row would be more than there are registers. */
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
#define THIN_HALF_FMA(g, r) \
  sum##g##_##r = vh_fma(vh_set(a##g[r * a_row]), y, sum##g##_##r);
#define THIN_HALF_BIAS(g, r) sum##g##_##r = vh_add(sum##g##_##r, bias);
#define THIN_HALF_END(g, r) vh_store_n(t->c + (4 * g + r) * t->c_row, sum##g##_##r, n);
#define THIN_HALF(rows) \
  static void thin_half_##rows(const gemm_tile *t) { \
    const float *b = t->b, *ahead = t->ahead; \
    const int64_t a_row = t->a_row; \
    const int n = (int)t->last; \
    THIN_GROUPS_##rows(THIN_GROUP_BEGIN) \
    THIN_HALF_##rows(THIN_HALF_BEGIN) \
    for (int64_t k = t->k; k > 0; k--, b += PAL_GEMM_FEW, ahead += PAL_LANES) { \
      const vh y = vh_load(b); \
      __builtin_prefetch(ahead); \
      THIN_HALF_##rows(THIN_HALF_FMA) \
      THIN_GROUPS_##rows(THIN_GROUP_NEXT) \
    } \
    if (t->bias) { \
      const vh bias = vh_load(t->bias); \
      THIN_HALF_##rows(THIN_HALF_BIAS) \
    } \
    THIN_HALF_##rows(THIN_HALF_END) \
  }
#define THIN_HALF_OF_(rows) THIN_HALF(rows)
#define THIN_HALF_NAME_(rows) thin_half_##rows
#define THIN_HALF_NAME(rows) THIN_HALF_NAME_(rows)
THIN_HALF(1)
#if THIN_TALL > 4
THIN_HALF(4)
#endif
THIN_HALF_OF_(THIN_TALL)

static void thin_narrow(const pal_gemm_product *p) {
  float bias[PAL_GEMM_FEW] = {0};
  if (p->epilogue.bias) memcpy(bias, p->epilogue.bias, (size_t)p->n * sizeof *bias);
  gemm_tile t = {.a = p->a, .a_row = p->a_row, .b = p->b, .k = p->k, .c = p->c, .c_row = p->c_row,
                 .last = p->n, .bias = p->epilogue.bias ? bias : NULL};
  for (int64_t left = p->m, rows; left > 0; left -= rows, t.a += rows * t.a_row, t.c += rows * t.c_row) {
    rows = left >= THIN_TALL ? THIN_TALL : left >= 4 ? 4 : 1;
    t.ahead = t.a + rows * t.a_row;
    if (rows == THIN_TALL)
      THIN_HALF_NAME(THIN_TALL)(&t);
    else if (rows == 4)
      thin_half_4(&t);
    else
      thin_half_1(&t);
  }
}

/* ---- any kind ----------------------------------------------------------------------------------- */

static void gemm_any(const pal_gemm_product *p) {
  if (!p->m) return;
  switch (p->kind) {
    case PAL_GEMM_PACKED: gemm_product(p); break;
    case PAL_GEMM_NARROW: thin_narrow(p); break;
    case PAL_GEMM_ROWS:
      thin_rows(&(thin_sum){.k = p->k, .few = p->m, .many = p->n, .x = p->a, .x_few = p->a_row,
                            .x_k = 1, .y = p->b, .y_row = p->n, .c = p->c, .c_row = p->c_row,
                            .bias = p->epilogue.bias});
      break;
    case PAL_GEMM_TURNED:
      if (p->n <= PAL_GEMM_TURNED_FEW)
        thin_turned_columns(p);
      else
        thin_turned_rows(p);
      break;
  }
}

#define PAL_GEMM_KERNELS {gemm_panels, gemm_pack, gemm_any, gemm_outer_any}
