/* SPDX-License-Identifier: Apache-2.0 */
/* The scratch of the attention kernels, and the masks and biases of pairs of a query and a key
 * (floor 2). Included by attention.inc.c. */

/* ---- scratch --------------------------------------------------------------------------------- */

/* The scratch of one call. TILE is PAL_KEY_TILE, BLOCK is PAL_QUERY_BLOCK, and d' and dv' are d and
 * dv rounded up to whole vectors. `forward` uses kt, vp, out, s, sum and top. */
typedef struct attention_buffers {
  float *kt, *vt;        /* [d', TILE], [dv', TILE]: the tile's keys and values, transposed */
  float *kp, *vp;        /* [TILE, d'], [TILE, dv']: the same as consecutive rows */
  float *dk, *dv;        /* [TILE, d'], [TILE, dv']: their gradients */
  float *qp, *gp;        /* [BLOCK, d'], [BLOCK, dv']: queries and gradients of out, consecutive */
  float *out;            /* [BLOCK, dv']: weighted values so far; shares the memory of gp */
  float *s, *t;          /* [BLOCK, TILE]: scores, then weights; and their gradients */
  float *sum, *top;      /* [BLOCK, 16], [BLOCK]: sums of weights per lane, maxima, so far */
  int32_t *position;     /* [TILE]: of the tile's keys */
  int32_t *kind, *block; /* [TILE]: of the tile's keys */
  int32_t *group;        /* [groups, TILE]: of the tile's keys */
  size_t bytes;
} attention_buffers;

/* Lays the buffers out in `scratch`; if that is NULL only `bytes` is of use. */
static attention_buffers attention_layout(int64_t d, int64_t dv, int64_t groups, void *scratch) {
  const int64_t wd = attention_round_up(d), wv = attention_round_up(dv);
  const int64_t block = PAL_QUERY_BLOCK, tile = PAL_KEY_TILE;
  float *at = scratch;
  attention_buffers m;
  int64_t used = 0;
#define ATTENTION_PLACE(n) (used += (n), at ? at + (used - (n)) : NULL)
  m.kt = ATTENTION_PLACE(wd * tile);
  m.vt = ATTENTION_PLACE(wv * tile);
  m.kp = ATTENTION_PLACE(wd * tile);
  m.vp = ATTENTION_PLACE(wv * tile);
  m.dk = ATTENTION_PLACE(wd * tile);
  m.dv = ATTENTION_PLACE(wv * tile);
  m.qp = ATTENTION_PLACE(wd * block);
  m.gp = ATTENTION_PLACE(wv * block);
  m.out = m.gp;
  m.s = ATTENTION_PLACE(block * tile);
  m.t = ATTENTION_PLACE(block * tile);
  m.sum = ATTENTION_PLACE(block * PAL_LANES);
  m.top = ATTENTION_PLACE(block);
  m.position = (int32_t *)(void *)ATTENTION_PLACE(tile);
  m.kind = (int32_t *)(void *)ATTENTION_PLACE(tile);
  m.block = (int32_t *)(void *)ATTENTION_PLACE(tile);
  m.group = (int32_t *)(void *)ATTENTION_PLACE(groups * tile);
#undef ATTENTION_PLACE
  m.bytes = (size_t)used * sizeof(float);
  return m;
}

static size_t attention_scratch(int64_t d, int64_t dv, int64_t groups) {
  return attention_layout(d, dv, groups, NULL).bytes;
}

/* ---- masks ---------------------------------------------------------------------------- */

/* The keys of a tile that a query may see, as a range and whether a mask is needed inside it. */
typedef struct attention_span {
  int32_t lo, hi; /* keys lo .. hi - 1, counted from the tile's first; none if lo >= hi */
  bool masked;    /* some keys inside may be masked */
} attention_span;

/* The query of row i: of several heads of a single query it is always query 0. */
static inline int64_t attention_query(const pal_attention_head *h, int64_t i) {
  return h->single_query ? 0 : i;
}

/* Whether keys inside a span can be masked: if visibility is by kind, or if positions do not count
 * up, so that causality and window are no range of rows. */
static inline bool attention_span_masked(const pal_attention_head *h) {
  return h->visible || ((h->causal || h->window > 0) && (h->q_position || h->k_position));
}

/* x limited to 0 .. n. */
static inline int32_t attention_clamp(int64_t x, int64_t n) {
  return (int32_t)(x < 0 ? 0 : x < n ? x : n);
}

/* The span of query i in a tile of n keys, the first of them key `first`. If keys inside can be
 * masked it is the whole tile. */
static inline attention_span attention_visible(const pal_attention_head *h, int64_t i,
                                               int64_t first, int64_t n) {
  int64_t lo = 0, hi = n;
  const bool masked = attention_span_masked(h);
  if (!masked) {
    const int64_t distance = h->q_first + attention_query(h, i) - h->k_first - first;
    if (h->causal) hi = distance + 1;
    if (h->window > 0) {
      lo = distance - h->window + 1;
      if (distance + h->window < hi) hi = distance + h->window;
    }
  }
  return (attention_span){attention_clamp(lo, n), attention_clamp(hi, n), masked};
}

