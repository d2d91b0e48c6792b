/* SPDX-License-Identifier: Apache-2.0 */
/* The attention ops' reference functions in double precision, and their random cases (floor 2). */
#define PAL_NO_CALLER
#include "ops/attention.h"

#include <math.h>
#include <string.h>

#include "src/alloc.h"

/* ---- references: plain loops over pairs of rows ---------------------------------------------- */

/* Element `at` of an integer input; references get all inputs as double. */
static int64_t whole(const pal_reference *c, int input, int64_t at) {
  return (int64_t)c->in[input][at];
}

static int64_t begin_of(const pal_reference *c, bool keys, int64_t s) {
  const bool own = keys && c->in[PAL_ATTENTION_K_BEGIN];
  return whole(c, own ? PAL_ATTENTION_K_BEGIN : PAL_ATTENTION_Q_BEGIN, s);
}

static int64_t length_of(const pal_reference *c, bool keys, int64_t s) {
  const bool own = keys && c->in[PAL_ATTENTION_K_LENGTH];
  return whole(c, own ? PAL_ATTENTION_K_LENGTH : PAL_ATTENTION_Q_LENGTH, s);
}

/* The relation of query row i, at position p, and key row j, at position q; -1 for no bias. */
static int64_t relation_of(const pal_reference *c, int64_t i, int64_t j, int64_t p, int64_t q) {
  if (c->in[PAL_ATTENTION_RELATION])
    return whole(c, PAL_ATTENTION_RELATION, p * c->in_type[PAL_ATTENTION_RELATION].dim[0] + q);
  if (!c->in[PAL_ATTENTION_Q_GROUP]) return -1;
  const int64_t groups = c->in_type[PAL_ATTENTION_Q_GROUP].dim[1];
  const double *x = c->in[PAL_ATTENTION_Q_GROUP], *y = c->in[PAL_ATTENTION_K_GROUP];
  int64_t relation = 0, bit = 1;
  for (int64_t g = 0; g < groups; g++, bit *= 2)
    if (x[i * groups + g] == y[j * groups + g]) relation += bit;
  return relation;
}

/* Whether query row i sees key row j by their kinds and blocks. */
static bool sees(const pal_reference *c, int64_t i, int64_t j) {
  if (!c->in[PAL_ATTENTION_VISIBLE]) return true;
  const int64_t kinds = c->in_type[PAL_ATTENTION_VISIBLE].dim[0];
  const int64_t pair =
      whole(c, PAL_ATTENTION_Q_KIND, i) * kinds + whole(c, PAL_ATTENTION_K_KIND, j);
  const double own = c->in[PAL_ATTENTION_Q_BLOCK][i], other = c->in[PAL_ATTENTION_K_BLOCK][j];
  const int64_t set = whole(c, PAL_ATTENTION_VISIBLE, pair);
  return (set & (other < own    ? PAL_SEES_EARLIER
                 : other == own ? PAL_SEES_SAME
                                : PAL_SEES_LATER)) != 0;
}

/* Row `row` of q, k or v (`part`) in head h. */
static const double *row_of(const pal_reference *c, int part, int64_t row, int64_t h) {
  const pal_attention_attrs *a = c->attrs;
  const pal_attention_place p = pal_attention_place_of(c->in_type, a->heads, part);
  return c->in[p.input] + row * p.row + p.column + h * p.width;
}

static int64_t width_of(const pal_reference *c, int part) {
  const pal_attention_attrs *a = c->attrs;
  return pal_attention_place_of(c->in_type, a->heads, part).width;
}

/* The score of query row i and key row j of sequence s in head h, -inf if masked. Sets their
 * relation. */
