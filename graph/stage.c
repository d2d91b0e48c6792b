/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling: the execution order, the stages and the chains of a plan (floor 1). See steps.h. */
#define PAL_NO_CALLER
#include <stdlib.h>
#include <string.h>

#include "graph/steps.h"
#include "src/alloc.h"

int pal_op_phases(const pal_op *op) {
  int n = 0;
  while (n < PAL_MAX_PHASES && op->phase[n].run) n++;
  return n;
}

typedef struct staging {
  pal_plan *plan;
  const pal_graph *g;
  uint32_t *alias; /* [value] the value it is a view of, or itself */
  int *done;       /* [value] stage that produces it, -1 for leaves */
  int *after;      /* [value] stage that must be over before it is read; -1: no such condition */
  uint16_t *chain; /* [value] symbol of the row unit that produces it, 0 if none does */
  uint32_t *order; /* [n_order] node ids in execution order */
  size_t n_order;
  uint8_t *seen; /* [node] of the depth-first search: 0 new, 1 on the stack, 2 ordered */
  int *last;     /* [node] its last stage, -1 for leaves */
} staging;

static bool is_view(const pal_node *node) {
  return node->kind == PAL_NODE_OP && (node->op->flags & PAL_OP_VIEW);
}

/* The symbol that counts the rows of a node's row phases: that of output 0, or of input 0. */
static uint16_t unit_symbol(const pal_graph *g, const pal_node *node) {
  pal_value v = node->n_out ? pal_node_out(node, 0) : node->n_in ? node->in[0] : PAL_NIL;
  return g->value.at[v.id].type.symbol.id;
}

/* Sets *on to the k-th node that must run before node `id`, or to 0 where that number stands for
 * none; returns false past the end. Dependencies are the producers of inputs, the binders of
 * symbols, and for an op that updates a variable in place every other reader of the version it
 * overwrites. */
static bool dependency(const staging *s, size_t id, size_t k, uint32_t *on) {
  const pal_graph *g = s->g;
  const pal_node *node = &g->node.at[id];
  *on = 0;
  if (node->kind != PAL_NODE_OP) return false;
  size_t n_in = (size_t)node->n_in, n_all = n_in + (size_t)node->n_out;
  if (k < n_in) {
    *on = g->value.at[node->in[k].id].node;
    return true;
  }
  if (k < n_in + n_all) {
    size_t i = k - n_in;
    pal_value v = i < n_in ? node->in[i] : pal_node_out(node, (int)(i - n_in));
    uint32_t binder = g->symbol.at[g->value.at[v.id].type.symbol.id].binder;
    *on = binder == id ? 0 : binder;
    return true;
  }
  k -= n_in + n_all;
  if (!node->op->writes || k >= g->node.n) return false;
  const pal_node *reader = &g->node.at[k];
  if (k == id || reader->kind != PAL_NODE_OP || is_view(reader)) return true;
  for (int i = 0; i < node->n_in; i++)
    for (int j = 0; (node->op->writes >> i & 1) && j < reader->n_in; j++)
      if (reader->in[j].id && s->alias[reader->in[j].id] == s->alias[node->in[i].id])
        *on = (uint32_t)k;
  return true;
}

/* Depth-first topological order, roots by ascending node id. The stack is explicit, since recursion
 * on a deep graph could overflow the thread's stack. */
static pal_status order_nodes(staging *s, pal_error *error) {
  typedef struct frame {
    uint32_t node;
    size_t next;
  } frame;
  size_t n = s->g->node.n, depth = 0;
  frame *stack = pal_alloc((n + 1) * sizeof *stack);
  if (!stack) return pal_fail(error, PAL_E_MEMORY, "no memory to order %zu nodes", n);
  pal_status status = PAL_OK;
  for (uint32_t root = 1; root < n && !status; root++) {
    if (s->seen[root]) continue;
    stack[depth++] = (frame){root, 0};
    s->seen[root] = 1;
    while (depth && !status) {
      frame *top = &stack[depth - 1];
      uint32_t on;
      if (!dependency(s, top->node, top->next++, &on)) {
        s->seen[top->node] = 2;
        s->order[s->n_order++] = top->node;
        depth--;
      } else if (on && s->seen[on] == 1) {
        const pal_node *node = &s->g->node.at[on];
        status = pal_fail(
            error, PAL_E_ARGUMENT,
            "%s:%d: %s: reads a version of a variable that is overwritten before it can run; "
            "read the version that the writing op returned",
            node->file, node->line, node->op ? node->op->name : "node");
      } else if (on && !s->seen[on]) {
        s->seen[on] = 1;
        stack[depth++] = (frame){on, 0};
      }
    }
  }
  pal_free(stack);
  return status;
}

