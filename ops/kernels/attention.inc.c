/* Bodies of pal_attention_kernels, compiled once per instruction set (floor 2).
 *
 * Scores are computed with keys in the lanes (K is transposed tile by tile), everything else with
 * columns in the lanes; all products go through one register-tiled kernel, attention_mm, in which
 * an element is one chain of fma over k ascending. Hence register tiles, groups and blocks are free
 * to differ between instruction sets; only PAL_KEY_TILE is part of the numbers. */
#include "ops/kernels/attention.h"
#include "src/simd.h"

/* ---- c[rows, cols] (+)= a[rows, k] b[k, cols] ------------------------------------------ */

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

/* 24 accumulators of one register each on AVX-512; elsewhere a vector takes several. */
#if defined(PAL_SIMD_AVX512)
enum { ATTENTION_WIDE = 4 };
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
enum { ATTENTION_WIDE = 1 };
ATTENTION_TILES(1)
static const attention_tile attention_tiles[][6] = {ATTENTION_NAMES(1)};
static const attention_tile attention_tall[] = {NULL};
#endif

/* a[r, k] is at a + r * a_row + k * a_step. cols is a multiple of 16. */
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

static inline int64_t attention_up(int64_t n) {
  return (n + PAL_LANES - 1) / PAL_LANES * PAL_LANES;
}

static inline int attention_lanes(int64_t n) {
  return n < 0 ? 0 : n < PAL_LANES ? (int)n : PAL_LANES;
}

/* to[rows, width rounded up] from strided rows; zeros behind each. */
static void attention_pack(int64_t rows, int64_t width, const float *from, int64_t stride,
                           float *to) {
  const int64_t wide = attention_up(width);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < wide; c += PAL_LANES)
      vf_store(to + i * wide + c, vf_load_n(from + i * stride + c, attention_lanes(width - c)));
}

#if defined(PAL_SIMD_AVX512)
/* to[c, r] = from[r, c] for 16 x 16. */
static void attention_transpose_16(const float *from, int64_t stride, float *to, int64_t to_row) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; i++) a[i] = _mm512_loadu_ps(from + i * stride);
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {
    b[i] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88);
    b[i + 4] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd);
    b[i + 8] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0x88);
    b[i + 12] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    _mm512_storeu_ps(to + i * to_row, _mm512_shuffle_f32x4(b[i], b[i + 8], 0x88));
    _mm512_storeu_ps(to + (i + 8) * to_row, _mm512_shuffle_f32x4(b[i], b[i + 8], 0xdd));
    _mm512_storeu_ps(to + (i + 4) * to_row, _mm512_shuffle_f32x4(b[i + 4], b[i + 12], 0x88));
    _mm512_storeu_ps(to + (i + 12) * to_row, _mm512_shuffle_f32x4(b[i + 4], b[i + 12], 0xdd));
  }
}
#else
static void attention_transpose_16(const float *from, int64_t stride, float *to, int64_t to_row) {
  for (int i = 0; i < 16; i++)
    for (int c = 0; c < 16; c++) to[c * to_row + i] = from[i * stride + c];
}
#endif

/* to[width, PAL_KEY_TILE] from rows of `width`; zeros in lanes rows .. rounded up. */
static void attention_transpose(int64_t rows, int64_t width, const float *from, int64_t stride,
                                float *to) {
  for (int64_t i = 0; i < rows; i += PAL_LANES) {
    const int64_t n = rows - i < PAL_LANES ? rows - i : PAL_LANES;
    for (int64_t c = 0; c < width; c += PAL_LANES) {
      const float *corner = from + i * stride + c;
      float *at = to + c * PAL_KEY_TILE + i;
      const int64_t m = width - c < PAL_LANES ? width - c : PAL_LANES;
      if (n == PAL_LANES && m == PAL_LANES) {
        attention_transpose_16(corner, stride, at, PAL_KEY_TILE);
        continue;
      }
      for (int64_t y = 0; y < m; y++)
        for (int64_t x = 0; x < PAL_LANES; x++)
          at[y * PAL_KEY_TILE + x] = x < n ? corner[x * stride + y] : 0.0f;
    }
  }
}

/* ---- scratch --------------------------------------------------------------------------------- */