static double score(const pal_reference *c, int64_t s, int64_t h, int64_t i, int64_t j,
                    int64_t *relation) {
  const pal_attention_attrs *a = c->attrs;
  const int64_t d = width_of(c, PAL_ATTENTION_Q);
  const double *query = row_of(c, PAL_ATTENTION_Q, i, h), *key = row_of(c, PAL_ATTENTION_K, j, h);
  const int64_t p = c->in[PAL_ATTENTION_Q_POSITION] ? whole(c, PAL_ATTENTION_Q_POSITION, i)
                                                    : i - begin_of(c, false, s);
  const int64_t q = c->in[PAL_ATTENTION_K_POSITION] ? whole(c, PAL_ATTENTION_K_POSITION, j)
                                                    : j - begin_of(c, true, s);
  const int64_t distance = p > q ? p - q : q - p;
  *relation = -1;
  if ((a->causal && q > p) || (a->window > 0 && distance >= a->window) || !sees(c, i, j))
    return -INFINITY;
  *relation = relation_of(c, i, j, p, q);
  double x = 0.0;
  for (int64_t e = 0; e < d; e++) x += query[e] * key[e];
  x *= a->scale != 0.0 ? a->scale : 1.0 / sqrt((double)d);
  if (*relation >= 0)
    x += c->in[PAL_ATTENTION_BIAS][h * c->in_type[PAL_ATTENTION_BIAS].dim[1] + *relation];
  return x;
}

/* Calls visit for every sequence, head and query. `weight` is an array for the weights of a
 * query. */
typedef void (*visit_query)(const pal_reference *c, int64_t s, int64_t h, int64_t i,
                            double *weight);

static pal_status each_query(const pal_reference *c, visit_query visit) {
  const pal_attention_attrs *a = c->attrs;
  const int64_t keys = c->in_rows[pal_attention_key_input(c->in_type)];
  double *weight = pal_calloc((size_t)keys + 1, sizeof *weight);
  if (!weight) return pal_fail(c->error, PAL_E_MEMORY, "no memory for a row of weights");
  for (int64_t s = 0; s < c->in_rows[PAL_ATTENTION_Q_BEGIN]; s++)
    for (int64_t h = 0; h < a->heads; h++)
      for (int64_t i = 0; i < length_of(c, false, s); i++)
        visit(c, s, h, begin_of(c, false, s) + i, weight);
  pal_free(weight);
  return PAL_OK;
}

/* The following functions make the checks of the same names in attention_inputs.c. */
static pal_status check_rows(const pal_reference *c, bool keys, bool may_overlap) {
  const bool own = keys && c->in[PAL_ATTENTION_K_BEGIN];
  const int64_t rows = c->in_rows[keys ? pal_attention_key_input(c->in_type) : PAL_ATTENTION_Q];
  const pal_status status =
      pal_reference_sequences(c, own ? PAL_ATTENTION_K_BEGIN : PAL_ATTENTION_Q_BEGIN, rows, true);
  if (status || may_overlap) return status;
  for (int64_t s = 0; s < c->in_rows[PAL_ATTENTION_Q_BEGIN]; s++) {
    const int64_t begin = begin_of(c, keys, s), n = length_of(c, keys, s);
    for (int64_t t = 0; t < s; t++)
      if (n > 0 && length_of(c, keys, t) > 0 &&
          begin < begin_of(c, keys, t) + length_of(c, keys, t) && begin_of(c, keys, t) < begin + n)
        return pal_fail(c->error, PAL_E_ARGUMENT, "the %s of sequences %lld and %lld overlap",
                        keys ? "keys" : "queries", (long long)t, (long long)s);
  }
  return PAL_OK;
}

static pal_status check_positions(const pal_reference *c, bool keys) {
  const double *position = c->in[keys ? PAL_ATTENTION_K_POSITION : PAL_ATTENTION_Q_POSITION];
  const int64_t p = c->in_type[PAL_ATTENTION_RELATION].dim[0];
  for (int64_t s = 0; s < c->in_rows[PAL_ATTENTION_Q_BEGIN]; s++)
    for (int64_t i = 0; i < length_of(c, keys, s); i++) {
      const double at = position ? position[begin_of(c, keys, s) + i] : (double)i;
      if (!(at >= 0 && at < (double)p))
        return pal_fail(c->error, PAL_E_ARGUMENT,
                        "sequence %lld has a position %g outside the relation table of %lld",
                        (long long)s, at, (long long)p);
    }
  return PAL_OK;
}