static int max(int a, int b) { return a > b ? a : b; }

/* The earliest stage for a phase: after everything that it reads, or in the same stage when it
 * joins the chain of the producer. */
static int earliest(const staging *s, uint32_t id, int phase) {
  const pal_graph *g = s->g;
  const pal_node *node = &g->node.at[id];
  const pal_phase *p = &node->op->phase[phase];
  uint16_t symbol = p->tasks ? 0 : unit_symbol(g, node);
  int stage = 0;
  for (int i = 0; i < node->n_in; i++) {
    uint32_t v = node->in[i].id;
    if (!v || (p->reads && !(p->reads >> i & 1))) continue;
    bool chained = symbol && s->chain[v] == symbol && !(p->whole >> i & 1) &&
                   g->value.at[v].type.symbol.id == symbol;
    stage = max(stage, max(s->done[v] + !chained, s->after[v] + 1));
  }
  uint32_t on;
  for (size_t k = (size_t)node->n_in; dependency(s, id, k, &on); k++)
    if (on) stage = max(stage, s->last[on] + 1);
  return stage;
}

/* A view is no step: it takes over the stage and chain of its input. Its other inputs (op `after`)
 * must be over before it is read. */
static void stage_view(staging *s, const pal_node *node) {
  uint32_t from = node->in[0].id, to = node->first_out;
  s->done[to] = s->done[from];
  s->chain[to] =
      s->g->value.at[from].type.symbol.id == s->g->value.at[to].type.symbol.id ? s->chain[from] : 0;
  s->after[to] = s->after[from];
  for (int i = 1; i < node->n_in; i++)
    if (node->in[i].id) s->after[to] = max(s->after[to], s->done[node->in[i].id]);
}

/* Gives every phase of a node its stage. */
static pal_status stage_node(staging *s, uint32_t id) {
  const pal_graph *g = s->g;
  const pal_node *node = &g->node.at[id];
  if (node->kind != PAL_NODE_OP) return PAL_OK;
  if (is_view(node)) {
    stage_view(s, node);
    s->last[id] = s->done[node->first_out];
    return PAL_OK;
  }
  pal_step *step = PAL_PUSH(s->plan->step);
  if (!step) return PAL_E_MEMORY;
  *step =
      (pal_step){.node = id, .phases = pal_op_phases(node->op), .order = (int)s->plan->step.n - 1};
  for (int p = 0; p < step->phases; p++)
    step->stage[p] = max(earliest(s, id, p), p ? step->stage[p - 1] + 1 : 0);
  for (int p = step->phases - 1; p-- > 0;) /* as late as possible: packed copies live shorter */
    step->stage[p] = step->stage[p + 1] - 1;
  int last = step->stage[step->phases - 1];
  step->last_stage = last;
  s->last[id] = last;
  bool rows = !node->op->phase[step->phases - 1].tasks && !node->op->writes;
  for (int i = 0; i < node->n_out; i++) {
    s->done[node->first_out + (uint32_t)i] = last;
    s->chain[node->first_out + (uint32_t)i] = rows ? unit_symbol(g, node) : 0;
  }
  return PAL_OK;
}

/* ---- items ------------------------------------------------------------------------------- */

/* A unit with the keys by which units are sorted into items. */
typedef struct keyed_unit {
  pal_unit unit;
  int stage, order;
  uint16_t symbol; /* of its chain; 0: an item of its own */
} keyed_unit;

static int by_stage(const void *a, const void *b) {
  const keyed_unit *x = a, *y = b;
  if (x->stage != y->stage) return x->stage - y->stage;
  if (x->symbol != y->symbol) return (int)y->symbol - (int)x->symbol; /* chains first */
  return x->order - y->order;
}

