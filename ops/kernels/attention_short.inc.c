/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of short sequences: 16 heads at a time, one in each lane (floor 2). Included by
 * attention.inc.c.
 *
 * With a few keys, tiles of 16 keys in the lanes would be mostly empty. Here the operands are
 * transposed instead, so that one vector holds the same element of 16 heads (of one sequence or of
 * several):
 *
 *                      lane 0         lane 1         ...  lane 15
 *   vector 0           q[0, 0] of     q[0, 0] of          q[0, 0] of
 *   vector 1           q[0, 1] head 0 q[0, 1] head 1 ...  q[0, 1] head 15
 *   vector row*d+c     q[row, c]      q[row, c]           q[row, c]
 *
 * Terms and their order are those of the kernels for long sequences. What a lane does not see is
 * not added in that lane, so its numbers do not depend on the other heads. */

/* One call: sizes, masks, and buffers in its scratch. Index 16 is the lane. */
typedef struct attention_short {
  bool round;                   /* operands of products are rounded to bfloat16 */
  bool joined;                  /* rows are q, k and v side by side, in memory and in the buffers */
  int64_t d, dv, queries, keys; /* queries and keys: the largest numbers of any lane */
  int32_t own_queries[PAL_LANES], own_keys[PAL_LANES]; /* those of each lane */
  /* Positions in each lane. Only differences of a query's and a key's matter, for causality and
   * window. */
  int32_t q_position[PAL_SHORT_ROWS][PAL_LANES], k_position[PAL_SHORT_ROWS][PAL_LANES];
  float *q, *k, *v, *out, *dout; /* [rows * width rounded up, 16] */
  float *dq, *dk, *dv_;          /* the same */
  int64_t q_row, k_row, v_row;   /* floats from a row of q, k, v or its gradient to the next */
  float *s, *t; /* [queries, keys, 16]: scores, then weights; and their gradients */
  float
      *rows; /* [16, rows * width rounded up + 16]: an operand before its transposition, or a result
                 * after it, one lane per row */
} attention_short;

/* Floats of one transposed operand. */
static inline int64_t attention_short_size(int64_t rows, int64_t width) {
  return attention_round_up(rows * width) * PAL_LANES;
}

static size_t attention_short_scratch(void) {
  return (size_t)(8 * attention_short_size(1, PAL_SHORT_FLOATS) +
                  2 * attention_short_size(PAL_SHORT_ROWS, PAL_SHORT_ROWS) +
                  PAL_LANES * (3 * PAL_SHORT_FLOATS + PAL_LANES)) *
         sizeof(float);
}

/* A difference of positions limited to +-2^30, beyond which it makes no difference to causality and
 * window. */
static inline int32_t attention_short_distance(int64_t x) {
  const int64_t most = (int64_t)1 << 30;
  return (int32_t)(x < -most ? -most : x > most ? most : x);
}

/* Sets the positions of lane l. Positions that count up are replaced by small ones with the same
 * differences. */
static void attention_short_positions(const pal_attention_head *h, int l, attention_short *m) {
  const bool masked = attention_span_masked(h);
  const int32_t distance = attention_short_distance(h->q_first - h->k_first);
  for (int32_t i = 0; i < h->queries; i++)
    m->q_position[i][l] = masked ? (int32_t)attention_query_position(h, i) : distance + i;
  for (int32_t j = 0; j < h->keys; j++)
    m->k_position[j][l] = !masked         ? j
                          : h->k_position ? h->k_position[j]
                                          : (int32_t)(h->k_first + j);
}

/* Lays out q, k and v, or their gradients, from `at` on; gives the first float behind them. */
static float *attention_short_place(const attention_short *m, float *at, float **q, float **k,
                                    float **v) {
  *q = at;
  *k = m->joined ? at + m->d * PAL_LANES : at + attention_short_size(m->queries, m->d);
  *v = *k + (m->joined ? m->d * PAL_LANES : attention_short_size(m->keys, m->d));
  if (m->joined) return at + attention_short_size(m->queries, 3 * m->d);
  return *v + attention_short_size(m->keys, m->dv);
}

