/* SPDX-License-Identifier: Apache-2.0 */
/* Recomputation (activation checkpointing): copies of a section's nodes for the backward pass
 * (floor 3).
 *
 *   forward    in ----> [ a -> b -> c ] ----> ... loss
 *   backward   in -> after(in, g) -> [ a' -> b' -> c' ] -> gradients of the section
 *                              g: the gradient that enters the section
 *
 * So a, b and c need not live until the backward pass. A copy has the op, attributes and (copied)
 * inputs of its original; random ops repeat their draws, and the bits are the same. Copies carry a
 * mark that keeps CSE from merging them with the originals. They read what enters the section
 * through the op `after`, since otherwise the planner would compute them in the forward pass. The
 * whole section is copied; dead-code elimination removes what no gradient reads. */
#define PAL_NO_CALLER
#include "autograd/accumulate.h"
#include "autograd/gradient.h"
#include "src/alloc.h"

bool pal_recompute_init(pal_recompute *r, pal_graph *graph) {
  *r = (pal_recompute){.graph = graph, .nodes = graph->node.n, .values = graph->value.n};
  r->copy = pal_calloc(r->values, sizeof *r->copy);
  r->copied = pal_calloc(graph->sections + 1, sizeof *r->copied);
  return r->copy && r->copied;
}

void pal_recompute_free(pal_recompute *r) {
  pal_free(r->copy);
  pal_free(r->copied);
}

pal_value pal_recompute_value(const pal_recompute *r, uint32_t section, pal_value value) {
  if (!section || value.id >= r->values || pal_node_of(r->graph, value)->section != section)
    return value;
  return r->copy[value.id].id ? r->copy[value.id] : value;
}

/* Ops with effects are not copied: checks and writes happen once, and a symbol is bound once. */
static bool can_copy(const pal_node *node) {
  return node->kind == PAL_NODE_OP && !node->op->writes &&
         !(node->op->flags & (PAL_OP_ROOT | PAL_OP_BINDS));
}

/* Variables and constants are read directly and not through `after`: they live during the whole run
 * anyway, and the packed-weight cache must be able to recognise them. */
static bool is_bare(const pal_graph *graph, pal_value v) {
  pal_node_kind kind = pal_node_of(graph, v)->kind;
  return v.id == 0 || kind == PAL_NODE_VARIABLE || kind == PAL_NODE_CONSTANT;
}

/* One section being copied. */
typedef struct copying {
  pal_recompute *r;
  pal_value order;    /* the gradient that the copies wait for */
  pal_value *delayed; /* [value] after(value, order), or nil */
  uint32_t mark, section;
} copying;

/* The value, but not before `order` has been computed. */
static pal_value delay(copying *c, pal_value v) {
  if (!c->delayed[v.id].id) c->delayed[v.id] = pal_after(c->r->graph, v, c->order);
  return c->delayed[v.id];
}

/* The inputs of the copy of `node`; at least one of them waits for `order`. False for a node that
 * reads constants only, which needs no copy. */
static bool copy_inputs(copying *c, const pal_node *node, pal_value *in) {
  const pal_graph *g = c->r->graph;
  bool ordered = false;
  int variable = -1;
  for (int i = 0; i < node->n_in; i++) {
    in[i] = pal_recompute_value(c->r, c->section, node->in[i]);
    if (is_bare(g, node->in[i])) {
      if (pal_node_of(g, node->in[i])->kind == PAL_NODE_VARIABLE) variable = i;
      continue;
    }
    if (in[i].id == node->in[i].id) in[i] = delay(c, in[i]);
    ordered = true;
  }
  if (!ordered && variable >= 0) in[variable] = delay(c, in[variable]);
  return ordered || variable >= 0;
}

static void copy_node(copying *c, const pal_node *original) {
  pal_graph *g = c->r->graph;
  pal_node node = *original;
  pal_value in[PAL_MAX_INPUTS];
  pal_type type[PAL_MAX_OUTPUTS];
  if (!copy_inputs(c, &node, in) || g->error.code) return;
  for (int i = 0; i < node.n_out; i++) type[i] = pal_type_of(g, pal_node_out(&node, i));
  uint32_t first = node.first_out;
  node.in = pal_arena_copy(&g->arena, in, sizeof *in * (size_t)node.n_in);
  node.copy = c->mark;
  node.section = 0;
  if (!node.in) {
    pal_graph_refuse(g, PAL_E_MEMORY, "no memory for the graph");
    return;
  }
  const pal_node *made = pal_graph_append(g, node, type, node.n_out);
  for (int i = 0; made && i < node.n_out; i++)
    c->r->copy[first + (uint32_t)i] = pal_node_out(made, i);
}

void pal_recompute_section(pal_recompute *r, uint32_t section, pal_value order) {
  pal_graph *g = r->graph;
  if (r->copied[section]) return;
  r->copied[section] = true;
  copying c = {.r = r, .order = order, .mark = ++g->copies, .section = section};
  c.delayed = pal_calloc(r->values, sizeof *c.delayed);
  if (!c.delayed) {
    pal_graph_refuse(g, PAL_E_MEMORY, "no memory for the gradient");
    return;
  }
  for (size_t id = 1; id < r->nodes && !g->error.code; id++) {
    const pal_node node = g->node.at[id]; /* a copy: appending moves the array */
    if (node.section == section && can_copy(&node)) copy_node(&c, &node);
  }
  pal_free(c.delayed);
}

void pal_recompute_begin(pal_graph *graph) {
  if (graph->error.code) return;
  if (graph->section) {
    pal_graph_refuse(graph, PAL_E_ARGUMENT, "recompute sections do not nest");
    return;
  }
  graph->section = ++graph->sections;
}

void pal_recompute_end(pal_graph *graph) { graph->section = 0; }
