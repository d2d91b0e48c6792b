/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's attention heads (floor 6). See compile.c for scores, points and the sink. */
#include "pram/compiler.h"

/* A further summand of the head's scores: `points` times the query's column times the key's. */
static void score(pal_compiler *c, int of_query, int of_key, double points) {
  const int row = c->head * HEAD + c->feature++;
  c->qkv[row * c->width + of_query] = (float)(points * POINT);
  c->qkv[(HEADS * HEAD + row) * c->width + of_key] = 1;
}

/* The same, with 2 z - 1 in place of a query's, or a key's, bit z; 0 in place of the sink's. */
static void score_bit(pal_compiler *c, int of_query, int of_key, double points, bool query_is_bit) {
  const int row = c->head * HEAD + c->feature++;
  float *q = c->qkv + row * c->width, *k = q + HEADS * HEAD * c->width, *bit = query_is_bit ? q : k;
  q[of_query] = (float)(points * POINT);
  k[of_key] = 1;
  const float size = bit[query_is_bit ? of_query : of_key];
  bit[query_is_bit ? of_query : of_key] = 2 * size;
  bit[ONE] -= size;
  bit[SINK] += size;
}

/* Adds column `from` of the key that is read to column `to`. */
static void copy_value(pal_compiler *c, int from, int to) {
  const int at = c->head * HEAD + c->value++;
  c->qkv[(2 * HEADS * HEAD + at) * c->width + from] = 1;
  c->mix[to * HEADS * HEAD + at] = 1;
}

static void copy_bits(pal_compiler *c, int from, int to) {
  for (int b = 0; b < c->word; b++) copy_value(c, from + b, to + b);
}

static void next_head(pal_compiler *c) {
  c->head++;
  c->feature = c->value = 0;
}

/* The shown row of the same word; the sink reads itself. */
void pal_compile_own_head(pal_compiler *c) {
  for (int b = 0; b < c->word; b++) score(c, c->address + b, c->address + b, 1);
  for (int r = 0; r < c->registers; r++) score(c, c->reg + r, c->reg + r, 1);
  for (int role = CELL; role <= PC; role++) score(c, role, role, 1);
  score(c, ONE, SHOWN, 1);
  score(c, SINK, SINK, 1);
  copy_bits(c, c->token, c->own);
  next_head(c);
}

/* The counter of the row's processor. */
void pal_compile_counter_head(pal_compiler *c) {
  for (int b = 0; b < c->word; b++) score(c, c->address + b, c->address + b, 2);
  score(c, ONE, PC, 2);
  score(c, ONE, SHOWN, 2);
  score(c, ONE, SINK, 2 * c->word + 3 - 2); /* - 2: the sink is shown too */
  copy_bits(c, c->token, c->counter);
  next_head(c);
}

/* The register of the row's processor that the flags `use` name, if they name one. */
void pal_compile_register_head(pal_compiler *c, int use, int to) {
  for (int b = 0; b < c->word; b++) score(c, c->address + b, c->address + b, 2);
  for (int r = 0; r < c->registers; r++) score(c, use + r, c->reg + r, 2);
  score(c, ONE, SHOWN, 2);
  score(c, ONE, SINK, 2 * c->word + 3 - 2);
  copy_bits(c, c->token, to);
  next_head(c);
}

void pal_compile_any_head(pal_compiler *c) {
  score(c, ONE, PC, 2);
  score(c, ONE, SHOWN, 2);
  score(c, ONE, RUNS, 2);
  score(c, ONE, SINK, 5 - 2);
  copy_value(c, RUNS, ANY_RUNS);
  next_head(c);
}

void pal_compile_load_head(pal_compiler *c) {
  for (int b = 0; b < c->word; b++) score_bit(c, c->y + b, c->address + b, 2, true);
  score(c, OPS + PAL_PRAM_LOAD, CELL, 2);
  score(c, ONE, SHOWN, 2);
  score(c, ONE, SINK, 2 * c->word + 3 - 2);
  copy_bits(c, c->token, c->result);
  next_head(c);
}

/* With N = 2^W: a key that matches in all W bits, stores, is a counter and is shown has 2 N (W + 3)
 * points, any other at least 2 N fewer; then up to N - 1 more for low and fewer for high
 * processors, 2 for each; the sink lies between. Rows that are no cells read the sink. */
void pal_compile_write_head(pal_compiler *c) {
  const double n = 1 << c->word;
  for (int b = 0; b < c->word; b++) {
    score_bit(c, c->address + b, c->y + b, 2 * n, false);
    score(c, ONE, c->address + b, -(1 << b));
  }
  score(c, ONE, OPS + PAL_PRAM_STORE, 2 * n);
  score(c, ONE, PC, 2 * n);
  score(c, ONE, SHOWN, 2 * n);
  score(c, ONE, SINK, 2 * n * (c->word + 2 + 2) + n - 2 * n);
  score(c, CELL, SINK, -4 * n);
  copy_bits(c, c->x, c->write);
  copy_value(c, OPS + PAL_PRAM_STORE, WRITTEN);
  next_head(c);
}
