/* SPDX-License-Identifier: Apache-2.0 */
/* The memory plan: lifetimes in stages, and an offset for every storage in one arena (floor 1).
 *
 *   offset
 *     ^     | c c c c c c c |
 *     |     | a a a a | d d d d d d d d d |     d reuses the bytes of a, which is dead by then
 *     0     | b b b b b b b b b | e e e e |     e reuses those of b
 *           +-----------------------------+---> stage
 *
 * Offsets are assigned greedily, the largest storage first. Two storages share bytes only when
 * their lifetimes have no stage in common. A value that becomes the next contents of a variable or
 * of a looped input is written directly to its second buffer, outside the arena. */
#define PAL_NO_CALLER
#include <stdlib.h>

#include "graph/machine.h"
#include "graph/steps.h"
#include "src/alloc.h"

static size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

void pal_node_at_capacity(const pal_graph *graph, const pal_node *node, pal_shape_rows *shapes,
                          pal_run *run) {
  for (int i = 0; i < node->n_in; i++) {
    shapes->in_type[i] = pal_type_of(graph, node->in[i]);
    shapes->in_rows[i] = pal_graph_rows_at_capacity(graph, &shapes->in_type[i]);
  }
  for (int i = 0; i < node->n_out; i++) {
    shapes->out_type[i] = graph->value.at[node->first_out + (uint32_t)i].type;
    shapes->out_rows[i] = pal_graph_rows_at_capacity(graph, &shapes->out_type[i]);
  }
  *run = (pal_run){.attrs = node->attrs,
                   .n_in = node->n_in,
                   .n_out = node->n_out,
                   .in_type = shapes->in_type,
                   .out_type = shapes->out_type,
                   .in_rows = shapes->in_rows,
                   .out_rows = shapes->out_rows,
                   .isa = pal_context_isa(graph->context)};
}

/* ---- storages -------------------------------------------------------------------------- */

/* Adds a storage; returns its number, or 0 when out of memory. */
static uint32_t new_storage(pal_plan *plan, pal_storage storage) {
  pal_storage *place = PAL_PUSH(plan->storage);
  if (!place) return 0;
  *place = storage;
  return (uint32_t)(plan->storage.n - 1);
}

/* The storage, and for an input or variable the slot, of a node that is no op. */
static bool add_leaf(pal_plan *plan, uint32_t id) {
  const pal_graph *g = plan->graph;
  const pal_node *node = &g->node.at[id];
  pal_storage storage = {.place = PAL_PLACE_CONSTANT, .index = id};
  bool overflow = false;
  storage.bytes = pal_graph_bytes(g, &g->value.at[node->first_out].type, &overflow);
  if (node->kind != PAL_NODE_CONSTANT) {
    bool input = node->kind == PAL_NODE_INPUT;
    pal_slot *slot = input ? PAL_PUSH(plan->input) : PAL_PUSH(plan->variable);
    if (!slot) return false;
    *slot = (pal_slot){.name = node->name,
                       .value = node->first_out,
                       .variable = node->variable,
                       .bytes = storage.bytes};
    storage.place = input ? PAL_PLACE_INPUT : PAL_PLACE_VARIABLE;
    storage.index = (uint32_t)((input ? plan->input.n : plan->variable.n) - 1);
  }
  plan->storage_of[node->first_out] = new_storage(plan, storage);
  return plan->storage_of[node->first_out] != 0;
}

/* Whether step `self` may overwrite storage `id` in place: every other reader has finished in an
 * earlier stage, or reads each row just before `self` in the same chain. */
static bool dies_at(const pal_plan *plan, uint32_t id, int self, int stage, uint16_t symbol) {
  const pal_graph *g = plan->graph;
  for (size_t s = 0; s < plan->step.n; s++) {
    const pal_step *step = &plan->step.at[s];
    const pal_node *node = &g->node.at[step->node];
    bool uses = false,
         by_row = true; /* false for a gather: it would read rows that `self` has overwritten */
    for (int i = 0; i < node->n_out && node->op->writes; i++)
      uses |= plan->storage_of[node->first_out + (uint32_t)i] == id;
    for (int i = 0; i < node->n_in; i++) {
      if (plan->storage_of[node->in[i].id] != id) continue;
      uses = true;
      by_row &= !(node->op->phase[0].whole >> i & 1) &&
                g->value.at[node->in[i].id].type.symbol.id == symbol;
    }
    if (!uses || (int)s == self) continue;
    if (node->op->writes) return false; /* its undo reads them if the run fails later */
    if (step->last_stage < stage) continue;
    bool before = symbol && by_row && step->last_stage == stage && (int)s < self &&
                  step->phases == 1 && !node->op->phase[0].tasks && node->n_out &&
                  g->value.at[node->first_out].type.symbol.id == symbol;
    if (!before) return false;
  }
  return true;
}

