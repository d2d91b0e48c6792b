/* SPDX-License-Identifier: Apache-2.0 */
/* pal_apply: checks the inputs of an op, infers its output types and appends its node (floor 1). */
#define PAL_NO_CALLER
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

/* Describes a call for error messages, as "edit(i32[T], i32[T], binds=N)": the types of inputs and
 * the attributes that are symbols. */
static void print_call(const pal_graph *graph, const pal_op *op, const pal_value *in, int n_in,
                       const void *attrs, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "%s(", op->name);
  for (int i = 0; i < n_in && used < size; i++) {
    char type[96];
    pal_type t = pal_type_of(graph, in[i]);
    used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
                             pal_graph_type_print(graph, &t, type, sizeof type));
  }
  for (size_t i = 0; i < op->n_fields && used < size; i++) {
    const pal_attr_field *f = &op->fields[i];
    pal_symbol symbol = PAL_STATIC;
    if (f->kind == PAL_ATTR_SYMBOL) memcpy(&symbol, (const char *)attrs + f->offset, sizeof symbol);
    if (symbol.id && symbol.id < graph->symbol.n)
      used += (size_t)snprintf(text + used, size - used, ", %s=%s", f->name,
                               graph->symbol.at[symbol.id].name);
  }
  if (used < size) snprintf(text + used, size - used, ")");
}

/* Whether the types that infer gave are those of possible tensors of this graph. */
static bool outputs_sound(pal_graph *graph, const pal_infer *call) {
  if (call->n_out < 0 || call->n_out > PAL_MAX_OUTPUTS) return false;
  for (int i = 0; i < call->n_out; i++) {
    const pal_type *t = &call->out_type[i];
    bool overflow = false;
    if (t->dtype <= PAL_NONE || t->dtype > PAL_U8 || t->rank > PAL_MAX_DIMS ||
        t->symbol.id >= graph->symbol.n || (t->rank == 0 && t->symbol.id))
      return false;
    for (int d = 0; d < t->rank; d++)
      if (t->dim[d] < 0) return false;
    pal_graph_bytes(graph, t, &overflow);
    if (overflow) return false;
  }
  return true;
}

static bool inputs_sound(pal_graph *graph, const pal_op *op, const pal_value *in, int n_in) {
  if (n_in < op->min_in || n_in > op->max_in) {
    char most[16] = "";
    if (op->max_in > op->min_in) snprintf(most, sizeof most, " to %d", op->max_in);
    pal_graph_refuse(graph, PAL_E_ARGUMENT, "%s takes %d%s inputs, not %d", op->name, op->min_in,
                     most, n_in);
    return false;
  }
  for (int i = 0; i < n_in; i++) {
    if (in[i].id >= graph->value.n) {
      pal_graph_refuse(graph, PAL_E_ARGUMENT, "%s: input %d is not a value of this graph", op->name,
                       i);
      return false;
    }
    if (in[i].id == 0 && !(op->optional >> i & 1)) {
      pal_graph_refuse(graph, PAL_E_ARGUMENT, "%s: input %d is nil, but this input is not optional",
                       op->name, i);
      return false;
    }
    if (op->writes >> i & 1) {
      const pal_node *from = pal_node_of(graph, in[i]);
      if (from->kind == PAL_NODE_VARIABLE ||
          (from->kind == PAL_NODE_OP && from->op->writes && graph->value.at[in[i].id].index == 0))
        continue;
      pal_graph_refuse(
          graph, PAL_E_ARGUMENT,
          "%s updates input %d in place, so it must be a variable or what the last such op "
          "on it returned",
          op->name, i);
      return false;
    }
  }
  return true;
}

/* A symbol is bound by one op, and no value may have it before that op is built: its count is
 * unknown until then. */
