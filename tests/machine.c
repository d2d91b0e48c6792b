/* SPDX-License-Identifier: Apache-2.0 */
/* See machine.h. */
#include "tests/machine.h"

#include <stdio.h>
#include <stdlib.h>

pal_status machine_open(machine *m, pal_context *context, const char *model,
                        const pal_pram *program, pal_error *error) {
  char setting[PAL_PRAM_SETTINGS][PAL_PRAM_SETTING];
  const char *list[PAL_PRAM_SETTINGS];
  const int n = pal_pram_settings(program, setting), words = 1 << program->word;
  for (int i = 0; i < n; i++) list[i] = setting[i];
  const pal_format format = {.vocabulary = words + 1,
                             .mask = words,
                             .bos = -1,
                             .eos = -1,
                             .context = (int)pal_pram_rows(program)};
  *m = (machine){.program = program, .store = pal_store_new(1)};
  if (!m->store) return pal_fail(error, PAL_E_MEMORY, "no memory for a machine");
  m->model = pal_model_new(context, m->store, model, &format, list, n, error);
  return m->model ? pal_pram_compile(program, m->model, error) : error->code;
}

void machine_close(machine *m) {
  if (m->model) pal_model_free(m->model);
  if (m->store) pal_store_free(m->store);
}

/* A decoding beside a run of the interpreter. */
typedef struct pair {
  pal_pram_run *run;
  int wrong; /* words that differed, or rows that showed the wrong side */
  int passes;
  bool halted;
} pair;

static int32_t word_of(const pal_pram_run *run, int64_t i) {
  const pal_pram *o = run->program;
  const int64_t later = i - o->cells, each = o->registers + 1;
  if (later < 0) return run->memory[i];
  const int64_t p = later / each, r = later % each;
  return r < o->registers ? run->registers[p * o->registers + r] : run->counter[p];
}

/* Compares the rows after `pass` passes, of which the last `full` has no masks. */
static void compare(pair *p, const int32_t *token, int n, int64_t pass, bool full) {
  const pal_pram *o = p->run->program;
  const int32_t mask = 1 << o->word;
  p->wrong += n != pal_pram_rows(o) || token[0] != 0;
  for (int64_t i = 0; 2 * i + 1 < n; i++) {
    const int32_t word = word_of(p->run, i), *row = token + 1 + 2 * i;
    p->wrong += row[pass % 2] != word || row[1 - pass % 2] != (full ? word : mask);
  }
}

static void watch(int index, const pal_decoded *state, void *data) {
  pair *p = data;
  pal_error error = {0};
  (void)index;
  if (state->forward_passes > p->run->time && !pal_pram_halted(p->run))
    p->wrong += pal_pram_step(p->run, &error) != PAL_OK;
  compare(p, state->token, state->n, state->forward_passes, state->forward_passes > p->run->time);
}

static void take(int index, const pal_decoded *decoded, void *data) {
  pair *p = data;
  (void)index;
  p->passes = decoded->forward_passes;
  p->halted = decoded->halted;
  if (decoded->halted) compare(p, decoded->token, decoded->n, decoded->forward_passes, true);
}

static pal_status decode(machine *m, pair *p, int32_t *prompt, int64_t limit, pal_error *error) {
  const pal_pram *o = m->program;
  const int rows = (int)pal_pram_rows(o);
  prompt[0] = 0;
  for (int i = 0; 2 * i + 1 < rows; i++) {
    prompt[2 * i + 1] = word_of(p->run, i);
    prompt[2 * i + 2] = 1 << o->word;
  }
  const pal_decode_options options = {
      .sequences = 1, .max_steps = (int)limit + 2, .watch = watch, .watch_data = p};
  const pal_example example = {.prompt = prompt, .n_prompt = rows};
  pal_decoder *decoder = pal_decoder_new(m->model, &options, error);
  const pal_status status =
      decoder ? pal_decode(decoder, &example, 1, take, p, error) : error->code;
  pal_decoder_free(decoder);
  return status;
}

pal_status machine_compare(machine *m, const int32_t *memory, int64_t limit, int *wrong,
                           int64_t *steps, pal_error *error) {
  int32_t *prompt = malloc(sizeof *prompt * (size_t)pal_pram_rows(m->program));
  if (!prompt) return pal_fail(error, PAL_E_MEMORY, "no memory for a state");
  pair p = {.run = pal_pram_run_new(m->program, memory, error)};
  const pal_status status = p.run ? decode(m, &p, prompt, limit, error) : error->code;
  if (!status) {
    const bool ends = pal_pram_halted(p.run) && p.run->time <= limit; /* later: it was stopped */
    p.wrong += ends ? !p.halted || p.passes != p.run->time + 2 : p.halted;
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
                                  uint64_t index, char text[MACHINE_TEXT], int *wrong,
                                  int64_t *steps, pal_error *error) {
  enum { LEAST = 5, MOST = 40, LIMIT = 40, WORDS = 64 };
  pal_rng rng = pal_rng_new(seed, "pram", 0, index);
  const int instructions = LEAST + below(&rng, MOST - LEAST + 1);
  int word = PAL_PRAM_LEAST_WORD; /* so that a word can be an address of the program */
  while (instructions >= 1 << word) word++;
  machine_random_program(&rng, word, instructions, LIMIT + 2, text);
  pal_pram *program = pal_pram_parse(text, "random", 1, error);
  if (!program) return error->code;
  int32_t memory[WORDS];
  for (int i = 0; i < 1 << word; i++) memory[i] = below(&rng, 1 << word);
  machine m;
  pal_status status = machine_open(&m, context, model, program, error);
  if (!status) status = machine_compare(&m, memory, LIMIT, wrong, steps, error);
  machine_close(&m);
  pal_pram_free(program);
  return status;
}
