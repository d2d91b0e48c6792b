/* SPDX-License-Identifier: Apache-2.0 */
/* Products, copies and exp of the attention kernels (floor 2). Included by attention.inc.c.
 *
 * Every element of a product is one chain of fused multiply-adds, k ascending. So the size of the
 * register tiles does not change the bits, and differs between instruction sets. */
#include "ops/kernels/attention.h"
#include "src/simd.h"

/* ---- c[rows, cols] (+)= a[rows, k] b[k, cols] ------------------------------------------ */

/* clang-format off */
#define ATTENTION_COLS_1(F, r) F(r, 0)
#define ATTENTION_COLS_2(F, r) ATTENTION_COLS_1(F, r) F(r, 1)
#define ATTENTION_COLS_3(F, r) ATTENTION_COLS_2(F, r) F(r, 2)
#define ATTENTION_COLS_4(F, r) ATTENTION_COLS_3(F, r) F(r, 3)
#define ATTENTION_ROWS_1(C, F) C(F, 0)
#define ATTENTION_ROWS_2(C, F) ATTENTION_ROWS_1(C, F) C(F, 1)
#define ATTENTION_ROWS_3(C, F) ATTENTION_ROWS_2(C, F) C(F, 2)
#define ATTENTION_ROWS_4(C, F) ATTENTION_ROWS_3(C, F) C(F, 3)
#define ATTENTION_ROWS_5(C, F) ATTENTION_ROWS_4(C, F) C(F, 4)
#define ATTENTION_ROWS_6(C, F) ATTENTION_ROWS_5(C, F) C(F, 5)
#define ATTENTION_ROWS_12(C, F)                                                       \
  ATTENTION_ROWS_6(C, F) C(F, 6) C(F, 7) C(F, 8) C(F, 9) C(F, 10) C(F, 11)

#define ATTENTION_OPEN(r, v) \
  vf c##r##v = add ? vf_load(c + (r)*c_row + PAL_LANES * (v)) : vf_zero();
#define ATTENTION_LOAD(r, v) const vf b##v = vf_load(b + PAL_LANES * (v));
#define ATTENTION_FMA(r, v) c##r##v = vf_fma(x, b##v, c##r##v);
#define ATTENTION_CLOSE(r, v) vf_store(c + (r)*c_row + PAL_LANES * (v), c##r##v);
#define ATTENTION_STEP_1(F, r) { const vf x = vf_set(a[(r)*a_row]); ATTENTION_COLS_1(F, r) }
#define ATTENTION_STEP_2(F, r) { const vf x = vf_set(a[(r)*a_row]); ATTENTION_COLS_2(F, r) }
#define ATTENTION_STEP_3(F, r) { const vf x = vf_set(a[(r)*a_row]); ATTENTION_COLS_3(F, r) }
#define ATTENTION_STEP_4(F, r) { const vf x = vf_set(a[(r)*a_row]); ATTENTION_COLS_4(F, r) }

typedef void (*attention_tile)(int64_t k, const float *a, int64_t a_row, int64_t a_step,
                               const float *b, int64_t b_row, float *c, int64_t c_row, bool add);

#define ATTENTION_TILE(R, N)                                                                   \
  static void attention_tile_##R##_##N(int64_t k, const float *a, int64_t a_row,               \
                                       int64_t a_step, const float *b, int64_t b_row, float *c, \
                                       int64_t c_row, bool add) {                              \
    ATTENTION_ROWS_##R(ATTENTION_COLS_##N, ATTENTION_OPEN)                                     \
    for (; k > 0; k--, a += a_step, b += b_row) {                                              \
      ATTENTION_COLS_##N(ATTENTION_LOAD, 0)                                                    \
      ATTENTION_ROWS_##R(ATTENTION_STEP_##N, ATTENTION_FMA)                                    \
    }                                                                                          \
    ATTENTION_ROWS_##R(ATTENTION_COLS_##N, ATTENTION_CLOSE)                                    \
  }
#define ATTENTION_TILES(N)                                                        \
  ATTENTION_TILE(1, N) ATTENTION_TILE(2, N) ATTENTION_TILE(3, N)                  \
  ATTENTION_TILE(4, N) ATTENTION_TILE(5, N) ATTENTION_TILE(6, N)