static bool bindings_sound(pal_graph *graph, const pal_op *op, const void *attrs) {
  pal_symbol bound[2];
  int n = op->flags & PAL_OP_BINDS ? pal_attrs_bound(op, attrs, bound) : 0;
  for (int i = 0; i < n; i++) {
    uint16_t id = bound[i].id;
    bool fresh =
        id && id < graph->symbol.n && !graph->symbol.at[id].binder && (i == 0 || id != bound[0].id);
    for (size_t v = 1; fresh && v < graph->value.n; v++)
      fresh = graph->value.at[v].type.symbol.id != id;
    if (fresh) continue;
    if (id && id < graph->symbol.n)
      pal_graph_refuse(
          graph, PAL_E_ARGUMENT,
          "%s binds symbol \"%s\", but another op binds it or a value built before uses it",
          op->name, graph->symbol.at[id].name);
    else
      pal_graph_refuse(graph, PAL_E_ARGUMENT,
                       "%s binds a symbol that does not belong to this graph", op->name);
    return false;
  }
  return true;
}

pal_value pal_apply_op(pal_graph *graph, const pal_op *op, const pal_value *in, int n_in,
                       const void *attrs, pal_value *out) {
  for (int i = 0; out && i < PAL_MAX_OUTPUTS; i++) out[i] = PAL_NIL;
  if (graph->error.code || !inputs_sound(graph, op, in, n_in)) return PAL_NIL;
  pal_type in_type[PAL_MAX_INPUTS], out_type[PAL_MAX_OUTPUTS];
  for (int i = 0; i < n_in; i++) in_type[i] = pal_type_of(graph, in[i]);
  attrs = pal_attrs_copy(graph, op, attrs); /* the op's functions see this copy only */
  if (!attrs) return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for the graph");
  pal_error error = {0};
  pal_infer call = {
      .attrs = attrs, .n_in = n_in, .in_type = in_type, .out_type = out_type, .error = &error};
  if (op->infer(&call) || !outputs_sound(graph, &call)) {
    char text[4096];
    print_call(graph, op, in, n_in, attrs, text, sizeof text);
    return pal_graph_fail(
        graph, error.code ? error.code : PAL_E_SHAPE, "%s: %s", text,
        error.code
            ? error.text
            : "infer gave a type that no tensor can have (too large, or of an unknown symbol)");
  }
  if (call.n_out == 0 && !(op->flags & PAL_OP_ROOT))
    return pal_graph_fail(graph, PAL_E_ARGUMENT,
                          "%s: infer left n_out at 0; set it to the number of outputs (an op that "
                          "has none is a PAL_OP_ROOT)",
                          op->name);
  if (!bindings_sound(graph, op, attrs)) return PAL_NIL;
  pal_node node = {.kind = PAL_NODE_OP, .op = op, .n_in = n_in, .section = graph->section};
  node.attrs = attrs;
  node.in = pal_arena_copy(&graph->arena, in, sizeof *in * (size_t)n_in);
  if (!node.in) return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for the graph");
  pal_node *made = pal_graph_append(graph, node, out_type, call.n_out);
  if (!made) return PAL_NIL;
  if (op->flags & PAL_OP_BINDS) {
    pal_symbol bound[2];
    int n = pal_attrs_bound(op, node.attrs, bound);
    for (int i = 0; i < n; i++)
      graph->symbol.at[bound[i].id].binder = (uint32_t)(graph->node.n - 1);
  }
  for (int i = 0; out && i < call.n_out; i++) out[i] = pal_node_out(made, i);
  return call.n_out ? pal_node_out(made, 0) : PAL_NIL;
}

pal_value pal_apply(pal_graph *graph, const char *name, const pal_value *in, int n_in,
                    const void *attrs, pal_value *out) {
  for (int i = 0; out && i < PAL_MAX_OUTPUTS; i++) out[i] = PAL_NIL;
  if (graph->error.code) return PAL_NIL;
  const pal_op *op = pal_lookup(graph->context, "op", name);
  if (!op) return pal_graph_fail(graph, PAL_E_NOT_FOUND, "no op is named \"%s\"", name);
  if (!attrs && op->attrs_size)
    return pal_graph_fail(graph, PAL_E_ARGUMENT, "%s: attributes are missing", name);
  return pal_apply_op(graph, op, in, n_in, attrs, out);
}
