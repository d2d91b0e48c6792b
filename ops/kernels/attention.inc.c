/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_attention_kernels, compiled once per instruction set (floor 2). This file has the
 * forward pass.
 *
 * Scores are computed with 16 keys in the lanes of a vector, for which K is transposed tile by
 * tile; everything else has columns in the lanes. All products go through attention_multiply. Of
 * the block sizes only PAL_KEY_TILE is part of the numbers. The arithmetic of a query depends only
 * on that query and the keys it sees: where not all queries of a register tile see a key, those
 * that do are computed one by one. */
#include "ops/kernels/attention_product.inc.c"

#include "ops/kernels/attention_pairs.inc.c"
#include "ops/kernels/attention_prefetch.inc.c"

/* attention_mm, or the same product of operands rounded to bfloat16. */
static void attention_multiply(const pal_attention_head *h, int64_t rows, int64_t cols, int64_t k,
                               const float *a, int64_t a_row, int64_t a_step, const float *b,
                               int64_t b_row, float *c, int64_t c_row, bool add) {
  if (!h->bf16) {
    attention_mm(rows, cols, k, a, a_row, a_step, b, b_row, c, c_row, add);
    return;
  }
  const pal_gemm_block block = {.m = rows,
                                .n = cols,
                                .k = k,
                                .a = a,
                                .a_row = a_row,
                                .a_col = a_step,
                                .b = b,
                                .b_row = b_row,
                                .c = c,
                                .c_row = c_row,
                                .add = add};
  h->bf16->block(&block);
}

#include "ops/kernels/attention_single.inc.c"

/* Turns the products q k of query i in s into scores, scaled and biased, with masked ones -inf.
 * Gives the largest. */
static float attention_scores(const pal_attention_head *h, int64_t i, attention_span span, float *s,
                              const attention_buffers *m) {
  const vf scale = vf_set(h->scale), never = vf_set(-INFINITY);
  vf top = never;
  for (int64_t j = span.lo / PAL_LANES * PAL_LANES; j < span.hi; j += PAL_LANES) {
    vf x = vf_mul(vf_load(s + j), scale);
    if (h->bias) x = vf_add(x, attention_bias(h, i, attention_relation(h, i, j, m)));
    if (span.masked || j < span.lo || j + PAL_LANES > span.hi)
      x = vf_select(attention_mask(h, i, span, j, m), x, never);
    top = vf_max(top, x);
    vf_store(s + j, x);
  }
  return vf_hmax(top);
}

/* The largest of n products q k, for the fast path where all keys are visible and there is no
 * bias. */
static inline float attention_largest(const float *s, int64_t n) {
  vf top = vf_set(-INFINITY);
  int64_t j = 0;
  for (; j + PAL_LANES <= n; j += PAL_LANES) top = vf_max(top, vf_load(s + j));
  if (j < n) top = vf_max(top, vf_select(vm_first((int)(n - j)), vf_load(s + j), top));
  return vf_hmax(top);
}

/* The fast path of attention_scores and attention_weights in one: from products q k to weights. */
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

/* Turns scores into weights exp(x - top); where keys inside the span are masked their weight is set
 * to -1 as a mark. Gives the sum of the weights per lane. */
static vf attention_weights(attention_span span, float top, float *s) {
  const vf shift = vf_set(top), never = vf_set(-INFINITY);
  vf sum = vf_zero();
  for (int64_t j = span.lo / PAL_LANES * PAL_LANES; j < span.hi; j += PAL_LANES) {
    const vf x = vf_load(s + j), p = attention_exp(vf_sub(x, shift));
    sum = vf_add(sum, p);
    vf_store(s + j, span.masked ? vf_select(vf_ne(x, never), p, vf_set(-1.0f)) : p);
  }
  return sum;
}

/* out += weights times values for up to 6 queries whose spans have no masked keys inside. Keys that
 * all of them see go through one register tile; those before and behind, which only some see, one
 * query at a time. So each query adds its keys in ascending order. */
