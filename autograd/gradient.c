/* SPDX-License-Identifier: Apache-2.0 */
/* pal_gradient: reverse-mode differentiation as a graph transformation (floor 3).
 *
 * Nodes are visited from the loss backwards. A node's gradient function is called once, when all
 * its consumers have contributed to the gradients of its outputs:
 *
 *            x --+--> f --+                x.grad = f's contribution + g's contribution
 *                |        +--> loss        visited: loss, g, f, then x is complete
 *                +--> g --+
 *
 * Invariants: the contributions to a value are summed in the order of consumer id, then input
 * index, so the bits depend on the graph alone; no op is known by name. */
#define PAL_NO_CALLER
#include "autograd/gradient.h"

#include <stdio.h>
#include <string.h>

#include "autograd/accumulate.h"
#include "src/alloc.h"

typedef struct contribution {
  uint32_t next; /* index of the same value's next contribution, 0 for none */
  pal_value grad;
} contribution;

typedef struct walk {
  pal_graph *graph;
  size_t nodes, values;        /* counts before the walk; what it appends is never visited */
  bool *depends;               /* [value] depends on a wrt through ops that have gradients */
  uint32_t *first;             /* [value] index of its first contribution, 0 for none */
  pal_value *total;            /* [value] sum of its contributions, nil until needed */
  uint32_t *via;               /* [node] a consumer that contributed to it, for error messages */
  PAL_LIST(contribution) part; /* [0] is unused */
  pal_recompute recompute;
} walk;

static bool walk_init(walk *w, pal_graph *graph) {
  *w = (walk){.graph = graph, .nodes = graph->node.n, .values = graph->value.n};
  w->depends = pal_calloc(w->values, sizeof *w->depends);
  w->first = pal_calloc(w->values, sizeof *w->first);
  w->total = pal_calloc(w->values, sizeof *w->total);
  w->via = pal_calloc(w->nodes, sizeof *w->via);
  bool room = pal_recompute_init(&w->recompute, graph);
  return room && w->depends && w->first && w->total && w->via && PAL_PUSH(w->part) != NULL;
}

static void walk_free(walk *w) {
  pal_free(w->depends);
  pal_free(w->first);
  pal_free(w->total);
  pal_free(w->via);
  pal_free(w->part.at);
  pal_recompute_free(&w->recompute);
}

static bool differentiable(const pal_graph *graph, pal_value v) {
  pal_dtype dtype = graph->value.at[v.id].type.dtype;
  return dtype == PAL_F32 || dtype == PAL_BF16;
}

/* Sets `depends`. Nodes are in topological order, so one forward pass suffices. */
static void mark_dependent(walk *w, const pal_value *wrt, int n) {
  const pal_graph *g = w->graph;
  for (int i = 0; i < n; i++) w->depends[wrt[i].id] = true;
  for (size_t id = 1; id < w->nodes; id++) {
    const pal_node *node = &g->node.at[id];
    if (node->kind != PAL_NODE_OP || (node->op->flags & PAL_OP_NO_GRADIENT)) continue;
    bool depends = false;
    for (int i = 0; i < node->n_in; i++) depends |= w->depends[node->in[i].id];
    for (int i = 0; depends && i < node->n_out; i++) {
      pal_value out = pal_node_out(node, i);
      if (differentiable(g, out)) w->depends[out.id] = true;
    }
  }
}

/* For error messages: the ops from the loss to a node, as "cross_entropy, matmul, exp". */
static const char *path_of(const walk *w, uint32_t node, char *text, size_t size) {
  enum { SHOWN = 12 };
  uint32_t path[SHOWN];
  int n = 0;
  for (; node; node = w->via[node]) path[n++ % SHOWN] = node;
  size_t used = (size_t)snprintf(text, size, "%s", n > SHOWN ? "..., " : "");
  for (int i = n - 1; i >= 0 && i >= n - SHOWN && used < size; i--) {
    const pal_node *at = &w->graph->node.at[path[i % SHOWN]];
    used += (size_t)snprintf(text + used, size - used, "%s%s", at->op ? at->op->name : at->name,
                             i ? ", " : "");
  }
  return text;
}

static void out_of_memory(walk *w) {
  pal_graph_refuse(w->graph, PAL_E_MEMORY, "no memory for the gradient");
}

/* Adds a contribution in front of the list: the walk starts at the last consumer, so the list ends
 * up in the order of consumers. */
