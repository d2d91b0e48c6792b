/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch of the attention kernels, and which query sees which key at what bias (floor 2). Included
 * by attention.inc.c. */

/* ---- scratch --------------------------------------------------------------------------------- */

typedef struct attention_room {
  float *kt, *vt;        /* [d, TILE], [dv, TILE] */
  float *kp, *vp;        /* [TILE, d rounded], [TILE, dv rounded] */
  float *dk, *dv;        /* the same */
  float *qp, *gp;        /* [BLOCK, d rounded], [BLOCK, dv rounded]: queries, output gradients */
  float *out;            /* [BLOCK, dv rounded]: in gp's place */
  float *s, *t;          /* [BLOCK, TILE] */
  float *sum, *top;      /* [BLOCK, 16], [BLOCK rounded] */
  int32_t *position;     /* [TILE]: of keys */
  int32_t *kind, *block; /* [TILE]: of keys */
  int32_t *group;        /* [groups, TILE]: of keys */
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
  m.kind = (int32_t *)(void *)ATTENTION_TAKE(tile);
  m.block = (int32_t *)(void *)ATTENTION_TAKE(tile);
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
  bool holes;     /* keys inside may be masked */
} attention_span;

/* The query that row i belongs to. */
static inline int64_t attention_query(const pal_attention_head *h, int64_t i) {
  return h->abreast ? 0 : i;
}

/* Whether keys inside a span can be masked. */
static inline bool attention_holes(const pal_attention_head *h) {
  return h->visible || ((h->causal || h->window > 0) && (h->q_position || h->k_position));
}

static inline int32_t attention_within(int64_t x, int64_t n) {
  return (int32_t)(x < 0 ? 0 : x < n ? x : n);
}

/* Of query i among keys first .. first + n - 1, counted from `first`; with holes, all
 * of them. */
static inline attention_span attention_visible(const pal_attention_head *h, int64_t i,
                                               int64_t first, int64_t n) {
  int64_t lo = 0, hi = n;
  const bool holes = attention_holes(h);
  if (!holes) {
    const int64_t ahead = h->q_first + attention_query(h, i) - h->k_first - first;
    if (h->causal) hi = ahead + 1;
    if (h->window > 0) {
      lo = ahead - h->window + 1;
      if (ahead + h->window < hi) hi = ahead + h->window;
    }
  }
  return (attention_span){attention_within(lo, n), attention_within(hi, n), holes};
}

/* The smallest span that covers those of queries i .. i + rows - 1: spans move with the query. */
static attention_span attention_reach(const pal_attention_head *h, int64_t i, int64_t rows,
                                      int64_t first, int64_t n) {
  const attention_span top = attention_visible(h, i, first, n);
  return (attention_span){top.lo, attention_visible(h, i + rows - 1, first, n).hi, top.holes};
}

/* Whether a query sees each of n keys. */
static inline bool attention_full(attention_span span, int64_t n) {
  return span.lo == 0 && span.hi == n && !span.holes;
}

static inline int64_t attention_query_position(const pal_attention_head *h, int64_t i) {
  const int64_t query = attention_query(h, i);
  return h->q_position ? h->q_position[query] : h->q_first + query;
}

/* Positions, groups, kinds and blocks of the keys of a tile, for vectors of keys. */
static void attention_keys(const pal_attention_head *h, int64_t first, int64_t n,
                           const attention_room *m) {
  for (int64_t j = 0; h->visible && j < PAL_KEY_TILE; j++) {
    m->kind[j] = j < n ? h->k_kind[first + j] : 0;
    m->block[j] = j < n ? h->k_block[first + j] : 0;
  }
  if (h->q_position || h->k_position || h->table || h->visible)
    for (int64_t j = 0; j < PAL_KEY_TILE; j++)
      m->position[j] = j >= n          ? 0
                       : h->k_position ? h->k_position[first + j]
                                       : (int32_t)(h->k_first + first + j);
  if (!h->bias || h->table) return;
  for (int64_t g = 0; g < h->groups; g++)
    for (int64_t j = 0; j < PAL_KEY_TILE; j++)
      m->group[g * PAL_KEY_TILE + j] = j < n ? h->k_group[(first + j) * h->groups + g] : 0;
}

