/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files share that make the weights of a simulation (floor 6). See simulate.c. */
#ifndef PAL_PRAM_SIMULATOR_H
#define PAL_PRAM_SIMULATOR_H

#include <palimpsest/layers.h>
#include <palimpsest/simulate.h>

enum { PAL_SIMULATE_SCORES = 16 }; /* most summands of an attention score */

typedef struct pal_simulator {
  const pal_model *from;
  const pal_format *f;             /* of `from` */
  const pal_network_settings *old; /* of `from` */
  pal_store *store;                /* of the model that simulates */
  pal_error *error;
  int places, tokens, factors, bits; /* rows of a sequence; tokens and factors; bits of a place */
  int blank;                         /* the factor of the mask */
  int head_width, heads, hidden, width, attended;
  int fraction; /* logits are rounded to multiples of 2^-fraction */
  /* Added columns of the residual stream: single ones, and the first of ranges. See simulate.c. */
  int one, place, open, score, share;
  int here, spot, named, own, rank, logit, top, best, chosen, made;
  /* Weights of the block that is made, and the next free places in them. */
  float *qkv, *qkv_bias, *mix, *in, *back;
  int mixed, head, value, unit, n_score; /* columns of mix */
  struct {
    int query, key;
    double points;
  } summand[PAL_SIMULATE_SCORES];
} pal_simulator;

/* The data of parameter "PREFIX NAME" of a store; NULL if there is none. */
float *pal_simulator_weights(const pal_store *store, const char *prefix, const char *name);
/* Factor i of a token, from 0; -1 where there is none. */
int pal_simulator_factor(const pal_simulator *s, int token, int i);
/* Fill the block that is open: the one before those of `from`, or one of the four behind. */
void pal_simulator_place(pal_simulator *s);
void pal_simulator_rank(pal_simulator *s);
void pal_simulator_margin(pal_simulator *s);
void pal_simulator_best(pal_simulator *s);
void pal_simulator_choose(pal_simulator *s);
#endif
