/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's attention heads (floor 6). See compile.c for scores, points and the sink. */
#include "pram/compiler.h"

/* A further summand of the head's scores: `points` times the query's column times the key's. */
static void score(pal_compiler *c, int of_query, int of_key, double points) {
  const int row = c->head * HEAD + c->feature++;
  c->qkv[row * c->width + of_query] = (float)(points * POINT);
  c->qkv[(HEADS * HEAD + row) * c->width + of_key] = 1;
}

/* A condition: one of the n flags that the query has must be one that the key has. */
static void flags(pal_compiler *c, int of_query, int of_key, int n) {
  for (int i = 0; i < n; i++) score(c, of_query + i, of_key + i, 2 * ORDERS);
  c->match += 2 * ORDERS;
}

/* A weight w of a bit z, 0 or 1, becomes w (2 z - 1), which is 0 at the sink. */
static void center(float *row, int column) {
  row[ONE] -= row[column];
  row[SINK] += row[column];
  row[column] *= 2;
}

/* A condition: n bits must be the same. Those of the range y are 0 or 1, others -1 or 1. */
static void bits(pal_compiler *c, int of_query, int of_key, int n) {
  for (int b = 0; b < n; b++) {
    float *q = c->qkv + (c->head * HEAD + c->feature) * c->width;
    score(c, of_query + b, of_key + b, ORDERS);
    if (of_query == c->y) center(q, of_query + b);
    if (of_key == c->y) center(q + HEADS * HEAD * c->width, of_key + b);
  }
  c->match += n * ORDERS;
}

/* Adds columns `from` of the key that is read to columns `to`. */
static void copy(pal_compiler *c, int from, int to, int n) {
  for (int b = 0; b < n; b++) {
    const int at = c->head * HEAD + c->value++;
    c->qkv[(2 * HEADS * HEAD + at) * c->width + from + b] = 1;
    c->mix[(to + b) * HEADS * HEAD + at] = 1;
  }
}

/* Ends a head: the sink has a score between a match and everything else. */
static void end_head(pal_compiler *c) {
  score(c, ONE, SINK, c->match - ORDERS);
  c->head++;
  c->feature = c->value = 0;
  c->match = 0;
}

void pal_compile_own_head(pal_compiler *c) {
  bits(c, c->of, c->address, c->word);
  flags(c, c->want, c->kind, c->registers + 2);
  flags(c, ONE, SHOWN, 1);
  score(c, ONE, ORDER, ORDERS);
  copy(c, c->token, c->own, c->word);
  end_head(c);
}

void pal_compile_counter_head(pal_compiler *c) {
  const int counter = c->kind + c->registers;
  bits(c, c->of, c->address, c->word + c->time);
  flags(c, OWNED, counter, 1);
  flags(c, ONE, SHOWN, 1);
  copy(c, c->token, c->counter, c->word);
  copy(c, counter, FOUND, 1);
  end_head(c);
}

void pal_compile_register_head(pal_compiler *c, int use, int to) {
  bits(c, c->of, c->address, c->word + c->time);
  flags(c, use, c->kind, c->registers + 2);
  flags(c, ONE, SHOWN, 1);
  copy(c, c->token, to, c->word);
  end_head(c);
}

/* In the ARM rows of a time are asked; in the others masks, since a word that is there has been
 * computed from an earlier state. */
void pal_compile_any_head(pal_compiler *c, int time, int to) {
  flags(c, ONE, RUNS, 1);
  if (c->layout == PAL_PRAM_ARM) bits(c, time, c->address + c->word, c->time);
  else score(c, ONE, SHOWN, -2 * ORDERS);
  copy(c, RUNS, to, 1);
  end_head(c);
}

/* A row that writes, or a cell, has the address in y and the word in x. */
void pal_compile_read_head(pal_compiler *c, int address, int gate, int key, int to) {
  bits(c, address, c->y, c->word);
  flags(c, gate, key, 1);
  flags(c, ONE, OPS + PAL_PRAM_STORE, 1);
  flags(c, ONE, SHOWN, 1);
  score(c, ONE, ORDER, ORDERS);
  copy(c, c->x, to, c->word);
  end_head(c);
}
