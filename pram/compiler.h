/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the compiler share (floor 6). compile.c explains the network. Every function
 * below adds its part to the block whose weights are in the compiler. */
#ifndef PAL_PRAM_COMPILER_H
#define PAL_PRAM_COMPILER_H

#include <palimpsest/pram.h>

/* Attention heads, columns of each, and the points of a score in q k. */
enum { HEADS = 3, HEAD = 64, POINT = 1024 };

/* The residual stream's columns: those of one column each, then ranges. */
enum {
  ONE,
  SINK,
  CELL,
  REG,
  PC,
  SHOWN,
  RUNS,
  ANY_RUNS,
  JUMPS,
  SEL,
  WRITTEN,
  OPS,
  RANGES = OPS + 16
};

typedef struct pal_compiler {
  const pal_pram *o;
  pal_store *store;
  pal_error *error;
  int word, registers, width, hidden;
  /* First columns of ranges of W bits ... */
  int address, token, own, counter, next, target, x, y, carry, shift, result, follow, write, out;
  int reg, use_x, use_y, use_d; /* ... and of K flags, one for each register */
  /* Of the block that is being made: its weights, and the next free places in them. */
  float *qkv, *mix, *in, *back;
  int head, feature, value, unit;
  double *form; /* [width]: a linear form of the columns, see relu */
} pal_compiler;

/* Attention heads (compile_attention.c): the shown row of the same word; the counter of the row's
 * processor; the register that the flags `use` name, into the range `to`; whether any processor
 * runs; the cell that `load` reads; the lowest processor that writes to the row's cell. */
void pal_compile_own_head(pal_compiler *c);
void pal_compile_counter_head(pal_compiler *c);
void pal_compile_register_head(pal_compiler *c, int use, int to);
void pal_compile_any_head(pal_compiler *c);
void pal_compile_load_head(pal_compiler *c);
void pal_compile_write_head(pal_compiler *c);

/* Hidden units of MLPs (compile_mlp.c): the fields of instruction i; carries, borrows and x < y;
 * other comparisons, shifts, jumps and whether a register is written; bit b of the result and of
 * the next counter; bit b of the new word. */
void pal_compile_decode(pal_compiler *c, int i);
void pal_compile_carries(pal_compiler *c);
void pal_compile_compare_and_jump(pal_compiler *c);
void pal_compile_result_bit(pal_compiler *c, int b);
void pal_compile_new_bit(pal_compiler *c, int b);
#endif
