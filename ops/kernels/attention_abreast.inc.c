/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of a lone query, abreast (floor 2). Included by attention.inc.c.
 *
 * Keys and values are read where they lie, a row through all heads, and asked for (into level 2) one step
 * ahead: a tile's values while its keys are multiplied, the next keys while its values are. Their bytes
 * are what such a call costs. The last vector of a width that is no multiple of 16 begins 16 columns
 * before its end; what it shares with its neighbour is computed twice. */

/* Where the vector that covers columns c .. c + 15 of `width` begins. */
static inline int64_t attention_column(int64_t c, int64_t width) {
  return c + PAL_LANES <= width ? c : width - PAL_LANES;
}

/* Products of q and 16 keys; d is 16 or more. */
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

/* m->s of heads i .. i + rows - 1 where keys are in reach, of a tile of n. */
static void attention_abreast_scores(const pal_attention_head *h, int64_t i, int64_t rows,
                                     int64_t first, int64_t n, attention_span reach,
                                     const attention_room *m) {
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

/* Asks for the keys from `first` on while the values of n keys are added up; behind the last key, for
 * what the caller wants. */
static attention_asking attention_abreast_ahead(const pal_attention_head *h, int64_t first,
                                                int64_t n, pal_attention_ahead *room) {
  const int64_t left = h->keys - first;
  room->n = 1;
  room->stream[0].at = h->k + first * h->k_stride;
  room->stream[0].stride = h->k_stride;
  room->stream[0].rows = left < PAL_KEY_TILE ? left : PAL_KEY_TILE;
  room->stream[0].width = h->queries * h->d;
  pal_attention_head of = *h;
  if (left > 0) of.ahead = room;
  const int64_t parts = h->queries * attention_up(h->dv) / PAL_LANES;
  return attention_look_ahead(&of, n * ((parts + 3) / 4));
}

/* 16 columns of a head. */
typedef struct attention_part {
  const float *s;
  int64_t column; /* of a row of v */
  float *out;
} attention_part;

/* out += weights times values, for each of four parts. */
static inline void attention_mix_parts(const attention_part *p, attention_span span, const float *v,
                                       int64_t v_row, attention_asking *asking) {
  vf a = vf_load(p[0].out), b = vf_load(p[1].out), c = vf_load(p[2].out), d = vf_load(p[3].out);
  v += span.lo * v_row;
  for (int64_t j = span.lo; j < span.hi; j++, v += v_row) {
    attention_ask(asking);
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

/* The same for heads i .. i + rows - 1, whose spans are the same, or empty. */
static void attention_abreast_mix(const pal_attention_head *h, int64_t i, int64_t rows,
                                  const attention_span *span, const float *v,
                                  const attention_room *m, attention_asking *asking) {
  enum { PARTS = 4 };
  const int64_t wide = attention_up(h->dv);
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
      attention_mix_parts(p, seen, v, h->v_stride, asking);
      n = 0;
    }
  }
  if (n == 0) return;
  for (int k = n; k < PARTS; k++) p[k] = p[0];
  attention_mix_parts(p, seen, v, h->v_stride, asking);
}
