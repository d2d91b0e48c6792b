/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler: a program to the weights of an AP-MDM on the shared backbone (floor 6). It shares
 * no code with the interpreter.
 *
 * Every word of the machine's state has two rows, see layout.h. One pass of the network is one step
 * of the machine: the masks are written with the new words, while the rows that show a word become
 * masks. What the network knows of a row's role is in the position table: whether it is of a cell,
 * a register or a program counter, and its address or its processor's number.
 *
 *   block   attention reads                                   MLP computes
 *   0       the word itself; its processor's counter          the fields of the instruction
 *   1       operands x and y; whether any processor runs      carries, comparisons, jumps
 *   2       the cell that `load` reads                        the result, the next counter
 *   3       the lowest processor that writes to this cell     the new word
 *
 * Everything is exact in f32. The residual stream holds whole numbers: bits 0 and 1, and addresses
 * as bits -1 and 1. In attention the score of a key is a whole number of points, a point being 1024
 * in q k and 128 after the scale of 1/8, that of heads of 64 columns. A head's sink, row 0, has a
 * score between that of a match and the next best one, so a query without a match reads zeros.
 * Different scores differ by 128 or more, and exp(-128) < 2^-149 is 0 in f32: only the best key has
 * a weight, exactly 1. (Of "does any processor run" several keys may be best; all have the value
 * 1.) Products and their sums are exact if a score is less than 2^24 points, and in an MLP if a sum
 * is less than 2^24, whatever the order of summation: check_block adds up the absolute values of
 * the weights, since no column exceeds 1. */
#include <palimpsest/pram.h>

#include <stdio.h>
#include <string.h>

#include "pram/compiler.h"
#include "pram/layout.h"
#include "src/alloc.h"

enum { BLOCKS = 4, EDITS = 3 };

static int ranges(pal_compiler *c) {
  int at = RANGES;
  int *const bits[] = {&c->address, &c->token,  &c->own,   &c->counter, &c->next,
                       &c->target,  &c->x,      &c->y,     &c->carry,   &c->shift,
                       &c->result,  &c->follow, &c->write, &c->out};
  int *const flags[] = {&c->reg, &c->use_x, &c->use_y, &c->use_d};
  for (size_t i = 0; i < sizeof bits / sizeof *bits; i++, at += c->word) *bits[i] = at;
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++, at += c->registers) *flags[i] = at;
  return (at + 15) / 16 * 16;
}

/* Units of the widest MLP, which is block 2's or, for a long program, block 0's. */
static int most_units(const pal_compiler *c) {
  const int w = c->word, units = w * (w + 1) + 11 * w + c->registers;
  return ((units > c->o->n_code ? units : c->o->n_code) + 15) / 16 * 16;
}

/* The weights of that name, [rows][columns]; NULL with an error if there are no such weights. */
static float *weights(pal_compiler *c, const char *name, int64_t rows, int64_t columns) {
  pal_variable *v = pal_store_find(c->store, name);
  const pal_type *type = v ? pal_variable_type(v) : NULL;
  if (type && type->rank == 2 && type->dim[0] == rows && type->dim[1] == columns)
    return pal_variable_data(v);
  pal_fail(c->error, PAL_E_ARGUMENT,
           "the model is not made for this program: %s is not %lld x %lld", name, (long long)rows,
           (long long)columns);
  return NULL;
}

static bool open_block(pal_compiler *c, int block) {
  static const char *const part[] = {"attention.qkv", "attention.out", "mlp.in", "mlp.out"};
  const int64_t rows[] = {3 * HEADS * HEAD, c->width, c->hidden, c->width};
  const int64_t columns[] = {c->width, HEADS * HEAD, c->width, c->hidden};
  float **const to[] = {&c->qkv, &c->mix, &c->in, &c->back};
  char name[80];
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "model.block.%d.%s.weight", block, part[i]);
    *to[i] = weights(c, name, rows[i], columns[i]);
    if (!*to[i]) return false;
  }
  c->head = c->feature = c->value = c->unit = 0;
  return true;
}

static void fill_block(pal_compiler *c, int block) {
  if (block == 0) {
    pal_compile_own_head(c);
    pal_compile_counter_head(c);
    for (int i = 0; i < c->o->n_code; i++) pal_compile_decode(c, i);
  } else if (block == 1) {
    pal_compile_register_head(c, c->use_x, c->x);
    pal_compile_register_head(c, c->use_y, c->y);
    pal_compile_any_head(c);
    pal_compile_carries(c);
    pal_compile_compare_and_jump(c);
  } else if (block == 2) {
    pal_compile_load_head(c);
    for (int b = 0; b < c->word; b++) pal_compile_result_bit(c, b);
  } else {
    pal_compile_write_head(c);
    for (int b = 0; b < c->word; b++) pal_compile_new_bit(c, b);
  }
}

static double size_of(const float *row, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += row[i] < 0 ? -row[i] : row[i];
  return sum;
}

