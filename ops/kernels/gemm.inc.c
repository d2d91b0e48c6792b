/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_gemm_kernels, compiled once per instruction set (floor 2).
 *
 * A tile of GEMM_MR rows x GEMM_NV vectors of c lives in registers while k runs; a is read by
 * broadcast where it lies, b from a packed panel (or in place). Tiles with fewer rows or vectors
 * are the same code with less of it. Registers: MR * NV sums + NV of b + 1 of a must fit:
 * AVX-512 has 32, AVX2 16 half vectors, NEON 32 quarter vectors. */
#include "ops/kernels/gemm.h"
#include "src/simd.h"

#include <string.h>

typedef struct gemm_tile {
  const float *a, *b, *bias;
  int64_t a_row, a_col, b_row, k;
  float *c;
  int64_t c_row;
  int64_t last; /* elements of the last vector, 1..16 */
  bool begin;   /* the sum starts here, not from c */
  /* Asked for while the sum runs: at step k element k % 8 * ahead_row + k / 8 * ahead_col. */
  const float *ahead;
  int64_t ahead_row, ahead_col;
} gemm_tile;

static inline int64_t gemm_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Tiles are written out by macros, because sums in arrays would end up in memory.
 * GEMM_ROWS_<rows>(X, vectors): X(i, vectors) for every row i of a tile. */
/* clang-format off */
#define GEMM_ROWS_1(X, n) X(0, n)
#define GEMM_ROWS_2(X, n) GEMM_ROWS_1(X, n) X(1, n)
#define GEMM_ROWS_3(X, n) GEMM_ROWS_2(X, n) X(2, n)
#define GEMM_ROWS_4(X, n) GEMM_ROWS_3(X, n) X(3, n)
#define GEMM_ROWS_5(X, n) GEMM_ROWS_4(X, n) X(4, n)
#define GEMM_ROWS_6(X, n) GEMM_ROWS_5(X, n) X(5, n)
#define GEMM_ROWS_7(X, n) GEMM_ROWS_6(X, n) X(6, n)
#define GEMM_ROWS_8(X, n) GEMM_ROWS_7(X, n) X(7, n)

/* V(i, v, lanes) for every vector v of row i; all but the last are whole. */
#define GEMM_VECTORS_1(V, i) V(i, 0, t->last)
#define GEMM_VECTORS_2(V, i) V(i, 0, PAL_LANES) V(i, 1, t->last)
#define GEMM_VECTORS_3(V, i) V(i, 0, PAL_LANES) V(i, 1, PAL_LANES) V(i, 2, t->last)

#ifndef GEMM_MULTIPLY_ADD /* isa_avx512bf16.c has another */
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

