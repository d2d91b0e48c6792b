/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler: a program to the weights of an AP-MDM, MDM or ARM on the shared backbone (floor 6).
 * It shares no code with the interpreter.
 *
 * layout.h says which rows there are. The blocks are the same for all three models but for two
 * heads. The position table makes the difference: it says what each row is and what it is to
 * become, by flags and by numbers of cells, processors and steps as bits.
 *
 *   block   attention reads                                     MLP computes
 *   0       the latest word in the row's place; the counter     the fields of the instruction
 *   1       operands x and y; whether any processor runs        carries, comparisons, jumps
 *   2       the cell that `load` reads; ARM: the end            the result, the next counter
 *   3       the last write to the row's cell                    the new word
 *
 * A counter and the registers of its processor are those of the step before the row's own. A row
 * of a counter that executed `store` is what reads of memory look for: it knows address and value.
 *
 * Everything is exact in f32. The residual stream holds whole numbers: bits 0 and 1, and addresses
 * as bits -1 and 1. In attention the score of a key is a whole number of points, a point being 1024
 * in q k and 128 after the scale of 1/8, that of heads of 64 columns. A key that matches in every
 * condition has `match` points and, where the latest is wanted, up to G - 1 more, G = 2^18; any
 * other has at least 2 G fewer than match; the sink, row 0, has match - G, so a query without a
 * match reads zeros. Different scores differ by 128 or more, and exp(-128) < 2^-149 is 0 in f32:
 * only the best key has a weight, exactly 1. (Where several are best, all have the same value.)
 * Products and their sums are exact if a score is less than 2^24 points, and in an MLP if a sum is
 * less than 2^24, whatever the order of summation: check_block adds up absolute values, since no
 * column exceeds 1. The largest head has W + 18 bits of G and 2 flags of 2 G, 2^23.3 points for W =
 * 16. Logits differ by 2 GAIN or more between a word that is certain and others, and are all 0 in
 * a row of the MDM that must wait, so that the sampler `threshold` writes the former only. */
#include <palimpsest/pram.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pram/compiler.h"
#include "pram/layout.h"
#include "src/alloc.h"

enum { BLOCKS = 4, EDITS = 3, GAIN = 16 };

static const char *const models[] = {
    [PAL_PRAM_AP_MDM] = "ap-mdm", [PAL_PRAM_MDM] = "mdm", [PAL_PRAM_ARM] = "arm"};

/* Places the ranges of columns. The AP-MDM reads from and writes to the place that a row has. */
static int ranges(pal_compiler *c) {
  int at = RANGES, *const bits[] = {&c->token, &c->own, &c->counter, &c->next,   &c->target,
                                    &c->x,     &c->y,   &c->carry,   &c->shift,  &c->result,
                                    &c->write, &c->out, &c->follow,  &c->address};
  int *const flags[] = {&c->use_x, &c->use_y, &c->use_d, &c->kind};
  for (size_t i = 0; i < sizeof bits / sizeof *bits; i++, at += c->word) *bits[i] = at;
  at += c->time; /* of the last one, address */
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++, at += c->registers + 2) *flags[i] = at;
  c->of = c->cell = c->address;
  c->want = c->kind;
  if (c->layout != PAL_PRAM_AP_MDM) {
    c->of = c->cell = at;
    c->want = at + c->word + c->time;
    at = c->want + c->registers + 2;
  }
  if (c->layout == PAL_PRAM_ARM) {
    c->cell = at;
    c->past = at + c->word;
    at = c->past + c->time;
  }
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
    pal_compile_any_head(c, c->of + c->word, ANY_RUNS);
    pal_compile_carries(c);
    pal_compile_compare_and_jump(c);
  } else if (block == 2) {
    pal_compile_read_head(c, c->y, OPS + PAL_PRAM_LOAD, READ, c->result);
    if (c->layout == PAL_PRAM_ARM) pal_compile_any_head(c, c->past, GOES_ON);
    for (int b = 0; b < c->word; b++) pal_compile_result_bit(c, b);
  } else {
    pal_compile_read_head(c, c->cell, LIST, COMMIT, c->write);
    for (int b = 0; b < c->word; b++) pal_compile_new_bit(c, b);
    pal_compile_ready(c);
  }
}

/* The largest absolute value of a linear form whose columns are 0 or 1, ONE is 1 and SINK is 0, or
 * which has one column only. */
