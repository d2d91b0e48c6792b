/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. */
#include "tests/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pal_status machine_open(machine *m, pal_context *context, const char *model,
                        const pal_pram *program, pal_error *error) {
  char setting[PAL_PRAM_SETTINGS][PAL_PRAM_SETTING];
  const char *list[PAL_PRAM_SETTINGS];
  *m = (machine){.program = program, .store = pal_store_new(1)};
  if (!m->store) return pal_fail(error, PAL_E_MEMORY, "no memory for a machine");
  m->layout = strcmp(model, "arm") == 0   ? PAL_PRAM_ARM
              : strcmp(model, "mdm") == 0 ? PAL_PRAM_MDM
                                          : PAL_PRAM_AP_MDM;
  const int n = pal_pram_settings(program, m->layout, setting), words = 1 << program->word;
  for (int i = 0; i < n; i++) list[i] = setting[i];
  const pal_format format = {.vocabulary = words + 2,
                             .mask = words,
                             .bos = -1,
                             .eos = words + 1,
                             .context = (int)pal_pram_rows(program, m->layout)};
  m->model = pal_model_new(context, m->store, model, &format, list, n, error);
  return m->model ? pal_pram_compile(program, m->model, error) : error->code;
}

void machine_close(machine *m) {
  if (m->model) pal_model_free(m->model);
  if (m->store) pal_store_free(m->store);
}

/* A decoding beside a run of the interpreter. */
typedef struct pair {
  pal_pram_layout layout;
  pal_pram_run *run;
  int32_t *whole; /* MDM, ARM: the rows of the whole run */
  int n;          /* their number */
  int wrong;      /* words that differed, or rows that showed the wrong side */
  int passes;
  bool halted;
} pair;

static int32_t word_of(const pal_pram_run *run, int64_t i) {
  const pal_pram *o = run->program;
  const int64_t later = i - o->cells, registers = (int64_t)o->processors * o->registers;
  if (later < 0) return run->memory[i];
  return later < registers ? run->registers[later] : run->counter[later - registers];
}

static int listing(const pal_pram *o) {
  const int registers = o->processors * o->registers;
  return (o->cells + registers - 1) / registers;
}

/* Runs the program for at most `limit` steps, and writes the rows of an MDM or ARM up to there. */
static pal_status write_whole(pair *p, int64_t limit, pal_error *error) {
  const pal_pram *o = p->run->program;
  const int64_t state = pal_pram_state(o), registers = (int64_t)o->processors * o->registers;
  const bool lists = p->layout == PAL_PRAM_ARM;
  p->whole[p->n++] = 0;
  for (int64_t i = 0; i < state; i++) p->whole[p->n++] = word_of(p->run, i);
  for (int64_t t = 1; lists || t <= o->steps; t++) {
    if (!pal_pram_halted(p->run) && (t > limit || pal_pram_step(p->run, error))) break;
    const int64_t idle = pal_pram_halted(p->run) ? t - p->run->time : 0;
    if (lists && idle > 1 + listing(o)) return PAL_OK;
    for (int64_t i = o->cells; i < state; i++) {
      const int64_t cell = ((t - 1) * registers + i - o->cells) % o->cells;
      const bool listed = lists && idle > 1 && i < o->cells + registers;
      p->whole[p->n++] = word_of(p->run, listed ? cell : i);
    }
  }
  for (int i = 0; i < o->cells && pal_pram_halted(p->run); i++)
    p->whole[p->n++] = p->run->memory[i];
  return error->code;
}