typedef struct attention_room {
  float *kt, *vt;    /* [d, TILE], [dv, TILE] */
  float *kp, *vp;    /* [TILE, d rounded], [TILE, dv rounded] */
  float *dk, *dv;    /* the same */
  float *qp, *gp;    /* [BLOCK, d rounded], [BLOCK, dv rounded]: queries, output gradients */
  float *out;        /* [BLOCK, dv rounded]: in gp's place */
  float *s, *t;      /* [BLOCK, TILE] */
  float *sum, *top;  /* [BLOCK, 16], [BLOCK rounded] */
  int32_t *position; /* [TILE]: of keys */
  int32_t *group;    /* [groups, TILE]: of keys */
  size_t bytes;
} attention_room;

static attention_room attention_layout(int64_t d, int64_t dv, int64_t groups, void *scratch) {
  const int64_t wd = attention_up(d), wv = attention_up(dv);
  const int64_t block = PAL_QUERY_BLOCK, tile = PAL_KEY_TILE;
  float *at = scratch;
  attention_room m;
  int64_t used = 0;
#define ATTENTION_TAKE(n) (used += (n), at ? at + (used - (n)) : NULL)
  m.kt = ATTENTION_TAKE(wd * tile);
  m.vt = ATTENTION_TAKE(wv * tile);
  m.kp = ATTENTION_TAKE(wd * tile);
  m.vp = ATTENTION_TAKE(wv * tile);
  m.dk = ATTENTION_TAKE(wd * tile);
  m.dv = ATTENTION_TAKE(wv * tile);
  m.qp = ATTENTION_TAKE(wd * block);
  m.gp = ATTENTION_TAKE(wv * block);
  m.out = m.gp;
  m.s = ATTENTION_TAKE(block * tile);
  m.t = ATTENTION_TAKE(block * tile);
  m.sum = ATTENTION_TAKE(block * PAL_LANES);
  m.top = ATTENTION_TAKE(block);
  m.position = (int32_t *)(void *)ATTENTION_TAKE(tile);
  m.group = (int32_t *)(void *)ATTENTION_TAKE(groups * tile);
#undef ATTENTION_TAKE
  m.bytes = (size_t)used * sizeof(float);
  return m;
}

static size_t attention_scratch(int64_t d, int64_t dv, int64_t groups) {
  return attention_layout(d, dv, groups, NULL).bytes;
}

/* ---- who sees whom --------------------------------------------------------------------------- */

typedef struct attention_span {
  int32_t lo, hi; /* keys lo .. hi - 1 may be visible; none when lo >= hi */
} attention_span;

/* Whether keys inside a span can be masked. */
static inline bool attention_holes(const pal_attention_head *h) {
  return (h->causal || h->window > 0) && (h->q_position || h->k_position);
}

static inline int32_t attention_within(int64_t x, int64_t n) {
  return (int32_t)(x < 0 ? 0 : x < n ? x : n);
}

/* Of query i among keys first .. first + n - 1, counted from `first`. */
static inline attention_span attention_visible(const pal_attention_head *h, int64_t i,
                                               int64_t first, int64_t n) {
  int64_t lo = 0, hi = n;
  if (!attention_holes(h)) {
    const int64_t ahead = h->q_first + i - h->k_first - first;
    if (h->causal) hi = ahead + 1;
    if (h->window > 0) {
      lo = ahead - h->window + 1;
      if (ahead + h->window < hi) hi = ahead + h->window;
    }
  }
  return (attention_span){attention_within(lo, n), attention_within(hi, n)};
}

/* The smallest span that covers those of queries i .. i + rows - 1: spans move with the query. */
static attention_span attention_reach(const pal_attention_head *h, int64_t i, int64_t rows,
                                      int64_t first, int64_t n) {
  return (attention_span){attention_visible(h, i, first, n).lo,
                          attention_visible(h, i + rows - 1, first, n).hi};
}

/* Whether each of the queries sees each of the keys. */
static bool attention_full(const pal_attention_head *h, int64_t i, int64_t rows, int64_t first,
                           int64_t n) {
  return !attention_holes(h) && attention_visible(h, i + rows - 1, first, n).lo == 0 &&
         attention_visible(h, i, first, n).hi == n;
}

static inline int64_t attention_query_position(const pal_attention_head *h, int64_t i) {
  return h->q_position ? h->q_position[i] : h->q_first + i;
}

/* Positions and groups of the keys of a tile, for vectors of keys. */
static void attention_keys(const pal_attention_head *h, int64_t first, int64_t n,
                           const attention_room *m) {
  if (h->q_position || h->k_position || h->table)
    for (int64_t j = 0; j < PAL_KEY_TILE; j++)
      m->position[j] = j >= n            ? 0
                       : h->k_position   ? h->k_position[first + j]
                                         : (int32_t)(h->k_first + first + j);
  if (!h->bias || h->table) return;
  for (int64_t g = 0; g < h->groups; g++)
    for (int64_t j = 0; j < PAL_KEY_TILE; j++)
      m->group[g * PAL_KEY_TILE + j] = j < n ? h->k_group[(first + j) * h->groups + g] : 0;
}