static void attention_add_values(const pal_attention_head *h, int64_t rows,
                                 const attention_span *span, const float *s, const float *v,
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
      attention_multiply(h, 1, wide, end - span[r].lo, s + r * PAL_KEY_TILE + span[r].lo, 0, 1,
                         v + span[r].lo * v_row, v_row, out + r * wide, 0, true);
  }
  if (!shared) return;
  attention_multiply(h, rows, wide, all.hi - all.lo, s + all.lo, PAL_KEY_TILE, 1,
                     v + all.lo * v_row, v_row, out, wide, true);
  for (int64_t r = 0; r < rows; r++)
    if (all.hi < span[r].hi)
      attention_multiply(h, 1, wide, span[r].hi - all.hi, s + r * PAL_KEY_TILE + all.hi, 0, 1,
                         v + all.hi * v_row, v_row, out + r * wide, 0, true);
}

/* The same for one query that has masked keys inside its span, marked by a negative weight. */
static void attention_add_values_masked(const pal_attention_head *h, attention_span span,
                                        const float *s, const float *v, int64_t v_row,
                                        int64_t width, float *out) {
  const bool round = h->bf16 != NULL;
  const bf16_mode mode = round ? bf16_enter() : (bf16_mode){0};
  for (int64_t j = span.lo; j < span.hi; j++) {
    if (s[j] < 0.0f) continue;
    const vf p = round ? vf_round_bf16(vf_set(s[j])) : vf_set(s[j]);
    for (int64_t c = 0; c < width; c += PAL_LANES) {
      const vf x = vf_load(v + j * v_row + attention_column(c, width));
      vf_store(out + c, vf_fma(p, round ? vf_round_bf16(x) : x, vf_load(out + c)));
    }
  }
  if (round) bf16_leave(mode);
}

/* Updates the running maxima of the rows by the scores of this tile, and gives for each row the
 * factor exp(old maximum - new maximum) by which its sums so far are to be rescaled. The span of a
 * row that sees no key is made empty. */
static void attention_update_max(const pal_attention_head *h, int64_t i, int64_t rows, int64_t n,
                                 bool plain, attention_span *span, float *rescale,
                                 const attention_buffers *m) {
  float up[2 * PAL_LANES] = {0};
  bool any = false;
  for (int64_t r = 0; r < rows; r++) {
    float *s = m->s + r * PAL_KEY_TILE;
    const float old = m->top[i + r];
    if (span[r].lo >= span[r].hi) continue;
    const float top =
        plain ? attention_largest(s, n) * h->scale : attention_scores(h, i + r, span[r], s, m);
    if (top == -INFINITY) {
      span[r].hi = span[r].lo;  /* no visible key: the row does not change */
    } else if (!(top <= old)) { /* true also if top is NaN */
      m->top[i + r] = top;
      up[r] = old - top;
      any = true;
    }
  }
  for (int64_t r = 0; r < 2 * PAL_LANES; r += PAL_LANES)
    vf_store(rescale + r, any ? attention_exp(vf_load(up + r)) : vf_set(1.0f));
}

/* Processes one tile of n keys, the first of them key `first`, for queries i .. i + rows - 1 of the
 * block. */
static void attention_group(const pal_attention_head *h, int64_t i, int64_t rows, int64_t first,
                            int64_t n, const float *v, int64_t v_row, const attention_buffers *m,
                            attention_prefetch_state *prefetch) {
  const int64_t wide = attention_round_up(h->dv);
  attention_span span[PAL_QUERY_GROUP];
  const attention_span reach = attention_spans(h, i, rows, first, n, m, span);
  bool full = true;
  for (int64_t r = 0; r < rows; r++) full &= attention_full(span[r], n);
  const bool plain = full && !h->bias && h->scale > 0.0f;
  if (reach.lo >= reach.hi) return;
  if (h->single_query) attention_single_scores(h, i, rows, first, n, reach, m);
  else
    attention_multiply(h, rows, attention_round_up(reach.hi), h->d, h->q + i * h->q_stride,
                       h->q_stride, 1, m->kt, PAL_KEY_TILE, m->s, PAL_KEY_TILE, false);
  float rescale[2 * PAL_LANES];
  attention_update_max(h, i, rows, n, plain, span, rescale, m);
  bool whole = true;
  for (int64_t r = 0; r < rows; r++) {
    float *sum = m->sum + (i + r) * PAL_LANES, *out = m->out + (i + r) * wide;
    float *s = m->s + r * PAL_KEY_TILE;
    const vf by = vf_set(rescale[r]);
    if (!h->single_query) attention_prefetch_step(prefetch);
    whole &= attention_full(span[r], n);
    if (span[r].lo >= span[r].hi) continue;
    const vf more = plain ? attention_weights_full(s, n, h->scale, m->top[i + r])
                          : attention_weights(span[r], m->top[i + r], s);
    vf_store(sum, vf_fma(vf_load(sum), by, more));
    if (rescale[r] != 1.0f)
      for (int64_t c = 0; c < wide; c += PAL_LANES) vf_store(out + c, vf_mul(vf_load(out + c), by));
    if (!span[r].masked) continue;
    if (h->single_query)
      attention_add_values_masked(h, span[r], s, v + (i + r) * h->dv, v_row, h->dv, out);
    else attention_add_values_masked(h, span[r], s, v, v_row, wide, out);
    span[r].hi = span[r].lo; /* this row is done; what follows is for rows without masked keys */
  }
  if (h->single_query) {
    attention_single_add_values(h, i, rows, span, v, m, prefetch);
    return;
  }
  if (whole) {
    attention_multiply(h, rows, wide, n, m->s, PAL_KEY_TILE, 1, v, v_row, m->out + i * wide, wide,
                       true);
    return;
  }
  for (int64_t r = 0; r < rows; r += 6)
    attention_add_values(h, rows - r < 6 ? rows - r : 6, span + r, m->s + r * PAL_KEY_TILE, v,
                         v_row, wide, m->out + (i + r) * wide);
}