/* Checks the bounds on which exactness rests; see the beginning of this file. */
static bool check_block(const pal_compiler *c) {
  const double most = 1 << 24;
  bool exact = true;
  for (int head = 0; head < HEADS; head++) {
    double score = 0;
    for (int i = head * HEAD; i < (head + 1) * HEAD; i++)
      score += size_of(c->qkv + i * c->width, c->width) *
               size_of(c->qkv + (HEADS * HEAD + i) * c->width, c->width);
    exact &= score < most * POINT;
  }
  for (int i = 0; i < c->unit; i++) exact &= size_of(c->in + i * c->width, c->width) < most;
  return exact;
}

/* The position table: the only weights that depend on n. */
static void fill_positions(const pal_compiler *c, float *table) {
  const int64_t rows = pal_pram_rows(c->o);
  for (int64_t i = 0; i < rows; i++, table += c->width) {
    const pal_pram_place at = pal_pram_place_of(c->o, i);
    table[ONE] = 1;
    table[at.role == PAL_PRAM_SINK       ? SINK
          : at.role == PAL_PRAM_CELL     ? CELL
          : at.role == PAL_PRAM_REGISTER ? REG
                                         : PC] = 1;
    if (at.role == PAL_PRAM_SINK) continue;
    for (int b = 0; b < c->word; b++) table[c->address + b] = at.address >> b & 1 ? 1 : -1;
    if (at.role == PAL_PRAM_REGISTER) table[c->reg + at.reg] = 1;
  }
}

/* Embedding and output of every word, and the edit bits: a shown row becomes a mask while any
 * processor runs. */
static void fill_ends(const pal_compiler *c, float *embedding, float *output, float *edit) {
  for (int v = 0; v < 1 << c->word; v++) {
    float *e = embedding + v * c->width, *o = output + v * c->width;
    e[SHOWN] = 1;
    for (int b = 0; b < c->word; b++) {
      const int bit = v >> b & 1;
      e[c->token + b] = (float)bit;
      o[c->out + b] = bit ? 2 : -2;
      o[ONE] -= bit ? 1 : -1;
    }
  }
  edit[ANY_RUNS] = edit[SHOWN] = 2;
  edit[SINK] = -2;
  edit[ONE] = -3;
}

static pal_status fill(pal_compiler *c) {
  const int64_t words = (1 << c->word) + 1;
  float *embedding = weights(c, "model.embedding.weight", words, c->width);
  float *output = weights(c, "model.output.weight", words, c->width);
  float *edit = weights(c, "model.edit.weight", EDITS, c->width);
  float *place = weights(c, "model.position.weight", pal_pram_rows(c->o), c->width);
  pal_variable *bias = pal_store_find(c->store, "model.edit.bias");
  if (!embedding || !output || !edit || !place || !bias) return c->error->code;
  for (int i = 0; pal_store_parameter_at(c->store, i); i++) {
    pal_variable *v = pal_store_parameter_at(c->store, i);
    memset(pal_variable_data(v), 0, pal_variable_bytes(v));
  }
  for (int i = 1; i < EDITS; i++) ((float *)pal_variable_data(bias))[i] = -1; /* never */
  fill_positions(c, place);
  fill_ends(c, embedding, output, edit);
  for (int i = 0; i < BLOCKS; i++) {
    if (!open_block(c, i)) return c->error->code;
    fill_block(c, i);
    if (!check_block(c))
      return pal_fail(c->error, PAL_E_UNSUPPORTED, "words of %d bits are not exact in f32",
                      c->word);
  }
  return PAL_OK;
}

static void begin(pal_compiler *c, const pal_pram *program) {
  *c = (pal_compiler){.o = program, .word = program->word, .registers = program->registers};
  c->width = ranges(c);
  c->hidden = most_units(c);
}

int pal_pram_settings(const pal_pram *program, char text[][PAL_PRAM_SETTING]) {
  pal_compiler c;
  begin(&c, program);
  const struct {
    const char *key;
    int value;
  } whole[] = {{"layers", BLOCKS},
               {"heads", HEADS},
               {"head_width", HEAD},
               {"width", c.width},
               {"hidden", c.hidden}};
  static const char *const other[] = {"norm=none", "activation=relu", "positions=learned"};
  int n = 0;
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
    snprintf(text[n++], PAL_PRAM_SETTING, "%s=%d", whole[i].key, whole[i].value);
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) strcpy(text[n++], other[i]);
  return n;
}

pal_status pal_pram_compile(const pal_pram *program, pal_model *model, pal_error *error) {
  pal_error own = {0};
  pal_compiler c;
  const char *name = pal_model_definition_of(model)->name;
  if (strcmp(name, "ap-mdm") != 0)
    return pal_fail(error, PAL_E_UNSUPPORTED, "programs are compiled to ap-mdm, not to %s", name);
  begin(&c, program);
  c.store = pal_model_store(model);
  c.error = error ? error : &own;
  /* A decoder creates the parameters. */
  const pal_decode_options options = {.sequences = 1, .max_steps = 1};
  pal_decoder *decoder = pal_decoder_new(model, &options, c.error);
  c.form = pal_alloc(sizeof *c.form * (size_t)c.width);
  if (decoder && !c.form) pal_fail(c.error, PAL_E_MEMORY, "no memory for a compiler");
  const pal_status status = decoder && c.form ? fill(&c) : c.error->code;
  pal_free(c.form);
  pal_decoder_free(decoder);
  return status;
}
