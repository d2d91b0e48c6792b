/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter, which defines what a program means (floor 6). It shares no code with the
 * compiler. */
#include <palimpsest/pram.h>
#include <palimpsest/rng.h>

#include <string.h>

#include "src/alloc.h"

int64_t pal_pram_state(const pal_pram *program) {
  return program->cells + (int64_t)program->processors * (program->registers + 1);
}

/* The successors of a random list through cells 0 .. count - 1 of `to`: a random permutation that
 * is one cycle (Sattolo's algorithm), which is cut at a random place. */
static void draw_list(pal_rng *rng, int32_t *to, int count) {
  for (int i = 0; i < count; i++) to[i] = i;
  for (int i = count - 1; i > 0; i--) {
    const int other = (int)pal_rng_below(rng, (uint32_t)i);
    const int32_t old = to[i];
    to[i] = to[other];
    to[other] = old;
  }
  const int32_t end = (int32_t)pal_rng_below(rng, (uint32_t)count);
  to[end] = end;
}

void pal_pram_instance(const pal_pram *program, uint64_t seed, uint64_t index, int32_t *memory) {
  pal_rng rng = pal_rng_new(seed, "pram", 0, index);
  memset(memory, 0, sizeof *memory * (size_t)program->cells);
  for (int i = 0; i < program->n_input; i++) {
    const pal_pram_input *in = &program->input[i];
    const uint32_t range = (uint32_t)(in->high - in->low) + 1;
    if (in->list) draw_list(&rng, memory + in->first, in->count);
    for (int k = 0; k < in->count && !in->list; k++)
      memory[in->first + k] = in->low + (int32_t)pal_rng_below(&rng, range);
  }
}

/* ---- runs ------------------------------------------------------------------------------- */

pal_pram_run *pal_pram_run_new(const pal_pram *program, const int32_t *memory, pal_error *error) {
  const size_t cells = (size_t)program->cells, processors = (size_t)program->processors;
  const size_t registers = processors * (size_t)program->registers;
  for (size_t i = 0; i < cells; i++)
    if (memory[i] < 0 || memory[i] >= 1 << program->word) {
      pal_fail(error, PAL_E_ARGUMENT, "%.300s: cell %zu is %d, which is no word of %d bits",
               program->path, i, memory[i], program->word);
      return NULL;
    }
  pal_pram_run *run = pal_calloc(1, sizeof *run);
  int32_t *block = pal_calloc(cells + registers + 3 * processors, sizeof *block);
  if (!run || !block) {
    pal_free(run);
    pal_free(block);
    pal_fail(error, PAL_E_MEMORY, "no memory for a run");
    return NULL;
  }
  run->program = program;
  run->memory = block;
  run->registers = block + cells;
  run->counter = run->registers + registers;
  run->address = run->counter + processors;
  run->value = run->address + processors;
  memcpy(run->memory, memory, sizeof *block * cells);
  if (registers) memcpy(run->registers, program->start, sizeof *block * registers);
  return run;
}

void pal_pram_run_free(pal_pram_run *run) {
  if (!run) return;
  pal_free(run->memory);
  pal_free(run);
}

static const pal_pram_code *next_of(const pal_pram_run *run, int p) {
  return &run->program->code[run->counter[p]];
}

bool pal_pram_halted(const pal_pram_run *run) {
  for (int p = 0; p < run->program->processors; p++)
    if (next_of(run, p)->op != PAL_PRAM_HALT) return false;
  return true;
}

static int32_t compute(const pal_pram_run *run, const pal_pram_code *c, int32_t x, int32_t y) {
  const int word = run->program->word;
  const uint32_t a = (uint32_t)x, b = (uint32_t)y, all = ((uint32_t)1 << word) - 1;
  switch (c->op) {
    case PAL_PRAM_ADD: return (int32_t)((a + b) & all);
    case PAL_PRAM_SUB: return (int32_t)((a - b) & all);
    case PAL_PRAM_AND: return (int32_t)(a & b);
    case PAL_PRAM_OR: return (int32_t)(a | b);
    case PAL_PRAM_XOR: return (int32_t)(a ^ b);
    case PAL_PRAM_SHL: return y >= word ? 0 : (int32_t)(a << b & all);
    case PAL_PRAM_SHR: return y >= word ? 0 : (int32_t)(a >> b);
    case PAL_PRAM_EQ: return a == b;
    case PAL_PRAM_LT: return a < b;
    case PAL_PRAM_LOAD: return run->memory[y];
    default: return y; /* move */
  }
}

/* Executes one instruction of processor p; a write waits until all have read. */
static void execute(pal_pram_run *run, int p) {
  const pal_pram_code *c = next_of(run, p);
  int32_t *reg = run->registers + (size_t)p * (size_t)run->program->registers;
  const int32_t x = c->x >= 0 ? reg[c->x] : 0, y = c->y >= 0 ? reg[c->y] : c->constant;
  const bool jumps = c->op == PAL_PRAM_JUMP || (c->op == PAL_PRAM_JZ && x == 0) ||
                     (c->op == PAL_PRAM_JNZ && x != 0);
  run->address[p] = -1;
  if (c->op == PAL_PRAM_HALT) return;
  run->work++;
  run->counter[p] = jumps ? c->target : run->counter[p] + 1;
  if (c->op == PAL_PRAM_STORE) {
    run->address[p] = y;
    run->value[p] = x;
  }
  if (c->d >= 0) reg[c->d] = compute(run, c, x, y);
}

/* Refuses a step in which a processor uses a cell that there is not. */
static pal_status check_addresses(const pal_pram_run *run, pal_error *error) {
  const pal_pram *o = run->program;
  for (int p = 0; p < o->processors; p++) {
    const pal_pram_code *c = next_of(run, p);
    if (c->op != PAL_PRAM_LOAD && c->op != PAL_PRAM_STORE) continue;
    const int32_t at = c->y >= 0 ? run->registers[p * o->registers + c->y] : c->constant;
    if (at >= o->cells)
      return pal_fail(
          error, PAL_E_ARGUMENT,
          "%.300s:%d: in step %lld processor %d %s cell %d, but there are cells 0 to %d", o->path,
          c->line, (long long)run->time + 1, p, c->op == PAL_PRAM_LOAD ? "reads" : "writes", at,
          o->cells - 1);
  }
  return PAL_OK;
}

pal_status pal_pram_step(pal_pram_run *run, pal_error *error) {
  const pal_pram *o = run->program;
  if (run->time >= o->steps) {
    int p = 0;
    while (p + 1 < o->processors && next_of(run, p)->op == PAL_PRAM_HALT) p++;
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%.300s:%d: the program declares %lld steps for n=%d, and after them processor "
                    "%d has not halted",
                    o->path, next_of(run, p)->line, (long long)o->steps, o->n, p);
  }
  const pal_status status = check_addresses(run, error);
  if (status) return status;
  for (int p = 0; p < o->processors; p++) execute(run, p);
  for (int p = o->processors - 1; p >= 0; p--) /* so that the lowest processor writes last */
    if (run->address[p] >= 0) run->memory[run->address[p]] = run->value[p];
  run->time++;
  return PAL_OK;
}

pal_status pal_pram_finish(pal_pram_run *run, pal_error *error) {
  pal_status status = PAL_OK;
  while (!status && !pal_pram_halted(run)) status = pal_pram_step(run, error);
  return status;
}
