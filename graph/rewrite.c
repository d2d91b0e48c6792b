/* SPDX-License-Identifier: Apache-2.0 */
/* Dead-code elimination, common-subexpression elimination (CSE) and constant folding, in one pass
 * that copies the graph (floor 1).
 *
 * Copied, in the old order, is what the roots depend on: outputs, assignments, loops, checks,
 * in-place writes. Nodes with the same op, attributes and inputs are copied once. */
#define PAL_NO_CALLER
#include <string.h>
#include <xxhash.h>

#include "graph/internal.h"
#include "graph/machine.h"
#include "graph/steps.h"
#include "src/alloc.h"

typedef struct rewrite {
  const pal_graph *from;
  pal_graph *to;
  bool *live;       /* [node of from] some root depends on it */
  pal_value *moved; /* [value of from] its value in `to` */
  uint32_t *table;  /* hash table of node ids of `to`, open addressing; 0 is empty */
  uint64_t mask;    /* size of the table - 1 */
} rewrite;

static bool is_root(const pal_node *node) {
  return node->kind == PAL_NODE_OP && ((node->op->flags & PAL_OP_ROOT) || node->op->writes);
}

/* Marks what the roots depend on. Nodes are in topological order, so one backward walk suffices. */
static void mark_live(rewrite *r) {
  const pal_graph *g = r->from;
  for (size_t i = 0; i < g->output.n; i++)
    r->live[g->value.at[g->output.at[i].value.id].node] = true;
  for (size_t i = 0; i < g->loop.n; i++) r->live[g->value.at[g->loop.at[i].value.id].node] = true;
  for (size_t i = 0; i < g->assign.n; i++) {
    r->live[g->value.at[g->assign.at[i].value.id].node] = true;
    r->live[g->value.at[g->assign.at[i].to.id].node] = true;
  }
  for (size_t n = g->node.n; n-- > 1;) {
    const pal_node *node = &g->node.at[n];
    if (node->kind == PAL_NODE_INPUT || is_root(node)) r->live[n] = true;
    if (!r->live[n] || node->kind != PAL_NODE_OP) continue;
    for (int i = 0; i < node->n_in; i++) r->live[g->value.at[node->in[i].id].node] = true;
    for (int i = 0; i < node->n_in + node->n_out; i++) { /* the op that binds a symbol it uses */
      pal_value v = i < node->n_in ? node->in[i] : pal_node_out(node, i - node->n_in);
      uint32_t binder = g->symbol.at[g->value.at[v.id].type.symbol.id].binder;
      if (binder && binder != n) r->live[binder] = true;
    }
  }
}

static uint64_t node_hash(const pal_node *node, size_t bytes) {
  if (node->kind == PAL_NODE_CONSTANT) return XXH3_64bits(node->data, bytes);
  uint64_t hash = pal_attrs_hash(node->op, node->attrs) ^ node->copy;
  hash = XXH3_64bits_withSeed(&node->op, sizeof node->op, hash);
  return XXH3_64bits_withSeed(node->in, sizeof *node->in * (size_t)node->n_in, hash);
}

static bool node_equal(const pal_graph *g, const pal_node *a, const pal_node *b, size_t bytes) {
  if (a->kind != b->kind || a->copy != b->copy) return false;
  if (a->kind == PAL_NODE_CONSTANT)
    return pal_type_equal(&g->value.at[a->first_out].type, &g->value.at[b->first_out].type) &&
           memcmp(a->data, b->data, bytes) == 0;
  return a->op == b->op && a->n_in == b->n_in &&
         memcmp(a->in, b->in, sizeof *a->in * (size_t)a->n_in) == 0 &&
         pal_attrs_equal(a->op, a->attrs, b->attrs);
}

/* CSE: enters the newest node of `to` into the table, or removes it if an equal one exists. Returns
 * the node that stays. */