#define ATTENTION_NAMES(N)                                                        \
  {attention_tile_1_##N, attention_tile_2_##N, attention_tile_3_##N,              \
   attention_tile_4_##N, attention_tile_5_##N, attention_tile_6_##N}
/* clang-format on */

/* The micro-kernels attention_tile_<rows>_<vectors>, up to 24 sums. On AVX-512 a vector of 16
 * floats is one register; elsewhere it is two or more, so that only tiles one vector wide fit. The
 * `tall` tiles of 12 rows are for products with one or two vectors of columns. */
#if defined(PAL_SIMD_AVX512)
ATTENTION_TILES(1)
ATTENTION_TILES(2)
ATTENTION_TILES(3)
ATTENTION_TILES(4)
ATTENTION_TILE(12, 1)
ATTENTION_TILE(12, 2)
static const attention_tile attention_tiles[][6] = {ATTENTION_NAMES(1), ATTENTION_NAMES(2),
                                                    ATTENTION_NAMES(3), ATTENTION_NAMES(4)};
static const attention_tile attention_tall[] = {attention_tile_12_1, attention_tile_12_2, NULL,
                                                NULL};
#else
ATTENTION_TILES(1)
static const attention_tile attention_tiles[][6] = {ATTENTION_NAMES(1)};
static const attention_tile attention_tall[] = {NULL};
#endif

/* c [rows, cols] = a [rows, k] b [k, cols], or c += with `add`. Element (r, k) of a is at a + r *
 * a_row + k * a_step; cols is a multiple of 16. */
static void attention_mm(int64_t rows, int64_t cols, int64_t k, const float *a, int64_t a_row,
                         int64_t a_step, const float *b, int64_t b_row, float *c, int64_t c_row,
                         bool add) {
  for (int64_t j = 0; j < cols; j += ATTENTION_WIDE * PAL_LANES) {
    const int64_t left = (cols - j) / PAL_LANES;
    const int64_t n = left < ATTENTION_WIDE ? left : ATTENTION_WIDE;
    for (int64_t i = 0, m; i < rows; i += m) {
      const bool tall = rows - i >= 12 && attention_tall[n - 1];
      m = tall ? 12 : rows - i < 6 ? rows - i : 6;
      const attention_tile tile = tall ? attention_tall[n - 1] : attention_tiles[n - 1][m - 1];
      tile(k, a + i * a_row, a_row, a_step, b + j, b_row, c + i * c_row + j, c_row, add);
    }
  }
}

/* ---- copies ------------------------------------------------------------------------------ */

/* n rounded up to whole vectors. */
static inline int64_t attention_round_up(int64_t n) {
  return (n + PAL_LANES - 1) / PAL_LANES * PAL_LANES;
}

/* n limited to 0 .. 16. */
static inline int attention_lanes(int64_t n) {
  return n < 0 ? 0 : n < PAL_LANES ? (int)n : PAL_LANES;
}

/* Copies rows of `width` floats, `stride` apart, to consecutive rows of whole vectors, padded with
 * zeros. */
static void attention_pack(int64_t rows, int64_t width, const float *from, int64_t stride,
                           float *to) {
  const int64_t wide = attention_round_up(width);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < wide; c += PAL_LANES)
      vf_store(to + i * wide + c, vf_load_left(from + i * stride + c, width - c));
}

/* Transposes rows of `width` floats, `stride` apart, to `to` [width rounded up, PAL_KEY_TILE].
 * Columns from `rows` on, up to a whole vector, become zeros. */
static void attention_transpose(int64_t rows, int64_t width, const float *from, int64_t stride,
                                float *to) {
  for (int64_t i = 0; i < rows; i += PAL_LANES) {
    const int64_t n = rows - i < PAL_LANES ? rows - i : PAL_LANES;
    for (int64_t c = 0; c < width; c += PAL_LANES) {
      const float *corner = from + i * stride + c;
      float *at = to + c * PAL_KEY_TILE + i;
      const int64_t m = width - c < PAL_LANES ? width - c : PAL_LANES;
      if (n == PAL_LANES && m == PAL_LANES) {
        vf_transpose(corner, stride, at, PAL_KEY_TILE);
        continue;
      }
      if (n * m < 64) { /* too few elements to pay for padding them to a block of 16 x 16 */
        for (int64_t y = 0; y < m; y++) vf_store(at + y * PAL_KEY_TILE, vf_zero());
        for (int64_t x = 0; x < n; x++)
          for (int64_t y = 0; y < m; y++) at[y * PAL_KEY_TILE + x] = corner[x * stride + y];
        continue;
      }
      float room[PAL_LANES * PAL_LANES];
      for (int64_t r = 0; r < PAL_LANES; r++)
        vf_store(room + r * PAL_LANES, r < n ? vf_load_left(corner + r * stride, m) : vf_zero());
      vf_transpose(room, PAL_LANES, at, PAL_KEY_TILE);
    }
  }
}

/* ---- exp ------------------------------------------------------------------------------------- */

/* exp(x) for x <= 1, the range of softmax weights; 0 below -87. NaN gives NaN. */
static inline vf attention_exp(vf x) {
  return vf_select(vf_lt(x, vf_set(-87.0f)), vf_zero(), vf_exp_normal(x));
}