static double most_of(const float *row, int n) {
  double high = row[ONE], low = row[ONE];
  for (int i = 0; i < n; i++)
    if (i != ONE && i != SINK) *(row[i] > 0 ? &high : &low) += row[i];
  return high > -low ? high : -low;
}

/* Checks the bounds on which exactness rests; see the beginning of this file. */
static bool check_block(const pal_compiler *c) {
  const double most = 1 << 24;
  bool exact = true;
  for (int head = 0; head < HEADS; head++) {
    double score = 0;
    for (int i = head * HEAD; i < (head + 1) * HEAD; i++)
      score += most_of(c->qkv + i * c->width, c->width) *
               most_of(c->qkv + (HEADS * HEAD + i) * c->width, c->width);
    exact &= score < most * POINT;
  }
  for (int i = 0; i < c->unit; i++) {
    double sum = 0;
    for (int k = 0; k < c->width; k++) sum += fabs(c->in[i * c->width + k]);
    exact &= sum < most;
  }
  return exact;
}

static void put_bits(float *to, int64_t number, int n) {
  for (int b = 0; b < n; b++) to[b] = number >> b & 1 ? 1 : -1;
}

/* A row's part of the position table as one that a processor's word, or a cell, is read from. */
static void fill_place(const pal_compiler *c, float *table, pal_pram_place at) {
  put_bits(table + c->address, at.number, c->word);
  put_bits(table + c->address + c->word, at.time, c->time);
  table[c->kind + at.kind] = 1;
  if (at.kind <= c->registers || at.time > 0) return;
  table[READ] = table[COMMIT] = table[OPS + PAL_PRAM_STORE] = 1; /* as if it stored its own word */
  table[c->use_x + at.kind] = 1;
  for (int b = 0; b < c->word; b++) table[c->y + b] = (float)(at.number >> b & 1);
}

/* Its part as one that computes the word `to`. */
static void fill_want(const pal_compiler *c, float *table, pal_pram_place to) {
  const pal_pram *o = c->o;
  const bool state = c->layout == PAL_PRAM_AP_MDM, causal = c->layout == PAL_PRAM_ARM;
  const int64_t time = state ? 1 : to.time, past = to.time - 1 - pal_pram_listing(o);
  put_bits(table + c->of, to.number, c->word);
  put_bits(table + c->of + c->word, to.kind > o->registers ? to.time : to.time - 1, c->time);
  table[c->want + to.kind] = 1;
  table[WAIT] = c->layout == PAL_PRAM_MDM;
  table[GOES_ON] = !causal;
  table[LIST] = to.kind > o->registers;
  if (to.kind <= o->registers) {
    table[OWNED] = 1;
    if (time > 0)
      table[ORDER] = (float)((time - 1) * o->processors + o->processors - to.number) / ORDERS;
    if (to.kind == o->registers && time > 0) table[COMMIT] = 1, table[READ] = !state;
  }
  if (!causal) return;
  table[MAY_LIST] = to.kind < o->registers && time > 0;
  put_bits(table + c->cell, table[MAY_LIST] > 0 ? pal_pram_listed(o, to) : 0, c->word);
  put_bits(table + c->past, past > 0 ? past : 0, c->time);
}

/* The position table: the only weights that depend on n. */
static void fill_positions(const pal_compiler *c, float *table) {
  const int64_t rows = pal_pram_rows(c->o, c->layout), state = pal_pram_state(c->o);
  const bool causal = c->layout == PAL_PRAM_ARM;
  table[ONE] = table[SINK] = 1;
  table[SHOWN] = -1; /* it never counts as shown */
  for (int64_t i = 1; i < rows; i++) {
    float *to = table + i * c->width;
    to[ONE] = 1;
    fill_place(c, to, pal_pram_place_of(c->o, c->layout, i));
    fill_want(c, to, pal_pram_place_of(c->o, c->layout, i + (causal && i >= state)));
    to[RUNS] = causal && i < state; /* so that step 1 is taken */
  }
}

/* Embedding and output of every word and of eos. */
static void fill_ends(const pal_compiler *c, float *embedding, float *output) {
  const int words = 1 << c->word;
  for (int v = 0; v < words; v++) {
    float *e = embedding + v * c->width, *o = output + v * c->width;
    e[SHOWN] = 1;
    for (int b = 0; b < c->word; b++) {
      e[c->token + b] = (float)(v >> b & 1);
      o[c->out + b] = v >> b & 1 ? GAIN : -GAIN;
    }
  }
  float *eos = output + (words + 1) * c->width;
  eos[ONE] = (float)(2 * GAIN * c->word);
  eos[GOES_ON] = -eos[ONE];
}

