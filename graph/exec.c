/* SPDX-License-Identifier: Apache-2.0 */
/* Instances of a plan: allocation, inputs, outputs and counts (floor 1). Running is in run.c. */
#define PAL_NO_CALLER
#include "graph/exec.h"

#include <stdlib.h>
#include <string.h>

#include "graph/parts.h"
#include "src/alloc.h"

static size_t count_operands(const pal_plan *plan) {
  size_t n = 0;
  for (size_t s = 0; s < plan->step.n; s++) {
    const pal_node *node = &plan->graph->node.at[plan->step.at[s].node];
    n += (size_t)(node->n_in + node->n_out);
  }
  return n;
}

static bool allocate(pal_exec *e) {
  const pal_plan *plan = e->plan;
  e->operands = count_operands(plan);
  e->arena_bytes = plan->stats.arena_bytes;
  e->arena =
      pal_pages_map(e->arena_bytes); /* not NULL even for 0 bytes: NULL operands are absent ones */
  e->base = pal_calloc(plan->storage.n + 1, sizeof *e->base);
  e->count = pal_calloc(plan->graph->symbol.n, sizeof *e->count);
  e->ran = pal_calloc(plan->graph->symbol.n, sizeof *e->ran);
  e->call = pal_calloc(plan->step.n + 1, sizeof *e->call);
  e->pointer = pal_calloc(e->operands + 1, sizeof *e->pointer);
  e->rows = pal_calloc(e->operands + 1, sizeof *e->rows);
  e->type = pal_calloc(e->operands + 1, sizeof *e->type);
  e->operand = pal_calloc(e->operands + 1, sizeof *e->operand);
  e->moving = pal_calloc(e->operands + 1, sizeof *e->moving);
  e->input[0] = pal_calloc(plan->input.n + 1, sizeof(void *));
  e->input[1] = pal_calloc(plan->input.n + 1, sizeof(void *));
  bool ok = e->arena && e->base && e->count && e->ran && e->call && e->pointer && e->rows &&
            e->type && e->operand && e->moving && e->input[0] && e->input[1];
  for (size_t i = 0; ok && i < plan->input.n; i++) {
    const pal_slot *slot = &plan->input.at[i];
    e->input[0][i] = pal_calloc(1, slot->bytes + 1);
    if (slot->next) e->input[1][i] = pal_calloc(1, slot->bytes + 1);
    ok = e->input[0][i] && (e->input[1][i] || !slot->next);
  }
  return ok;
}

static void prepare_calls(pal_exec *e) {
  const pal_graph *g = e->plan->graph;
  size_t at = 0;
  for (size_t s = 0; s < e->plan->step.n; s++) {
    const pal_node *node = &g->node.at[e->plan->step.at[s].node];
    size_t in = at, out = at + (size_t)node->n_in;
    for (int i = 0; i < node->n_in + node->n_out; i++, at++) {
      pal_value v = i < node->n_in ? node->in[i] : pal_node_out(node, i - node->n_in);
      e->operand[at] = v.id;
      e->type[at] = g->value.at[v.id].type;
    }
    pal_call *call = &e->call[s];
    call->run = (pal_run){.attrs = node->attrs,
                          .n_in = node->n_in,
                          .n_out = node->n_out,
                          .in_type = e->type + in,
                          .out_type = e->type + out,
                          .in_rows = e->rows + in,
                          .out_rows = e->rows + out,
                          .in = (const void *const *)(e->pointer + in),
                          .out = e->pointer + out,
                          .bound = call->bound,
                          .isa = pal_context_isa(g->context)};
    call->run.scratch = e->arena + e->plan->step.at[s].scratch; /* not NULL, even for 0 bytes */
  }
}

void pal_exec_refresh_rows(pal_exec *e, uint16_t symbol) {
  for (size_t i = 0; i < e->operands; i++)
    if (e->type[i].symbol.id == symbol) e->rows[i] = pal_type_rows(&e->type[i], e->count[symbol]);
}

static void *base_of(const pal_exec *e, const pal_storage *s) {
  switch (s->place) {
    case PAL_PLACE_NONE: return NULL;
    case PAL_PLACE_ARENA: return e->arena + s->offset;
    case PAL_PLACE_CONSTANT: return (void *)(uintptr_t)e->plan->graph->node.at[s->index].data;
    case PAL_PLACE_INPUT: return e->input[0][s->index];
    case PAL_PLACE_INPUT_NEXT: return e->input[1][s->index];
    case PAL_PLACE_VARIABLE: break;
    case PAL_PLACE_VARIABLE_NEXT: {
      const pal_variable *v = e->plan->variable.at[s->index].variable;
      return v->data[!v->present];
    }
  }
  return pal_variable_data(e->plan->variable.at[s->index].variable);
}

/* Whether a storage may have another address in the next run: its buffers are swapped. */
static bool moves(const pal_storage *s) {
  return s->place != PAL_PLACE_NONE && s->place != PAL_PLACE_ARENA &&
         s->place != PAL_PLACE_CONSTANT;
}

