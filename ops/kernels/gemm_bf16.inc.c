/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_gemm_bf16_kernels, included after gemm.inc.c (floor 2).
 *
 * These files call 32 bits of a packed operand a unit. With PAL_BF16_DOT a unit is a pair of
 * bfloat16 numbers of neighbouring k (BF16_FOLD = 2), the even k in the upper half, and the f32
 * micro-kernels of gemm.inc.c were compiled with a dot product of two such pairs in place of their
 * multiply-add. A product of depth k is then an f32 product of depth k / 2, rounded up. Without
 * PAL_BF16_DOT a unit is one f32 number that has been rounded to bfloat16.
 *
 *   lane:     | bit 31 .. 16      | bit 15 .. 0         |
 *   dot:      | bf16 of b[2u, j]  | bf16 of b[2u + 1, j]|    row u of a packed panel, column j
 *   no dot:   | bf16 of b[u, j]   | zeros               | */
#include "ops/kernels/gemm_bf16.h"

/* ---- floating-point mode: subnormal numbers are zeros while a kernel runs ------------------- */

#if defined(__SSE__)
#include <xmmintrin.h>
typedef unsigned bf16_mode;
static bf16_mode bf16_enter(void) {
  enum { FLUSH_RESULTS = 0x8000, OPERANDS_ARE_ZERO = 0x40 };
  const bf16_mode before = _mm_getcsr();
  _mm_setcsr(before | FLUSH_RESULTS | OPERANDS_ARE_ZERO);
  return before;
}
static void bf16_leave(bf16_mode before) { _mm_setcsr(before); }
#elif defined(__aarch64__)
typedef uint64_t bf16_mode;
static void bf16_leave(bf16_mode mode) {
  __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory");
}
static bf16_mode bf16_enter(void) {
  bf16_mode before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  bf16_leave(before | (bf16_mode)1 << 24);
  return before;
}
#else /* no way to flush: subnormal sums are kept */
typedef int bf16_mode;
static bf16_mode bf16_enter(void) { return 0; }
static void bf16_leave(bf16_mode before) { (void)before; }
#endif

/* ---- units --------------------------------------------------------------------------------- */

/* Loads up to 16 elements, of which `left` exist (0 or less: none); the other lanes are 0. */
static inline vf bf16_load(const float *p, int64_t left) {
  return left >= PAL_LANES ? vf_load(p) : left > 0 ? vf_load_n(p, (int)left) : vf_zero();
}

#ifdef PAL_BF16_DOT
enum { BF16_FOLD = 2 };

/* 16 units of 32 neighbouring elements, `left` of which exist. */
static inline vf bf16_neighbours(const float *p, int64_t left) {
  const vf first = bf16_load(p, left);
  const vf second = left > PAL_LANES ? bf16_load(p + PAL_LANES, left - PAL_LANES) : vf_zero();
  const __m512i pairs = (__m512i)_mm512_cvtne2ps_pbh(second, first);
  return vf_of_bits(_mm512_maskz_rol_epi32(0xffff, pairs, 16));
}
/* 16 units of 16 columns of two rows, k = 2u and k = 2u + 1. */
static inline vf bf16_rows(vf even, vf odd) {
  const vi from = vi_add(vi_mul(vi_iota(), vi_set(0x10001)), vi_set(16 << 16));
  const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(even, odd); /* odd row in the lower half */
  return vf_of_bits(_mm512_maskz_permutexvar_epi16(~(__mmask32)0, from, halves));
}
#else
enum { BF16_FOLD = 1 };

static inline vf bf16_neighbours(const float *p, int64_t left) {
  return vf_round_bf16(bf16_load(p, left));
}
static inline vf bf16_rows(vf row, vf none) {
  (void)none;
  return vf_round_bf16(row);
}
#endif

/* Units that k elements take. */
static int64_t bf16_depth(int64_t k) { return (k + BF16_FOLD - 1) / BF16_FOLD; }

/* The partner of the last element of a when k is odd. In b the partner is +0. The product of the
 * two is -0, which changes no sum when it is added, not even a sum of -0. */
static const float bf16_none = -0.0f;

/* Converts k neighbouring elements to units, in whole vectors. */
static void bf16_across(const float *from, int64_t k, float *to) {
  for (int64_t i = 0; i < k; i += BF16_FOLD * PAL_LANES, to += PAL_LANES)
    vf_store(to, bf16_neighbours(from + i, k - i));
}

/* The same for a row of a: with an odd k it sets the sign of the last partner, see bf16_none. */
static void bf16_across_a(const float *from, int64_t k, float *to) {
  uint32_t unit;
  bf16_across(from, k, to);
  if (k % BF16_FOLD == 0) return;
  memcpy(&unit, to + k / BF16_FOLD, sizeof unit);
  unit |= 0x8000u;
  memcpy(to + k / BF16_FOLD, &unit, sizeof unit);
}