/* Lanes j .. j + 15 of the tile that lie in the span and, with holes, are not masked. */
static inline vm attention_mask(const pal_attention_head *h, int64_t i, attention_span s, int64_t j,
                         const attention_room *m) {
  vm seen = vm_and(vm_first(attention_lanes(s.hi - j)), vm_not(vm_first(attention_lanes(s.lo - j))));
  if (!attention_holes(h)) return seen;
  const vi ahead = vi_sub(vi_set((int32_t)attention_query_position(h, i)),
                          vi_load(m->position + j));
  if (h->causal) seen = vm_and(seen, vi_gt(ahead, vi_set(-1)));
  if (h->window > 0) {
    const int32_t w = h->window < INT32_MAX ? (int32_t)h->window : INT32_MAX;
    seen = vm_and(seen, vm_and(vi_lt(ahead, vi_set(w)), vi_gt(ahead, vi_set(-w))));
  }
  return seen;
}

/* Relations of query i to keys j .. j + 15 of the tile. */
static inline vi attention_relation(const pal_attention_head *h, int64_t i, int64_t j,
                             const attention_room *m) {
  if (h->table)
    return vi_gather(h->table + attention_query_position(h, i) * h->positions,
                     vi_load(m->position + j));
  vi relation = vi_zero();
  for (int64_t g = 0; g < h->groups; g++) {
    const vm same = vi_eq(vi_set(h->q_group[i * h->groups + g]),
                          vi_load(m->group + g * PAL_KEY_TILE + j));
    relation = vi_or(relation, vi_select(same, vi_set((int32_t)1 << g), vi_zero()));
  }
  return relation;
}

static inline vf attention_bias(const pal_attention_head *h, vi relation) {
  const vf bias = vf_gather(h->bias, vi_max(relation, vi_zero()));
  return vf_select(vi_lt(relation, vi_zero()), vf_zero(), bias);
}

/* exp(x) for x <= 1, where the weights of a softmax lie; 0 below -87. A polynomial after one-step
 * reduction by multiples of ln 2: relative error below 1.2e-7 + 2e-9 |x|. A NaN stays one. */
static inline vf attention_exp(vf x) {
  const vf ahead = vf_set(0x1.8000fep+23f); /* low bits of a sum with it: an integer plus 127 */
  const vf t = vf_fma(x, vf_set(0x1.715476p+0f), ahead);
  const vf r = vf_fnma(vf_sub(t, ahead), vf_set(0x1.62e43p-1f), x);
  vf p = vf_fma(r, vf_set(0x1.6d1254p-10f), vf_set(0x1.120cbap-7f));
  p = vf_fma(r, p, vf_set(0x1.555518p-5f));
  p = vf_fma(r, p, vf_set(0x1.5554dcp-3f));
  p = vf_fma(r, p, vf_set(0.5f));
  p = vf_fma(vf_mul(r, r), p, vf_add(r, vf_set(1.0f)));
  p = vf_mul(p, vf_of_bits(vi_shl(vf_bits(t), 23)));
  return vf_select(vf_lt(x, vf_set(-87.0f)), vf_zero(), p);
}

/* ---- forward ------------------------------------------------------------------------------------ */

/* Scores of query i to scaled and biased ones, masked ones to -inf; the largest. */
static float attention_scores(const pal_attention_head *h, int64_t i, attention_span span, float *s,
                              const attention_room *m) {
  const vf scale = vf_set(h->scale), never = vf_set(-INFINITY);
  const bool holes = attention_holes(h);
  vf top = never;
  for (int64_t j = span.lo / PAL_LANES * PAL_LANES; j < span.hi; j += PAL_LANES) {
    vf x = vf_mul(vf_load(s + j), scale);
    if (h->bias) x = vf_add(x, attention_bias(h, attention_relation(h, i, j, m)));
    if (holes || j < span.lo || j + PAL_LANES > span.hi)
      x = vf_select(attention_mask(h, i, span, j, m), x, never);
    top = vf_max(top, x);
    vf_store(s + j, x);
  }
  return vf_hmax(top);
}

/* The largest of n scores that are all visible, without bias, not yet scaled. */
static inline float attention_largest(const float *s, int64_t n) {
  vf top = vf_set(-INFINITY);
  int64_t j = 0;
  for (; j + PAL_LANES <= n; j += PAL_LANES) top = vf_max(top, vf_load(s + j));
  if (j < n) top = vf_max(top, vf_select(vm_first((int)(n - j)), vf_load(s + j), top));
  return vf_hmax(top);
}

