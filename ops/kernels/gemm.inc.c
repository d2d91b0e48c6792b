/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_gemm_kernels, compiled once per instruction set (floor 2).
 *
 * The structure is that of the usual blocked matrix product (Goto and van de Geijn, Anatomy of
 * High-Performance Matrix Multiplication, 2008):
 *
 *   gemm_product   splits the sum over k into slices of GEMM_DEPTH, so that the part of a panel
 *                  that a slice reads stays in the level 1 and 2 caches;
 *   gemm_run       takes one slice: for every panel of b, for every GEMM_MR rows of a, one tile;
 *   gemm_tile_RxV  is the micro-kernel: a register tile of R rows x V vectors of c, over all k of
 *                  the slice. Elements of a are broadcast from where they lie; vectors of b are
 *                  loaded from a packed panel, or from b itself if it is not packed.
 *
 * There is one micro-kernel for every R <= GEMM_MR and V <= GEMM_NV, so edges need no other code.
 * GEMM_MR * GEMM_NV sums, GEMM_NV vectors of b and one broadcast element of a have to fit the
 * registers; machine.h says how many there are. */
#include "ops/kernels/gemm.h"
#include "src/simd.h"

#include <string.h>

/* The call of a micro-kernel: c [R, V * 16] = (c or 0) + a [R, k] b [k, V * 16] (+ bias). */
typedef struct gemm_tile {
  const float *a, *b;
  const float *bias; /* [V * 16], added after the last k; or NULL */
  int64_t a_row, a_col, b_row, k;
  float *c;
  int64_t c_row;
  int64_t last; /* columns that exist in the last vector, 1..16 */
  bool begin;   /* the sum starts from 0, not from what is in c */
  /* Prefetched while the sum runs, for a later tile: step d prefetches the cache line of
   * prefetch[d % 8 * prefetch_row + d / 8 * prefetch_col]. */
  const float *prefetch;
  int64_t prefetch_row, prefetch_col;
} gemm_tile;

static inline int64_t gemm_min(int64_t a, int64_t b) { return a < b ? a : b; }

/* The micro-kernels are written out by macros: sums in an array would be kept in memory by the
 * compiler, sums in variables of their own (c<row>_<vector>) are kept in registers.
 * GEMM_ROWS_<R>(X, V) expands X(i, V) for every row i of a tile. */
/* clang-format off */
#define GEMM_ROWS_1(X, n) X(0, n)
#define GEMM_ROWS_2(X, n) GEMM_ROWS_1(X, n) X(1, n)
#define GEMM_ROWS_3(X, n) GEMM_ROWS_2(X, n) X(2, n)
#define GEMM_ROWS_4(X, n) GEMM_ROWS_3(X, n) X(3, n)
#define GEMM_ROWS_5(X, n) GEMM_ROWS_4(X, n) X(4, n)
#define GEMM_ROWS_6(X, n) GEMM_ROWS_5(X, n) X(5, n)
#define GEMM_ROWS_7(X, n) GEMM_ROWS_6(X, n) X(6, n)
#define GEMM_ROWS_8(X, n) GEMM_ROWS_7(X, n) X(7, n)

/* GEMM_VECTORS_<V>(X, i) expands X(i, v, lanes) for every vector v of row i. All vectors but the
 * last have 16 lanes. */
#define GEMM_VECTORS_1(V, i) V(i, 0, t->last)
#define GEMM_VECTORS_2(V, i) V(i, 0, PAL_LANES) V(i, 1, t->last)
#define GEMM_VECTORS_3(V, i) V(i, 0, PAL_LANES) V(i, 1, PAL_LANES) V(i, 2, t->last)

#ifndef GEMM_MULTIPLY_ADD /* isa_avx512bf16.c defines it as a dot product of bfloat16 pairs */
#define GEMM_MULTIPLY_ADD vf_fma
#endif
#define GEMM_PLACE(i, v) (t->c + i * t->c_row + v * PAL_LANES)
#define GEMM_ZERO(i, v, lanes) vf c##i##_##v = vf_zero();
#define GEMM_LOAD(i, v, lanes) c##i##_##v = vf_load_left(GEMM_PLACE(i, v), lanes);
#define GEMM_STORE(i, v, lanes) vf_store_left(GEMM_PLACE(i, v), c##i##_##v, lanes);
#define GEMM_READ(i, v, lanes) const vf b##v = vf_load(b + v * PAL_LANES);
#define GEMM_FMA(i, v, lanes) c##i##_##v = GEMM_MULTIPLY_ADD(x, b##v, c##i##_##v);
#define GEMM_BIAS(i, v, lanes) const vf bias##v = vf_load_left(t->bias + v * PAL_LANES, lanes);
#define GEMM_ADD(i, v, lanes) c##i##_##v = vf_add(c##i##_##v, bias##v);

