/* SPDX-License-Identifier: Apache-2.0 */
/* The hidden units of the compiler's MLPs (floor 6). */
#include <string.h>

#include "pram/compiler.h"

static void clear(pal_compiler *c) { memset(c->form, 0, sizeof *c->form * (size_t)c->width); }

/* Adds the number whose bits are the range `from`, of `bits` bits, to the form. */
static void add_number(pal_compiler *c, int from, int bits, double times) {
  for (int b = 0; b < bits; b++) c->form[from + b] += times * (1 << b);
}

/* A hidden unit: adds `times` max(0, form + constant) to column `to`. */
static void relu(pal_compiler *c, double constant, int to, double times) {
  float *row = c->in + c->unit * c->width;
  for (int i = 0; i < c->width; i++) row[i] = (float)c->form[i];
  row[ONE] += (float)constant;
  c->back[to * c->hidden + c->unit++] = (float)times;
}

/* Adds 1 to column `to` if form + constant >= 1, for a form with whole values. */
static void step(pal_compiler *c, double constant, int to) {
  relu(c, constant, to, 1);
  relu(c, constant - 1, to, -1);
}

/* Adds 1 if form + constant = 0. */
static void equal(pal_compiler *c, double constant, int to) {
  relu(c, constant + 1, to, 1);
  relu(c, constant, to, -2);
  relu(c, constant - 1, to, 1);
}

/* Lets the form count only where the instruction is `op`: by `much` less elsewhere. */
static double only(pal_compiler *c, pal_pram_op op, double much) {
  c->form[OPS + op] += much;
  return -much;
}

/* Adds a AND b to column `to`. */
static void both(pal_compiler *c, int a, int b, int to) {
  clear(c);
  c->form[a] = c->form[b] = 1;
  relu(c, -1, to, 1);
}

/* The fields of instruction i, where the counter was found and is i. */
void pal_compile_decode(pal_compiler *c, int i) {
  const pal_pram_code *code = &c->o->code[i];
  int ones = 0;
  clear(c);
  for (int b = 0; b < c->word; b++) {
    const int bit = i >> b & 1;
    c->form[c->counter + b] = bit ? 2 : -2;
    ones += bit ? 1 : -1;
  }
  c->form[FOUND] = 1;
  relu(c, -ones - c->word, OPS + (int)code->op, 1);
  float *to = c->back + c->unit - 1; /* the unit's column */
  const bool halts = code->op == PAL_PRAM_HALT;
  if (!halts) to[RUNS * c->hidden] = 1;
  if (code->x >= 0) to[(c->use_x + code->x) * c->hidden] = 1;
  if (code->y >= 0) to[(c->use_y + code->y) * c->hidden] = 1;
  if (code->d >= 0) to[(c->use_d + code->d) * c->hidden] = 1;
  for (int b = 0; b < c->word; b++) {
    to[(c->y + b) * c->hidden] = code->y < 0 ? (float)(code->constant >> b & 1) : 0;
    to[(c->next + b) * c->hidden] = (float)((halts ? i : i + 1) >> b & 1);
    to[(c->target + b) * c->hidden] = (float)(code->target >> b & 1);
  }
}

/* Carries of x + y and borrows of x - y into every bit, and x < y, which is a borrow from bit W. */
void pal_compile_carries(pal_compiler *c) {
  for (int b = 1; b < c->word; b++) {
    clear(c);
    add_number(c, c->x, b, 1);
    add_number(c, c->y, b, 1);
    step(c, 1 - (1 << b) + only(c, PAL_PRAM_ADD, 2 << b), c->carry + b);
  }
  for (int b = 1; b <= c->word; b++) {
    const bool last = b == c->word;
    clear(c);
    add_number(c, c->y, b, 1);
    add_number(c, c->x, b, -1);
    step(c, only(c, last ? PAL_PRAM_LT : PAL_PRAM_SUB, 1 << b), last ? c->result : c->carry + b);
  }
}