/* Whether a storage is read after the run, as an output, an assignment or a loop. */
static bool is_pinned(const pal_plan *plan, uint32_t id) {
  const pal_graph *g = plan->graph;
  for (size_t i = 0; i < g->output.n; i++)
    if (plan->storage_of[g->output.at[i].value.id] == id) return true;
  for (size_t i = 0; i < g->assign.n; i++)
    if (plan->storage_of[g->assign.at[i].value.id] == id) return true;
  for (size_t i = 0; i < g->loop.n; i++)
    if (plan->storage_of[g->loop.at[i].value.id] == id) return true;
  return false;
}

/* The storage of an input that the step's output 0 can overwrite, or 0. */
static uint32_t in_place_of(const pal_plan *plan, int self) {
  const pal_graph *g = plan->graph;
  const pal_step *step = &plan->step.at[self];
  const pal_node *node = &g->node.at[step->node];
  if (step->phases != 1 || node->op->phase[0].tasks || !node->n_out) return 0;
  const pal_type *out = &g->value.at[node->first_out].type;
  for (int i = 0; i < node->n_in; i++) {
    uint32_t id = plan->storage_of[node->in[i].id];
    const pal_type *in = &g->value.at[node->in[i].id].type;
    if (!(node->op->in_place >> i & 1) || plan->storage.at[id].place != PAL_PLACE_ARENA) continue;
    /* If another operand is in the same storage, it would be overwritten before it is read. */
    bool twice = false;
    for (int j = 0; j < node->n_in; j++) twice |= j != i && plan->storage_of[node->in[j].id] == id;
    if (!twice && pal_type_equal(in, out) && !is_pinned(plan, id) &&
        dies_at(plan, id, self, step->stage[0], out->symbol.id))
      return id;
  }
  return 0;
}

/* Gives every output of a step its storage: that of the variable it writes, that of an input it
 * overwrites in place, or a new one. */
static bool storage_of_step(pal_plan *plan, int self) {
  const pal_graph *g = plan->graph;
  const pal_step *step = &plan->step.at[self];
  const pal_node *node = &g->node.at[step->node];
  uint32_t reused = in_place_of(plan, self);
  for (int i = 0; i < node->n_out; i++) {
    uint32_t v = node->first_out + (uint32_t)i;
    bool overflow = false;
    if (i == 0 && node->op->writes) {
      int w = 0;
      while (!(node->op->writes >> w & 1)) w++;
      plan->storage_of[v] = plan->storage_of[node->in[w].id];
    } else if (i == 0 && reused) {
      plan->storage_of[v] = reused;
    } else {
      plan->storage_of[v] = new_storage(
          plan, (pal_storage){.place = PAL_PLACE_ARENA,
                              .first = step->stage[0],
                              .last = step->last_stage,
                              .bytes = pal_graph_bytes(g, &g->value.at[v].type, &overflow)});
    }
    if (!plan->storage_of[v]) return false;
  }
  return true;
}

/* Gives every view the storage of its input, if that has one by now. Called before each step: views
 * are met in node order but steps in execution order, and a writer's position in the two may
 * differ. */
static void resolve_views(pal_plan *plan) {
  const pal_graph *g = plan->graph;
  for (size_t n = 1; n < g->node.n; n++) {
    const pal_node *node = &g->node.at[n];
    if (node->kind == PAL_NODE_OP && (node->op->flags & PAL_OP_VIEW) &&
        !plan->storage_of[node->first_out])
      plan->storage_of[node->first_out] = plan->storage_of[node->in[0].id];
  }
}

