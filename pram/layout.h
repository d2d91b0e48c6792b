/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of an AP-MDM that runs a program (floor 6).
 *
 * Row 0 is the sink, which always shows 0. Words follow in this order: the cells, then the
 * registers and the program counter of each processor. Word i has rows 1 + 2 i and 2 + 2 i, one of
 * which shows it while the other is a mask:
 *
 *   row     0   1 2   3 4   5 6   7 8    9 10
 *   token   0   3 M   1 M   0 M   0 M    0 M      2 cells, and a processor with 2 registers
 *           sink  cells     registers   counter */
#ifndef PAL_PRAM_LAYOUT_H
#define PAL_PRAM_LAYOUT_H

#include <palimpsest/pram.h>

typedef enum pal_pram_role {
  PAL_PRAM_SINK,
  PAL_PRAM_CELL,
  PAL_PRAM_REGISTER,
  PAL_PRAM_COUNTER
} pal_pram_role;

typedef struct pal_pram_place {
  pal_pram_role role;
  int address, reg; /* of a cell; of a register and a counter: the processor's number */
} pal_pram_place;

static inline pal_pram_place pal_pram_place_of(const pal_pram *program, int64_t row) {
  const int64_t word = (row - 1) / 2, later = word - program->cells, each = program->registers + 1;
  if (row == 0) return (pal_pram_place){PAL_PRAM_SINK, 0, -1};
  if (later < 0) return (pal_pram_place){PAL_PRAM_CELL, (int)word, -1};
  const int reg = (int)(later % each), processor = (int)(later / each);
  return reg < program->registers ? (pal_pram_place){PAL_PRAM_REGISTER, processor, reg}
                                  : (pal_pram_place){PAL_PRAM_COUNTER, processor, -1};
}
#endif
