/* SPDX-License-Identifier: Apache-2.0 */
/* How edits grow two-sided Dyck words from nothing (floor 5). See dyck.h.
 *
 *   no mask        BOS and every letter insert, each with its own chance; if none does, the word
 *                  is finished
 *   runs of one    the mask stays and inserts
 *   runs of two    the first mask becomes a random letter and inserts, the second stays and inserts
 *   runs of three  the first mask becomes the inverse of the letter before it; the others go
 *
 *   ^ b B $  ->  ^ b _ B $  ->  ^ b _ _ B $  ->  ^ b a _ _ _ B $  ->  ^ b a A B $
 *
 * EOS, $, never changes. It shows the rows before it that nothing follows: attention to a row that
 * is not there goes to others, so that a run of two at the end would look like one of three.
 *
 * So every round of four steps puts pairs a A into the word, and any word can come about: one whose
 * neighbours cancel last was there before its pair was put in. */
#include "tasks/dyck.h"

#include <string.h>

pal_transition pal_dyck_transition(const pal_dyck_step *s) {
  return (pal_transition){.state = s->state,
                          .y = s->y,
                          .n = s->n,
                          .remask = s->remask,
                          .insert = s->insert,
                          .remove = s->remove};
}

/* Labels the run of `masks` masks from row i on. */
static void label_run(const pal_dyck_growth *g, pal_dyck_step *s, int i, int masks, pal_rng *rng) {
  for (int j = 0; j < masks; j++) {
    s->remask[i + j] = masks < 3 && j == masks - 1;
    s->insert[i + j] = masks < 3;
    s->remove[i + j] = masks == 3 && j > 0;
  }
  if (masks == 2) s->y[i] = (int32_t)pal_rng_below(rng, 2 * (uint32_t)g->kinds);
  if (masks == 3) s->y[i] = pal_dyck_inverse(s->state[i - 1]);
}

void pal_dyck_label(const pal_dyck_growth *g, pal_dyck_step *s, pal_rng *rng) {
  const int32_t mask = pal_dyck_mask(g->kinds), eos = pal_dyck_eos(g->kinds);
  bool grown = true;
  for (int i = 0; i < s->n; i++) {
    s->y[i] = -1;
    s->remask[i] = s->insert[i] = s->remove[i] = 0;
    grown = grown && s->state[i] != mask;
  }
  for (int i = 0; i < s->n; i++) {
    int masks = 0;
    while (i + masks < s->n && s->state[i + masks] == mask) masks++;
    if (masks) label_run(g, s, i, masks, rng);
    else if (grown && s->state[i] != eos)
      s->insert[i] = pal_rng_real(rng) < (i ? g->letter : g->bos);
    i += masks > 1 ? masks - 1 : 0;
  }
}

static int inserts(const pal_dyck_step *s) {
  int n = 0;
  for (int i = 0; i < s->n; i++) n += s->insert[i];
  return n;
}

static void apply(const pal_dyck_growth *g, pal_dyck_step *s) {
  int32_t next[DYCK_MOST_STATE];
  const pal_transition t = pal_dyck_transition(s);
  s->n = pal_transition_apply(&t, pal_dyck_mask(g->kinds), next, DYCK_MOST_STATE);
  memcpy(s->state, next, sizeof *next * (size_t)s->n);
}

/* Begins a round in which one chance, drawn at random, holds for all rows, and makes its first
 * step; returns whether one of a few draws inserts something with which the word stays within the
 * longest. */
static bool begin_round(const pal_dyck_growth *g, pal_dyck_step *s, pal_rng *rng) {
  enum { TRIES = 16 };
  for (int k = 0; k < TRIES; k++) {
    pal_dyck_growth any = *g;
    any.bos = any.letter = pal_rng_real(rng);
    pal_dyck_label(&any, s, rng);
    const int pairs = inserts(s);
    if (pairs == 0 || s->n - 2 + 2 * pairs > g->longest) continue;
    apply(g, s);
    return true;
  }
  return false;
}

/* The state is reached by up to longest / 2 rounds whose chances are drawn at random, so that deep
 * and crowded words are not rare, and in the last of these by one to four steps. Which state it is
 * depends on what was drawn before only, and its labels are drawn anew with the chances of the
 * settings. This matters: a state drawn from a finished trace together with its label would say too
 * often that nothing is inserted, since traces that end early have fewer states. */
void pal_dyck_example(const pal_dyck_growth *g, pal_dyck_step *s, pal_rng *rng) {
  const int rounds = (int)pal_rng_below(rng, (uint32_t)g->longest / 2 + 1);
  const int last = 1 + (int)pal_rng_below(rng, 4);
  s->n = 2;
  s->state[0] = pal_dyck_bos(g->kinds);
  s->state[1] = pal_dyck_eos(g->kinds);
  for (int r = 0; r < rounds && begin_round(g, s, rng); r++)
    for (int k = 1; k < (r + 1 < rounds ? 4 : last); k++) {
      pal_dyck_label(g, s, rng);
      apply(g, s);
    }
  pal_dyck_label(g, s, rng);
}