/* Sets the address of every operand and lists those whose address changes between runs. */
static void place_operands(pal_exec *e) {
  for (size_t s = 1; s < e->plan->storage.n; s++) e->base[s] = base_of(e, &e->plan->storage.at[s]);
  for (size_t i = 0; i < e->operands; i++) {
    const uint32_t s = e->plan->storage_of[e->operand[i]];
    e->pointer[i] = e->base[s];
    if (moves(&e->plan->storage.at[s])) e->moving[e->n_moving++] = (uint32_t)i;
  }
}

void pal_exec_prepare(pal_exec *e) {
  for (size_t i = 0; i < e->plan->variable.n; i++)
    pal_block_gather(e->plan->variable.at[i].variable);
  for (size_t s = 1; s < e->plan->storage.n; s++)
    if (moves(&e->plan->storage.at[s])) e->base[s] = base_of(e, &e->plan->storage.at[s]);
  for (size_t i = 0; i < e->n_moving; i++)
    e->pointer[e->moving[i]] = e->base[e->plan->storage_of[e->operand[e->moving[i]]]];
}

pal_exec *pal_exec_new(pal_plan *plan, pal_error *error) {
  pal_exec *e = pal_calloc(1, sizeof *e);
  if (e) e->plan = plan;
  if (!e || !allocate(e)) {
    pal_fail(error, PAL_E_MEMORY, "no memory for an instance with an arena of %zu bytes",
             plan->stats.arena_bytes);
    pal_exec_free(e);
    return NULL;
  }
  for (size_t i = 0; i < plan->variable.n; i++)
    if (plan->variable.at[i].next &&
        pal_variable_make_buffers(plan->variable.at[i].variable, error)) {
      pal_exec_free(e);
      return NULL;
    }
  prepare_calls(e);
  for (uint16_t s = 0; s < plan->graph->symbol.n; s++) {
    e->count[s] = e->ran[s] = plan->graph->symbol.at[s].capacity;
    pal_exec_refresh_rows(e, s);
  }
  place_operands(e);
  return e;
}

void pal_exec_free(pal_exec *e) {
  if (!e) return;
  for (int b = 0; b < 2; b++) {
    for (size_t i = 0; e->input[b] && i < e->plan->input.n; i++) pal_free(e->input[b][i]);
    pal_free(e->input[b]);
  }
  if (e->arena) pal_pages_unmap(e->arena, e->arena_bytes);
  pal_free(e->base);
  pal_free(e->count);
  pal_free(e->ran);
  pal_free(e->call);
  pal_free(e->pointer);
  pal_free(e->rows);
  pal_free(e->type);
  pal_free(e->operand);
  pal_free(e->moving);
  pal_free(e->claimed);
  pal_free(e->task_scratch);
  pal_free(e->packed_cache);
  pal_free(e);
}

static uint16_t find_symbol(const pal_graph *g, const char *name) {
  for (uint16_t s = 1; s < g->symbol.n; s++)
    if (strcmp(g->symbol.at[s].name, name) == 0) return s;
  return 0;
}

pal_status pal_exec_count(pal_exec *e, const char *symbol, int64_t count, pal_error *error) {
  uint16_t s = find_symbol(e->plan->graph, symbol);
  if (!s) return pal_fail(error, PAL_E_NOT_FOUND, "the plan has no symbol \"%s\"", symbol);
  const pal_symbol_record *record = &e->plan->graph->symbol.at[s];
  if (record->binder)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "the count of symbol \"%s\" is set by an op of the plan, not by the caller",
                    symbol);
  if (count < 0)
    return pal_fail(error, PAL_E_ARGUMENT, "the count of symbol \"%s\" cannot be negative (%lld)",
                    symbol, (long long)count);
  if (count > record->capacity) {
    if (error && !error->code) error->needed = count;
    return pal_fail(
        error, PAL_E_CAPACITY,
        "%lld rows of \"%s\" do not fit the plan's capacity of %lld; compile it for more",
        (long long)count, symbol, (long long)record->capacity);
  }
  if (e->count[s] != count) {
    e->count[s] = count;
    pal_exec_refresh_rows(e, s);
  }
  return PAL_OK;
}

int64_t pal_exec_count_of(const pal_exec *e, const char *symbol) {
  uint16_t s = find_symbol(e->plan->graph, symbol);
  return s ? e->count[s] : -1;
}

void *pal_exec_input(pal_exec *e, const char *name) {
  for (size_t i = 0; i < e->plan->input.n; i++)
    if (strcmp(e->plan->input.at[i].name, name) == 0) return e->input[0][i];
  return NULL;
}

const void *pal_exec_output(const pal_exec *e, const char *name, int64_t *rows) {
  const pal_graph *g = e->plan->graph;
  for (size_t i = 0; i < g->output.n; i++)
    if (strcmp(g->output.at[i].name, name) == 0) {
      uint32_t v = g->output.at[i].value.id;
      const pal_type *type = &g->value.at[v].type;
      if (rows) *rows = pal_type_rows(type, e->ran[type->symbol.id]);
      return e->base[e->plan->storage_of[v]];
    }
  return NULL;
}
