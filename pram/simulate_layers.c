/* SPDX-License-Identifier: Apache-2.0 */
/* The five added blocks of a simulation (floor 6). See simulate.c for columns and exactness. */
#include <math.h>

#include "pram/simulator.h"

/* Inputs of hidden units are whole multiples of UNIT, where relu, gelu and silu are max(0, x)
 * exactly; and a point of an attention score is this many nats or more after its scale. */
static const double UNIT = 128, POINT = 256;
/* Scores of best_key reach 2^22 points, and logits 2^21 units of their rounding. */
static const double MOST = 1 << 21;

/* ---- attention ------------------------------------------------------------------------------ */

/* A summand of the scores of the heads that follow: `points` times the query's column times the
 * key's. */
static void score(pal_simulator *s, int query, int key, double points) {
  s->summand[s->n_score].query = query;
  s->summand[s->n_score].key = key;
  s->summand[s->n_score++].points = points;
}

/* The next free value column of the head or, when it is full, of the next one, which has the same
 * scores: its row in qkv. *at becomes its column in mix. */
static float *value(pal_simulator *s, int *at) {
  if (s->value == s->head_width) s->head++, s->value = 0;
  if (s->value == 0) {
    const double point = exp2(ceil(log2(POINT * sqrt(s->head_width))));
    for (int i = 0; i < s->n_score; i++) {
      float *q = s->qkv + (s->head * s->head_width + i) * s->width, *k = q + s->attended * s->width;
      q[s->summand[i].query] = (float)(s->summand[i].points * point);
      k[s->summand[i].key] = 1;
    }
  }
  *at = s->head * s->head_width + s->value++;
  return s->qkv + (2 * s->attended + *at) * s->width;
}

/* Adds n columns of the key that is read, from `from` on, to those from `to` on. */
static void copy(pal_simulator *s, int from, int to, int n) {
  for (int i = 0, at; i < n; i++) {
    value(s, &at)[from + i] = 1;
    s->mix[(to + i) * s->mixed + at] = 1;
  }
}

/* ---- hidden units --------------------------------------------------------------------------- */

/* A hidden unit; its input is set by `term`, its outputs by `give`. */
static void term(pal_simulator *s, int column, double times) {
  s->in[s->unit * s->width + column] += (float)(UNIT * times);
}

static void give(pal_simulator *s, int column, double times) {
  s->back[column * s->hidden + s->unit] += (float)(times / UNIT);
}

static void next(pal_simulator *s) { s->unit++; }

/* ---- blocks --------------------------------------------------------------------------------- */

/* Row c reads the move that names place c, for which all bits match, and otherwise the first mask:
 * the token's embedding, and whether it is a mask. Moves of other places have fewer points. */
void pal_simulator_place(pal_simulator *s) {
  const int w = (int)s->old->width;
  const float *table =
      pal_simulator_weights(pal_model_store(s->from), "", "model.embedding.weight");
  for (int b = 0; b < s->bits; b++) score(s, s->here + b, s->named + b, 2 * s->places);
  score(s, s->one, s->own + s->blank, 2 * s->places * (s->bits - 1));
  score(s, s->one, s->place, -1);
  for (int f = 0, at; f < s->factors; f++) {
    value(s, &at)[s->own + f] = 1;
    for (int i = 0; i < w; i++) s->mix[i * s->mixed + at] = table[f * w + i];
    if (f == s->blank) s->mix[s->open * s->mixed + at] = 1;
  }
}

/* Row c reads itself: the logits of its tokens, rounded by adding and subtracting 1.5 * 2^(23 -
 * fraction). Then the rank of each: how many others it beats, of equals the earlier one. */