/* Such scores to weights: attention_weights of attention_scores in one. */
static inline vf attention_weights_full(float *s, int64_t n, float scale, float top) {
  const vf by = vf_set(scale), shift = vf_set(top);
  vf sum = vf_zero();
  int64_t j = 0;
  for (; j + PAL_LANES <= n; j += PAL_LANES) {
    const vf p = attention_exp(vf_sub(vf_mul(vf_load(s + j), by), shift));
    sum = vf_add(sum, p);
    vf_store(s + j, p);
  }
  if (j < n) {
    const vf p = attention_exp(vf_sub(vf_mul(vf_load(s + j), by), shift));
    sum = vf_add(sum, vf_select(vm_first((int)(n - j)), p, vf_zero()));
    vf_store(s + j, p);
  }
  return sum;
}

/* Scores to weights exp(x - top); with holes, -1 where masked. Their sum by lane. */
static vf attention_weights(attention_span span, float top, bool holes, float *s) {
  const vf shift = vf_set(top), never = vf_set(-INFINITY);
  vf sum = vf_zero();
  for (int64_t j = span.lo / PAL_LANES * PAL_LANES; j < span.hi; j += PAL_LANES) {
    const vf x = vf_load(s + j), p = attention_exp(vf_sub(x, shift));
    sum = vf_add(sum, p);
    vf_store(s + j, holes ? vf_select(vf_ne(x, never), p, vf_set(-1.0f)) : p);
  }
  return sum;
}

/* out += weights times values for up to 6 queries; each sees its own span, in order. */
static void attention_mix(int64_t rows, const attention_span *span, const float *s, const float *v,
                          int64_t v_row, int64_t wide, float *out) {
  attention_span all = span[0];
  for (int64_t r = 1; r < rows; r++) {
    if (span[r].lo > all.lo) all.lo = span[r].lo;
    if (span[r].hi < all.hi) all.hi = span[r].hi;
  }
  const bool shared = all.lo < all.hi;
  for (int64_t r = 0; r < rows; r++) {
    const int64_t end = shared ? all.lo : span[r].hi;
    if (span[r].lo < end)
      attention_mm(1, wide, end - span[r].lo, s + r * PAL_KEY_TILE + span[r].lo, 0, 1,
                   v + span[r].lo * v_row, v_row, out + r * wide, 0, true);
  }
  if (!shared) return;
  attention_mm(rows, wide, all.hi - all.lo, s + all.lo, PAL_KEY_TILE, 1, v + all.lo * v_row, v_row,
               out, wide, true);
  for (int64_t r = 0; r < rows; r++)
    if (all.hi < span[r].hi)
      attention_mm(1, wide, span[r].hi - all.hi, s + r * PAL_KEY_TILE + all.hi, 0, 1,
                   v + all.hi * v_row, v_row, out + r * wide, 0, true);
}

/* The same for one query whose masked keys are marked by a negative weight. */
static void attention_mix_holes(attention_span span, const float *s, const float *v, int64_t v_row,
                                int64_t wide, float *out) {
  for (int64_t j = span.lo; j < span.hi; j++) {
    if (s[j] < 0.0f) continue;
    const vf p = vf_set(s[j]);
    for (int64_t c = 0; c < wide; c += PAL_LANES)
      vf_store(out + c, vf_fma(p, vf_load(v + j * v_row + c), vf_load(out + c)));
  }
}

/* The new maxima of a group's rows, and by what the old sums shrink. Clears the spans of rows that
 * see nothing. */
static void attention_raise(const pal_attention_head *h, int64_t i, int64_t rows, int64_t n,
                            bool plain, attention_span *span, float *fade,
                            const attention_room *m) {
  float up[2 * PAL_LANES] = {0};
  bool any = false;
  for (int64_t r = 0; r < rows; r++) {
    float *s = m->s + r * PAL_KEY_TILE;
    const float old = m->top[i + r];
    if (span[r].lo >= span[r].hi) continue;
    const float top = plain ? attention_largest(s, n) * h->scale
                            : attention_scores(h, i + r, span[r], s, m);
    if (top == -INFINITY) {
      span[r].hi = span[r].lo; /* nothing visible: the row stays as it is */
    } else if (!(top <= old)) { /* also when top is not a number */
      m->top[i + r] = top;
      up[r] = old - top;
      any = true;
    }
  }
  for (int64_t r = 0; r < 2 * PAL_LANES; r += PAL_LANES)
    vf_store(fade + r, any ? attention_exp(vf_load(up + r)) : vf_set(1.0f));
}