/* Converts the next one or two rows (k) of n columns to one unit per column, in whole vectors.
 * `left` rows exist from here on; `none` stands in for the second one if there is none. */
static inline void bf16_down(const float *from, int64_t row, int64_t left, int64_t n, float none,
                             float *to) {
  const bool pair = BF16_FOLD > 1 && left > 1;
  for (int64_t j = 0; j < n; j += PAL_LANES)
    vf_store(to + j, bf16_rows(bf16_load(from + j, n - j),
                               pair ? bf16_load(from + row + j, n - j) : vf_set(none)));
}

/* ---- packing ------------------------------------------------------------------------------- */

/* As gemm_pack_rows: b is stored as [k, n]. */
static void bf16_pack_rows(const float *b, int64_t b_row, int64_t k, int64_t n, int64_t first,
                           int64_t last, float *packed) {
  const int64_t vectors = gemm_vectors(n), panels = gemm_panels(n), depth = bf16_depth(k);
  for (int64_t u = 0; u < depth; u++) {
    int64_t to = gemm_panel(vectors, panels, first);
    for (int64_t p = first; p < last; p++) {
      const int64_t from = to, column = from * PAL_LANES;
      to = gemm_panel(vectors, panels, p + 1);
      bf16_down(b + u * BF16_FOLD * b_row + column, b_row, k - u * BF16_FOLD,
                gemm_min(to * PAL_LANES, n) - column, 0,
                packed + (from * (depth + 1) + (to - from) * u) * PAL_LANES);
    }
  }
}

/* As gemm_pack_columns: one panel of b stored as [n, k]. Up to 64 units of each column are
 * converted and then transposed into the panel. */
static void bf16_pack_columns(const float *b, int64_t b_col, int64_t k, int64_t width, int64_t wide,
                              float *out) {
  enum { UNITS = 4 * PAL_LANES, STEP = UNITS + PAL_LANES };
  float units[GEMM_NV * PAL_LANES * STEP];
  for (int64_t u = 0; u < bf16_depth(k); u += UNITS) {
    const int64_t left = gemm_min(k - u * BF16_FOLD, UNITS * BF16_FOLD);
    for (int64_t j = 0; j < width; j++)
      bf16_across(b + j * b_col + u * BF16_FOLD, left, units + j * STEP);
    gemm_pack_columns(units, STEP, bf16_depth(left), width, wide, out + u * wide);
  }
}

static void bf16_pack(const float *b, int64_t b_row, int64_t b_col, int64_t k, int64_t n,
                      int64_t first, int64_t last, float *packed) {
  const int64_t vectors = gemm_vectors(n), panels = gemm_panels(n);
  if (b_col == 1) {
    bf16_pack_rows(b, b_row, k, n, first, last, packed);
    return;
  }
  for (int64_t p = first; p < last; p++) {
    const int64_t from = gemm_panel(vectors, panels, p) * PAL_LANES;
    const int64_t to = gemm_panel(vectors, panels, p + 1) * PAL_LANES;
    bf16_pack_columns(b + from * b_col, b_col, k, gemm_min(to, n) - from, to - from,
                      packed + from * (bf16_depth(k) + 1));
  }
}

/* ---- products ------------------------------------------------------------------------------ */

/* Converts as many rows of a as `room` has space for, multiplies them, and goes on to the next. */
static void bf16_product(const pal_gemm_product *p, float *room) {
  const bf16_mode mode = bf16_enter();
  const int64_t depth = bf16_depth(p->k);
  const int64_t row = (depth + PAL_LANES - 1) / PAL_LANES * PAL_LANES + PAL_LANES;
  const int64_t fit = pal_gemm_bf16_room(p->k) / row;
  const int64_t most = fit < GEMM_MR ? fit : fit / GEMM_MR * GEMM_MR;
  pal_gemm_product part = *p;
  part.k = depth;
  part.a = room;
  part.a_row = row;
  for (int64_t i = 0; i < p->m; i += most) {
    part.m = gemm_min(p->m - i, most);
    part.c = p->c + i * p->c_row;
    for (int64_t r = 0; r < part.m; r++)
      bf16_across_a(p->a + (i + r) * p->a_row, p->k, room + r * row);
    gemm_product(&part);
  }
  bf16_leave(mode);
}