void pal_simulator_rank(pal_simulator *s) {
  const int w = (int)s->old->width;
  const double all = exp2(s->fraction), round = 1.5 * exp2(23 - s->fraction);
  const pal_store *from = pal_model_store(s->from);
  const float *table =
      pal_simulator_weights(from, s->old->tied ? "model.embedding" : "model.output", ".weight");
  const float *shift = s->old->tied ? NULL : pal_simulator_weights(from, "model.output", ".bias");
  for (int b = 0; b < s->bits; b++) score(s, s->here + b, s->here + b, 1);
  for (int f = 0, at; f < s->factors; f++) {
    float *row = value(s, &at);
    for (int i = 0; i < w; i++) row[i] = table[f * w + i];
    if (shift) s->qkv_bias[2 * s->attended + at] = shift[f];
    for (int v = 0; v < s->tokens; v++)
      for (int i = 0; i < s->f->factors; i++)
        if (pal_simulator_factor(s, v + 1, i) == f) s->mix[(s->logit + v) * s->mixed + at] = 1;
  }
  for (int i = 0, at; i < 2; i++) {
    value(s, &at)[s->one] = 1;
    for (int v = 0; v < s->tokens; v++)
      s->mix[(s->logit + v) * s->mixed + at] = (float)(i ? -round : round);
  }
  term(s, s->one, 1);
  for (int v = 0; v < s->tokens; v++) give(s, s->rank + v, v);
  next(s);
  for (int u = 0; u < s->tokens; u++)
    for (int v = u + 1; v < s->tokens; v++)
      for (int i = 0; i < 2; i++, next(s)) { /* max(0, d + 1) - max(0, d) is 1 if d >= 0, else 0 */
        if (i == 0) term(s, s->one, 1);
        term(s, s->logit + u, all);
        term(s, s->logit + v, -all);
        give(s, s->rank + u, i ? -1 : 1);
        give(s, s->rank + v, i ? 1 : -1);
      }
}

/* The margin in units of 2^-fraction, plus 1, in rows that are masks, otherwise 0; and the factors
 * of the best token. With B = MOST, n tokens and the rank r of a token with z units, max(0, z + B
 * (r - n + 1)) is max(0, z) for the best and 0 for others; with n - 2 it is z + B for the best, and
 * max(0, z) for the second. So differences of units with z and -z give best and 2 best + second. */
void pal_simulator_margin(pal_simulator *s) {
  const double all = exp2(s->fraction);
  term(s, s->open, 1);
  give(s, s->score, 1);
  next(s);
  for (int v = 0; v < s->tokens; v++) {
    for (int i = 0; i < 4; i++, next(s)) {
      term(s, s->one, -MOST * (s->tokens - 1 - i / 2 + 2));
      term(s, s->open, MOST * 2);
      term(s, s->rank + v, MOST);
      term(s, s->logit + v, i % 2 ? -all : all);
      give(s, s->score, (i < 2 ? 3 : -1) * (i % 2 ? -1 : 1));
    }
    term(s, s->one, 2 - s->tokens);
    term(s, s->rank + v, 1);
    for (int i = 0; i < s->f->factors; i++)
      if (pal_simulator_factor(s, v + 1, i) >= 0)
        give(s, s->top + pal_simulator_factor(s, v + 1, i), 1);
    next(s);
  }
}

/* All rows read which places have the best score: of k places, 1 / k each. Then each takes its own
 * share, which is the same number in all of them. */
void pal_simulator_best(pal_simulator *s) {
  const double wide = 256; /* UNIT / places is too little */
  score(s, s->one, s->score, 1);
  copy(s, s->spot, s->best, s->places);
  for (int c = 0; c < s->places; c++, next(s)) {
    term(s, s->one, -wide);
    term(s, s->spot + c, wide);
    term(s, s->best + c, wide);
    give(s, s->share, 1 / wide);
  }
}

/* All rows read the lowest place that has a share, and its best token. */
void pal_simulator_choose(pal_simulator *s) {
  score(s, s->one, s->share, 2.0 * s->places * s->places);
  score(s, s->one, s->place, -1);
  copy(s, s->here, s->chosen, s->bits);
  copy(s, s->top, s->made, s->factors);
}
