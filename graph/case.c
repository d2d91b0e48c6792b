/* SPDX-License-Identifier: Apache-2.0 */
/* The functions by which an op's sample draws a case (floor 1). See <palimpsest/case.h>. */
#define PAL_NO_CALLER
#include "graph/case.h"

#include <stdio.h>
#include <string.h>

#include "src/alloc.h"

void pal_case_init(pal_case *c, pal_graph *graph, uint64_t seed, int number, pal_case_form form) {
  *c = (pal_case){.graph = graph,
                  .form = form,
                  .tolerance = 64,
                  .seed = pal_rng_key(seed, "case", (uint64_t)number)};
  c->rng = pal_rng_new(c->seed, "case.draws", 0, 0);
}

void pal_case_free(pal_case *c) { pal_free(c->input.at); }

pal_graph *pal_case_graph(pal_case *random) { return random->graph; }

/* ---- draws --------------------------------------------------------------------------- */

/* Adds a draw to the hash of the case. */
static void note(pal_case *c, uint64_t drawn) {
  c->drawn = (c->drawn ^ drawn) * 0x9E3779B97F4A7C15u;
  c->drawn ^= c->drawn >> 29;
}

int64_t pal_case_int(pal_case *random, int64_t lo, int64_t hi) {
  if (hi <= lo) return lo;
  uint64_t n = (uint64_t)(hi - lo) + 1, wide = (uint64_t)pal_rng_next(&random->rng) << 32;
  int64_t drawn = lo + (int64_t)((wide | pal_rng_next(&random->rng)) % n);
  note(random, (uint64_t)drawn);
  return drawn;
}

double pal_case_real(pal_case *random, double lo, double hi) {
  double u = pal_rng_real(&random->rng);
  note(random, (uint64_t)(u * 0x1p53));
  return lo + (hi - lo) * u;
}

int64_t pal_case_size(pal_case *random) {
  static const int8_t size[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 24, 31, 32, 33, 40};
  return size[pal_case_int(random, 0, (int64_t)(sizeof size) - 1)];
}

void pal_case_tolerance(pal_case *random, double units) { random->tolerance = units; }

/* ---- symbols ------------------------------------------------------------------------- */

static pal_symbol make_symbol(pal_case *c, const char *name, int which) {
  int64_t capacity = c->form.capacity[which] >= 0 ? c->form.capacity[which] : c->room[which];
  return pal_symbol_new(c->graph, name, capacity);
}

/* Mostly a little more than the 16 lanes of a vector; sometimes 1 to 3 rows, or more than the 256
 * rows of a reduction's chunk. */
pal_symbol pal_case_rows(pal_case *random) {
  if (random->rows.id || random->graph->error.code) return random->rows;
  int64_t kind = pal_case_int(random, 0, 9);
  random->room[0] = kind == 0   ? pal_case_int(random, 1, 3)
                    : kind <= 2 ? pal_case_int(random, 257, 330)
                    : kind <= 5 ? pal_case_int(random, 31, 70)
                                : pal_case_int(random, 17, 30);
  random->rows = make_symbol(random, "rows", 0);
  return random->rows;
}

pal_symbol pal_case_sequences(pal_case *random) {
  if (random->sequences.id || random->graph->error.code) return random->sequences;
  random->room[1] = pal_case_int(random, 1, PAL_CASE_SEQUENCES);
  random->sequences = make_symbol(random, "sequences", 1);
  return random->sequences;
}

/* ---- inputs -------------------------------------------------------------------------- */

/* Makes an input and returns the value that the op reads; *made is the input's record, or NULL when
 * out of memory. */
static pal_value make_input(pal_case *c, pal_case_kind kind, pal_type type, pal_case_input **made) {
  *made = PAL_PUSH(c->input);
  if (!*made) return pal_graph_fail(c->graph, PAL_E_MEMORY, "no memory for the case");
  pal_case_input *in = *made;
  *in = (pal_case_input){.kind = kind, .type = type};
  snprintf(in->name, sizeof in->name, "in%d", (int)c->input.n - 1);
  in->value = pal_input(c->graph, in->name, type);
  if (c->form.through && type.dtype == PAL_F32) return c->form.through(c->graph, in->value);
  return in->value;
}

static pal_value ranged(pal_case *c, pal_case_kind kind, pal_type type, double lo, double hi) {
  pal_case_input *in;
  pal_value v = make_input(c, kind, type, &in);
  if (in) {
    in->low = lo;
    in->high = hi;
  }
  return v;
}

pal_value pal_case_f32(pal_case *random, pal_type type, double lo, double hi) {
  return ranged(random, PAL_CASE_F32, type, lo, hi);
}

pal_value pal_case_fixed(pal_case *random, pal_type type, double lo, double hi) {
  return ranged(random, PAL_CASE_FIXED, type, lo, hi);
}

pal_value pal_case_whole(pal_case *random, pal_type type, int64_t lo, int64_t hi) {
  return ranged(random, PAL_CASE_WHOLE, type, (double)lo, (double)hi);
}

pal_value pal_case_index(pal_case *random, pal_symbol rows, pal_symbol of) {
  pal_case_input *in;
  pal_value v = make_input(random, PAL_CASE_INDEX, PAL_TYPE(PAL_I32, rows, 1), &in);
  if (in) in->of = of;
  return v;
}

/* Lays out sequences one after the other (ragged rows), some empty, some after a gap of unused
 * rows:
 *
 *   row        0 1 2 3 4 5 6 7 8
 *   sequence   0 0 0 - 2 2 2 2 -     sequence 1 is empty
 *   position   0 1 2 - 0 1 2 3 -     - stands for -1 */
static void lay_out_sequences(pal_case *c) {
  pal_rng rng = pal_rng_new(c->seed, "case.ragged", 0, 0);
  uint32_t most = (uint32_t)(2 * c->room[0] / c->room[1]);
  int32_t at = 0, last = (int32_t)c->room[0];
  for (int64_t s = 0; s < c->room[1]; s++) {
    if (pal_rng_below(&rng, 4) == 0) at += (int32_t)pal_rng_below(&rng, 3);
    if (at > last) at = last;
    int32_t length = pal_rng_below(&rng, 6) == 0 ? 0 : (int32_t)pal_rng_below(&rng, most + 1);
    c->begin[s] = at;
    at = length < last - at ? at + length : last;
    c->end[s] = at;
  }
}

void pal_case_ragged(pal_case *random, pal_value *begin, pal_value *length, pal_value *sequence,
                     pal_value *position) {
  pal_value *const to[4] = {begin, length, sequence, position};
  pal_symbol rows = pal_case_rows(random), sequences = pal_case_sequences(random);
  if (!random->graph->error.code) lay_out_sequences(random);
  for (int i = 0; i < 4; i++) {
    if (!to[i]) continue;
    if (!random->ragged[i].id) {
      pal_case_input *in;
      random->ragged[i] = make_input(random, (pal_case_kind)(PAL_CASE_BEGIN + i),
                                     PAL_TYPE(PAL_I32, i < 2 ? sequences : rows, 1), &in);
    }
    *to[i] = random->ragged[i];
  }
}
