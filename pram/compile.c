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

#include "pram/layout.h"
#include "src/alloc.h"

enum { BLOCKS = 4, HEADS = 3, HEAD = 64, EDITS = 3 };
static const double POINT = 1024;

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

typedef struct compiler {
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
} compiler;

static int ranges(compiler *c) {
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
static int most_units(const compiler *c) {
  const int w = c->word, units = w * (w + 1) + 11 * w + c->registers;
  return ((units > c->o->n_code ? units : c->o->n_code) + 15) / 16 * 16;
}

/* ---- attention -------------------------------------------------------------------------- */

/* A further summand of the head's scores: `points` times the query's column times the key's. */
static void score(compiler *c, int of_query, int of_key, double points) {
  const int row = c->head * HEAD + c->feature++;
  c->qkv[row * c->width + of_query] = (float)(points * POINT);
  c->qkv[(HEADS * HEAD + row) * c->width + of_key] = 1;
}

/* The same, with 2 z - 1 in place of a query's, or a key's, bit z; 0 in place of the sink's. */
static void score_bit(compiler *c, int of_query, int of_key, double points, bool query_is_bit) {
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
static void take(compiler *c, int from, int to) {
  const int at = c->head * HEAD + c->value++;
  c->qkv[(2 * HEADS * HEAD + at) * c->width + from] = 1;
  c->mix[to * HEADS * HEAD + at] = 1;
}

static void take_bits(compiler *c, int from, int to) {
  for (int b = 0; b < c->word; b++) take(c, from + b, to + b);
}

static void next_head(compiler *c) {
  c->head++;
  c->feature = c->value = 0;
}

/* The shown row of the same word; the sink reads itself. */
static void own_head(compiler *c) {
  for (int b = 0; b < c->word; b++) score(c, c->address + b, c->address + b, 1);
  for (int r = 0; r < c->registers; r++) score(c, c->reg + r, c->reg + r, 1);
  for (int role = CELL; role <= PC; role++) score(c, role, role, 1);
  score(c, ONE, SHOWN, 1);
  score(c, SINK, SINK, 1);
  take_bits(c, c->token, c->own);
  next_head(c);
}

/* The counter of the row's processor. */
static void counter_head(compiler *c) {
  for (int b = 0; b < c->word; b++) score(c, c->address + b, c->address + b, 2);
  score(c, ONE, PC, 2);
  score(c, ONE, SHOWN, 2);
  score(c, ONE, SINK, 2 * c->word + 3 - 2); /* - 2: the sink is shown too */
  take_bits(c, c->token, c->counter);
  next_head(c);
}

/* The register of the row's processor that the flags `use` name, if they name one. */
static void register_head(compiler *c, int use, int to) {
  for (int b = 0; b < c->word; b++) score(c, c->address + b, c->address + b, 2);
  for (int r = 0; r < c->registers; r++) score(c, use + r, c->reg + r, 2);
  score(c, ONE, SHOWN, 2);
  score(c, ONE, SINK, 2 * c->word + 3 - 2);
  take_bits(c, c->token, to);
  next_head(c);
}

static void any_head(compiler *c) {
  score(c, ONE, PC, 2);
  score(c, ONE, SHOWN, 2);
  score(c, ONE, RUNS, 2);
  score(c, ONE, SINK, 5 - 2);
  take(c, RUNS, ANY_RUNS);
  next_head(c);
}

static void load_head(compiler *c) {
  for (int b = 0; b < c->word; b++) score_bit(c, c->y + b, c->address + b, 2, true);
  score(c, OPS + PAL_PRAM_LOAD, CELL, 2);
  score(c, ONE, SHOWN, 2);
  score(c, ONE, SINK, 2 * c->word + 3 - 2);
  take_bits(c, c->token, c->result);
  next_head(c);
}

/* With N = 2^W: a key that matches in all W bits, stores, is a counter and is shown has 2 N (W + 3)
 * points, any other at least 2 N fewer; then up to N - 1 more for low and fewer for high
 * processors, 2 for each; the sink lies between. Rows that are no cells read the sink. */
static void write_head(compiler *c) {
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
  take_bits(c, c->x, c->write);
  take(c, OPS + PAL_PRAM_STORE, WRITTEN);
  next_head(c);
}

/* ---- MLPs ------------------------------------------------------------------------------- */

static void clear(compiler *c) { memset(c->form, 0, sizeof *c->form * (size_t)c->width); }

/* Adds the number whose bits are the range `from`, of `bits` bits, to the form. */
static void add_number(compiler *c, int from, int bits, double times) {
  for (int b = 0; b < bits; b++) c->form[from + b] += times * (1 << b);
}

/* A hidden unit: adds `times` max(0, form + constant) to column `to`. */
static void relu(compiler *c, double constant, int to, double times) {
  float *row = c->in + c->unit * c->width;
  for (int i = 0; i < c->width; i++) row[i] = (float)c->form[i];
  row[ONE] += (float)constant;
  c->back[to * c->hidden + c->unit++] = (float)times;
}

/* Adds 1 to column `to` if form + constant >= 1, for a form with whole values. */
static void step(compiler *c, double constant, int to) {
  relu(c, constant, to, 1);
  relu(c, constant - 1, to, -1);
}

/* Adds 1 if form + constant = 0. */
static void equal(compiler *c, double constant, int to) {
  relu(c, constant + 1, to, 1);
  relu(c, constant, to, -2);
  relu(c, constant - 1, to, 1);
}

/* Lets the form count only where the instruction is `op`: by `much` less elsewhere. */
static double only(compiler *c, pal_pram_op op, double much) {
  c->form[OPS + op] += much;
  return -much;
}

/* The fields of instruction i, where the row is a register's or a counter's and the counter is
 * i. */
static void decode(compiler *c, int i) {
  const pal_pram_code *code = &c->o->code[i];
  int ones = 0;
  clear(c);
  for (int b = 0; b < c->word; b++) {
    const int bit = i >> b & 1;
    c->form[c->counter + b] = bit ? 2 : -2;
    ones += bit ? 1 : -1;
  }
  c->form[REG] = c->form[PC] = 1;
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
static void carries(compiler *c) {
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

static void compare_and_jump(compiler *c) {
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
  for (int r = 0; r < c->registers; r++) { /* whether this row's register is written */
    clear(c);
    c->form[c->reg + r] = c->form[c->use_d + r] = 1;
    relu(c, -1, SEL, 1);
  }
}

/* Adds a AND b to column `to`. */
static void both(compiler *c, int a, int b, int to) {
  clear(c);
  c->form[a] = c->form[b] = 1;
  relu(c, -1, to, 1);
}

static void result_bit(compiler *c, int b) {
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

/* The new word: of a register that is written, a counter, a cell that is written, or the old
 * one. */
static void new_bit(compiler *c, int b) {
  both(c, c->result + b, SEL, c->out + b);
  both(c, c->follow + b, PC, c->out + b);
  both(c, c->write + b, CELL, c->out + b);
  clear(c);
  c->form[c->own + b] = 1;
  c->form[SEL] = c->form[PC] = c->form[WRITTEN] = -1;
  relu(c, 0, c->out + b, 1);
}

/* ---- the whole network ------------------------------------------------------------------ */

/* The weights of that name, [rows][columns]; NULL with an error if there are no such weights. */
static float *weights(compiler *c, const char *name, int64_t rows, int64_t columns) {
  pal_variable *v = pal_store_find(c->store, name);
  const pal_type *type = v ? pal_variable_type(v) : NULL;
  if (type && type->rank == 2 && type->dim[0] == rows && type->dim[1] == columns)
    return pal_variable_data(v);
  pal_fail(c->error, PAL_E_ARGUMENT,
           "the model is not made for this program: %s is not %lld x %lld", name, (long long)rows,
           (long long)columns);
  return NULL;
}

static bool open_block(compiler *c, int block) {
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

static void fill_block(compiler *c, int block) {
  if (block == 0) {
    own_head(c);
    counter_head(c);
    for (int i = 0; i < c->o->n_code; i++) decode(c, i);
  } else if (block == 1) {
    register_head(c, c->use_x, c->x);
    register_head(c, c->use_y, c->y);
    any_head(c);
    carries(c);
    compare_and_jump(c);
  } else if (block == 2) {
    load_head(c);
    for (int b = 0; b < c->word; b++) result_bit(c, b);
  } else {
    write_head(c);
    for (int b = 0; b < c->word; b++) new_bit(c, b);
  }
}

static double size_of(const float *row, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += row[i] < 0 ? -row[i] : row[i];
  return sum;
}

/* Checks the bounds on which exactness rests; see the beginning of this file. */
static bool check_block(const compiler *c) {
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
static void fill_positions(const compiler *c, float *table) {
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
static void fill_ends(const compiler *c, float *embedding, float *output, float *edit) {
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

static pal_status fill(compiler *c) {
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

static void begin(compiler *c, const pal_pram *program) {
  *c = (compiler){.o = program, .word = program->word, .registers = program->registers};
  c->width = ranges(c);
  c->hidden = most_units(c);
}

int pal_pram_settings(const pal_pram *program, char text[][PAL_PRAM_SETTING]) {
  compiler c;
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
  compiler c;
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