/* Divides out by the sum of the weights and writes it with lse = log(sum) + maximum. */
static void attention_finish(const pal_attention_head *h, const pal_attention_result *to,
                             const attention_buffers *m) {
  const int64_t wide = attention_round_up(h->dv);
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
      for (int64_t c = 0; c < h->dv; c += PAL_LANES) {
        const int64_t at = h->single_query ? attention_column(c, h->dv) : c;
        vf_store_left(to->out + (i + r) * to->out_stride + at,
                      vf_div(vf_load(m->out + (i + r) * wide + c), by), h->dv - at);
      }
    }
  }
}

static void attention_forward(const pal_attention_head *h, const pal_attention_result *to,
                              void *scratch) {
  const attention_buffers m = attention_layout(h->d, h->dv, h->groups, scratch);
  const int64_t wide = attention_round_up(h->dv);
  for (int64_t i = 0; i < h->queries; i++) {
    m.top[i] = -INFINITY;
    vf_store(m.sum + i * PAL_LANES, vf_zero());
    for (int64_t c = 0; c < wide; c += PAL_LANES) vf_store(m.out + i * wide + c, vf_zero());
  }
  const attention_span reach = attention_reach(h, 0, h->queries, 0, h->keys);
  pal_attention_prefetch next_keys;
  const int64_t tiles = (h->keys + PAL_KEY_TILE - 1) / PAL_KEY_TILE;
  attention_prefetch_state prefetch = attention_prefetch_start(h, h->queries * tiles);
  const bool direct = h->single_query ||
                      (h->queries <= 6 && wide == h->dv); /* too few queries to repay copying v */
  for (int64_t first = reach.lo / PAL_KEY_TILE * PAL_KEY_TILE; first < reach.hi;
       first += PAL_KEY_TILE) {
    const int64_t n = h->keys - first < PAL_KEY_TILE ? h->keys - first : PAL_KEY_TILE;
    attention_keys(h, first, n, &m);
    if (h->single_query) prefetch = attention_single_prefetch(h, first + n, n, &next_keys);
    else attention_transpose(n, h->d, h->k + first * h->k_stride, h->k_stride, m.kt);
    if (!direct) attention_pack(n, h->dv, h->v + first * h->v_stride, h->v_stride, m.vp);
    for (int64_t i = 0; i < h->queries; i += PAL_QUERY_GROUP) {
      const int64_t rows = h->queries - i < PAL_QUERY_GROUP ? h->queries - i : PAL_QUERY_GROUP;
      attention_group(h, i, rows, first, n, direct ? h->v + first * h->v_stride : m.vp,
                      direct ? h->v_stride : wide, &m, &prefetch);
    }
  }
  attention_finish(h, to, &m);
}

#include "ops/kernels/attention_backward.inc.c"
#include "ops/kernels/attention_short.inc.c"
#include "ops/kernels/rotary.inc.c"

#define PAL_ATTENTION_KERNELS                                                          \
  {                                                                                    \
    attention_scratch, attention_short_scratch, attention_forward, attention_backward, \
        attention_forward_short, attention_backward_short, attention_rotary            \
  }