/* Compares the rows after `pass` passes, of which the last `full` has no masks. */
static void compare(pair *p, const int32_t *token, int n, int64_t pass, bool full) {
  const pal_pram *o = p->run->program;
  const int32_t mask = 1 << o->word;
  const int64_t state = pal_pram_state(o), rows = pal_pram_rows(o, p->layout);
  if (p->layout == PAL_PRAM_AP_MDM) {
    p->wrong += n != rows || token[0] != 0;
    for (int64_t i = 0; 2 * i + 1 < n; i++) {
      const int32_t word = word_of(p->run, i), *row = token + 1 + 2 * i;
      p->wrong += row[pass % 2] != word || row[1 - pass % 2] != (full ? word : mask);
    }
    return;
  }
  const bool masks = p->layout == PAL_PRAM_MDM;
  p->wrong += masks ? n != rows : full ? n != p->n : n != 1 + state + pass;
  const int64_t known = full || !masks ? n : 1 + state + pass * (state - o->cells);
  p->wrong += n > rows || (full ? known != p->n : known > p->n);
  for (int64_t i = 0; p->wrong == 0 && i < n; i++)
    p->wrong += token[i] != (i < known ? p->whole[i] : mask);
}

static void watch(int index, const pal_decoded *state, void *data) {
  pair *p = data;
  pal_error error = {0};
  (void)index;
  if (p->layout == PAL_PRAM_ARM) return; /* `take` gets all rows */
  const bool steps = p->layout == PAL_PRAM_AP_MDM && !pal_pram_halted(p->run);
  if (steps && state->forward_passes > p->run->time)
    p->wrong += pal_pram_step(p->run, &error) != PAL_OK;
  compare(p, state->token, state->n, state->forward_passes, state->forward_passes > p->run->time);
}

static void take(int index, const pal_decoded *decoded, void *data) {
  pair *p = data;
  (void)index;
  p->passes = decoded->forward_passes;
  p->halted = decoded->halted;
  if (decoded->halted || p->layout == PAL_PRAM_ARM)
    compare(p, decoded->token, decoded->n, decoded->forward_passes, decoded->halted);
}

/* Most passes for `time` steps, after which a program that halts has ended. */
static int64_t passes_of(const pair *p, int64_t time) {
  const pal_pram *o = p->run->program;
  if (p->layout == PAL_PRAM_AP_MDM) return time + 2;
  if (p->layout == PAL_PRAM_MDM) return time + 1;
  return (pal_pram_state(o) - o->cells) * (time + 1 + listing(o)) + 1;
}

static pal_status decode(machine *m, pair *p, int32_t *prompt, int64_t limit, pal_error *error) {
  const pal_pram *o = m->program;
  const int rows = (int)pal_pram_rows(o, m->layout), state = (int)pal_pram_state(o);
  const bool pairs = m->layout == PAL_PRAM_AP_MDM, causal = m->layout == PAL_PRAM_ARM;
  for (int i = 0; i < rows; i++) prompt[i] = 1 << o->word;
  prompt[0] = 0;
  for (int i = 0; i < state; i++) prompt[pairs ? 2 * i + 1 : i + 1] = word_of(p->run, i);
  if (!pairs && write_whole(p, limit, error)) return error->code;
  const bool ends = pairs || pal_pram_halted(p->run);
  const int64_t block = state - o->cells;
  const pal_decode_options options = {.sequences = 1,
                                      .max_steps = (int)(ends     ? passes_of(p, limit)
                                                         : causal ? limit * block
                                                                  : limit),
                                      .watch = watch,
                                      .watch_data = p};
  const pal_example example = {.prompt = prompt,
                               .n_prompt = causal ? 1 + state : rows,
                               .answer_room = causal ? rows - 1 - state : 0};
  pal_decoder *decoder = pal_decoder_new(m->model, &options, error);
  const pal_status status =
      decoder ? pal_decode(decoder, &example, 1, take, p, error) : error->code;
  pal_decoder_free(decoder);
  return status;
}

pal_status machine_compare(machine *m, const int32_t *memory, int64_t limit, int *wrong,
                           int64_t *steps, pal_error *error) {
  const size_t rows = (size_t)pal_pram_rows(m->program, m->layout);
  int32_t *prompt = malloc(2 * rows * sizeof *prompt);
  if (!prompt) return pal_fail(error, PAL_E_MEMORY, "no memory for a state");
  pair p = {.layout = m->layout,
            .run = pal_pram_run_new(m->program, memory, error),
            .whole = prompt + rows};
  const pal_status status = p.run ? decode(m, &p, prompt, limit, error) : error->code;
  if (!status) {
    const bool ends = pal_pram_halted(p.run) && p.run->time <= limit; /* later: it was stopped */
    p.wrong += ends ? !p.halted || p.passes != passes_of(&p, p.run->time) : p.halted;
    *wrong = p.wrong;
    if (steps) *steps = p.run->time;
  }
  pal_pram_run_free(p.run);
  free(prompt);
  return status;
}