static void contribute(walk *w, pal_value to, pal_value grad) {
  contribution *c = PAL_PUSH(w->part);
  if (!c) {
    out_of_memory(w);
    return;
  }
  *c = (contribution){.next = w->first[to.id], .grad = grad};
  w->first[to.id] = (uint32_t)(w->part.n - 1);
}

/* The sum of a value's contributions; nil when there are none. */
static pal_value total_of(walk *w, pal_value v) {
  if (w->total[v.id].id || !w->first[v.id]) return w->total[v.id];
  size_t n = 0;
  for (uint32_t c = w->first[v.id]; c; c = w->part.at[c].next) n++;
  pal_value *in = pal_alloc(n * sizeof *in);
  if (!in) {
    out_of_memory(w);
    return PAL_NIL;
  }
  size_t at = 0;
  for (uint32_t c = w->first[v.id]; c; c = w->part.at[c].next) in[at++] = w->part.at[c].grad;
  w->total[v.id] = n == 1 ? in[0] : pal_accumulate(w->graph, in, (int)n);
  pal_free(in);
  return w->total[v.id];
}

/* Adds the results of a gradient function to the contributions, last input first (see
 * contribute). */
static void add_contributions(walk *w, uint32_t id, const pal_node *node, const pal_value *in_grad,
                              uint32_t wanted) {
  pal_graph *g = w->graph;
  for (int i = node->n_in - 1; i >= 0 && !g->error.code; i--) {
    if (!(wanted >> i & 1) || !in_grad[i].id) continue;
    pal_type have = pal_type_of(g, in_grad[i]), want = pal_type_of(g, node->in[i]);
    if (!pal_type_equal(&have, &want)) {
      char a[96], b[96], path[300];
      pal_graph_refuse(g, PAL_E_SHAPE,
                       "the gradient of op \"%s\" with respect to input %d is %s where the input "
                       "is %s (path from the loss: %s)",
                       node->op->name, i, pal_graph_type_print(g, &have, a, sizeof a),
                       pal_graph_type_print(g, &want, b, sizeof b),
                       path_of(w, id, path, sizeof path));
      return;
    }
    uint32_t maker = g->value.at[node->in[i].id].node;
    if (!w->via[maker]) w->via[maker] = id;
    contribute(w, node->in[i], in_grad[i]);
  }
}

/* Adds to the graph's error in which gradient it happened; records `status` if there is no error
 * yet. */
static void explain(walk *w, uint32_t id, const pal_node *node, pal_status status) {
  pal_graph *g = w->graph;
  char path[300];
  path_of(w, id, path, sizeof path);
  if (!g->error.code) {
    pal_graph_refuse(g, status,
                     "the gradient function of op \"%s\" failed (path from the loss: %s)",
                     node->op->name, path);
    return;
  }
  size_t used = strlen(g->error.text);
  snprintf(g->error.text + used, sizeof g->error.text - used,
           "; in the gradient of op \"%s\" (path from the loss: %s)", node->op->name, path);
}

/* Calls a node's gradient function. Its errors name the line where the user built the node; in a
 * recompute section it reads recomputed copies. */
static void call_gradient(walk *w, uint32_t id, const pal_node *node, const pal_value *out_grad,
                          uint32_t wanted) {
  pal_graph *g = w->graph;
  pal_value in[PAL_MAX_INPUTS], out[PAL_MAX_OUTPUTS], in_grad[PAL_MAX_INPUTS] = {{0}};
  for (int i = 0; i < node->n_in; i++)
    in[i] = pal_recompute_value(&w->recompute, node->section, node->in[i]);
  for (int i = 0; i < node->n_out; i++)
    out[i] = pal_recompute_value(&w->recompute, node->section, pal_node_out(node, i));
  pal_gradient_call call = {.graph = g,
                            .attrs = node->attrs,
                            .n_in = node->n_in,
                            .n_out = node->n_out,
                            .in = in,
                            .out = out,
                            .out_grad = out_grad,
                            .in_grad = in_grad,
                            .wanted = wanted};
  const char *scope = g->scope, *file = g->file;
  int line = g->line;
  g->scope = node->scope;
  g->file = node->file;
  g->line = node->line;
  pal_status status = node->op->gradient ? node->op->gradient(&call) : PAL_E_UNSUPPORTED;
  if (status || g->error.code) explain(w, id, node, status);
  else add_contributions(w, id, node, in_grad, wanted);
  g->scope = scope;
  g->file = file;
  g->line = line;
}

