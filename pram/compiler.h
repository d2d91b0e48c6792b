/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the compiler share (floor 6). compile.c explains the network. Every function
 * below adds its part to the block whose weights are in the compiler. */
#ifndef PAL_PRAM_COMPILER_H
#define PAL_PRAM_COMPILER_H

#include <palimpsest/pram.h>

/* Attention heads and columns of each; the points of a score in q k; the points that decide between
 * keys which both match, and bits of a step's number, for at most as many rows as possible. */
enum { HEADS = 3, HEAD = 64, POINT = 1024, TIME = 18, ORDERS = 1 << TIME };
_Static_assert((int)PAL_PRAM_MOST_ROWS == (int)ORDERS, "a row's time and order have TIME bits");

/* The residual stream's columns: those of one column each, then ranges. A `want` is what the row is
 * to become, which in the ARM is the next row. */
enum {
  ONE,
  SINK,
  SHOWN,    /* the row is a word, not a mask */
  ORDER,    /* among keys that match, the one with the largest is read, in units of 1 / ORDERS */
  OWNED,    /* the wanted word is a processor's */
  READ,     /* `load` may read what this row writes */
  COMMIT,   /* the final memory may have what this row writes */
  WAIT,     /* the row must stay a mask until its processor's counter is there or nothing runs */
  MAY_LIST, /* the row shows a cell once nothing runs ... */
  LIST,     /* ... or it always does */
  GOES_ON,  /* 0: the sequence ends here */
  RUNS,     /* the processor executes an instruction */
  ANY_RUNS, /* some processor does */
  FOUND,    /* the counter was found */
  LATE,     /* the row waits in this pass */
  JUMPS,
  SEL,  /* the wanted register is written */
  TURN, /* the wanted word is a counter, which was found */
  OPS,
  RANGES = OPS + 16
};

typedef struct pal_compiler {
  const pal_pram *o;
  pal_pram_layout layout;
  pal_store *store;
  pal_error *error;
  int word, time, registers, width, hidden;
  /* First columns of ranges: of W bits, 0 or 1 ... */
  int token, own, counter, next, target, x, y, carry, shift, result, follow, write, out;
  int use_x, use_y, use_d; /* ... of K flags, one for each register ... */
  int kind, want;  /* ... of K + 2 flags, see layout.h: the row's, and of what it wants ... */
  int address, of; /* ... of W + TIME bits, -1 or 1: the row's number and time, and those
                              that it reads from ... */
  int cell, past;  /* ... of W and TIME such bits: the cell to show, the time of GOES_ON */
  /* Of the block that is being made: its weights, and the next free places in them. */
  float *qkv, *mix, *in, *back;
  int head, feature, value, unit;
  double match; /* the head's score of a key that matches, in points */
  double *form; /* [width]: a linear form of the columns, see relu */
} pal_compiler;

/* Attention heads (compile_attention.c): the latest word in the row's place; the counter of the
 * row's processor; the register that the flags `use` name, into the range `to`; whether any
 * processor runs, in the ARM at a time; the last write to the cell `address` among rows that have
 * the flag `key`, for rows with the flag `gate`. */
void pal_compile_own_head(pal_compiler *c);
void pal_compile_counter_head(pal_compiler *c);
void pal_compile_register_head(pal_compiler *c, int use, int to);
void pal_compile_any_head(pal_compiler *c, int time, int to);
void pal_compile_read_head(pal_compiler *c, int address, int gate, int key, int to);

/* Hidden units of MLPs (compile_mlp.c): the fields of instruction i; carries, borrows and x < y;
 * other comparisons, shifts, jumps and what the row does; bit b of the result and of the next
 * counter; bit b of the new word, and that a word is not a mask. */
void pal_compile_decode(pal_compiler *c, int i);
void pal_compile_carries(pal_compiler *c);
void pal_compile_compare_and_jump(pal_compiler *c);
void pal_compile_result_bit(pal_compiler *c, int b);
void pal_compile_new_bit(pal_compiler *c, int b);
void pal_compile_ready(pal_compiler *c);
#endif