/* One tile of n keys for queries i .. i + rows - 1 of the block. */
static void attention_group(const pal_attention_head *h, int64_t i, int64_t rows, int64_t first,
                            int64_t n, const float *v, int64_t v_row, const attention_room *m) {
  const int64_t wide = attention_up(h->dv);
  const bool holes = attention_holes(h), full = attention_full(h, i, rows, first, n);
  const bool plain = full && !h->bias && h->scale > 0.0f;
  const attention_span reach = attention_reach(h, i, rows, first, n);
  if (reach.lo >= reach.hi) return;
  attention_mm(rows, attention_up(reach.hi), h->d, h->q + i * h->q_stride, h->q_stride, 1, m->kt,
               PAL_KEY_TILE, m->s, PAL_KEY_TILE, false);
  attention_span span[PAL_QUERY_GROUP];
  float fade[2 * PAL_LANES];
  for (int64_t r = 0; r < rows; r++)
    span[r] = full ? (attention_span){0, (int32_t)n} : attention_visible(h, i + r, first, n);
  attention_raise(h, i, rows, n, plain, span, fade, m);
  bool whole = true;
  for (int64_t r = 0; r < rows; r++) {
    float *sum = m->sum + (i + r) * PAL_LANES, *out = m->out + (i + r) * wide;
    float *s = m->s + r * PAL_KEY_TILE;
    const vf by = vf_set(fade[r]);
    whole &= span[r].lo == 0 && span[r].hi == n;
    if (span[r].lo >= span[r].hi) continue;
    const vf more = plain ? attention_weights_full(s, n, h->scale, m->top[i + r])
                          : attention_weights(span[r], m->top[i + r], holes, s);
    vf_store(sum, vf_fma(vf_load(sum), by, more));
    if (fade[r] != 1.0f)
      for (int64_t c = 0; c < wide; c += PAL_LANES) vf_store(out + c, vf_mul(vf_load(out + c), by));
    if (holes) attention_mix_holes(span[r], s, v, v_row, wide, out);
  }
  if (whole && !holes) {
    attention_mm(rows, wide, n, m->s, PAL_KEY_TILE, 1, v, v_row, m->out + i * wide, wide, true);
    return;
  }
  for (int64_t r = 0; r < rows && !holes; r += 6)
    attention_mix(rows - r < 6 ? rows - r : 6, span + r, m->s + r * PAL_KEY_TILE, v, v_row, wide,
                  m->out + (i + r) * wide);
}

/* out / sum and the log of the sum. */
static void attention_finish(const pal_attention_head *h, const pal_attention_result *to,
                             const attention_room *m) {
  const int64_t wide = attention_up(h->dv);
  for (int64_t i = 0; i < h->queries; i += PAL_LANES) {
    const int64_t n = h->queries - i < PAL_LANES ? h->queries - i : PAL_LANES;
    float total[PAL_LANES] = {0};
    for (int64_t r = 0; r < n; r++) total[r] = vf_sum(vf_load(m->sum + (i + r) * PAL_LANES));
    float lse[PAL_LANES];
    vf_store(lse, vf_add(vf_log(vf_load(total)), vf_load_n(m->top + i, (int)n)));
    for (int64_t r = 0; r < n; r++) {
      const bool none = m->top[i + r] == -INFINITY;
      to->lse[(i + r) * to->lse_stride] = none ? -INFINITY : lse[r];
      const vf by = vf_set(none ? 1.0f : total[r]);
      for (int64_t c = 0; c < h->dv; c += PAL_LANES)
        vf_store_n(to->out + (i + r) * to->out_stride + c,
                   vf_div(vf_load(m->out + (i + r) * wide + c), by), attention_lanes(h->dv - c));
    }
  }
}