/* The smallest span that covers those of queries i .. i + rows - 1. The first and the last query
 * decide it, since spans move up with the query. */
static attention_span attention_reach(const pal_attention_head *h, int64_t i, int64_t rows,
                                      int64_t first, int64_t n) {
  const attention_span top = attention_visible(h, i, first, n);
  return (attention_span){top.lo, attention_visible(h, i + rows - 1, first, n).hi, top.masked};
}

/* Whether a query sees each of n keys. */
static inline bool attention_full(attention_span span, int64_t n) {
  return span.lo == 0 && span.hi == n && !span.masked;
}

static inline int64_t attention_query_position(const pal_attention_head *h, int64_t i) {
  const int64_t query = attention_query(h, i);
  return h->q_position ? h->q_position[query] : h->q_first + query;
}

/* Copies the positions, groups, kinds and blocks of a tile's keys, padded, so that they can be
 * loaded as vectors of 16 keys. */
static void attention_keys(const pal_attention_head *h, int64_t first, int64_t n,
                           const attention_buffers *m) {
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

/* The mask of keys j .. j + 15 of the tile that query i sees by kind and block. */
static inline vm attention_kind_mask(const pal_attention_head *h, int64_t i, int64_t j,
                                     const attention_buffers *m) {
  const vi own = vi_set(h->q_block[i]), other = vi_load(m->block + j);
  const vi set = vi_gather(h->visible + h->q_kind[i] * h->kinds, vi_load(m->kind + j));
  const vi side =
      vi_select(vi_lt(other, own), vi_set(PAL_SEES_EARLIER),
                vi_select(vi_eq(other, own), vi_set(PAL_SEES_SAME), vi_set(PAL_SEES_LATER)));
  return vm_not(vi_eq(vi_and(set, side), vi_zero()));
}

/* The mask of keys j .. j + 15 of the tile that lie in the span and, if its inside can be masked,
 * are visible. */
static inline vm attention_mask(const pal_attention_head *h, int64_t i, attention_span s, int64_t j,
                                const attention_buffers *m) {
  const vm before = vm_first(attention_lanes(s.lo - j)), up = vm_first(attention_lanes(s.hi - j));
  vm seen = vm_and(up, vm_not(before));
  if (!s.masked) return seen;
  if (h->visible) seen = vm_and(seen, attention_kind_mask(h, i, j, m));
  if (!h->causal && h->window <= 0) return seen;
  const vi distance =
      vi_sub(vi_set((int32_t)attention_query_position(h, i)), vi_load(m->position + j));
  if (h->causal) seen = vm_and(seen, vi_gt(distance, vi_set(-1)));
  if (h->window > 0) {
    const int32_t w = h->window < INT32_MAX ? (int32_t)h->window : INT32_MAX;
    seen = vm_and(seen, vm_and(vi_lt(distance, vi_set(w)), vi_gt(distance, vi_set(-w))));
  }
  return seen;
}

/* The part of a span between the first and the last key that query i sees. If all keys between them
 * are visible, the result needs no mask. */
static attention_span attention_narrow(const pal_attention_head *h, int64_t i, attention_span whole,
                                       const attention_buffers *m) {
  attention_span span = {whole.hi, whole.hi, false};
  int32_t seen = 0;
  for (int32_t j = 0; j < whole.hi; j += PAL_LANES) {
    const uint32_t bits = vm_bits(attention_mask(h, i, whole, j, m));
    if (!bits) continue;
    if (span.lo == whole.hi) span.lo = j + __builtin_ctz(bits);
    span.hi = j + 32 - __builtin_clz(bits);
    seen += __builtin_popcount(bits);
  }
  span.masked = seen < span.hi - span.lo;
  return span;
}

/* The spans, narrowed, of queries i .. i + rows - 1 in the tile whose keys are in m. Gives the
 * smallest span that covers all of them. */
static attention_span attention_spans(const pal_attention_head *h, int64_t i, int64_t rows,
                                      int64_t first, int64_t n, const attention_buffers *m,
                                      attention_span *span) {
  attention_span all = {0, 0, false};
  for (int64_t r = 0; r < rows; r++) {
    span[r] = attention_visible(h, i + r, first, n);
    if (span[r].masked) span[r] = attention_narrow(h, i + r, span[r], m);
    if (span[r].lo >= span[r].hi) continue;
    if (all.hi == 0 || span[r].lo < all.lo) all.lo = span[r].lo;
    if (span[r].hi > all.hi) all.hi = span[r].hi;
  }
  return all;
}

/* The relations of query i to keys j .. j + 15 of the tile, -1 for no bias. */
static inline vi attention_relation(const pal_attention_head *h, int64_t i, int64_t j,
                                    const attention_buffers *m) {
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

/* The biases of 16 relations, 0 for relation -1. */
static inline vf attention_bias(const pal_attention_head *h, int64_t i, vi relation) {
  const float *own = h->bias + (h->single_query ? i * h->relations : 0);
  const vf bias = vf_gather(own, vi_max(relation, vi_zero()));
  return vf_select(vi_lt(relation, vi_zero()), vf_zero(), bias);
}