/* Lanes j .. j + 15 of the tile that query i sees by kind and block. */
static inline vm attention_kind_mask(const pal_attention_head *h, int64_t i, int64_t j,
                                     const attention_room *m) {
  const vi own = vi_set(h->q_block[i]), other = vi_load(m->block + j);
  const vi set = vi_gather(h->visible + h->q_kind[i] * h->kinds, vi_load(m->kind + j));
  const vi side =
      vi_select(vi_lt(other, own), vi_set(PAL_SEES_EARLIER),
                vi_select(vi_eq(other, own), vi_set(PAL_SEES_SAME), vi_set(PAL_SEES_LATER)));
  return vm_not(vi_eq(vi_and(set, side), vi_zero()));
}

/* Lanes j .. j + 15 of the tile that lie in the span and, with holes, are not masked. */
static inline vm attention_mask(const pal_attention_head *h, int64_t i, attention_span s, int64_t j,
                                const attention_room *m) {
  const vm before = vm_first(attention_lanes(s.lo - j)), up = vm_first(attention_lanes(s.hi - j));
  vm seen = vm_and(up, vm_not(before));
  if (!s.holes) return seen;
  if (h->visible) seen = vm_and(seen, attention_kind_mask(h, i, j, m));
  if (!h->causal && h->window <= 0) return seen;
  const vi ahead =
      vi_sub(vi_set((int32_t)attention_query_position(h, i)), vi_load(m->position + j));
  if (h->causal) seen = vm_and(seen, vi_gt(ahead, vi_set(-1)));
  if (h->window > 0) {
    const int32_t w = h->window < INT32_MAX ? (int32_t)h->window : INT32_MAX;
    seen = vm_and(seen, vm_and(vi_lt(ahead, vi_set(w)), vi_gt(ahead, vi_set(-w))));
  }
  return seen;
}

/* The part of a span with holes between the first and the last key that query i sees. */
static attention_span attention_narrow(const pal_attention_head *h, int64_t i, attention_span whole,
                                       const attention_room *m) {
  attention_span span = {whole.hi, whole.hi, false};
  int32_t seen = 0;
  for (int32_t j = 0; j < whole.hi; j += PAL_LANES) {
    const uint32_t bits = vm_bits(attention_mask(h, i, whole, j, m));
    if (!bits) continue;
    if (span.lo == whole.hi) span.lo = j + __builtin_ctz(bits);
    span.hi = j + 32 - __builtin_clz(bits);
    seen += __builtin_popcount(bits);
  }
  span.holes = seen < span.hi - span.lo;
  return span;
}

/* Spans of queries i .. i + rows - 1 in the tile in m, narrowed; the smallest that covers all. */
static attention_span attention_spans(const pal_attention_head *h, int64_t i, int64_t rows,
                                      int64_t first, int64_t n, const attention_room *m,
                                      attention_span *span) {
  attention_span all = {0, 0, false};
  for (int64_t r = 0; r < rows; r++) {
    span[r] = attention_visible(h, i + r, first, n);
    if (span[r].holes) span[r] = attention_narrow(h, i + r, span[r], m);
    if (span[r].lo >= span[r].hi) continue;
    if (all.hi == 0 || span[r].lo < all.lo) all.lo = span[r].lo;
    if (span[r].hi > all.hi) all.hi = span[r].hi;
  }
  return all;
}

/* Relations of query i to keys j .. j + 15 of the tile. */
static inline vi attention_relation(const pal_attention_head *h, int64_t i, int64_t j,
                                    const attention_room *m) {
  if (h->table)
    return vi_gather(h->table + attention_query_position(h, i) * h->positions,
                     vi_load(m->position + j));
  vi relation = vi_zero();
  for (int64_t g = 0; g < h->groups; g++) {
    const vm same = vi_eq(vi_set(h->q_group[attention_query(h, i) * h->groups + g]),
                          vi_load(m->group + g * PAL_KEY_TILE + j));
    relation = vi_or(relation, vi_select(same, vi_set((int32_t)1 << g), vi_zero()));
  }
  return relation;
}

static inline vf attention_bias(const pal_attention_head *h, int64_t i, vi relation) {
  const float *own = h->bias + (h->abreast ? i * h->relations : 0);
  const vf bias = vf_gather(own, vi_max(relation, vi_zero()));
  return vf_select(vi_lt(relation, vi_zero()), vf_zero(), bias);
}