/* Rows outside every sequence may have any kind. */
static pal_status check_kinds(const pal_reference *c, bool keys) {
  const int64_t kinds = c->in_type[PAL_ATTENTION_VISIBLE].dim[0];
  const double *kind = c->in[keys ? PAL_ATTENTION_K_KIND : PAL_ATTENTION_Q_KIND];
  for (int64_t s = 0; s < c->in_rows[PAL_ATTENTION_Q_BEGIN]; s++)
    for (int64_t i = 0; i < length_of(c, keys, s); i++) {
      const double at = kind[begin_of(c, keys, s) + i];
      if (!(at >= 0 && at < (double)kinds))
        return pal_fail(c->error, PAL_E_ARGUMENT,
                        "sequence %lld has a row of kind %g, not one of %lld", (long long)s, at,
                        (long long)kinds);
    }
  return PAL_OK;
}

static pal_status check(const pal_reference *c, bool keys_may_overlap) {
  pal_status status = check_rows(c, false, false);
  if (!status) status = check_rows(c, true, keys_may_overlap);
  if (!status && c->in[PAL_ATTENTION_VISIBLE]) {
    status = pal_reference_indices(c, PAL_ATTENTION_VISIBLE, 0, PAL_SEES_ALL + 1);
    if (!status) status = check_kinds(c, false);
    if (!status) status = check_kinds(c, true);
  }
  if (status || !c->in[PAL_ATTENTION_RELATION]) return status;
  status =
      pal_reference_indices(c, PAL_ATTENTION_RELATION, -1, c->in_type[PAL_ATTENTION_BIAS].dim[1]);
  if (!status) status = check_positions(c, false);
  return status ? status : check_positions(c, true);
}

static void forward_query(const pal_reference *c, int64_t s, int64_t h, int64_t i, double *weight) {
  const int64_t heads = c->out_type[1].dim[1], wide = c->out_type[0].dim[1], dv = wide / heads;
  const int64_t begin = begin_of(c, true, s), n = length_of(c, true, s);
  double top = -INFINITY, sum = 0.0;
  for (int64_t j = 0; j < n; j++) {
    int64_t relation;
    weight[j] = score(c, s, h, i, begin + j, &relation);
    if (weight[j] > top) top = weight[j];
  }
  if (top == -INFINITY) return;
  for (int64_t j = 0; j < n; j++) sum += exp(weight[j] - top);
  c->out[1][i * heads + h] = top + log(sum);
  for (int64_t j = 0; j < n; j++)
    for (int64_t e = 0; e < dv; e++)
      c->out[0][i * wide + h * dv + e] +=
          exp(weight[j] - top) / sum * row_of(c, PAL_ATTENTION_V, begin + j, h)[e];
}

pal_status pal_attention_reference(const pal_reference *c) {
  const int64_t lse = c->out_rows[1] * c->out_type[1].dim[1];
  const pal_status status = check(c, true);
  if (status) return status;
  memset(c->out[0], 0, (size_t)(c->out_rows[0] * c->out_type[0].dim[1]) * sizeof(double));
  for (int64_t i = 0; i < lse; i++) c->out[1][i] = -INFINITY;
  return each_query(c, forward_query);
}

/* The gradient of row `row` of q, k or v in head h. */
static double *gradient_of(const pal_reference *c, int part, int64_t row, int64_t h) {
  const pal_attention_attrs *a = c->attrs;
  const pal_attention_place p = pal_attention_place_of(c->in_type, a->heads, part);
  return c->out[p.input] + row * p.row + p.column + h * p.width;
}