/* Sets sizes, positions and buffers for n heads. */
static void attention_short_setup(const pal_attention_head *h, int n, void *scratch,
                                  attention_short *m) {
  m->d = h->d, m->dv = h->dv, m->queries = m->keys = 0, m->round = h->bf16 != NULL;
  for (int l = 0; l < PAL_LANES; l++) {
    const int64_t queries = l < n ? h[l].queries : 0, keys = l < n ? h[l].keys : 0;
    m->own_queries[l] = (int32_t)queries, m->own_keys[l] = (int32_t)keys;
    if (queries > m->queries) m->queries = queries;
    if (keys > m->keys) m->keys = keys;
  }
  if (h->causal || h->window > 0) {
    memset(m->q_position, 0, sizeof m->q_position);
    memset(m->k_position, 0, sizeof m->k_position);
    for (int l = 0; l < n; l++) attention_short_positions(&h[l], l, m);
  }
  m->joined = h->joined;
  m->q_row = m->k_row = m->joined ? 3 * m->d * PAL_LANES : m->d * PAL_LANES;
  m->v_row = m->joined ? m->q_row : m->dv * PAL_LANES;
  float *at = attention_short_place(m, scratch, &m->q, &m->k, &m->v);
  at = attention_short_place(m, at, &m->dq, &m->dk, &m->dv_);
#define ATTENTION_PLACE(rows, width) \
  (at += attention_short_size(rows, width), at - attention_short_size(rows, width))
  m->out = ATTENTION_PLACE(m->queries, m->dv);
  m->dout = ATTENTION_PLACE(m->queries, m->dv);
  m->s = ATTENTION_PLACE(m->queries, m->keys);
  m->t = ATTENTION_PLACE(m->queries, m->keys);
#undef ATTENTION_PLACE
  m->rows = at;
}

/* The mask of lanes whose query i exists and sees key j. */
static inline vm attention_short_seen(const pal_attention_head *h, const attention_short *m,
                                      int64_t i, int64_t j) {
  vm seen = vm_and(vi_gt(vi_load(m->own_queries), vi_set((int32_t)i)),
                   vi_gt(vi_load(m->own_keys), vi_set((int32_t)j)));
  if (!h->causal && h->window <= 0) return seen;
  const vi distance = vi_sub(vi_load(m->q_position[i]), vi_load(m->k_position[j]));
  if (h->causal) seen = vm_and(seen, vi_gt(distance, vi_set(-1)));
  if (h->window > 0) {
    const int32_t w = h->window < INT32_MAX ? (int32_t)h->window : INT32_MAX;
    seen = vm_and(seen, vm_and(vi_lt(distance, vi_set(w)), vi_gt(distance, vi_set(-w))));
  }
  return seen;
}

/* ---- transposing operands in and results out ---------------------------------------------- */

/* Treats rows without a gap between them as one long row. Gives its width and sets *rows. */
static inline int64_t attention_short_join(int64_t *rows, int64_t width, int64_t stride) {
  if (stride != width) return width;
  width *= *rows;
  *rows = 1;
  return width;
}

/* Whether the rows of all lanes follow each other in memory without gaps, as in a packed batch of
 * equally long sequences with one head. */
static bool attention_short_packed(const float *const *lane, const int32_t *own, int64_t stride,
                                   int64_t most, int64_t width) {
  if (stride != width || most == 0) return false;
  for (int l = 0; l < PAL_LANES; l++)
    if (own[l] != most || lane[l] != lane[0] + l * most * width) return false;
  return true;
}

/* Loads `most` rows of each lane and transposes them to `to` [most * width, 16]. A lane that has
 * fewer rows, own[lane], gets zeros. */
static void attention_short_load(const attention_short *m, const float *const *from,
                                 const int32_t *own, int64_t stride, int64_t most, int64_t width,
                                 float *to) {
  const int64_t wide = attention_round_up(most * width), pitch = wide + PAL_LANES;
  if (attention_short_packed(from, own, stride, most, width)) {
    for (int64_t c = 0; c < most * width; c++)
      vf_store(m->rows + c * PAL_LANES, vf_load(from[0] + c * PAL_LANES));
    vf_store(m->rows + most * width * PAL_LANES, vf_zero()); /* is read behind the last lane */
    for (int64_t c = 0; c < most * width; c += PAL_LANES)
      vf_transpose(m->rows + c, most * width, to + c * PAL_LANES, PAL_LANES);
    return;
  }
  for (int l = 0; l < PAL_LANES; l++) {
    float *row = m->rows + l * pitch;
    int64_t rows = own[l];
    for (int64_t c = rows * width / PAL_LANES * PAL_LANES; c < wide; c += PAL_LANES)
      vf_store(row + c, vf_zero());
    if (rows == 0) continue;
    const int64_t each = attention_short_join(&rows, width, stride);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < each;
           c += PAL_LANES) /* writes beyond the row, which the next row overwrites */
        vf_store(row + r * each + c, vf_load_left(from[l] + r * stride + c, each - c));
  }
  for (int64_t c = 0; c < wide; c += PAL_LANES)
    vf_transpose(m->rows + c, pitch, to + c * PAL_LANES, PAL_LANES);
}

