/* SPDX-License-Identifier: Apache-2.0 */
/* Two-sided Dyck words: letters with inverses, in words that cancel to nothing (floor 5).
 *
 * Of k kinds of letters, token 2 j is letter j and token 2 j + 1 its inverse. A word cancels if
 * deleting neighbours that are inverse to each other, a A or A a, again and again leaves nothing:
 * it is the neutral element of the free group of rank k. */
#ifndef PAL_TASKS_DYCK_H
#define PAL_TASKS_DYCK_H

#include <palimpsest/model.h>

enum { DYCK_MOST_KINDS = 4, DYCK_MOST_LENGTH = 32 /* of words that are counted */ };

/* Tokens of words with k kinds of letters: 0 .. 2 k - 1 are letters. */
static inline int32_t pal_dyck_inverse(int32_t letter) { return letter ^ 1; }
static inline int32_t pal_dyck_bos(int kinds) { return 2 * kinds; }
static inline int32_t pal_dyck_eos(int kinds) { return 2 * kinds + 1; }
static inline int32_t pal_dyck_mask(int kinds) { return 2 * kinds + 2; }

/* ---- words (dyck_words.c) ------------------------------------------------------------------ */

/* Number of letters that are left of the n tokens when neighbours have cancelled, 0 for a word; -1
 * if a token is no letter. `stack` [n] receives what is left. */
int pal_dyck_reduce(int kinds, const int32_t *token, int n, int32_t *stack);

/* 8^32 strings do not fit 64 bits. */
__extension__ typedef unsigned __int128 pal_dyck_count;

/* count[n][d]: the strings of n letters that cancel a given reduced word of d letters when they are
 * written behind it; count[n][0] is the number of words of n letters. */
typedef struct pal_dyck_table {
  int kinds;
  pal_dyck_count count[DYCK_MOST_LENGTH + 1][DYCK_MOST_LENGTH + 2];
} pal_dyck_table;
void pal_dyck_table_fill(pal_dyck_table *table, int kinds);
/* Draws one of the words of n letters, n even and at most DYCK_MOST_LENGTH, each with the same
 * probability. */
void pal_dyck_draw(const pal_dyck_table *table, int n, pal_rng *rng, int32_t *token);

/* ---- growth by edits (dyck_trace.c) -------------------------------------------------------- */

/* How words grow, and the longest word that is a state for training. */
typedef struct pal_dyck_growth {
  int kinds, longest;
  double bos, letter; /* chances that BOS and that each letter insert, where no mask is left */
} pal_dyck_growth;
enum { DYCK_MOST_LONGEST = 64, DYCK_MOST_STATE = 4 * DYCK_MOST_LONGEST + 8 };

/* A state, from BOS to EOS, with the labels of one step from it. */
typedef struct pal_dyck_step {
  int n;
  int32_t state[DYCK_MOST_STATE], y[DYCK_MOST_STATE];
  uint8_t remask[DYCK_MOST_STATE], insert[DYCK_MOST_STATE], remove[DYCK_MOST_STATE];
} pal_dyck_step;
pal_transition pal_dyck_transition(const pal_dyck_step *step);
/* Draws the labels of step->state, whose runs of masks are equally long. */
void pal_dyck_label(const pal_dyck_growth *growth, pal_dyck_step *step, pal_rng *rng);
/* Draws a state for training, and its labels. */
void pal_dyck_example(const pal_dyck_growth *growth, pal_dyck_step *step, pal_rng *rng);
#endif
