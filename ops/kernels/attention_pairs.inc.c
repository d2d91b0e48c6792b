/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch of the attention kernels, and which query sees which key at what bias (floor 2). Included
 * by attention.inc.c. */

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

/* The query that row i belongs to. */
static inline int64_t attention_query(const pal_attention_head *h, int64_t i) {
  return h->abreast ? 0 : i;
}

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
    const int64_t ahead = h->q_first + attention_query(h, i) - h->k_first - first;
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
  const int64_t query = attention_query(h, i);
  return h->q_position ? h->q_position[query] : h->q_first + query;
}

/* Positions and groups of the keys of a tile, for vectors of keys. */
static void attention_keys(const pal_attention_head *h, int64_t first, int64_t n,
                           const attention_room *m) {
  if (h->q_position || h->k_position || h->table)
    for (int64_t j = 0; j < PAL_KEY_TILE; j++)
      m->position[j] = j >= n          ? 0
                       : h->k_position ? h->k_position[first + j]
                                       : (int32_t)(h->k_first + first + j);
  if (!h->bias || h->table) return;
  for (int64_t g = 0; g < h->groups; g++)
    for (int64_t j = 0; j < PAL_KEY_TILE; j++)
      m->group[g * PAL_KEY_TILE + j] = j < n ? h->k_group[(first + j) * h->groups + g] : 0;
}

/* Lanes j .. j + 15 of the tile that lie in the span and, with holes, are not masked. */
static inline vm attention_mask(const pal_attention_head *h, int64_t i, attention_span s, int64_t j,
                                const attention_room *m) {
  const vm before = vm_first(attention_lanes(s.lo - j)), up = vm_first(attention_lanes(s.hi - j));
  vm seen = vm_and(up, vm_not(before));
  if (!attention_holes(h)) return seen;
  const vi ahead =
      vi_sub(vi_set((int32_t)attention_query_position(h, i)), vi_load(m->position + j));
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