/* Prefetches the tile of c, which is written (or read first) when the sum is done. */
#define GEMM_PREFETCH_C(i, v, lanes) __builtin_prefetch(GEMM_PLACE(i, v), 1);
#define GEMM_ROW_ZERO(i, n) \
  const float *a##i = t->a + i * t->a_row; \
  GEMM_VECTORS_##n(GEMM_PREFETCH_C, i) \
  GEMM_VECTORS_##n(GEMM_ZERO, i)
#define GEMM_ROW_LOAD(i, n) GEMM_VECTORS_##n(GEMM_LOAD, i)
#define GEMM_ROW_STORE(i, n) GEMM_VECTORS_##n(GEMM_STORE, i)
#define GEMM_ROW_ADD(i, n) GEMM_VECTORS_##n(GEMM_ADD, i)
#define GEMM_ROW_STEP(i, n) \
  { \
    const vf x = vf_set(a##i[k]); \
    GEMM_VECTORS_##n(GEMM_FMA, i) \
  }

#define GEMM_TILE(rows, n) \
  static void gemm_tile_##rows##x##n(const gemm_tile *t) { \
    GEMM_ROWS_##rows(GEMM_ROW_ZERO, n) \
    if (!t->begin) { \
      GEMM_ROWS_##rows(GEMM_ROW_LOAD, n) \
    } \
    const float *b = t->b, *prefetch = t->prefetch; \
    const int64_t step = t->a_col, depth = t->k, b_row = t->b_row; \
    const int64_t prefetch_row = t->prefetch_row, prefetch_col = t->prefetch_col; \
    for (int64_t d = 0, k = 0; d < depth; d++, k += step, b += b_row) { \
      if (rows > 1) /* one row is too little work to pay for computing the address */ \
        __builtin_prefetch(prefetch + (d & 7) * prefetch_row + (d >> 3) * prefetch_col); \
      GEMM_VECTORS_##n(GEMM_READ, 0) \
      GEMM_ROWS_##rows(GEMM_ROW_STEP, n) \
    } \
    if (t->bias) { /* epilogue */ \
      GEMM_VECTORS_##n(GEMM_BIAS, 0) \
      GEMM_ROWS_##rows(GEMM_ROW_ADD, n) \
    } \
    GEMM_ROWS_##rows(GEMM_ROW_STORE, n) \
  }

#define GEMM_TILES_4(n) GEMM_TILE(1, n) GEMM_TILE(2, n) GEMM_TILE(3, n) GEMM_TILE(4, n)
#define GEMM_TILES_6(n) GEMM_TILES_4(n) GEMM_TILE(5, n) GEMM_TILE(6, n)
#define GEMM_TILES_8(n) GEMM_TILES_6(n) GEMM_TILE(7, n) GEMM_TILE(8, n)
#define GEMM_NAMES_4(n) gemm_tile_1x##n, gemm_tile_2x##n, gemm_tile_3x##n, gemm_tile_4x##n
#define GEMM_NAMES_6(n) GEMM_NAMES_4(n), gemm_tile_5x##n, gemm_tile_6x##n
#define GEMM_NAMES_8(n) GEMM_NAMES_6(n), gemm_tile_7x##n, gemm_tile_8x##n
/* clang-format on */

typedef void gemm_tile_run(const gemm_tile *t);
#if defined(PAL_SIMD_AVX512)
GEMM_TILES_8(1)
GEMM_TILES_8(2)
GEMM_TILES_8(3)
static gemm_tile_run *const gemm_tiles[GEMM_NV][GEMM_MR] = {
    {GEMM_NAMES_8(1)}, {GEMM_NAMES_8(2)}, {GEMM_NAMES_8(3)}};
#elif defined(PAL_SIMD_AVX2) || defined(PAL_SIMD_NEON)
GEMM_TILES_6(1)
static gemm_tile_run *const gemm_tiles[GEMM_NV][GEMM_MR] = {{GEMM_NAMES_6(1)}};
#else
GEMM_TILES_4(1)
static gemm_tile_run *const gemm_tiles[GEMM_NV][GEMM_MR] = {{GEMM_NAMES_4(1)}};
#endif

/* ---- panels ------------------------------------------------------------------------ */

