/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of models that run a program (floor 6). See layout.h. */
#include "pram/layout.h"

static int64_t block_of(const pal_pram *o) { return pal_pram_state(o) - o->cells; }

int64_t pal_pram_listing(const pal_pram *o) {
  const int64_t registers = (int64_t)o->processors * o->registers;
  return registers ? (o->cells + registers - 1) / registers : 0;
}

int pal_pram_listed(const pal_pram *o, pal_pram_place at) {
  const int64_t row = ((at.time - 1) * o->processors + at.number) * o->registers + at.kind;
  return (int)(row % o->cells);
}

int64_t pal_pram_rows(const pal_pram *o, pal_pram_layout layout) {
  const int64_t state = pal_pram_state(o);
  if (layout == PAL_PRAM_AP_MDM) return 2 * state + 1;
  if (layout == PAL_PRAM_MDM) return 1 + state + block_of(o) * o->steps + o->cells;
  return 2 + state + block_of(o) * (o->steps + 1 + pal_pram_listing(o));
}

int64_t pal_pram_passes(const pal_pram *o, pal_pram_layout layout, int64_t time) {
  if (layout != PAL_PRAM_ARM) return time + (layout == PAL_PRAM_AP_MDM ? 2 : 1);
  return block_of(o) * (time + 1 + pal_pram_listing(o)) + 1;
}

pal_pram_place pal_pram_place_of(const pal_pram *o, pal_pram_layout layout, int64_t row) {
  const int64_t state = pal_pram_state(o), block = block_of(o);
  int64_t word = layout == PAL_PRAM_AP_MDM ? (row - 1) / 2 : row - 1, time = 0;
  if (row == 0) return (pal_pram_place){.kind = -1};
  if (word >= state) {
    const int64_t later = word - state;
    time = later / block + 1;
    word = o->cells + later % block;
    if (layout == PAL_PRAM_MDM && time > o->steps) word = later - block * o->steps;
  }
  if (word < o->cells) return (pal_pram_place){o->registers + 1, (int)word, time};
  word -= o->cells;
  const int64_t registers = block - o->processors;
  if (word >= registers) return (pal_pram_place){o->registers, (int)(word - registers), time};
  return (pal_pram_place){(int)(word % o->registers), (int)(word / o->registers), time};
}