/* ---- what a run leaves behind -------------------------------------------------------------- */

/* Moves a value of the arena to the slot's second buffer, so that the op writes it there. A value
 * that is not in the arena (an input, a constant, an already bound value) is copied at the end of
 * the run. */
static bool bind_next(pal_plan *plan, pal_slot *slot, uint32_t index, pal_value value,
                      pal_place place) {
  uint32_t id = plan->storage_of[value.id];
  pal_storage *from = &plan->storage.at[id];
  if (from->bytes > slot->bytes) slot->bytes = from->bytes;
  if (from->place == PAL_PLACE_ARENA) {
    from->place = place;
    from->index = index;
    slot->next = id;
    return true;
  }
  slot->copy = id;
  slot->next =
      new_storage(plan, (pal_storage){.place = place, .index = index, .bytes = slot->bytes});
  return slot->next != 0;
}

static bool bind_all(pal_plan *plan) {
  const pal_graph *g = plan->graph;
  bool ok = true;
  for (size_t i = 0; i < g->assign.n; i++)
    for (uint32_t k = 0; k < plan->variable.n && ok; k++)
      if (plan->variable.at[k].value == g->assign.at[i].to.id)
        ok = bind_next(plan, &plan->variable.at[k], k, g->assign.at[i].value,
                       PAL_PLACE_VARIABLE_NEXT);
  for (size_t i = 0; i < g->loop.n; i++)
    for (uint32_t k = 0; k < plan->input.n && ok; k++)
      if (plan->input.at[k].value == g->loop.at[i].to.id) {
        plan->input.at[k].looped = g->loop.at[i].value.id;
        ok = bind_next(plan, &plan->input.at[k], k, g->loop.at[i].value, PAL_PLACE_INPUT_NEXT);
      }
  return ok;
}

/* ---- lifetimes and offsets ------------------------------------------------------------------- */

/* Makes a storage live until `stage` at least. */
static void extend(pal_plan *plan, uint32_t id, int stage) {
  if (plan->storage.at[id].last < stage) plan->storage.at[id].last = stage;
}

static void lifetimes(pal_plan *plan) {
  const pal_graph *g = plan->graph;
  int end = (int)plan->stage.n;
  for (size_t s = 0; s < plan->step.n; s++) {
    const pal_step *step = &plan->step.at[s];
    const pal_node *node = &g->node.at[step->node];
    /* If the run fails, an undo reads its operands and the saved rows, so they live to the end. */
    int last = node->op->writes ? end : step->last_stage;
    for (int i = 0; i < node->n_in; i++) extend(plan, plan->storage_of[node->in[i].id], last);
    for (int i = 0; i < node->n_out; i++)
      extend(plan, plan->storage_of[node->first_out + (uint32_t)i], last);
  }
  for (size_t i = 0; i < g->output.n; i++)
    extend(plan, plan->storage_of[g->output.at[i].value.id], end);
  for (size_t i = 0; i < plan->input.n; i++) extend(plan, plan->input.at[i].copy, end);
  for (size_t i = 0; i < plan->variable.n; i++) extend(plan, plan->variable.at[i].copy, end);
}

/* A piece of the arena: a storage or a step's scratch. */
typedef struct block {
  size_t bytes, offset;
  int first, last; /* stages in which it is alive */
  size_t order;    /* breaks ties, so that plans do not depend on qsort */
  size_t *to;      /* where the offset is to be stored */
} block;

/* The largest first; among equals the one that lives earlier. */
static int by_size(const void *a, const void *b) {
  const block *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  if (x->first != y->first) return x->first - y->first;
  return x->order < y->order ? -1 : 1;
}

/* Puts `b` into the lowest gap between those of the placed blocks, sorted by offset, that are alive
 * at the same time. Returns its end. */
static size_t place(block *b, block **placed, size_t n) {
  size_t at = 0, align = b->bytes >= PAL_LARGE ? PAL_PAGE : PAL_LINE;
  for (size_t i = 0; i < n; i++) {
    const block *p = placed[i];
    if (p->last < b->first || b->last < p->first) continue;
    if (round_up(at, align) + b->bytes <= p->offset) break;
    if (p->offset + p->bytes > at) at = p->offset + p->bytes;
  }
  b->offset = round_up(at, align);
  return b->offset + b->bytes;
}