static void backward_query(const pal_reference *c, int64_t s, int64_t h, int64_t i,
                           double *weight) {
  const pal_attention_attrs *a = c->attrs;
  const int64_t d = width_of(c, PAL_ATTENTION_Q), dv = width_of(c, PAL_ATTENTION_V);
  const int64_t begin = begin_of(c, true, s), wide = a->heads * dv;
  const double scale = a->scale != 0.0 ? a->scale : 1.0 / sqrt((double)d);
  const double lse = c->in[PAL_ATTENTION_LSE][i * a->heads + h];
  const double *q = row_of(c, PAL_ATTENTION_Q, i, h);
  const double *dout = c->in[PAL_ATTENTION_DOUT] + i * wide + h * dv;
  (void)weight;
  if (lse == -INFINITY) return;
  double delta = 0.0;
  for (int64_t e = 0; e < dv; e++)
    delta += dout[e] * c->in[PAL_ATTENTION_OUT][i * wide + h * dv + e];
  if (c->in[PAL_ATTENTION_DLSE]) delta -= c->in[PAL_ATTENTION_DLSE][i * a->heads + h];
  for (int64_t j = begin; j < begin + length_of(c, true, s); j++) {
    const double *k = row_of(c, PAL_ATTENTION_K, j, h), *v = row_of(c, PAL_ATTENTION_V, j, h);
    int64_t relation;
    const double p = exp(score(c, s, h, i, j, &relation) - lse);
    double dp = 0.0;
    for (int64_t e = 0; e < dv; e++) {
      dp += dout[e] * v[e];
      gradient_of(c, PAL_ATTENTION_V, j, h)[e] += p * dout[e];
    }
    const double dx = p * (dp - delta);
    for (int64_t e = 0; e < d; e++) {
      gradient_of(c, PAL_ATTENTION_Q, i, h)[e] += scale * dx * k[e];
      gradient_of(c, PAL_ATTENTION_K, j, h)[e] += scale * dx * q[e];
    }
    if (relation >= 0)
      c->out[c->n_out - 1][h * c->in_type[PAL_ATTENTION_BIAS].dim[1] + relation] += dx;
  }
}

pal_status pal_attention_backward_reference(const pal_reference *c) {
  const pal_status status = check(c, false);
  if (status) return status;
  for (int o = 0; o < c->n_out; o++)
    memset(c->out[o], 0, (size_t)(c->out_rows[o] * c->out_type[o].dim[1]) * sizeof(double));
  return each_query(c, backward_query);
}

/* ---- random cases ---------------------------------------------------------------------------- */

/* Keys that are not the queries' rows, as in a key/value cache: 4 rows for each sequence, of which
 * 0 to 4 are in use. */
static void sample_cache(pal_case *random, pal_value *in) {
  pal_graph *g = pal_case_graph(random);
  const pal_symbol s = pal_case_sequences(random);
  const pal_value room = pal_case_whole(random, PAL_TYPE(PAL_I32, s, 1), 4, 4);
  in[PAL_ATTENTION_K_BEGIN] = pal_affine(g, pal_cumsum(g, room, 0), 1.0, -4.0);
  in[PAL_ATTENTION_K_LENGTH] = pal_case_whole(random, PAL_TYPE(PAL_I32, s, 1), 0, 4);
}

static void sample_bias(pal_case *random, pal_value *in, int64_t heads, pal_type q, pal_type k,
                        int64_t positions) {
  if (pal_case_int(random, 0, 1)) {
    const int64_t r = pal_case_int(random, 1, 5);
    in[PAL_ATTENTION_RELATION] =
        pal_case_whole(random, PAL_TYPE(PAL_I32, PAL_STATIC, positions, positions), -1, r - 1);
    in[PAL_ATTENTION_BIAS] =
        pal_case_f32(random, PAL_TYPE(PAL_F32, PAL_STATIC, heads, r), -1.0, 1.0);
    return;
  }
  const int64_t groups = pal_case_int(random, 1, 3);
  q.dtype = k.dtype = PAL_I32;
  q.dim[1] = k.dim[1] = groups;
  in[PAL_ATTENTION_Q_GROUP] = pal_case_whole(random, q, 0, 2);
  in[PAL_ATTENTION_K_GROUP] = pal_case_whole(random, k, 0, 2);
  in[PAL_ATTENTION_BIAS] =
      pal_case_f32(random, PAL_TYPE(PAL_F32, PAL_STATIC, heads, (int64_t)1 << groups), -1.0, 1.0);
}

/* Either a few kinds and blocks in random order, so that all sorts of pairs occur; or one kind with
 * blocks of about 16 consecutive rows, a few rows being in another block. */