static void attention_forward(const pal_attention_head *h, const pal_attention_result *to,
                              void *scratch) {
  const attention_room m = attention_layout(h->d, h->dv, h->groups, scratch);
  const int64_t wide = attention_up(h->dv);
  for (int64_t i = 0; i < h->queries; i++) {
    m.top[i] = -INFINITY;
    vf_store(m.sum + i * PAL_LANES, vf_zero());
    for (int64_t c = 0; c < wide; c += PAL_LANES) vf_store(m.out + i * wide + c, vf_zero());
  }
  const attention_span reach = attention_reach(h, 0, h->queries, 0, h->keys);
  const bool direct = h->queries <= 6 && wide == h->dv; /* too few queries to repay a copy */
  for (int64_t first = reach.lo / PAL_KEY_TILE * PAL_KEY_TILE; first < reach.hi;
       first += PAL_KEY_TILE) {
    const int64_t n = h->keys - first < PAL_KEY_TILE ? h->keys - first : PAL_KEY_TILE;
    attention_keys(h, first, n, &m);
    attention_transpose(n, h->d, h->k + first * h->k_stride, h->k_stride, m.kt);
    if (!direct) attention_pack(n, h->dv, h->v + first * h->v_stride, h->v_stride, m.vp);
    for (int64_t i = 0; i < h->queries; i += PAL_QUERY_GROUP) {
      const int64_t rows = h->queries - i < PAL_QUERY_GROUP ? h->queries - i : PAL_QUERY_GROUP;
      attention_group(h, i, rows, first, n, direct ? h->v + first * h->v_stride : m.vp,
                      direct ? h->v_stride : wide, &m);
    }
  }
  attention_finish(h, to, &m);
}

/* ---- backward: P and dS are computed again tile by tile ---------------------------------------- */

/* delta = sum(dout * out) - dlse, per query; summed as attention_mm sums dout v, so that with one
 * visible key, where out is v, the difference of the two is 0. Rows go side by side, chains are
 * slow. */
static void attention_delta(const pal_attention_head *h, const pal_attention_grads *to) {
  enum { SIDE = 8 };
  for (int64_t i = 0; i < h->queries; i += SIDE) {
    const int64_t n = h->queries - i < SIDE ? h->queries - i : SIDE;
    const float *o[SIDE], *g[SIDE];
    float sum[SIDE] = {0};
    for (int64_t r = 0; r < SIDE; r++) {
      const int64_t row = i + (r < n ? r : 0);
      o[r] = to->out + row * to->out_stride;
      g[r] = to->dout + row * to->out_stride;
    }
    for (int64_t c = 0; c < h->dv; c++)
      for (int64_t r = 0; r < SIDE; r++) sum[r] = fmaf(g[r][c], o[r][c], sum[r]);
    for (int64_t r = 0; r < n; r++)
      to->delta[i + r] = sum[r] - (to->dlse ? to->dlse[(i + r) * to->lse_stride] : 0.0f);
  }
}

/* The same as attention_row_backward where all keys are visible and there is no bias. */
static inline void attention_row_backward_full(int64_t n, float scale, float lse, float delta,
                                               float *s, float *t) {
  const vf by = vf_set(scale), shift = vf_set(lse), less = vf_set(delta);
  for (int64_t j = 0; j < n; j += PAL_LANES) { /* what lies beyond n is not read */
    const vf p = attention_exp(vf_sub(vf_mul(vf_load(s + j), by), shift));
    vf_store(s + j, p);
    vf_store(t + j, vf_mul(vf_mul(p, vf_sub(vf_load(t + j), less)), by));
  }
}

/* s: scores to weights; t: gradients of weights to those of q k^T. Query i, n keys. */
static void attention_row_backward(const pal_attention_head *h, const pal_attention_grads *to,
                                   int64_t i, attention_span span, int64_t n, float *s, float *t,
                                   const attention_room *m) {
  const float lse = to->lse[i * to->lse_stride];
  if (lse == -INFINITY) span = (attention_span){0, 0};
  const vf scale = vf_set(h->scale), shift = vf_set(lse), delta = vf_set(to->delta[i]);
  const bool holes = attention_holes(h);
  for (int64_t j = 0; j < n; j += PAL_LANES) {
    vf p = vf_zero(), u = vf_zero();
    if (j < span.hi && j + PAL_LANES > span.lo) {
      const vi relation = h->bias ? attention_relation(h, i, j, m) : vi_zero();
      vf x = vf_mul(vf_load(s + j), scale);
      if (h->bias) x = vf_add(x, attention_bias(h, relation));
      p = attention_exp(vf_sub(x, shift));
      u = vf_mul(p, vf_sub(vf_load(t + j), delta));
      if (holes || j < span.lo || j + PAL_LANES > span.hi) {
        const vm seen = attention_mask(h, i, span, j, m);
        p = vf_select(seen, p, vf_zero());
        u = vf_select(seen, u, vf_zero());
      }
      if (to->dbias) {
        float add[PAL_LANES];
        int32_t at[PAL_LANES];
        vf_store(add, u);
        vi_store(at, relation);
        for (int l = 0; l < attention_lanes(n - j); l++)
          if (at[l] >= 0) to->dbias[at[l]] += (double)add[l];
      }
    }
    vf_store(s + j, p);
    vf_store(t + j, vf_mul(u, scale));
  }
}