/* One block of c: m is at most PAL_GEMM_TILE_M and n at most PAL_GEMM_TILE_N. */
static void bf16_outer(const pal_gemm_outer *o) {
  enum { ROW = PAL_GEMM_TILE_M + PAL_LANES }; /* of the units of a, against cache-set aliasing */
  const bf16_mode mode = bf16_enter();
  float *units = o->buffer, *panels = o->buffer + PAL_GEMM_TILES;
  gemm_slice s = {.m = o->m,
                  .n = o->n,
                  .a = units,
                  .a_row = 1,
                  .a_col = ROW,
                  .a_tile = GEMM_MR,
                  .b = panels,
                  .c = o->c,
                  .c_row = o->c_row};
  int64_t t = 0;
  do {
    const int64_t k = gemm_min(o->rows - t, PAL_GEMM_DEPTH * BF16_FOLD);
    const float *a = o->a + t * o->a_row;
    s.depth = s.b_depth = bf16_depth(k);
    s.begin = t == 0;
    for (int64_t u = 0; u < s.depth; u++)
      bf16_down(a + u * BF16_FOLD * o->a_row, o->a_row, k - u * BF16_FOLD, o->m, bf16_none,
                units + u * ROW);
    bf16_pack(o->b + t * o->b_row, o->b_row, o->b_col, k, o->n, 0, gemm_panels(o->n), panels);
    gemm_run(&s);
    t += k;
  } while (t < o->rows);
  bf16_leave(mode);
}

/* ---- blocks -------------------------------------------------------------------------------- */

enum { BLOCK_DEPTH = BLOCK_K / BF16_FOLD };
/* Row lengths, in units, of the local copies: of a stored by rows, of a stored by columns, and of
 * b. The extra 16 units are against cache-set aliasing. */
enum {
  BLOCK_A_ROW = BLOCK_DEPTH + PAL_LANES,
  BLOCK_A_COLUMN = BLOCK_M + PAL_LANES,
  BLOCK_B = BLOCK_N + PAL_LANES
};

/* Converts rows first .. first + s->m - 1 of a, for BLOCK_K elements from k on: row by row where
 * the elements of a row are contiguous, else column by column. */
static void bf16_block_a(const pal_gemm_block *p, int64_t first, int64_t k, int64_t depth,
                         gemm_slice *s, float *units) {
  const float *a = p->a + first * p->a_row + k * p->a_col;
  const int64_t left = gemm_min(p->k - k, BLOCK_K);
  s->a = units;
  s->a_row = p->a_col == 1 ? BLOCK_A_ROW : 1;
  s->a_col = p->a_col == 1 ? 1 : BLOCK_A_COLUMN;
  s->a_tile = GEMM_MR * s->a_row;
  if (p->a_col == 1)
    for (int64_t i = 0; i < s->m; i++)
      bf16_across_a(a + i * p->a_row, left, units + i * BLOCK_A_ROW);
  else
    for (int64_t u = 0; u < depth; u++)
      bf16_down(a + u * BF16_FOLD * p->a_col, p->a_col, left - u * BF16_FOLD, s->m, bf16_none,
                units + u * BLOCK_A_COLUMN);
}

/* A blocked product that copies each block of the operands, converted, into local arrays. */
static void bf16_block(const pal_gemm_block *p) {
  enum { BY_ROW = BLOCK_M * BLOCK_A_ROW, BY_COLUMN = BLOCK_DEPTH * BLOCK_A_COLUMN };
  float a[BY_ROW > BY_COLUMN ? BY_ROW : BY_COLUMN], b[BLOCK_DEPTH * BLOCK_B];
  const bf16_mode mode = bf16_enter();
  gemm_slice s = {.b = b, .b_row = BLOCK_B, .c_row = p->c_row};
  for (int64_t j = 0; j < p->n; j += BLOCK_N) {
    s.n = gemm_min(p->n - j, BLOCK_N);
    int64_t k = 0;
    do {
      const int64_t left = gemm_min(p->k - k, BLOCK_K);
      s.depth = bf16_depth(left);
      s.begin = k == 0 && !p->add;
      for (int64_t u = 0; u < s.depth; u++)
        bf16_down(p->b + (k + u * BF16_FOLD) * p->b_row + j, p->b_row, left - u * BF16_FOLD, s.n, 0,
                  b + u * BLOCK_B);
      for (int64_t i = 0; i < p->m; i += BLOCK_M) {
        s.m = gemm_min(p->m - i, BLOCK_M);
        s.c = p->c + i * p->c_row + j;
        bf16_block_a(p, i, k, s.depth, &s, a);
        gemm_run(&s);
      }
      k += BLOCK_K;
    } while (k < p->k);
  }
  bf16_leave(mode);
}

#define PAL_GEMM_BF16_KERNELS \
  { bf16_pack, bf16_product, bf16_outer, bf16_block }