static int64_t gemm_vectors(int64_t n) { return (n + PAL_LANES - 1) / PAL_LANES; }
static int64_t gemm_panels(int64_t n) { return (gemm_vectors(n) + GEMM_NV - 1) / GEMM_NV; }

/* The first vector of panel i. The vectors are spread evenly: 4 of them are 2 and 2, not 3 and 1,
 * because a narrow tile has too few independent sums to hide the latency of the multiply-add. */
static int64_t gemm_panel(int64_t vectors, int64_t panels, int64_t i) {
  return i * vectors / panels;
}

/* Packs panels first .. last - 1 of b stored row-major, [k, n]. It goes through the panels with 8
 * rows of b at a time, so that each row is read in long contiguous runs. */
static void gemm_pack_rows(const float *b, int64_t b_row, int64_t k, int64_t n, int64_t first,
                           int64_t last, float *packed) {
  enum { ROWS = 8 };
  const int64_t vectors = gemm_vectors(n), panels = gemm_panels(n);
  for (int64_t i0 = 0; i0 < k; i0 += ROWS) {
    const int64_t i1 = gemm_min(i0 + ROWS, k);
    int64_t to = gemm_panel(vectors, panels, first);
    for (int64_t p = first; p < last; p++) {
      const int64_t from = to;
      to = gemm_panel(vectors, panels, p + 1);
      float *out = packed + (from * (k + 1) + (to - from) * i0) * PAL_LANES;
      for (int64_t i = i0; i < i1; i++) {
        for (int64_t v = from; v < to; v++, out += PAL_LANES)
          vf_store(out, vf_load_left(b + i * b_row + v * PAL_LANES, n - v * PAL_LANES));
      }
    }
  }
}

/* Packs one panel of b stored as [n, k]: a transposition in blocks of 16 x 16. `width` columns
 * exist, `wide` is the width of the panel. */
static void gemm_pack_columns(const float *b, int64_t b_col, int64_t k, int64_t width, int64_t wide,
                              float *out) {
  for (int64_t j0 = 0; j0 < wide; j0 += PAL_LANES) {
    const int64_t n = gemm_min(width - j0, PAL_LANES);
    for (int64_t i0 = 0; i0 < k; i0 += PAL_LANES) {
      const float *from = b + j0 * b_col + i0;
      float *to = out + i0 * wide + j0;
      const int64_t m = gemm_min(k - i0, PAL_LANES);
      if (n == PAL_LANES && m == PAL_LANES) {
        vf_transpose(from, b_col, to, wide);
        continue;
      }
      for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < PAL_LANES; j++)
          to[i * wide + j] = j < n ? from[j * b_col + i] : 0.0f;
    }
  }
}

static void gemm_pack(const float *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n,
                      int64_t first, int64_t last, float *packed) {
  const int64_t vectors = gemm_vectors(n), panels = gemm_panels(n);
  if (b_col == 1) {
    gemm_pack_rows(b, b_row, k, n, first, last, packed);
    return;
  }
  for (int64_t p = first; p < last; p++) {
    const int64_t from = gemm_panel(vectors, panels, p) * PAL_LANES;
    const int64_t to = gemm_panel(vectors, panels, p + 1) * PAL_LANES;
    gemm_pack_columns(b + from * b_col, b_col, k, (to < n ? to : n) - from, to - from,
                      packed + from * (k + 1));
  }
}

/* ---- products ------------------------------------------------------------------------ */

/* Rows to prefetch because they are read after the current slice. They are split into stripes of as
 * many cache lines as the slice has k; one tile prefetches one stripe, a line per step of k. */
typedef struct gemm_prefetch {
  const float *at;
  int64_t row;     /* floats from a line to the next of the same stripe */
  int64_t stripe;  /* floats from a stripe to the next */
  int64_t stripes; /* how many */
} gemm_prefetch;

/* One slice of the sum over k: c [m, n] (+)= a [m, depth] b [depth, n]. */
typedef struct gemm_slice {
  int64_t m, n, depth;
  const float *a;       /* at the first k of the slice; (i, k) at a[i * a_row + k * a_col] */
  int64_t a_row, a_col; /* within GEMM_MR rows */
  int64_t a_tile;       /* floats from GEMM_MR rows to the next GEMM_MR rows */
  const float *b;       /* packed panels, or not packed and at the first k of the slice */
  int64_t b_row;        /* not packed: from a row to the next; packed: 0 */
  int64_t b_depth;      /* packed: rows in each panel, the K of the whole operand */
  int64_t k;            /* packed: first row of the slice in each panel */
  float *c;
  int64_t c_row;
  const float *bias;
  bool begin, end;       /* this is the first slice, the last slice */
  gemm_prefetch next[2]; /* rows of a and of b that are read after this slice */
} gemm_slice;