/* dq += t k, one vector at a time where the width is not a multiple of 16. */
static void attention_add_dq(int64_t rows, int64_t width, int64_t n, const float *t, const float *k,
                             float *dq, int64_t stride) {
  const int64_t full = width / PAL_LANES * PAL_LANES, wide = attention_up(width);
  attention_mm(rows, full, n, t, PAL_KEY_TILE, 1, k, wide, dq, stride, true);
  if (full == width) return;
  const int lanes = (int)(width - full);
  for (int64_t i = 0; i < rows; i += 6) {
    float room[6 * PAL_LANES];
    const int64_t some = rows - i < 6 ? rows - i : 6;
    for (int64_t r = 0; r < some; r++)
      vf_store(room + r * PAL_LANES, vf_load_n(dq + (i + r) * stride + full, lanes));
    attention_mm(some, PAL_LANES, n, t + i * PAL_KEY_TILE, PAL_KEY_TILE, 1, k + full, wide, room,
                 PAL_LANES, true);
    for (int64_t r = 0; r < some; r++)
      vf_store_n(dq + (i + r) * stride + full, vf_load(room + r * PAL_LANES), lanes);
  }
}

/* Queries i .. i + rows - 1 against the tile in m. */
static void attention_block_backward(const pal_attention_head *h, const pal_attention_grads *to,
                                     int64_t i, int64_t rows, int64_t first, int64_t n,
                                     const attention_room *m) {
  const int64_t wd = attention_up(h->d), wv = attention_up(h->dv), up = attention_up(n);
  const float *q = h->q + i * h->q_stride, *g = to->dout + i * to->out_stride;
  attention_mm(rows, up, h->d, q, h->q_stride, 1, m->kt, PAL_KEY_TILE, m->s, PAL_KEY_TILE, false);
  attention_mm(rows, up, h->dv, g, to->out_stride, 1, m->vt, PAL_KEY_TILE, m->t, PAL_KEY_TILE,
               false);
  const bool plain = !h->bias && attention_full(h, i, rows, first, n);
  for (int64_t r = 0; r < rows; r++) {
    float *s = m->s + r * PAL_KEY_TILE, *t = m->t + r * PAL_KEY_TILE;
    const float lse = to->lse[(i + r) * to->lse_stride];
    if (plain && lse != -INFINITY)
      attention_row_backward_full(n, h->scale, lse, to->delta[i + r], s, t);
    else
      attention_row_backward(h, to, i + r, attention_visible(h, i + r, first, n), n, s, t, m);
  }
  attention_add_dq(rows, h->d, n, m->t, m->kp, to->dq + i * h->q_stride, h->q_stride);
  attention_pack(rows, h->d, q, h->q_stride, m->qp);
  attention_pack(rows, h->dv, g, to->out_stride, m->gp);
  attention_mm(n, wv, rows, m->s, 1, PAL_KEY_TILE, m->gp, wv, m->dv, wv, true);
  attention_mm(n, wd, rows, m->t, 1, PAL_KEY_TILE, m->qp, wd, m->dk, wd, true);
}

static void attention_zero(int64_t rows, int64_t width, float *to, int64_t stride) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < width; c += PAL_LANES)
      vf_store_n(to + i * stride + c, vf_zero(), attention_lanes(width - c));
}

static void attention_unpack(int64_t rows, int64_t width, const float *from, float *to,
                             int64_t stride) {
  const int64_t wide = attention_up(width);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < width; c += PAL_LANES)
      vf_store_n(to + i * stride + c, vf_load(from + i * wide + c), attention_lanes(width - c));
}