/* The edit bits of an AP-MDM: a shown row becomes a mask while any processor runs. */
static pal_status fill_edits(pal_compiler *c) {
  if (c->layout != PAL_PRAM_AP_MDM) return PAL_OK;
  float *edit = weights(c, "model.edit.weight", EDITS, c->width);
  pal_variable *bias = pal_store_find(c->store, "model.edit.bias");
  if (!edit || !bias) return c->error->code;
  edit[ANY_RUNS] = edit[SHOWN] = 2;
  edit[ONE] = -3;
  for (int i = 1; i < EDITS; i++) ((float *)pal_variable_data(bias))[i] = -1; /* never */
  return PAL_OK;
}

static pal_status fill(pal_compiler *c) {
  const int64_t tokens = (1 << c->word) + 2, rows = pal_pram_rows(c->o, c->layout);
  float *embedding = weights(c, "model.embedding.weight", tokens, c->width);
  float *output = weights(c, "model.output.weight", tokens, c->width);
  float *place = weights(c, "model.position.weight", rows, c->width);
  if (!embedding || !output || !place) return c->error->code;
  for (int i = 0; pal_store_parameter_at(c->store, i); i++) {
    pal_variable *v = pal_store_parameter_at(c->store, i);
    memset(pal_variable_data(v), 0, pal_variable_bytes(v));
  }
  fill_positions(c, place);
  fill_ends(c, embedding, output);
  if (fill_edits(c)) return c->error->code;
  for (int i = 0; i < BLOCKS; i++) {
    if (!open_block(c, i)) return c->error->code;
    fill_block(c, i);
    if (!check_block(c))
      return pal_fail(c->error, PAL_E_UNSUPPORTED, "words of %d bits are not exact in f32",
                      c->word);
  }
  return PAL_OK;
}

static void begin(pal_compiler *c, const pal_pram *program, pal_pram_layout layout) {
  *c = (pal_compiler){.o = program,
                      .layout = layout,
                      .word = program->word,
                      .time = layout == PAL_PRAM_AP_MDM ? 0 : TIME,
                      .registers = program->registers};
  c->width = ranges(c);
  c->hidden = most_units(c);
}

pal_status pal_pram_fits(const pal_pram *program, pal_pram_layout layout, pal_error *error) {
  const int64_t rows = pal_pram_rows(program, layout);
  const int64_t most = layout == PAL_PRAM_AP_MDM ? PAL_MOST_EXAMPLE_ROWS : PAL_PRAM_MOST_ROWS;
  if (layout == PAL_PRAM_ARM && program->registers == 0)
    return pal_fail(error, PAL_E_ARGUMENT, "%.300s: the arm needs registers, to list the cells in",
                    program->path);
  if (rows <= most) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "%.300s: for n=%d and %lld steps the model %s needs %lld rows, and %lld are "
                  "possible",
                  program->path, program->n, (long long)program->steps, models[layout],
                  (long long)rows, (long long)most);
}

int pal_pram_settings(const pal_pram *program, pal_pram_layout layout,
                      char text[][PAL_PRAM_SETTING]) {
  pal_compiler c;
  begin(&c, program, layout);
  const struct {
    const char *key;
    int value;
  } whole[] = {{"layers", BLOCKS},
               {"heads", HEADS},
               {"head_width", HEAD},
               {"width", c.width},
               {"hidden", c.hidden}};
  static const char *const other[] = {"norm=none", "activation=relu", "positions=learned",
                                      "order=threshold"};
  int n = 0;
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
    snprintf(text[n++], PAL_PRAM_SETTING, "%s=%d", whole[i].key, whole[i].value);
  for (int i = 0; i < (layout == PAL_PRAM_MDM ? 4 : 3); i++) strcpy(text[n++], other[i]);
  return n;
}

pal_status pal_pram_compile(const pal_pram *program, pal_model *model, pal_error *error) {
  pal_error own = {0};
  pal_compiler c;
  const char *name = pal_model_definition_of(model)->name;
  int layout = 0;
  while (layout < 3 && strcmp(name, models[layout]) != 0) layout++;
  if (layout == 3)
    return pal_fail(error, PAL_E_UNSUPPORTED,
                    "programs are compiled to ap-mdm, mdm and arm, not to %s", name);
  if (pal_pram_fits(program, (pal_pram_layout)layout, error ? error : &own)) return PAL_E_ARGUMENT;
  begin(&c, program, (pal_pram_layout)layout);
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