/* The reverse of attention_short_load: transposes and stores the rows that each lane has. */
static void attention_short_store(const attention_short *m, float *const *to, const int32_t *own,
                                  int64_t stride, int64_t most, int64_t width, const float *from) {
  const int64_t wide = attention_round_up(most * width), pitch = wide + PAL_LANES;
  const bool packed = attention_short_packed((const float *const *)to, own, stride, most, width);
  const float *const end = packed ? to[0] + PAL_LANES * most * width : NULL;
  for (int64_t c = 0; c < wide; c += PAL_LANES)
    vf_transpose(from + c * PAL_LANES, PAL_LANES, m->rows + c, pitch);
  for (int l = 0; l < PAL_LANES; l++) {
    int64_t rows = own[l];
    if (rows == 0) continue;
    const int64_t each = attention_short_join(&rows, width, stride);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < each; c += PAL_LANES) {
        const vf x = vf_load(m->rows + l * pitch + r * each + c);
        float *at = to[l] + r * stride + c;
        if (packed && end - at >= PAL_LANES)
          vf_store(at, x); /* what is stored beyond the row the next lane overwrites */
        else vf_store_left(at, x, each - c);
      }
  }
}

/* Loads an operand of products: attention_short_load, then rounds to bfloat16 if operands are
 * rounded. */
static void attention_short_operand(const attention_short *m, const float *const *from,
                                    const int32_t *own, int64_t stride, int64_t most, int64_t width,
                                    float *to) {
  attention_short_load(m, from, own, stride, most, width, to);
  for (int64_t e = 0; m->round && e < most * width; e++)
    vf_store(to + e * PAL_LANES, vf_round_bf16(vf_load(to + e * PAL_LANES)));
}

static void attention_short_operands(const attention_short *m, const pal_attention_head *h,
                                     const float *const *q, const float *const *k,
                                     const float *const *v) {
  if (m->joined) {
    attention_short_operand(m, q, m->own_queries, h->q_stride, m->queries, 3 * m->d, m->q);
    return;
  }
  attention_short_operand(m, q, m->own_queries, h->q_stride, m->queries, m->d, m->q);
  attention_short_operand(m, k, m->own_keys, h->k_stride, m->keys, m->d, m->k);
  attention_short_operand(m, v, m->own_keys, h->v_stride, m->keys, m->dv, m->v);
}

static void attention_short_clear(float *to, int64_t vectors) {
  for (int64_t e = 0; e < vectors; e++) vf_store(to + e * PAL_LANES, vf_zero());
}

/* ---- products ------------------------------------------------------------------------------ */

static inline vf attention_short_dot(const float *a, const float *b, int64_t n) {
  vf sum = vf_zero();
  for (int64_t c = 0; c < n; c++)
    sum = vf_fma(vf_load(a + c * PAL_LANES), vf_load(b + c * PAL_LANES), sum);
  return sum;
}

/* to += by * x in the lanes of `seen`. */
static inline void attention_short_add(float *to, vm seen, vf by, const float *x, int64_t n) {
  for (int64_t c = 0; c < n; c++) {
    const vf old = vf_load(to + c * PAL_LANES);
    vf_store(to + c * PAL_LANES, vf_select(seen, vf_fma(by, vf_load(x + c * PAL_LANES), old), old));
  }
}

/* Products of rounded operands treat subnormal numbers as zeros: the processor's floating-point
 * mode is switched before and after. The functions that compute in that mode must not be inlined,
 * because the compiler does not know that their arithmetic may not move across the switches. */
#define ATTENTION_NOT_INLINED __attribute__((noinline))

static inline bf16_mode attention_short_enter(const attention_short *m) {
  return m->round ? bf16_enter() : (bf16_mode){0};
}
static inline void attention_short_leave(const attention_short *m, bf16_mode before) {
  if (m->round) bf16_leave(before);
}

/* s[i, j] = the dot product of rows a[i] and b[j] over `width` columns, in every lane. */
static ATTENTION_NOT_INLINED void attention_short_dots(const attention_short *m, const float *a,
                                                       int64_t a_row, const float *b, int64_t b_row,
                                                       int64_t width, float *s) {
  for (int64_t i = 0; i < m->queries; i++)
    for (int64_t j = 0; j < m->keys; j++, s += PAL_LANES)
      vf_store(s, attention_short_dot(a + i * a_row, b + j * b_row, width));
}

