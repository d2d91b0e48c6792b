/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass of several heads of a single query, as in a decoding step (floor 2). Included by
 * attention.inc.c.
 *
 * The cost of such a call is reading the keys and values once. They are read where they lie, one
 * row through all heads, and prefetched into the level 2 cache one step prefetch: the values of a
 * tile while its keys are multiplied, and the next tile's keys while the values are added. If the
 * width of a head is no multiple of 16, its last vector begins 16 columns before its end; the
 * columns that this vector shares with the one before it are computed twice, with the same
 * result. */

/* The first column of the vector that is to cover columns c .. c + 15, moved back to end at
 * `width`. */
static inline int64_t attention_column(int64_t c, int64_t width) {
  return c + PAL_LANES <= width ? c : width - PAL_LANES;
}

/* The products of q and 16 keys, one in each lane; d >= 16. */
static inline vf attention_dots(const float *k, int64_t k_row, const float *q, int64_t d) {
  float room[PAL_LANES * PAL_LANES];
  vf sum = vf_zero();
  int64_t c = 0;
  for (; c + PAL_LANES <= d; c += PAL_LANES) {
    vf_transpose_inline(k + c, k_row, room, PAL_LANES);
    for (int64_t l = 0; l < PAL_LANES; l++)
      sum = vf_fma(vf_set(q[c + l]), vf_load(room + l * PAL_LANES), sum);
  }
  if (c == d) return sum;
  vf_transpose(k + d - PAL_LANES, k_row, room, PAL_LANES);
  for (; c < d; c++)
    sum = vf_fma(vf_set(q[c]), vf_load(room + (c - d + PAL_LANES) * PAL_LANES), sum);
  return sum;
}

/* Computes the products q k, m->s, of heads i .. i + rows - 1 with the keys of the tile that lie in
 * `reach`. The tile has n keys, the first of them key `first`. */
static void attention_single_scores(const pal_attention_head *h, int64_t i, int64_t rows,
                                    int64_t first, int64_t n, attention_span reach,
                                    const attention_buffers *m) {
  const bool whole = n >= PAL_LANES && h->d >= PAL_LANES;
  for (int64_t j = reach.lo / PAL_LANES * PAL_LANES; j < reach.hi; j += PAL_LANES) {
    const int64_t key = whole ? attention_column(j, n) : j;
    const float *k = h->k + i * h->d + (first + key) * h->k_stride, *q = h->q + i * h->d;
    float *s = m->s + key;
    for (int64_t r = 0; r < rows; r++, k += h->d, q += h->d, s += PAL_KEY_TILE) {
      const int64_t keys = n - key < PAL_LANES ? n - key : PAL_LANES;
      const float *v = h->v + (i + r) * h->dv + (first + key) * h->v_stride;
      for (int64_t l = 0; l < keys; l++)
        for (int64_t c = 0; c < h->dv; c += PAL_LANES)
          __builtin_prefetch(v + l * h->v_stride + c, 0, 2);
      if (whole) {
        vf_store(s, attention_dots(k, h->k_stride, q, h->d));
        continue;
      }
      attention_transpose(keys, h->d, k, h->k_stride, m->kt);
      attention_mm(1, PAL_LANES, h->d, q, 0, 1, m->kt, PAL_KEY_TILE, s, PAL_KEY_TILE, false);
    }
  }
}

/* Sets up the prefetch that runs while the values of n keys are added: of the keys from `first` on,
 * or, behind the last key, of what the caller asked for. `room` is memory for the list. */
static attention_prefetch_state attention_single_prefetch(const pal_attention_head *h,
                                                          int64_t first, int64_t n,
                                                          pal_attention_prefetch *room) {
  const int64_t left = h->keys - first;
  room->n = 1;
  room->stream[0].at = h->k + first * h->k_stride;
  room->stream[0].stride = h->k_stride;
  room->stream[0].rows = left < PAL_KEY_TILE ? left : PAL_KEY_TILE;
  room->stream[0].width = h->queries * h->d;
  pal_attention_head of = *h;
  if (left > 0) of.prefetch = room;
  const int64_t parts = h->queries * attention_round_up(h->dv) / PAL_LANES;
  return attention_prefetch_start(&of, n * ((parts + 3) / 4));
}

/* 16 columns of the result of one head: out [16] += sum over j of s[j] v[j, column .. column +
 * 15]. */
typedef struct attention_part {
  const float *s;
  int64_t column; /* of a row of v */
  float *out;
} attention_part;

/* Adds the weighted values of the keys in `span` to four parts at a time, enough independent sums
 * to hide the latency of the multiply-add. */
static inline void attention_add_parts(const attention_part *p, attention_span span, const float *v,
                                       int64_t v_row, attention_prefetch_state *prefetch) {
  vf a = vf_load(p[0].out), b = vf_load(p[1].out), c = vf_load(p[2].out), d = vf_load(p[3].out);
  v += span.lo * v_row;
  for (int64_t j = span.lo; j < span.hi; j++, v += v_row) {
    attention_prefetch_step(prefetch);
    a = vf_fma(vf_set(p[0].s[j]), vf_load(v + p[0].column), a);
    b = vf_fma(vf_set(p[1].s[j]), vf_load(v + p[1].column), b);
    c = vf_fma(vf_set(p[2].s[j]), vf_load(v + p[2].column), c);
    d = vf_fma(vf_set(p[3].s[j]), vf_load(v + p[3].column), d);
  }
  vf_store(p[0].out, a);
  vf_store(p[1].out, b);
  vf_store(p[2].out, c);
  vf_store(p[3].out, d);
}

/* Adds the weighted values for heads i .. i + rows - 1. All heads of a query have the same span,
 * except that it is empty where the weights have been added already. */
static void attention_single_add_values(const pal_attention_head *h, int64_t i, int64_t rows,
                                        const attention_span *span, const float *v,
                                        const attention_buffers *m,
                                        attention_prefetch_state *prefetch) {
  enum { PARTS = 4 };
  const int64_t wide = attention_round_up(h->dv);
  attention_part p[PARTS];
  attention_span seen = {0, 0, false};
  int n = 0;
  for (int64_t r = 0; r < rows; r++) {
    if (span[r].lo >= span[r].hi) continue;
    seen = span[r];
    for (int64_t c = 0; c < wide; c += PAL_LANES) {
      p[n++] =
          (attention_part){m->s + r * PAL_KEY_TILE, (i + r) * h->dv + attention_column(c, h->dv),
                           m->out + (i + r) * wide + c};
      if (n < PARTS) continue;
      attention_add_parts(p, seen, v, h->v_stride, prefetch);
      n = 0;
    }
  }
  if (n == 0) return;
  for (int k = n; k < PARTS; k++) p[k] = p[0];
  attention_add_parts(p, seen, v, h->v_stride, prefetch);
}