/* To prefetch n columns of `depth` rows. Rows without a gap between them are one contiguous run and
 * are prefetched from its beginning to its end, a pattern that the hardware prefetcher recognises
 * and continues; rows with gaps are prefetched 16 columns at a time. */
static gemm_prefetch gemm_prefetch_of(const float *at, int64_t row, int64_t n, int64_t depth) {
  const bool stretch = n == row;
  return (gemm_prefetch){.at = at,
                         .row = stretch ? PAL_LANES : row,
                         .stripe = stretch ? PAL_LANES * depth : PAL_LANES,
                         .stripes = gemm_vectors(n)};
}

/* Decides what tile number `count` of a slice prefetches. Where rows of a are contiguous in k it is
 * the rows of the next tile. If these are a multiple of 4 KiB apart, all of them are in the same
 * set of the level 1 cache and would evict the rows in use, so then it is only what follows in the
 * tile's first row. Where a is stored by columns it is stripe `count` of s->next. */
static inline void gemm_prefetch_target(const gemm_slice *s, int64_t count, gemm_tile *t) {
  if (s->a_col == 1) {
    const bool aliased = s->a_row % GEMM_ALIAS_STRIDE == 0;
    t->prefetch = t->a + (aliased ? PAL_LANES : GEMM_MR * s->a_row);
    t->prefetch_row = aliased ? 1 : s->a_row;
    t->prefetch_col = 8;
    return;
  }
  const gemm_prefetch *list = s->next, *const end = s->next + 2;
  while (list < end && count >= list->stripes) count -= list++->stripes;
  const bool none = list == end;
  t->prefetch = none ? t->a : list->at + count * list->stripe;
  t->prefetch_row = none ? 0 : list->row;
  t->prefetch_col = 8 * t->prefetch_row;
}

static void gemm_run(const gemm_slice *s) {
  const int64_t vectors = gemm_vectors(s->n), panels = gemm_panels(s->n);
  gemm_tile t = {
      .a_row = s->a_row, .a_col = s->a_col, .k = s->depth, .c_row = s->c_row, .begin = s->begin};
  int64_t count = 0;
  for (int64_t j = 0; j < panels; j++) {
    const int64_t from = gemm_panel(vectors, panels, j), to = gemm_panel(vectors, panels, j + 1);
    const int64_t column = from * PAL_LANES, wide = (to - from) * PAL_LANES;
    gemm_tile_run *const *tile = gemm_tiles[to - from - 1];
    t.b_row = s->b_row ? s->b_row : wide;
    t.b = s->b + column * (s->b_row ? 1 : s->b_depth + 1) + s->k * t.b_row;
    t.last = gemm_min(s->n - (to - 1) * PAL_LANES, PAL_LANES);
    t.bias = s->end && s->bias ? s->bias + column : NULL;
    t.a = s->a;
    t.c = s->c + column;
    for (int64_t i = 0; i < s->m; i += GEMM_MR, t.a += s->a_tile, t.c += GEMM_MR * s->c_row) {
      gemm_prefetch_target(s, count++, &t);
      tile[gemm_min(s->m - i, GEMM_MR) - 1](&t);
    }
  }
}

static void gemm_product(const pal_gemm_product *p) {
  gemm_slice s = {.m = p->m,
                  .n = p->n,
                  .a_row = p->a_row,
                  .a_col = 1,
                  .a_tile = GEMM_MR * p->a_row,
                  .b = p->b,
                  .b_depth = p->k,
                  .c = p->c,
                  .c_row = p->c_row,
                  .bias = p->epilogue.bias};
  do {
    s.a = p->a + s.k;
    s.depth = gemm_min(p->k - s.k, GEMM_DEPTH);
    s.begin = s.k == 0;
    s.end = s.k + s.depth == p->k;
    gemm_run(&s);
    s.k += s.depth;
  } while (s.k < p->k);
}

/* Floats from a packed tile of a to the next: PAL_GEMM_DEPTH rows of GEMM_MR, and two spare rows
 * against cache-set aliasing of the tiles. */
enum { GEMM_TILE_STEP = (PAL_GEMM_DEPTH + 2) * GEMM_MR };

/* Packs a [depth, m] into m / GEMM_MR tiles [depth, GEMM_MR], so that a micro-kernel reads one
 * contiguous stream. It takes 8 rows at a time through all tiles. What the next 8 rows will write
 * is prefetched, because stores that miss the cache are served one after the other. */
