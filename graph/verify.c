/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of a graph, checked after every rewriting pass (floor 1). */
#define PAL_NO_CALLER
#include "graph/internal.h"
#include "graph/parts.h"

/* PAL_E_ARGUMENT: the caller has built a graph that cannot run. PAL_E_INTERNAL: a pass is wrong. */
static pal_status broken(pal_error *error, pal_status code, const pal_node *node,
                         const char *what) {
  return pal_fail(error, code, "%s:%d: %s: %s", node->file, node->line,
                  node->op     ? node->op->name
                  : node->name ? node->name
                               : "node",
                  what);
}

static pal_status verify_op(const pal_graph *g, size_t id, pal_error *error) {
  const pal_node *node = &g->node.at[id];
  pal_type in[PAL_MAX_INPUTS], out[PAL_MAX_OUTPUTS];
  for (int i = 0; i < node->n_in; i++) {
    if (node->in[i].id >= g->value.n || g->value.at[node->in[i].id].node >= id)
      return broken(error, PAL_E_INTERNAL, node,
                    "the order of nodes is wrong: an input is used before it is computed");
    in[i] = pal_type_of(g, node->in[i]);
  }
  pal_error own = {0};
  pal_infer call = {
      .attrs = node->attrs, .n_in = node->n_in, .in_type = in, .out_type = out, .error = &own};
  if (node->op->infer(&call))
    return broken(error, PAL_E_INTERNAL, node,
                  "infer refuses inputs that it accepted when the op was built");
  if (call.n_out != node->n_out)
    return broken(error, PAL_E_INTERNAL, node, "the number of outputs has changed");
  for (int i = 0; i < call.n_out; i++)
    if (!pal_type_equal(&out[i], &g->value.at[node->first_out + (uint32_t)i].type))
      return broken(error, PAL_E_INTERNAL, node, "an output's type has changed");
  return PAL_OK;
}

/* Each version of a variable may be written in place once, and not if the variable is also
 * assigned. */
static pal_status verify_writes(const pal_graph *g, size_t id, pal_error *error) {
  const pal_node *node = &g->node.at[id];
  for (int i = 0; i < node->n_in; i++) {
    if (!(node->op->writes >> i & 1)) continue;
    for (size_t other = id + 1; other < g->node.n; other++) {
      const pal_node *o = &g->node.at[other];
      for (int j = 0; o->kind == PAL_NODE_OP && j < o->n_in; j++)
        if ((o->op->writes >> j & 1) && o->in[j].id == node->in[i].id)
          return broken(
              error, PAL_E_ARGUMENT, o,
              "another op already writes this version of the variable; write to the version "
              "that the other op returns");
    }
    for (size_t a = 0; a < g->assign.n; a++)
      if (g->assign.at[a].to.id == node->in[i].id)
        return broken(error, PAL_E_ARGUMENT, node,
                      "the variable is written in place and also assigned with pal_assign; use "
                      "only one of the two");
  }
  return PAL_OK;
}

/* Whether some op changes the version of a variable that `v` is, or is a view of. */
static bool overwritten(const pal_graph *g, pal_value v) {
  const pal_node *node = pal_node_of(g, v);
  for (; node->kind == PAL_NODE_OP && (node->op->flags & PAL_OP_VIEW); node = pal_node_of(g, v))
    v = node->in[0];
  for (size_t n = 1; n < g->node.n; n++) {
    node = &g->node.at[n];
    for (int i = 0; node->kind == PAL_NODE_OP && i < node->n_in; i++)
      if ((node->op->writes >> i & 1) && node->in[i].id == v.id) return true;
  }
  return false;
}

/* Outputs, assignments and loops are read when the run is over, when only the last version of a
 * variable still exists. */
static pal_status verify_ends(const pal_graph *g, pal_error *error) {
  const pal_named_value *list[] = {g->output.at, g->assign.at, g->loop.at};
  const size_t n[] = {g->output.n, g->assign.n, g->loop.n};
  for (int k = 0; k < 3; k++)
    for (size_t i = 0; i < n[k]; i++)
      if (overwritten(g, list[k][i].value))
        return broken(error, PAL_E_ARGUMENT, pal_node_of(g, list[k][i].value),
                      "a version of a variable that is changed in place cannot be an output, be "
                      "assigned or be looped; only its last version can");
  return PAL_OK;
}

static bool is_changed(const pal_graph *g, const pal_node *variable) {
  for (size_t i = 0; i < g->assign.n; i++)
    if (g->assign.at[i].to.id == variable->first_out) return true;
  return overwritten(g, pal_node_out(variable, 0));
}

/* A plan that changes a part must not use its block, nor the other way round: which of the two held
 * the present contents during the run would depend on the order of execution. */
static pal_status verify_parts(const pal_graph *g, pal_error *error) {
  for (size_t n = 1; n < g->node.n; n++) {
    const pal_node *block = &g->node.at[n];
    if (block->kind != PAL_NODE_VARIABLE || !block->variable->parts) continue;
    for (size_t o = 1; o < g->node.n; o++) {
      const pal_node *other = &g->node.at[o];
      if (o != n && other->kind == PAL_NODE_VARIABLE &&
          pal_variables_overlap(block->variable, other->variable) &&
          (is_changed(g, block) || is_changed(g, other)))
        return pal_fail(
            error, PAL_E_ARGUMENT,
            "%s:%d: variables \"%s\" and \"%s\" share contents, so a graph that changes "
            "one of them cannot use the other",
            other->file, other->line, block->name, other->name);
    }
  }
  return PAL_OK;
}

pal_status pal_verify(const pal_graph *graph, pal_error *error) {
  for (size_t n = 1; n < graph->node.n; n++) {
    const pal_node *node = &graph->node.at[n];
    for (int i = 0; i < node->n_out; i++) {
      const pal_value_record *v = &graph->value.at[node->first_out + (uint32_t)i];
      if (v->node != n || v->index != i)
        return broken(error, PAL_E_INTERNAL, node, "its outputs belong to another node");
    }
    if (node->kind != PAL_NODE_OP) continue;
    pal_status status = verify_op(graph, n, error);
    if (!status && node->op->writes) status = verify_writes(graph, n, error);
    if (status) return status;
  }
  const pal_status status = verify_ends(graph, error);
  return status ? status : verify_parts(graph, error);
}