static const pal_node *unify(rewrite *r) {
  pal_graph *g = r->to;
  uint32_t id = (uint32_t)(g->node.n - 1);
  pal_node *node = &g->node.at[id];
  bool overflow = false;
  size_t bytes = node->kind == PAL_NODE_CONSTANT
                     ? pal_graph_bytes(g, &g->value.at[node->first_out].type, &overflow)
                     : 0;
  uint64_t slot = node_hash(node, bytes) & r->mask;
  for (; r->table[slot]; slot = (slot + 1) & r->mask) {
    const pal_node *old = &g->node.at[r->table[slot]];
    if (old->n_out && node->n_out && node_equal(g, old, node, bytes)) {
      g->value.n -= (size_t)node->n_out;
      g->node.n--;
      return old;
    }
  }
  r->table[slot] = id;
  return node;
}

/* Whether a node can be folded: a pure op on constants with small static results. */
static bool all_constant(const pal_graph *g, const pal_node *node) {
  if (node->op->flags & (PAL_OP_RANDOM | PAL_OP_ROOT | PAL_OP_BINDS | PAL_OP_VIEW)) return false;
  if (node->op->writes || node->n_in == 0 || node->n_out == 0 || node->copy) return false;
  for (int i = 0; i < node->n_in; i++)
    if (node->in[i].id && pal_node_of(g, node->in[i])->kind != PAL_NODE_CONSTANT) return false;
  for (int i = 0; i < node->n_out; i++) {
    bool overflow = false;
    const pal_type *t = &g->value.at[node->first_out + (uint32_t)i].type;
    if (t->symbol.id || pal_graph_bytes(g, t, &overflow) > PAL_FOLD_MOST) return false;
  }
  return true;
}

/* Runs a node whose inputs are constants and appends its results as constants. If the op fails
 * (say, an index is out of range) the node stays, and reports its error at run time. */
static pal_status fold(rewrite *r, const pal_node *old, const pal_node *node, bool *folded) {
  pal_graph *g = r->to;
  pal_node kept = *node; /* appending may move the array */
  void *out[PAL_MAX_OUTPUTS] = {0};
  const void *in[PAL_MAX_INPUTS] = {0};
  pal_status status = PAL_OK;
  for (int i = 0; i < kept.n_in; i++)
    if (kept.in[i].id) in[i] = pal_node_of(g, kept.in[i])->data;
  for (int i = 0; i < kept.n_out && !status; i++) {
    bool overflow = false;
    size_t bytes = pal_graph_bytes(g, &g->value.at[kept.first_out + (uint32_t)i].type, &overflow);
    out[i] = pal_calloc(1, bytes + 1);
    if (!out[i]) status = PAL_E_MEMORY;
  }
  pal_error ignored = {0};
  if (!status && !pal_node_run_whole(g, &kept, in, out, &ignored)) {
    *folded = true;
    for (int i = 0; i < kept.n_out && !g->error.code; i++) {
      pal_value c = pal_constant(g, g->value.at[kept.first_out + (uint32_t)i].type, out[i]);
      if (!g->error.code) r->moved[old->first_out + (uint32_t)i] = pal_node_out(unify(r), 0);
      (void)c;
    }
    status = g->error.code;
  }
  for (int i = 0; i < kept.n_out; i++) pal_free(out[i]);
  return status;
}