static void gemm_pack_tiles(const float *a, int64_t a_row, int64_t depth, int64_t m, float *out) {
  enum { ROWS = 8 };
  for (int64_t k0 = 0; k0 < depth; k0 += ROWS, a += ROWS * a_row, out += ROWS * GEMM_MR) {
    const int64_t rows = gemm_min(depth - k0, ROWS);
    for (int64_t i = 0; i < m; i += GEMM_MR) {
      float *to = out + i / GEMM_MR * GEMM_TILE_STEP;
      for (int64_t line = 0; line < ROWS * GEMM_MR; line += PAL_LANES)
        __builtin_prefetch(to + ROWS * GEMM_MR + line, 1);
      if (m - i >= GEMM_MR)
        for (int64_t k = 0; k < rows; k++)
          memcpy(to + k * GEMM_MR, a + k * a_row + i, GEMM_MR * sizeof *to);
      else
        for (int64_t k = 0; k < rows; k++)
          memcpy(to + k * GEMM_MR, a + k * a_row + i, (size_t)(m - i) * sizeof *to);
    }
  }
}

/* Adds rows t .. t + s->depth - 1 to the block of c at (i, j), which has at most PAL_GEMM_TILE_M
 * rows and s->n columns. */
static void gemm_outer_block(const pal_gemm_outer *o, gemm_slice *s, int64_t t, int64_t i,
                             int64_t j) {
  const bool pack_a = o->a_row > GEMM_SHORT_ROW && o->n > GEMM_NV * PAL_LANES;
  const float *a = o->a + t * o->a_row + i;
  s->m = gemm_min(o->m - i, PAL_GEMM_TILE_M);
  s->a = pack_a ? o->buffer : a;
  s->a_col = pack_a ? GEMM_MR : o->a_row;
  s->a_tile = pack_a ? GEMM_TILE_STEP : GEMM_MR;
  if (pack_a) gemm_pack_tiles(a, o->a_row, s->depth, s->m, o->buffer);
  s->c = o->c + i * o->c_row + j;
  /* Prefetch the operands of the next block: below this one, else at the top of the next columns,
   * else of the next slice of rows. */
  const bool last = i + s->m == o->m;
  const int64_t next_i = last ? 0 : i + s->m, next_j = j + s->n == o->n ? 0 : j + s->n;
  const int64_t next_t = t + (next_j ? 0 : s->depth); /* first row of what follows the last block */
  s->next[0] = gemm_prefetch_of(o->a + (last ? next_t : t) * o->a_row + next_i, o->a_row,
                                gemm_min(o->m - next_i, PAL_GEMM_TILE_M), s->depth);
  s->next[1] = (gemm_prefetch){.stripes = 0};
  if (last && o->b_col == 1)
    s->next[1] = gemm_prefetch_of(o->b + next_t * o->b_row + next_j, o->b_row,
                                  gemm_min(o->n - next_j, PAL_GEMM_TILE_N), s->depth);
  gemm_run(s);
}

/* The loops over slices of rows and blocks of c. b is packed if its rows are long and used often
 * enough, and where a micro-kernel would otherwise need masked loads or a transposition. */
static void gemm_outer(const pal_gemm_outer *o) {
  const bool pack_b = (o->b_row > GEMM_SHORT_ROW && o->m > GEMM_FEW_TILES * GEMM_MR) ||
                      o->n % PAL_LANES != 0 || o->b_col != 1;
  float *panels = o->buffer + PAL_GEMM_TILES;
  gemm_slice s = {.a_row = 1, .c_row = o->c_row};
  int64_t t = 0;
  do {
    s.depth = gemm_min(o->rows - t, PAL_GEMM_DEPTH);
    s.begin = t == 0;
    for (int64_t j = 0; j < o->n; j += PAL_GEMM_TILE_N) {
      const float *b = o->b + t * o->b_row + j * o->b_col;
      s.n = gemm_min(o->n - j, PAL_GEMM_TILE_N);
      s.b = pack_b ? panels : b;
      s.b_row = pack_b ? 0 : o->b_row;
      s.b_depth = s.depth;
      if (pack_b) gemm_pack(b, o->b_row, o->b_col, s.depth, s.n, 0, gemm_panels(s.n), panels);
      for (int64_t i = 0; i < o->m; i += PAL_GEMM_TILE_M) gemm_outer_block(o, &s, t, i, j);
    }
    t += s.depth;
  } while (t < o->rows);
}
