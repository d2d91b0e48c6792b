/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of models that run a program (floor 6).
 *
 * Row 0 is the sink, which always shows 0. Behind it is the first state, S words in this order: the
 * cells, the registers of each processor, the program counters.
 *
 *   AP-MDM   word i has rows 1 + 2 i and 2 + 2 i, one of which shows it while the other is a mask
 *   MDM      1 + i; then blocks, one for each declared step: registers and counters, P (K + 1) rows
 *            of masks; then M masks that become the final cells
 *   ARM      1 + i; then blocks, one for each step and one more; then blocks in which register row
 *            j, counted from step 1 on, shows cell j mod M: as many as list all cells; then eos */
#ifndef PAL_PRAM_LAYOUT_H
#define PAL_PRAM_LAYOUT_H

#include <palimpsest/pram.h>

/* What a row holds. */
typedef struct pal_pram_place {
  int kind;     /* 0 .. K - 1: a register, K: a program counter, K + 1: a cell; -1: the sink */
  int number;   /* the cell's address, or the processor's number */
  int64_t time; /* the step that writes it; 0: it is part of the first state */
} pal_pram_place;
pal_pram_place pal_pram_place_of(const pal_pram *program, pal_pram_layout layout, int64_t row);

/* For the ARM: the blocks that list all cells, and the cell that a register shows in such a one. */
int64_t pal_pram_listing(const pal_pram *program);
int pal_pram_listed(const pal_pram *program, pal_pram_place at);
#endif