/* ---- random programs ---------------------------------------------------------------------- */

static int below(pal_rng *rng, int n) { return (int)pal_rng_below(rng, (uint32_t)n); }

/* An operand y. */
static void put_operand(pal_rng *rng, char *to, size_t size, int registers, int word) {
  if (below(rng, 3)) snprintf(to, size, "r%d", below(rng, registers));
  else snprintf(to, size, "%d", below(rng, 3) ? below(rng, 4) : below(rng, 1 << word));
}

static int put_instruction(pal_rng *rng, char *to, size_t size, int registers, int word,
                           int instructions) {
  static const char *const three[] = {"add", "sub", "and", "or", "xor", "shl", "shr", "eq", "lt"};
  const int d = below(rng, registers), x = below(rng, registers), what = below(rng, 14),
            target = below(rng, instructions);
  char y[16];
  put_operand(rng, y, sizeof y, registers, word);
  if (what < 7) return snprintf(to, size, "%s r%d, r%d, %s\n", three[below(rng, 9)], d, x, y);
  if (what < 9) return snprintf(to, size, "load r%d, [%s]\n", d, y);
  if (what < 11) return snprintf(to, size, "store [%s], r%d\n", y, x);
  if (what < 12) return snprintf(to, size, "move r%d, %s\n", d, y);
  if (what < 13 || below(rng, 3))
    return snprintf(to, size, "%s r%d, i%d\n", below(rng, 2) ? "jz" : "jnz", x, target);
  return below(rng, 2) ? snprintf(to, size, "jump i%d\n", target) : snprintf(to, size, "halt\n");
}

void machine_random_program(pal_rng *rng, int word, int instructions, int64_t steps,
                            char text[MACHINE_TEXT]) {
  const size_t size = MACHINE_TEXT;
  const int registers = 1 + below(rng, 5), processors = 1 + below(rng, 4);
  size_t n = (size_t)snprintf(text, size, ".word %d\n.processors %d\n.cells %d\n.steps %lld\n",
                              word, processors, 1 << word, (long long)steps);
  for (int r = 0; r < registers; r++) {
    const int first = below(rng, 1 << (word - 1)), each = below(rng, 1 << (word - 3));
    n += (size_t)snprintf(text + n, size - n, ".register r%d = %d + p * %d\n", r, first, each);
  }
  for (int i = 0; i < instructions; i++) {
    n += (size_t)snprintf(text + n, size - n, "i%d: ", i);
    n += (size_t)put_instruction(rng, text + n, size - n, registers, word, instructions);
  }
  snprintf(text + n, size - n, "halt\n");
}

pal_status machine_compare_random(pal_context *context, const char *model, uint64_t seed,
                                  uint64_t index, int limit, char text[MACHINE_TEXT], int *wrong,
                                  int64_t *steps, pal_error *error) {
  enum { LEAST = 5, MOST = 40, WORDS = 64 };
  pal_rng rng = pal_rng_new(seed, "pram", 0, index);
  const int instructions = LEAST + below(&rng, MOST - LEAST + 1);
  int word = PAL_PRAM_LEAST_WORD; /* so that a word can be an address of the program */
  while (instructions >= 1 << word) word++;
  machine_random_program(&rng, word, instructions, limit + 2, text);
  pal_pram *program = pal_pram_parse(text, "random", 1, error);
  if (!program) return error->code;
  int32_t memory[WORDS];
  for (int i = 0; i < 1 << word; i++) memory[i] = below(&rng, 1 << word);
  machine m;
  pal_status status = machine_open(&m, context, model, program, error);
  if (!status) status = machine_compare(&m, memory, limit, wrong, steps, error);
  machine_close(&m);
  pal_pram_free(program);
  return status;
}