/* The places of the results come nearer while the sum runs. */
#define GEMM_AHEAD(i, v, lanes) __builtin_prefetch(GEMM_PLACE(i, v), 1);
#define GEMM_ROW_ZERO(i, n) \
  const float *a##i = t->a + i * t->a_row; \
  GEMM_VECTORS_##n(GEMM_AHEAD, i) \
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
    const float *b = t->b, *ahead = t->ahead; \
    const int64_t step = t->a_col, depth = t->k, b_row = t->b_row; \
    const int64_t ahead_row = t->ahead_row, ahead_col = t->ahead_col; \
    for (int64_t d = 0, k = 0; d < depth; d++, k += step, b += b_row) { \
      if (rows > 1) /* a single row does too little for its own address */ \
        __builtin_prefetch(ahead + (d & 7) * ahead_row + (d >> 3) * ahead_col); \
      GEMM_VECTORS_##n(GEMM_READ, 0) \
      GEMM_ROWS_##rows(GEMM_ROW_STEP, n) \
    } \
    if (t->bias) { /* the epilogue */ \
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

/* First vector of a panel. Widths are spread evenly: 4 vectors are two and two, not three and one,
 * because a narrow tile waits for its few sums. */
static int64_t gemm_panel(int64_t vectors, int64_t panels, int64_t i) {
  return i * vectors / panels;
}

/* Panels [first, last) of b where the columns are neighbours: a few rows at a time, so that whole
 * stretches of a row are read together. */
static void gemm_pack_rows(const float *b, int64_t b_row, int64_t k, int64_t n, int64_t first,
                           int64_t last, float *packed) {
  enum { ROWS = 8 };
  const int64_t vectors = gemm_vectors(n), panels = gemm_panels(n);
  for (int64_t i0 = 0; i0 < k; i0 += ROWS) {
    const int64_t i1 = gemm_least(i0 + ROWS, k);
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

/* One panel of b where the rows are neighbours: a transposition. */
static void gemm_pack_columns(const float *b, int64_t b_col, int64_t k, int64_t width, int64_t wide,
                              float *out) {
  for (int64_t j0 = 0; j0 < wide; j0 += PAL_LANES) {
    const int64_t n = gemm_least(width - j0, PAL_LANES);
    for (int64_t i0 = 0; i0 < k; i0 += PAL_LANES) {
      const float *from = b + j0 * b_col + i0;
      float *to = out + i0 * wide + j0;
      const int64_t m = gemm_least(k - i0, PAL_LANES);
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

/* Rows that are read soon, asked for in stripes of as many lines of 16 as a cut is deep. */
typedef struct gemm_soon {
  const float *at;
  int64_t row;    /* from a line to the next */
  int64_t stripe; /* and from a stripe to the next */
  int64_t stripes;
} gemm_soon;

/* One cut of a sum over k: c [m, n] (+)= a [m, depth] b [depth, n]. */
typedef struct gemm_cut {
  int64_t m, n, depth;
  const float *a;               /* at the cut's first k */
  int64_t a_row, a_col, a_tile; /* a_tile: from a tile of GEMM_MR rows to the next */
  const float *b;
  int64_t b_row; /* of b in place; 0: packed from b_depth rows */
  int64_t b_depth;
  int64_t k; /* first row of b in the cut */
  float *c;
  int64_t c_row;
  const float *bias;
  bool begin, end;   /* the first cut, the last cut */
  gemm_soon next[2]; /* what is read after this cut: of a and of b */
} gemm_cut;

/* n columns of `depth` rows. Rows without a gap are one stretch, asked for from its begin to its end, which
 * the machine's own prefetching takes up; others by columns. */
static gemm_soon gemm_soon_of(const float *at, int64_t row, int64_t n, int64_t depth) {
  const bool stretch = n == row;
  return (gemm_soon){.at = at,
                     .row = stretch ? PAL_LANES : row,
                     .stripe = stretch ? PAL_LANES * depth : PAL_LANES,
                     .stripes = gemm_vectors(n)};
}

/* What tile number `count` asks for: where rows of a are neighbours in k the tile after it, else a
 * stripe of what comes after the cut. */
static inline void gemm_look_ahead(const gemm_cut *s, int64_t count, gemm_tile *t) {
  if (s->a_col == 1) {
    const bool crowded = s->a_row % GEMM_CROWDED == 0;
    t->ahead = t->a + (crowded ? PAL_LANES : GEMM_MR * s->a_row);
    t->ahead_row = crowded ? 1 : s->a_row;
    t->ahead_col = 8;
    return;
  }
  const gemm_soon *soon = s->next, *const end = s->next + 2;
  while (soon < end && count >= soon->stripes) count -= soon++->stripes;
  const bool none = soon == end;
  t->ahead = none ? t->a : soon->at + count * soon->stripe;
  t->ahead_row = none ? 0 : soon->row;
  t->ahead_col = 8 * t->ahead_row;
}

static void gemm_run(const gemm_cut *s) {
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
    t.last = gemm_least(s->n - (to - 1) * PAL_LANES, PAL_LANES);
    t.bias = s->end && s->bias ? s->bias + column : NULL;
    t.a = s->a;
    t.c = s->c + column;
    for (int64_t i = 0; i < s->m; i += GEMM_MR, t.a += s->a_tile, t.c += GEMM_MR * s->c_row) {
      gemm_look_ahead(s, count++, &t);
      tile[gemm_least(s->m - i, GEMM_MR) - 1](&t);
    }
  }
}

static void gemm_product(const pal_gemm_product *p) {
  gemm_cut s = {.m = p->m,
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
    s.depth = gemm_least(p->k - s.k, GEMM_DEPTH);
    s.begin = s.k == 0;
    s.end = s.k + s.depth == p->k;
    gemm_run(&s);
    s.k += s.depth;
  } while (s.k < p->k);
}

/* From a packed tile to the next; the spare rows keep tiles off each other's cache sets. */
enum { GEMM_TILE_STEP = (PAL_GEMM_DEPTH + 2) * GEMM_MR };

/* a [depth, m] to tiles [m / MR] of [depth, MR], so that a tile reads one stream. Some rows at a time,
 * so that what is written are stretches, asked for ahead: stores that miss wait for each other. */
static void gemm_pack_tiles(const float *a, int64_t a_row, int64_t depth, int64_t m, float *out) {
  enum { ROWS = 8 };
  for (int64_t k0 = 0; k0 < depth; k0 += ROWS, a += ROWS * a_row, out += ROWS * GEMM_MR) {
    const int64_t rows = gemm_least(depth - k0, ROWS);
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

/* The block of c at (i, j), at most PAL_GEMM_TILE_M x PAL_GEMM_TILE_N, of one cut over rows. */
static void gemm_outer_block(const pal_gemm_outer *o, gemm_cut *s, int64_t t, int64_t i,
                             int64_t j) {
  const bool pack_a = o->a_row > GEMM_SHORT_ROW && o->n > GEMM_NV * PAL_LANES;
  const float *a = o->a + t * o->a_row + i;
  s->m = gemm_least(o->m - i, PAL_GEMM_TILE_M);
  s->a = pack_a ? o->buffer : a;
  s->a_col = pack_a ? GEMM_MR : o->a_row;
  s->a_tile = pack_a ? GEMM_TILE_STEP : GEMM_MR;
  if (pack_a) gemm_pack_tiles(a, o->a_row, s->depth, s->m, o->buffer);
  s->c = o->c + i * o->c_row + j;
  /* ahead: rows of the next block */
  const bool last = i + s->m == o->m;
  const int64_t next_i = last ? 0 : i + s->m, next_j = j + s->n == o->n ? 0 : j + s->n;
  const int64_t next_t = t + (next_j ? 0 : s->depth); /* of what follows the last block */
  s->next[0] = gemm_soon_of(o->a + (last ? next_t : t) * o->a_row + next_i, o->a_row,
                            gemm_least(o->m - next_i, PAL_GEMM_TILE_M), s->depth);
  s->next[1] = (gemm_soon){.stripes = 0};
  if (last && o->b_col == 1)
    s->next[1] = gemm_soon_of(o->b + next_t * o->b_row + next_j, o->b_row,
                              gemm_least(o->n - next_j, PAL_GEMM_TILE_N), s->depth);
  gemm_run(s);
}

static void gemm_outer(const pal_gemm_outer *o) {
  const bool pack_b = (o->b_row > GEMM_SHORT_ROW && o->m > GEMM_FEW * GEMM_MR) ||
                      o->n % PAL_LANES != 0 || o->b_col != 1; /* no masks in the tiles */
  float *panels = o->buffer + PAL_GEMM_TILES;
  gemm_cut s = {.a_row = 1, .c_row = o->c_row};
  int64_t t = 0;
  do {
    s.depth = gemm_least(o->rows - t, PAL_GEMM_DEPTH);
    s.begin = t == 0;
    for (int64_t j = 0; j < o->n; j += PAL_GEMM_TILE_N) {
      const float *b = o->b + t * o->b_row + j * o->b_col;
      s.n = gemm_least(o->n - j, PAL_GEMM_TILE_N);
      s.b = pack_b ? panels : b;
      s.b_row = pack_b ? 0 : o->b_row;
      s.b_depth = s.depth;
      if (pack_b) gemm_pack(b, o->b_row, o->b_col, s.depth, s.n, 0, gemm_panels(s.n), panels);
      for (int64_t i = 0; i < o->m; i += PAL_GEMM_TILE_M) gemm_outer_block(o, &s, t, i, j);
    }
    t += s.depth;
  } while (t < o->rows);
}
