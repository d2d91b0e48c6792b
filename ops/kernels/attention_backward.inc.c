/* SPDX-License-Identifier: Apache-2.0 */
/* The backward attention kernel (floor 2). Included by attention.inc.c.
 *
 * Weights P = exp(S - lse) and gradients of scores dS = P (dP - delta) are computed again tile by
 * tile, as in FlashAttention. Every result is one chain of fused multiply-adds over queries or keys
 * ascending, so the sizes of tiles and blocks are not part of the numbers. */

/* Transposes 16 rows x 16 columns: to[column, row], rounded to bfloat16 with `round`. Columns from
 * `width` on are zeros. Rows from n on, which do not exist, are copies of row 0. */
static inline void attention_transpose_block(const float *from, int64_t stride, int64_t n,
                                             int64_t width, bool round, float *to) {
  float room[PAL_LANES * PAL_LANES];
  if (n >= PAL_LANES && width >= PAL_LANES && !round) {
    vf_transpose(from, stride, to, PAL_LANES);
    return;
  }
  for (int64_t r = 0; r < PAL_LANES; r++) {
    const vf row = vf_load_left(from + (r < n ? r : 0) * stride, width);
    vf_store(room + r * PAL_LANES, round ? vf_round_bf16(row) : row);
  }
  vf_transpose(room, PAL_LANES, to, PAL_LANES);
}

/* delta = sum over columns of dout * out, minus dlse, for every query, with queries in the lanes.
 * It is summed in the order in which attention_multiply computes dP = dout v: with a single visible
 * key, out is v and dP - delta is then exactly 0. */
static void attention_delta(const pal_attention_head *h, const pal_attention_grads *to) {
  for (int64_t i = 0; i < h->queries; i += PAL_LANES) {
    const int64_t n = h->queries - i;
    vf sum = vf_zero();
    for (int64_t c = 0; c < h->dv; c += PAL_LANES) {
      const int64_t at = i * to->out_stride + c, width = h->dv - c;
      float g[PAL_LANES * PAL_LANES], o[PAL_LANES * PAL_LANES];
      attention_transpose_block(to->dout + at, to->out_stride, n, width, h->bf16 != NULL, g);
      attention_transpose_block(to->out + at, to->out_stride, n, width, false, o);
      for (int64_t l = 0; l < attention_lanes(width); l++)
        sum = vf_fma(vf_load(g + l * PAL_LANES), vf_load(o + l * PAL_LANES), sum);
    }
    vf_store_left(to->delta + i, sum, n);
    for (int64_t r = 0; to->dlse && r < attention_lanes(n); r++)
      to->delta[i + r] -= to->dlse[(i + r) * to->lse_stride];
  }
}

/* The fast path of attention_row_backward, where all n keys are visible and there is no bias. */
static inline void attention_row_backward_full(int64_t n, float scale, float lse, float delta,
                                               float *s, float *t) {
  const vf by = vf_set(scale), shift = vf_set(lse), less = vf_set(delta);
  for (int64_t j = 0; j < n; j += PAL_LANES) { /* lanes beyond n are computed but never read */
    const vf p = attention_exp(vf_sub(vf_mul(vf_load(s + j), by), shift));
    vf_store(s + j, p);
    vf_store(t + j, vf_mul(vf_mul(p, vf_sub(vf_load(t + j), less)), by));
  }
}

/* For query i and n keys: turns the products q k in s into weights, and the gradients of weights in
 * t into gradients of q k. Adds to dbias. */