/* Appends a unit to the plan, in the item of the unit before it when both belong to one chain. */
static pal_status push_unit(pal_plan *plan, const keyed_unit *k, const keyed_unit *before) {
  if (!before || before->stage != k->stage) {
    pal_stage *stage = PAL_PUSH(plan->stage);
    if (!stage) return PAL_E_MEMORY;
    *stage = (pal_stage){.first_item = (int)plan->item.n};
  }
  const pal_node *node = &plan->graph->node.at[plan->step.at[k->unit.step].node];
  plan->stage.at[plan->stage.n - 1].binds |= (node->op->flags & PAL_OP_BINDS) != 0;
  bool joins = before && before->stage == k->stage && k->symbol && before->symbol == k->symbol;
  if (!joins) {
    pal_item *item = PAL_PUSH(plan->item);
    if (!item) return PAL_E_MEMORY;
    *item = (pal_item){.first_unit = (int)plan->unit.n,
                       .symbol = k->symbol,
                       .rows = !node->op->phase[k->unit.phase].tasks};
    plan->stage.at[plan->stage.n - 1].n_items++;
  }
  pal_unit *unit = PAL_PUSH(plan->unit);
  if (!unit) return PAL_E_MEMORY;
  *unit = k->unit;
  plan->item.at[plan->item.n - 1].n_units++;
  return PAL_OK;
}

/* Renumbers the stages, since phases that were moved to a later stage may have left empty ones. */
static void close_gaps(pal_plan *plan, keyed_unit *unit, size_t n) {
  int stage = -1, old = -1;
  for (size_t i = 0; i < n; i++) {
    if (unit[i].stage != old) stage++;
    old = unit[i].stage;
    unit[i].stage = stage;
    pal_step *step = &plan->step.at[unit[i].unit.step];
    step->stage[unit[i].unit.phase] = stage;
    step->last_stage = step->stage[step->phases - 1];
  }
}

static pal_status make_items(pal_plan *plan) {
  size_t n = 0;
  keyed_unit *unit = pal_alloc((plan->step.n * PAL_MAX_PHASES + 1) * sizeof *unit);
  if (!unit) return PAL_E_MEMORY;
  for (size_t s = 0; s < plan->step.n; s++) {
    const pal_step *step = &plan->step.at[s];
    const pal_node *node = &plan->graph->node.at[step->node];
    for (int p = 0; p < step->phases; p++) {
      bool rows = !node->op->phase[p].tasks;
      unit[n++] = (keyed_unit){.unit = {(int)s, p},
                               .stage = step->stage[p],
                               .order = step->order,
                               .symbol = rows ? unit_symbol(plan->graph, node) : 0};
    }
  }
  qsort(unit, n, sizeof *unit, by_stage);
  close_gaps(plan, unit, n);
  pal_status status = PAL_OK;
  for (size_t i = 0; i < n && !status; i++)
    status = push_unit(plan, &unit[i], i ? &unit[i - 1] : NULL);
  /* push_unit opens a stage before the item it belongs to exists, so first_item is set here */
  for (size_t i = 0, item = 0; i < plan->stage.n; i++) {
    plan->stage.at[i].first_item = (int)item;
    item += (size_t)plan->stage.at[i].n_items;
  }
  pal_free(unit);
  return status;
}

static void find_aliases(staging *s) {
  for (size_t v = 0; v < s->g->value.n; v++) s->alias[v] = (uint32_t)v;
  for (size_t n = 1; n < s->g->node.n; n++) {
    const pal_node *node = &s->g->node.at[n];
    if (is_view(node)) s->alias[node->first_out] = s->alias[node->in[0].id];
  }
}

pal_status pal_plan_stages(pal_plan *plan, pal_error *error) {
  const pal_graph *g = plan->graph;
  size_t values = g->value.n, nodes = g->node.n;
  staging s = {.plan = plan,
               .g = g,
               .alias = pal_calloc(values, sizeof(uint32_t)),
               .done = pal_calloc(values, sizeof(int)),
               .after = pal_calloc(values, sizeof(int)),
               .chain = pal_calloc(values, sizeof(uint16_t)),
               .order = pal_calloc(nodes, sizeof(uint32_t)),
               .seen = pal_calloc(nodes, 1),
               .last = pal_calloc(nodes, sizeof(int))};
  pal_status status = PAL_E_MEMORY;
  if (s.alias && s.done && s.after && s.chain && s.order && s.seen && s.last) {
    for (size_t i = 0; i < values; i++) s.done[i] = s.after[i] = -1;
    for (size_t i = 0; i < nodes; i++) s.last[i] = -1;
    find_aliases(&s);
    status = order_nodes(&s, error);
    for (size_t i = 0; i < s.n_order && !status; i++) status = stage_node(&s, s.order[i]);
    if (!status) status = make_items(plan);
  }
  pal_free(s.alias);
  pal_free(s.done);
  pal_free(s.after);
  pal_free(s.chain);
  pal_free(s.order);
  pal_free(s.seen);
  pal_free(s.last);
  return status ? pal_fail(error, status, "out of memory in planning the stages") : PAL_OK;
}