/* The sum of n <= 16 weights in the order of vf_sum's tree, so that the bits are those of the
 * kernel for long sequences. Overwrites p. */
static inline vf attention_short_sum(vf *p, int64_t n) {
  for (int64_t half = PAL_LANES / 2; half > 0; half /= 2)
    for (int64_t j = half; j < 2 * half && j < n; j++) p[j - half] = vf_add(p[j - half], p[j]);
  return p[0];
}

/* ---- forward --------------------------------------------------------------------------------- */

/* Turns the scores of query i of every lane into weights, not yet divided by their sum. Gives lse,
 * and the sum in *total (1 in lanes that see no key), by which the row of m->out has to be
 * divided. */
static vf attention_short_weights(const pal_attention_head *h, const attention_short *m, int64_t i,
                                  vf *total) {
  const vf scale = vf_set(h->scale), never = vf_set(-INFINITY);
  float *s = m->s + i * m->keys * PAL_LANES;
  vf x[PAL_SHORT_ROWS] = {vf_zero()}, top = never;
  for (int64_t j = 0; j < m->keys; j++) {
    const vf score = vf_mul(vf_load(s + j * PAL_LANES), scale);
    x[j] = vf_select(attention_short_seen(h, m, i, j), score, never);
    top = vf_max(top, x[j]);
  }
  for (int64_t j = 0; j < m->keys; j++) {
    const vm seen = attention_short_seen(h, m, i, j);
    x[j] = vf_select(seen, attention_exp(vf_sub(x[j], top)), vf_zero());
    vf_store(s + j * PAL_LANES, m->round ? vf_round_bf16(x[j]) : x[j]);
  }
  const vm some = vf_ne(top, never);
  *total = vf_select(some, attention_short_sum(x, m->keys), vf_set(1.0f));
  return vf_select(some, vf_add(vf_log(*total), top), never);
}

/* m->out = weights times values. */
static ATTENTION_NOT_INLINED void attention_short_add_values(const pal_attention_head *h,
                                                             const attention_short *m) {
  attention_short_clear(m->out, m->queries * m->dv);
  for (int64_t i = 0; i < m->queries; i++)
    for (int64_t j = 0; j < m->keys; j++)
      attention_short_add(m->out + i * m->dv * PAL_LANES, attention_short_seen(h, m, i, j),
                          vf_load(m->s + (i * m->keys + j) * PAL_LANES), m->v + j * m->v_row,
                          m->dv);
}

static void attention_forward_short(const pal_attention_head *h, const pal_attention_result *to,
                                    int n, void *scratch) {
  attention_short m;
  const float *q[PAL_LANES], *k[PAL_LANES], *v[PAL_LANES];
  float *out[PAL_LANES];
  for (int l = 0; l < n; l++) q[l] = h[l].q, k[l] = h[l].k, v[l] = h[l].v, out[l] = to[l].out;
  attention_short_setup(h, n, scratch, &m);
  attention_short_operands(&m, h, q, k, v);
  bf16_mode mode = attention_short_enter(&m);
  attention_short_dots(&m, m.q, m.q_row, m.k, m.k_row, m.d, m.s);
  attention_short_leave(&m, mode);
  vf total[PAL_SHORT_ROWS];
  for (int64_t i = 0; i < m.queries; i++) {
    float lse[PAL_LANES];
    vf_store(lse, attention_short_weights(h, &m, i, &total[i]));
    for (int l = 0; l < n; l++)
      if (i < h[l].queries) to[l].lse[i * to->lse_stride] = lse[l];
  }
  mode = attention_short_enter(&m);
  attention_short_add_values(h, &m);
  attention_short_leave(&m, mode);
  for (int64_t i = 0; i < m.queries; i++)
    for (float *at = m.out + i * m.dv * PAL_LANES, *end = at + m.dv * PAL_LANES; at < end;
         at += PAL_LANES)
      vf_store(at, vf_div(vf_load(at), total[i]));
  attention_short_store(&m, out, m.own_queries, to->out_stride, m.queries, m.dv, m.out);
}

/* ---- backward -------------------------------------------------------------------------------- */

/* For query i of every lane: turns products q k in m->s into weights, and gradients of weights in
 * m->t into gradients of q k. */