/* Lists all pieces of the arena. With guard bytes they are alive throughout, so none share
 * bytes. */
static size_t list_blocks(pal_plan *plan, block *b) {
  size_t n = 0;
  for (size_t i = 1; i < plan->storage.n; i++) {
    pal_storage *s = &plan->storage.at[i];
    if (s->place != PAL_PLACE_ARENA || !s->bytes) continue;
    b[n] = (block){.bytes = pal_whole_lines(s->bytes + plan->guard),
                   .first = s->first,
                   .last = s->last,
                   .order = n,
                   .to = &s->offset};
    n++;
  }
  for (size_t i = 0; i < plan->step.n; i++) {
    pal_step *s = &plan->step.at[i];
    if (!s->scratch_bytes) continue;
    b[n] = (block){.bytes = pal_whole_lines(s->scratch_bytes + plan->guard),
                   .first = s->stage[0],
                   .last = s->last_stage,
                   .order = n,
                   .to = &s->scratch};
    n++;
  }
  for (size_t i = 0; i < n && plan->guard; i++) {
    b[i].first = 0;
    b[i].last = (int)plan->stage.n;
  }
  return n;
}

static pal_status offsets(pal_plan *plan) {
  size_t room = plan->storage.n + plan->step.n + 1, n = 0;
  block *b = pal_alloc(room * sizeof *b), **placed = pal_alloc(room * sizeof *placed);
  if (b && placed) {
    n = list_blocks(plan, b);
    qsort(b, n, sizeof *b, by_size);
    for (size_t i = 0; i < n; i++) {
      size_t end = place(&b[i], placed, i);
      if (end > plan->stats.arena_bytes) plan->stats.arena_bytes = end;
      *b[i].to = b[i].offset;
      size_t k = i;
      for (; k > 0 && placed[k - 1]->offset > b[i].offset; k--) placed[k] = placed[k - 1];
      placed[k] = &b[i];
    }
    for (int stage = 0; stage <= (int)plan->stage.n; stage++) {
      size_t live = 0;
      for (size_t i = 0; i < n; i++)
        if (b[i].first <= stage && stage <= b[i].last) live += b[i].bytes;
      if (live > plan->stats.largest_live) plan->stats.largest_live = live;
    }
  }
  bool ok = b && placed;
  pal_free(b);
  pal_free(placed);
  return ok ? PAL_OK : PAL_E_MEMORY;
}

static void scratch_sizes(pal_plan *plan) {
  for (size_t i = 0; i < plan->step.n; i++) {
    pal_step *step = &plan->step.at[i];
    const pal_node *node = &plan->graph->node.at[step->node];
    pal_shape_rows shapes;
    pal_run run;
    pal_node_at_capacity(plan->graph, node, &shapes, &run);
    step->scratch_bytes = node->op->scratch ? node->op->scratch(&run) : 0;
    size_t task = node->op->task_scratch ? pal_whole_lines(node->op->task_scratch(&run)) : 0;
    if (task > plan->stats.task_scratch_bytes) plan->stats.task_scratch_bytes = task;
  }
}

pal_status pal_plan_memory(pal_plan *plan, pal_error *error) {
  const pal_graph *g = plan->graph;
  bool ok = true;
  plan->storage_of = pal_calloc(g->value.n, sizeof *plan->storage_of);
  pal_storage *none = PAL_PUSH(plan->storage);
  if (none) *none = (pal_storage){.place = PAL_PLACE_NONE};
  ok = plan->storage_of && none;
  for (uint32_t n = 1; n < g->node.n && ok; n++)
    if (g->node.at[n].kind != PAL_NODE_OP) ok = add_leaf(plan, n);
  for (int s = 0; s < (int)plan->step.n && ok; s++) {
    resolve_views(plan);
    ok = storage_of_step(plan, s);
  }
  if (ok) resolve_views(plan);
  ok = ok && bind_all(plan);
  if (ok) {
    lifetimes(plan);
    scratch_sizes(plan);
  }
  if (!ok || offsets(plan))
    return pal_fail(error, PAL_E_MEMORY, "out of memory in the memory plan");
  return PAL_OK;
}