static pal_status copy_node(rewrite *r, const pal_node *old) {
  pal_graph *g = r->to;
  pal_type types[PAL_MAX_OUTPUTS];
  for (int i = 0; i < old->n_out; i++)
    types[i] = r->from->value.at[old->first_out + (uint32_t)i].type;
  pal_node node = *old;
  node.scope = pal_arena_strdup(&g->arena, old->scope);
  node.file = pal_arena_strdup(&g->arena, old->file);
  if (old->name) node.name = pal_arena_strdup(&g->arena, old->name);
  if (!node.scope || !node.file || (old->name && !node.name)) return PAL_E_MEMORY;
  if (old->kind == PAL_NODE_CONSTANT) {
    bool overflow = false;
    node.data = pal_arena_copy(&g->arena, old->data, pal_graph_bytes(g, &types[0], &overflow));
    if (!node.data) return PAL_E_MEMORY;
  }
  if (old->kind == PAL_NODE_OP) {
    node.attrs = pal_attrs_copy(g, old->op, old->attrs);
    node.in = pal_arena_copy(&g->arena, old->in, sizeof *old->in * (size_t)old->n_in);
    if (!node.attrs || !node.in) return PAL_E_MEMORY;
    for (int i = 0; i < node.n_in; i++) node.in[i] = r->moved[node.in[i].id];
  }
  pal_node *made = pal_graph_append(g, node, types, old->n_out);
  if (!made) return PAL_E_MEMORY;
  const pal_node *kept = made;
  bool shared = old->kind == PAL_NODE_CONSTANT ||
                (old->kind == PAL_NODE_OP && !is_root(old) && !(old->op->flags & PAL_OP_BINDS));
  if (shared) kept = unify(r);
  bool folded = false;
  if (old->kind == PAL_NODE_OP && kept == made && all_constant(g, kept)) {
    pal_status status = fold(r, old, kept, &folded);
    if (status) return status;
  }
  for (int i = 0; i < old->n_out && !folded; i++)
    r->moved[old->first_out + (uint32_t)i] = pal_node_out(kept, i);
  if (old->kind == PAL_NODE_OP && (old->op->flags & PAL_OP_BINDS)) {
    pal_symbol bound[2];
    int n = pal_attrs_bound(old->op, old->attrs, bound);
    for (int i = 0; i < n; i++) g->symbol.at[bound[i].id].binder = (uint32_t)(g->node.n - 1);
  }
  return PAL_OK;
}

static pal_status copy_named(rewrite *r) {
  const pal_graph *f = r->from;
  for (size_t i = 0; i < f->output.n; i++)
    pal_output(r->to, f->output.at[i].name, r->moved[f->output.at[i].value.id]);
  for (size_t i = 0; i < f->assign.n; i++)
    pal_assign(r->to, r->moved[f->assign.at[i].to.id], r->moved[f->assign.at[i].value.id]);
  for (size_t i = 0; i < f->loop.n; i++)
    pal_loop(r->to, r->moved[f->loop.at[i].to.id], r->moved[f->loop.at[i].value.id]);
  return r->to->error.code;
}

static pal_status rewrite_all(rewrite *r) {
  const pal_graph *f = r->from;
  for (size_t i = 1; i < f->symbol.n; i++)
    pal_symbol_new(r->to, f->symbol.at[i].name, f->symbol.at[i].capacity);
  if (r->to->error.code) return r->to->error.code;
  mark_live(r);
  for (size_t n = 1; n < f->node.n; n++)
    if (r->live[n]) {
      pal_status status = copy_node(r, &f->node.at[n]);
      if (status) return status;
    }
  return copy_named(r);
}

static pal_graph *rewrite_once(const pal_graph *graph, pal_error *error) {
  uint64_t room = 16;
  while (room < 2 * (graph->node.n + graph->value.n)) room *= 2; /* nodes and folded values */
  rewrite r = {.from = graph,
               .to = pal_graph_new(graph->context, graph->store),
               .live = pal_calloc(graph->node.n, sizeof(bool)),
               .moved = pal_calloc(graph->value.n, sizeof(pal_value)),
               .table = pal_calloc(room, sizeof(uint32_t)),
               .mask = room - 1};
  pal_status status = PAL_E_MEMORY;
  if (r.to) r.to->attrs_fill = graph->attrs_fill;
  if (r.to && r.live && r.moved && r.table) status = rewrite_all(&r);
  if (status) {
    if (r.to && r.to->error.code && error && !error->code) *error = r.to->error;
    else pal_fail(error, status, "no memory to compile the graph");
    pal_graph_free(r.to);
    r.to = NULL;
  }
  pal_free(r.live);
  pal_free(r.moved);
  pal_free(r.table);
  return r.to;
}

static pal_graph *rewrite_and_verify(const pal_graph *graph, pal_error *error) {
  pal_graph *made = rewrite_once(graph, error);
  if (!made || !pal_verify(made, error)) return made;
  pal_graph_free(made);
  return NULL;
}

/* Folding leaves the folded nodes and their inputs in the graph as dead code; a second pass removes
 * them. */
pal_graph *pal_rewrite(const pal_graph *graph, pal_error *error) {
  pal_graph *first = rewrite_and_verify(graph, error);
  pal_graph *second = first ? rewrite_and_verify(first, error) : NULL;
  pal_graph_free(first);
  return second;
}