static void attention_short_query_backward(const pal_attention_head *h, const attention_short *m,
                                           int64_t i, vf lse, vf dlse) {
  const int64_t row = i * m->dv * PAL_LANES;
  const vf scale = vf_set(h->scale);
  const vf delta = vf_sub(attention_short_dot(m->dout + row, m->out + row, m->dv), dlse);
  for (int64_t j = 0; j < m->keys; j++) {
    float *s = m->s + (i * m->keys + j) * PAL_LANES, *t = m->t + (i * m->keys + j) * PAL_LANES;
    const vf p = attention_exp(vf_sub(vf_mul(vf_load(s), scale), lse));
    const vf u = vf_mul(vf_mul(p, vf_sub(vf_load(t), delta)), scale);
    vf_store(s, m->round ? vf_round_bf16(p) : p);
    vf_store(t, m->round ? vf_round_bf16(u) : u);
  }
}

/* Adds up m->dq, m->dk and m->dv_. Queries without a visible key (lse = -inf) add nothing. */
static ATTENTION_NOT_INLINED void
attention_short_gradients(const pal_attention_head *h, const attention_short *m, const float *lse) {
  for (int64_t i = 0; i < m->queries; i++) attention_short_clear(m->dq + i * m->q_row, m->d);
  for (int64_t j = 0; j < m->keys; j++) {
    attention_short_clear(m->dk + j * m->k_row, m->d);
    attention_short_clear(m->dv_ + j * m->v_row, m->dv);
  }
  for (int64_t i = 0; i < m->queries; i++) {
    const float *q = m->q + i * m->q_row, *g = m->dout + i * m->dv * PAL_LANES;
    const vm some = vf_ne(vf_load(lse + i * PAL_LANES), vf_set(-INFINITY));
    for (int64_t j = 0; j < m->keys; j++) {
      const int64_t at = j * m->k_row, pair = (i * m->keys + j) * PAL_LANES;
      const vm seen = vm_and(some, attention_short_seen(h, m, i, j));
      const vf p = vf_load(m->s + pair), u = vf_load(m->t + pair);
      attention_short_add(m->dq + i * m->q_row, seen, u, m->k + at, m->d);
      attention_short_add(m->dk + at, seen, u, q, m->d);
      attention_short_add(m->dv_ + j * m->v_row, seen, p, g, m->dv);
    }
  }
}

static void attention_backward_short(const pal_attention_head *h, const pal_attention_grads *to,
                                     int n, void *scratch) {
  attention_short m;
  const float *q[PAL_LANES], *k[PAL_LANES], *v[PAL_LANES], *out[PAL_LANES], *dout[PAL_LANES];
  float *dq[PAL_LANES], *dk[PAL_LANES], *dv[PAL_LANES];
  for (int l = 0; l < n; l++) {
    q[l] = h[l].q, k[l] = h[l].k, v[l] = h[l].v, out[l] = to[l].out, dout[l] = to[l].dout;
    dq[l] = to[l].dq, dk[l] = to[l].dk, dv[l] = to[l].dv;
  }
  attention_short_setup(h, n, scratch, &m);
  attention_short_operands(&m, h, q, k, v);
  attention_short_load(&m, out, m.own_queries, to->out_stride, m.queries, m.dv, m.out);
  attention_short_operand(&m, dout, m.own_queries, to->out_stride, m.queries, m.dv, m.dout);
  bf16_mode mode = attention_short_enter(&m);
  attention_short_dots(&m, m.q, m.q_row, m.k, m.k_row, m.d, m.s);
  attention_short_dots(&m, m.dout, m.dv * PAL_LANES, m.v, m.v_row, m.dv, m.t);
  attention_short_leave(&m, mode);
  float lse[PAL_SHORT_ROWS * PAL_LANES] = {0};
  for (int64_t i = 0; i < m.queries; i++) {
    float *own = lse + i * PAL_LANES, dlse[PAL_LANES] = {0};
    for (int l = 0; l < n; l++) {
      if (i >= h[l].queries) continue;
      own[l] = to[l].lse[i * to->lse_stride];
      if (to[l].dlse) dlse[l] = to[l].dlse[i * to->lse_stride];
    }
    attention_short_query_backward(h, &m, i, vf_load(own), vf_load(dlse));
  }
  mode = attention_short_enter(&m);
  attention_short_gradients(h, &m, lse);
  attention_short_leave(&m, mode);
  if (m.joined) {
    attention_short_store(&m, dq, m.own_queries, h->q_stride, m.queries, 3 * m.d, m.dq);
    return;
  }
  attention_short_store(&m, dq, m.own_queries, h->q_stride, m.queries, m.d, m.dq);
  attention_short_store(&m, dk, m.own_keys, h->k_stride, m.keys, m.d, m.dk);
  attention_short_store(&m, dv, m.own_keys, h->v_stride, m.keys, m.dv, m.dv_);
}
