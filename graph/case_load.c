/* SPDX-License-Identifier: Apache-2.0 */
/* Fills the inputs of a case: data in active rows, a filling in inactive ones (floor 1). */
#define PAL_NO_CALLER
#include <string.h>

#include "graph/case.h"

typedef struct loading {
  const pal_case *c;
  const pal_case_input *in;
  uint64_t key;
  int64_t rows, sequences; /* active */
} loading;

static double uniform(const loading *l, int64_t row, int64_t element) {
  return pal_rng_uniform(l->key, (uint64_t)row, 0, (uint32_t)element);
}

static int64_t below(const loading *l, int64_t row, uint32_t index, int64_t n) {
  return (int64_t)(pal_rng_bits(l->key, (uint64_t)row, 1, index) % (uint64_t)n);
}

static int32_t clip(int32_t x, int64_t limit) { return x < limit ? x : (int32_t)limit; }

/* -1 one time in five, else an active row. */
static int32_t index_at(const loading *l, int64_t row) {
  int64_t active = l->in->of.id == l->c->rows.id ? l->rows : l->sequences;
  int64_t room = l->in->of.id == l->c->rows.id ? l->c->room[0] : l->c->room[1];
  if (!l->in->of.id || active == 0 || below(l, row, 0, 5) == 0) return -1;
  int64_t target = below(l, row, 1, room);
  return (int32_t)(target < active ? target : target % active);
}

static int32_t sequence_of(const loading *l, int64_t row) {
  for (int64_t s = 0; s < l->sequences; s++)
    if (row >= l->c->begin[s] && row < l->c->end[s]) return (int32_t)s;
  return -1;
}

static int32_t integer_at(const loading *l, int64_t row, int64_t element) {
  const pal_case *c = l->c;
  switch (l->in->kind) {
    case PAL_CASE_INDEX: return index_at(l, row);
    case PAL_CASE_BEGIN: return clip(c->begin[row], l->rows);
    case PAL_CASE_LENGTH: return clip(c->end[row], l->rows) - clip(c->begin[row], l->rows);
    case PAL_CASE_SEQUENCE: return sequence_of(l, row);
    case PAL_CASE_POSITION: {
      int32_t s = sequence_of(l, row);
      return s < 0 ? -1 : (int32_t)row - c->begin[s];
    }
    default: break;
  }
  int64_t low = (int64_t)l->in->low, n = (int64_t)l->in->high - low + 1;
  return (int32_t)(low + below(l, row, (uint32_t)element, n));
}

/* Stores one random element as the input's dtype. */
static void store(const loading *l, void *to, int64_t at, int64_t row, int64_t element) {
  float f = (float)(l->in->low + (l->in->high - l->in->low) * uniform(l, row, element));
  uint32_t bits;
  switch (l->in->type.dtype) {
    case PAL_F32: ((float *)to)[at] = f; break;
    case PAL_BF16:
      memcpy(&bits, &f, sizeof bits);
      ((uint16_t *)to)[at] = (uint16_t)(bits >> 16);
      break;
    case PAL_I32: ((int32_t *)to)[at] = integer_at(l, row, element); break;
    case PAL_U8: ((uint8_t *)to)[at] = (uint8_t)integer_at(l, row, element); break;
    case PAL_NONE: break;
  }
}

void pal_case_spoil(char *at, size_t bytes, pal_case_filling filling) {
  uint32_t word = filling == PAL_FILL_ONES ? 0xFFFFFFFFu : 0x7FA00001u; /* a signalling NaN */
  for (size_t i = 0; i < bytes; i += sizeof word) {
    if (filling == PAL_FILL_NOISE) word = word * 1664525u + 1013904223u;
    size_t n = bytes - i < sizeof word ? bytes - i : sizeof word;
    memcpy(at + i, &word, n);
  }
}

void pal_case_load(const pal_case *c, pal_exec *exec, pal_case_filling filling) {
  loading l = {.c = c};
  if (c->rows.id) l.rows = pal_exec_count_of(exec, "rows");
  if (c->sequences.id) l.sequences = pal_exec_count_of(exec, "sequences");
  for (size_t i = 0; i < c->input.n; i++) {
    l.in = &c->input.at[i];
    l.key = pal_rng_key(c->seed, l.in->name, 0);
    const pal_type *t = &l.in->type;
    int64_t active = t->symbol.id == c->rows.id ? l.rows : l.sequences;
    int64_t rows = pal_type_rows(t, active), row = pal_type_row(t);
    char *to = pal_exec_input(exec, l.in->name);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t e = 0; e < row; e++) store(&l, to, r * row + e, r, e);
    size_t one = (size_t)row * pal_dtype_size(t->dtype);
    size_t all = (size_t)pal_graph_rows_at_capacity(c->graph, t) * one;
    pal_case_spoil(to + (size_t)rows * one, all - (size_t)rows * one, filling);
  }
}