static void attention_row_backward(const pal_attention_head *h, const pal_attention_grads *to,
                                   int64_t i, attention_span span, int64_t n, float *s, float *t,
                                   const attention_buffers *m) {
  const float lse = to->lse[i * to->lse_stride];
  if (lse == -INFINITY) span = (attention_span){0, 0, false};
  const vf scale = vf_set(h->scale), shift = vf_set(lse), delta = vf_set(to->delta[i]);
  for (int64_t j = 0; j < n; j += PAL_LANES) {
    vf p = vf_zero(), u = vf_zero();
    if (j < span.hi && j + PAL_LANES > span.lo) {
      const vi relation = h->bias ? attention_relation(h, i, j, m) : vi_zero();
      vf x = vf_mul(vf_load(s + j), scale);
      if (h->bias) x = vf_add(x, attention_bias(h, i, relation));
      p = attention_exp(vf_sub(x, shift));
      u = vf_mul(p, vf_sub(vf_load(t + j), delta));
      if (span.masked || j < span.lo || j + PAL_LANES > span.hi) {
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

/* dq += t k. If the width is no multiple of 16, the last columns go through a padded copy. */
static void attention_add_dq(const pal_attention_head *h, int64_t rows, int64_t width, int64_t n,
                             const float *t, const float *k, float *dq, int64_t stride) {
  const int64_t full = width / PAL_LANES * PAL_LANES, wide = attention_round_up(width);
  attention_multiply(h, rows, full, n, t, PAL_KEY_TILE, 1, k, wide, dq, stride, true);
  if (full == width) return;
  const int lanes = (int)(width - full);
  for (int64_t i = 0; i < rows; i += 6) {
    float room[6 * PAL_LANES];
    const int64_t some = rows - i < 6 ? rows - i : 6;
    for (int64_t r = 0; r < some; r++)
      vf_store(room + r * PAL_LANES, vf_load_n(dq + (i + r) * stride + full, lanes));
    attention_multiply(h, some, PAL_LANES, n, t + i * PAL_KEY_TILE, PAL_KEY_TILE, 1, k + full, wide,
                       room, PAL_LANES, true);
    for (int64_t r = 0; r < some; r++)
      vf_store_n(dq + (i + r) * stride + full, vf_load(room + r * PAL_LANES), lanes);
  }
}

/* Adds the gradients from queries i .. i + rows - 1, whose spans are given, and the first n keys of
 * the tile in m. Prefetches while it computes unless `prefetch` is NULL. */
static void attention_block_backward(const pal_attention_head *h, const pal_attention_grads *to,
                                     int64_t i, int64_t rows, int64_t n, const attention_span *span,
                                     const attention_buffers *m,
                                     attention_prefetch_state *prefetch) {
  const int64_t wd = attention_round_up(h->d), wv = attention_round_up(h->dv),
                up = attention_round_up(n);
  const float *q = h->q + i * h->q_stride, *g = to->dout + i * to->out_stride;
  attention_multiply(h, rows, up, h->d, q, h->q_stride, 1, m->kt, PAL_KEY_TILE, m->s, PAL_KEY_TILE,
                     false);
  attention_multiply(h, rows, up, h->dv, g, to->out_stride, 1, m->vt, PAL_KEY_TILE, m->t,
                     PAL_KEY_TILE, false);
  for (int64_t r = 0; r < rows; r++) {
    float *s = m->s + r * PAL_KEY_TILE, *t = m->t + r * PAL_KEY_TILE;
    const float lse = to->lse[(i + r) * to->lse_stride];
    if (prefetch) attention_prefetch_step(prefetch);
    if (!h->bias && attention_full(span[r], n) && lse != -INFINITY)
      attention_row_backward_full(n, h->scale, lse, to->delta[i + r], s, t);
    else attention_row_backward(h, to, i + r, span[r], n, s, t, m);
  }
  attention_add_dq(h, rows, h->d, n, m->t, m->kp, to->dq + i * h->q_stride, h->q_stride);
  attention_pack(rows, h->d, q, h->q_stride, m->qp);
  attention_pack(rows, h->dv, g, to->out_stride, m->gp);
  attention_multiply(h, n, wv, rows, m->s, 1, PAL_KEY_TILE, m->gp, wv, m->dv, wv, true);
  attention_multiply(h, n, wd, rows, m->t, 1, PAL_KEY_TILE, m->qp, wd, m->dk, wd, true);
}

static void attention_zero(int64_t rows, int64_t width, float *to, int64_t stride) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < width; c += PAL_LANES)
      vf_store_left(to + i * stride + c, vf_zero(), width - c);
}

/* The reverse of attention_pack. */
static void attention_unpack(int64_t rows, int64_t width, const float *from, float *to,
                             int64_t stride) {
  const int64_t wide = attention_round_up(width);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < width; c += PAL_LANES)
      vf_store_left(to + i * stride + c, vf_load(from + i * wide + c), width - c);
}

static void attention_backward(const pal_attention_head *h, const pal_attention_grads *to,
                               void *scratch) {
  const attention_buffers m = attention_layout(h->d, h->dv, h->groups, scratch);
  const int64_t wd = attention_round_up(h->d), wv = attention_round_up(h->dv);
  /* The prefetch runs during the last tile only, since its rows would be evicted again before. */
  attention_prefetch_state prefetch = attention_prefetch_start(h, h->queries);
  attention_delta(h, to);
  attention_zero(h->queries, h->d, to->dq, h->q_stride);
  /* Smaller blocks where many pairs are masked, so that more blocks can be skipped. */
  const bool masked = h->causal || h->window > 0 || h->visible;
  const int64_t tile = masked ? PAL_KEY_TILE / 2 : PAL_KEY_TILE;
  const int64_t block = masked ? PAL_QUERY_BLOCK / 2 : PAL_QUERY_BLOCK;
  attention_span span[PAL_QUERY_BLOCK];
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
      const attention_span reach = attention_spans(h, i, rows, first, n, &m, span);
      if (reach.lo >= reach.hi) continue;
      attention_block_backward(h, to, i, rows, reach.hi, span, &m,
                               first + n == h->keys ? &prefetch : NULL);
    }
    attention_unpack(n, h->d, m.dk, to->dk + first * h->k_stride, h->k_stride);
    attention_unpack(n, h->dv, m.dv, to->dv + first * h->v_stride, h->v_stride);
  }
}