static void attention_backward(const pal_attention_head *h, const pal_attention_grads *to,
                               void *scratch) {
  const attention_room m = attention_layout(h->d, h->dv, h->groups, scratch);
  const int64_t wd = attention_up(h->d), wv = attention_up(h->dv);
  attention_delta(h, to);
  attention_zero(h->queries, h->d, to->dq, h->q_stride);
  /* Smaller blocks where many pairs are masked. */
  const int64_t tile = h->causal || h->window > 0 ? PAL_KEY_TILE / 2 : PAL_KEY_TILE;
  const int64_t block = h->causal || h->window > 0 ? PAL_QUERY_BLOCK / 2 : PAL_QUERY_BLOCK;
  for (int64_t first = 0; first < h->keys; first += tile) {
    const int64_t n = h->keys - first < tile ? h->keys - first : tile;
    attention_keys(h, first, n, &m);
    attention_transpose(n, h->d, h->k + first * h->k_stride, h->k_stride, m.kt);
    attention_transpose(n, h->dv, h->v + first * h->v_stride, h->v_stride, m.vt);
    attention_pack(n, h->d, h->k + first * h->k_stride, h->k_stride, m.kp);
    attention_zero(n, wd, m.dk, wd);
    attention_zero(n, wv, m.dv, wv);
    for (int64_t i = 0; i < h->queries; i += block) {
      const int64_t rows = h->queries - i < block ? h->queries - i : block;
      const attention_span reach = attention_reach(h, i, rows, first, n);
      if (reach.lo < reach.hi) attention_block_backward(h, to, i, rows, first, reach.hi, &m);
    }
    attention_unpack(n, h->d, m.dk, to->dk + first * h->k_stride, h->k_stride);
    attention_unpack(n, h->dv, m.dv, to->dv + first * h->v_stride, h->v_stride);
  }
}

/* ---- rotary embedding ------------------------------------------------------------------------------ */

/* Sine and cosine of phase * 2 pi / 2^32: to the nearest quarter turn, then Taylor's series, whose
 * next terms at pi / 4 are below 3e-9. */
static void attention_sincos(vi phase, vf *sine, vf *cosine) {
  const vi eighth = vi_set(0x20000000);
  const vi turned = vi_add(phase, eighth), quarter = vi_shr(turned, 30);
  const vi rest = vi_sub(vi_and(turned, vi_set(0x3fffffff)), eighth);
  const vf t = vf_mul(vf_from_vi(rest), vf_set(0x1.921fb6p-30f)), z = vf_mul(t, t);
  vf s = vf_fma(z, vf_set(1.0f / 362880), vf_set(-1.0f / 5040));
  s = vf_fma(z, s, vf_set(1.0f / 120));
  s = vf_fma(z, s, vf_set(-1.0f / 6));
  s = vf_fma(vf_mul(z, s), t, t);
  vf c = vf_fma(z, vf_set(-1.0f / 3628800), vf_set(1.0f / 40320));
  c = vf_fma(z, c, vf_set(-1.0f / 720));
  c = vf_fma(z, c, vf_set(1.0f / 24));
  c = vf_fma(z, c, vf_set(-0.5f));
  c = vf_fma(z, c, vf_set(1.0f));
  const vi one = vi_set(1), two = vi_set(2);
  const vm swap = vi_eq(vi_and(quarter, one), one);
  const vm down = vi_eq(vi_and(quarter, two), two);
  const vm left = vi_eq(vi_and(vi_add(quarter, one), two), two);
  const vf a = vf_select(swap, c, s), b = vf_select(swap, s, c);
  *sine = vf_select(down, vf_neg(a), a);
  *cosine = vf_select(left, vf_neg(b), b);
}

static void attention_rotary(const pal_rotary_rows *w, const float *x, float *out) {
  const int64_t half = w->half, row = w->heads * 2 * half;
  for (int64_t i = 0; i < half; i += PAL_LANES) {
    const int lanes = attention_lanes(half - i);
    int32_t high[PAL_LANES] = {0}, low[PAL_LANES] = {0};
    for (int l = 0; l < lanes; l++) {
      high[l] = (int32_t)((uint64_t)w->turn[i + l] >> 32);
      low[l] = (int32_t)((uint64_t)w->turn[i + l] & 0xffffffffu);
    }
    const vi turn_high = vi_load(high), turn_low = vi_load(low);
    for (int64_t r = 0; r < w->rows; r++) {
      const int32_t position = w->position[r];
      const vi steps = vi_set((int32_t)(position < 0 ? 0u - (uint32_t)position
                                                     : (uint32_t)position));
      vf s, c;
      attention_sincos(vi_add(vi_mul(steps, turn_high), vi_mulhi(steps, turn_low)), &s, &c);
      if ((position < 0) != w->inverse) s = vf_neg(s);
      for (int64_t at = r * row + i; at < (r + 1) * row; at += 2 * half) {
        const vf a = vf_load_n(x + at, lanes), b = vf_load_n(x + at + half, lanes);
        vf_store_n(out + at, vf_fnma(b, s, vf_mul(a, c)), lanes);
        vf_store_n(out + at + half, vf_fma(a, s, vf_mul(b, c)), lanes);
      }
    }
  }
}

#define PAL_ATTENTION_KERNELS \
  {attention_scratch, attention_forward, attention_backward, attention_rotary}