static void sample_kinds(pal_case *random, pal_value *in, pal_type at, pal_type key_at) {
  pal_graph *g = pal_case_graph(random);
  const bool runs = pal_case_int(random, 0, 1);
  const int64_t kinds = pal_case_int(random, 1, 3);
  in[PAL_ATTENTION_VISIBLE] =
      pal_case_whole(random, PAL_TYPE(PAL_I32, PAL_STATIC, kinds, kinds), 0, PAL_SEES_ALL);
  for (int i = 0; i < 2; i++) {
    pal_value *kind = &in[i ? PAL_ATTENTION_K_KIND : PAL_ATTENTION_Q_KIND], *block = kind + 1;
    *kind = pal_case_whole(random, i ? key_at : at, 0, runs ? 0 : kinds - 1);
    *block = pal_case_whole(random, i ? key_at : at, -2, 2);
    if (!runs) continue;
    const pal_value place = pal_cumsum(g, pal_affine(g, *kind, 0, 1), 0);
    const pal_value stray = pal_cast(g, pal_add(g, place, *block), PAL_F32);
    *block = pal_cast(g, pal_affine(g, stray, 1.0 / 16, 0), PAL_I32);
  }
}

pal_attention_attrs pal_attention_sample_inputs(pal_case *random, pal_value *in) {
  const pal_symbol t = pal_case_rows(random);
  const int64_t heads = pal_case_int(random, 1, 3), d = pal_case_size(random);
  const int64_t dv = pal_case_int(random, 0, 1) ? d : pal_case_size(random);
  const bool cache = pal_case_int(random, 0, 2) == 0;
  const bool joined = !cache && dv == d && pal_case_int(random, 0, 1);
  /* With bf16, q and k are positive: if terms of a score cancelled, its relative rounding error
   * would have no bound. */
  const bool bf16 = pal_case_int(random, 0, 2) == 0;
  /* Constants larger than any case needs, so that a plan of another capacity is the same case. */
  const int64_t cached = 4 * 16, positions = 340;
  const pal_type q = PAL_TYPE(PAL_F32, t, 1, heads * d);
  const pal_type k = cache ? PAL_TYPE(PAL_F32, PAL_STATIC, cached, heads * d) : q;
  pal_type v = k;
  v.dim[1] = heads * dv;
  pal_type operand[] = {q, k, v};
  if (joined) operand[0].dim[1] = 3 * heads * d;
  for (int i = PAL_ATTENTION_Q; i <= (joined ? PAL_ATTENTION_Q : PAL_ATTENTION_V); i++)
    in[i] = pal_case_f32(random, operand[i], bf16 && i < PAL_ATTENTION_V ? 0.25 : -1.0, 1.0);
  pal_case_ragged(random, &in[PAL_ATTENTION_Q_BEGIN], &in[PAL_ATTENTION_Q_LENGTH], NULL, NULL);
  if (cache) sample_cache(random, in);
  pal_type at = PAL_TYPE(PAL_I32, t, 1), key_at = at;
  if (cache) key_at = PAL_TYPE(PAL_I32, PAL_STATIC, cached);
  if (pal_case_int(random, 0, 2) == 0)
    in[PAL_ATTENTION_Q_POSITION] = pal_case_whole(random, at, 0, positions - 1);
  if (pal_case_int(random, 0, 2) == 0)
    in[PAL_ATTENTION_K_POSITION] = pal_case_whole(random, key_at, 0, positions - 1);
  if (pal_case_int(random, 0, 1)) sample_bias(random, in, heads, q, k, positions);
  if (pal_case_int(random, 0, 2) == 0) sample_kinds(random, in, at, key_at);
  return (pal_attention_attrs){
      .heads = heads,
      .scale = pal_case_int(random, 0, 1) ? 0.0 : pal_case_real(random, 0.1, 0.5),
      .causal = pal_case_int(random, 0, 1),
      .window = pal_case_int(random, 0, 2) == 0 ? pal_case_int(random, 1, 9) : 0,
      .precision = bf16 ? PAL_PRECISION_BF16 : PAL_PRECISION_F32,
  };
}