static void visit(walk *w, uint32_t id) {
  pal_graph *g = w->graph;
  const pal_node node = g->node.at[id]; /* a copy: appending moves the array */
  if (node.kind != PAL_NODE_OP || (node.op->flags & PAL_OP_NO_GRADIENT)) return;
  uint32_t wanted = 0;
  for (int i = 0; i < node.n_in; i++)
    if (w->depends[node.in[i].id]) wanted |= 1u << i;
  if (!wanted) return;
  pal_value out_grad[PAL_MAX_OUTPUTS], order = PAL_NIL;
  for (int i = 0; i < node.n_out; i++) {
    out_grad[i] = total_of(w, pal_node_out(&node, i));
    if (out_grad[i].id && !order.id) order = out_grad[i];
  }
  if (!order.id) return; /* the loss does not depend on it */
  if (node.section) pal_recompute_section(&w->recompute, node.section, order);
  if (!g->error.code) call_gradient(w, id, &node, out_grad, wanted);
}

/* Whether the gradient is defined for these arguments; if not, the graph fails. */
static bool arguments_fit(pal_graph *g, const pal_value *output, const pal_value *out_grad, int n,
                          const pal_value *wrt, int n_wrt) {
  if (g->error.code) return false;
  if (g->section) {
    pal_graph_refuse(g, PAL_E_ARGUMENT,
                     "pal_gradient was called inside a recompute section; call it after "
                     "pal_recompute_end");
    return false;
  }
  for (int i = 0; i < n + n_wrt; i++) {
    pal_value v = i < n ? output[i] : wrt[i - n];
    char text[96];
    pal_type type = pal_type_of(g, v);
    if (v.id && v.id < g->value.n && type.dtype == PAL_F32) continue;
    pal_graph_refuse(g, PAL_E_SHAPE, "the gradient %s number %d needs f32, not %s",
                     i < n ? "of value" : "with respect to value", i < n ? i : i - n,
                     pal_graph_type_print(g, &type, text, sizeof text));
    return false;
  }
  for (int i = 0; i < n; i++) {
    pal_type a = pal_type_of(g, output[i]), b = pal_type_of(g, out_grad[i]);
    if (pal_type_equal(&a, &b)) continue;
    char text[2][96];
    pal_graph_refuse(g, PAL_E_SHAPE, "the gradient given for value number %d, %s, is %s", i,
                     pal_graph_type_print(g, &a, text[0], sizeof text[0]),
                     pal_graph_type_print(g, &b, text[1], sizeof text[1]));
    return false;
  }
  return true;
}

void pal_gradient_from(pal_graph *graph, const pal_value *output, const pal_value *out_grad, int n,
                       const pal_value *wrt, int n_wrt, pal_value *grad) {
  for (int i = 0; i < n_wrt; i++) grad[i] = PAL_NIL;
  if (!arguments_fit(graph, output, out_grad, n, wrt, n_wrt)) return;
  walk w;
  if (!walk_init(&w, graph)) {
    out_of_memory(&w);
    walk_free(&w);
    return;
  }
  mark_dependent(&w, wrt, n_wrt);
  uint32_t last = 0;
  for (int i = n - 1; i >= 0; i--) {
    if (!w.depends[output[i].id]) continue;
    contribute(&w, output[i], out_grad[i]);
    uint32_t maker = graph->value.at[output[i].id].node;
    if (maker > last) last = maker;
  }
  for (uint32_t id = last; id > 0 && !graph->error.code; id--) visit(&w, id);
  for (int i = 0; i < n_wrt && !graph->error.code; i++) {
    grad[i] = total_of(&w, wrt[i]);
    if (!grad[i].id) grad[i] = pal_fill_like(graph, wrt[i], 0);
  }
  for (int i = 0; i < n_wrt && graph->error.code; i++) grad[i] = PAL_NIL;
  walk_free(&w);
}

void pal_gradient(pal_graph *graph, pal_value loss, const pal_value *wrt, int n, pal_value *grad) {
  for (int i = 0; i < n; i++) grad[i] = PAL_NIL;
  if (graph->error.code) return;
  if (!loss.id || pal_type_of(graph, loss).dtype != PAL_F32) {
    pal_graph_refuse(graph, PAL_E_SHAPE, "pal_gradient: the loss is not an f32 value");
    return;
  }
  pal_value ones = pal_fill_like(graph, loss, 1);
  if (!graph->error.code) pal_gradient_from(graph, &loss, &ones, 1, wrt, n, grad);
}