void pal_compile_compare_and_jump(pal_compiler *c) {
  const int w = c->word;
  clear(c);
  add_number(c, c->y, w, 1);
  add_number(c, c->x, w, -1);
  equal(c, only(c, PAL_PRAM_EQ, 2 << w), c->result);
  for (int k = 0; k < w; k++) { /* shifts by k */
    clear(c);
    add_number(c, c->y, w, 1);
    c->form[OPS + PAL_PRAM_SHL] = c->form[OPS + PAL_PRAM_SHR] = 2 << w;
    equal(c, -k - (2 << w), c->shift + k);
  }
  clear(c);
  c->form[OPS + PAL_PRAM_JUMP] = 1;
  relu(c, 0, JUMPS, 1);
  clear(c);
  add_number(c, c->x, w, -1);
  c->form[OPS + PAL_PRAM_JZ] = 1;
  relu(c, 0, JUMPS, 1);
  clear(c);
  add_number(c, c->x, w, 1);
  step(c, only(c, PAL_PRAM_JNZ, 1 << w), JUMPS);
  for (int r = 0; r < c->registers; r++) both(c, c->want + r, c->use_d + r, SEL);
  both(c, c->want + c->registers, FOUND, TURN);
  clear(c);
  c->form[MAY_LIST] = 1;
  c->form[ANY_RUNS] = -1;
  relu(c, 0, LIST, 1);
  clear(c);
  c->form[WAIT] = c->form[ANY_RUNS] = 1;
  c->form[FOUND] = -1;
  relu(c, -1, LATE, 1);
}

void pal_compile_result_bit(pal_compiler *c, int b) {
  const int x = c->x + b, y = c->y + b, to = c->result + b;
  clear(c); /* add, sub, xor: the last bit of x + y + carry, of which xor has none */
  c->form[x] = c->form[y] = c->form[c->carry + b] = 1;
  const double gate = only(c, PAL_PRAM_ADD, 4);
  (void)only(c, PAL_PRAM_SUB, 4);
  (void)only(c, PAL_PRAM_XOR, 4);
  relu(c, gate, to, 1);
  relu(c, gate - 1, to, -2);
  relu(c, gate - 2, to, 2);
  clear(c);
  c->form[x] = c->form[y] = 1;
  relu(c, -1 + only(c, PAL_PRAM_AND, 1), to, 1);
  clear(c);
  c->form[x] = c->form[y] = 1;
  step(c, only(c, PAL_PRAM_OR, 2), to);
  both(c, y, OPS + PAL_PRAM_MOVE, to);
  for (int k = 0; k < c->word; k++) {
    clear(c);
    if (b - k >= 0) {
      c->form[c->x + b - k] = c->form[c->shift + k] = c->form[OPS + PAL_PRAM_SHL] = 1;
      relu(c, -2, to, 1);
    }
    clear(c);
    if (b + k < c->word) {
      c->form[c->x + b + k] = c->form[c->shift + k] = c->form[OPS + PAL_PRAM_SHR] = 1;
      relu(c, -2, to, 1);
    }
  }
  both(c, c->target + b, JUMPS, c->follow + b);
  clear(c);
  c->form[c->next + b] = 1;
  c->form[JUMPS] = -1;
  relu(c, 0, c->follow + b, 1);
}

/* The new word: of a register that is written, a counter, a cell, or the old one. Bits become 1 and
 * -1, or 0 where the row waits. */
void pal_compile_new_bit(pal_compiler *c, int b) {
  const int from[] = {c->result + b, c->follow + b, c->write + b}, where[] = {SEL, TURN, LIST};
  for (int i = 0; i < 3; i++) {
    clear(c);
    c->form[from[i]] = c->form[where[i]] = 1;
    c->form[LATE] = -1;
    relu(c, -1, c->out + b, 2);
  }
  clear(c);
  c->form[c->own + b] = 1;
  c->form[SEL] = c->form[TURN] = c->form[LIST] = c->form[LATE] = -1;
  relu(c, 0, c->out + b, 2);
}

void pal_compile_ready(pal_compiler *c) {
  clear(c);
  c->form[LATE] = -1;
  relu(c, 1, c->out, -1);
  for (int b = 1; b < c->word; b++) c->back[(c->out + b) * c->hidden + c->unit - 1] = -1;
}
