/* The invariants of a graph, checked between passes (floor 1). */
#define PAL_NO_CALLER
#include "graph/internal.h"

static pal_status broken(pal_error *error, const pal_node *node, const char *what) {
  return pal_fail(error, PAL_E_ARGUMENT, "%s:%d: %s: %s", node->file, node->line,
                  node->op ? node->op->name : node->name ? node->name : "node", what);
}

static pal_status verify_op(const pal_graph *g, size_t id, pal_error *error) {
  const pal_node *node = &g->node.at[id];
  pal_type in[PAL_MAX_INPUTS], out[PAL_MAX_OUTPUTS];
  for (int i = 0; i < node->n_in; i++) {
    if (node->in[i].id >= g->value.n || g->value.at[node->in[i].id].node >= id)
      return broken(error, node, "an input is not made before it is used");
    in[i] = pal_type_of(g, node->in[i]);
  }
  pal_infer call = {.attrs = node->attrs, .n_in = node->n_in, .in_type = in, .out_type = out,
                    .error = error};
  if (node->op->infer(&call)) return PAL_E_SHAPE;
  if (call.n_out != node->n_out) return broken(error, node, "the number of outputs has changed");
  for (int i = 0; i < call.n_out; i++)
    if (!pal_type_equal(&out[i], &g->value.at[node->first_out + (uint32_t)i].type))
      return broken(error, node, "an output's type has changed");
  return PAL_OK;
}

/* A version of a variable may be written once, and not beside an assignment. */
static pal_status verify_writes(const pal_graph *g, size_t id, pal_error *error) {
  const pal_node *node = &g->node.at[id];
  for (int i = 0; i < node->n_in; i++) {
    if (!(node->op->writes >> i & 1)) continue;
    for (size_t other = id + 1; other < g->node.n; other++) {
      const pal_node *o = &g->node.at[other];
      for (int j = 0; o->kind == PAL_NODE_OP && j < o->n_in; j++)
        if ((o->op->writes >> j & 1) && o->in[j].id == node->in[i].id)
          return broken(error, o, "this version of the variable is already written elsewhere");
    }
    for (size_t a = 0; a < g->assign.n; a++)
      if (g->assign.at[a].to.id == node->in[i].id)
        return broken(error, node, "the variable is also assigned as a whole");
  }
  return PAL_OK;
}

pal_status pal_verify(const pal_graph *graph, pal_error *error) {
  for (size_t n = 1; n < graph->node.n; n++) {
    const pal_node *node = &graph->node.at[n];
    for (int i = 0; i < node->n_out; i++) {
      const pal_value_record *v = &graph->value.at[node->first_out + (uint32_t)i];
      if (v->node != n || v->index != i) return broken(error, node, "outputs are not its own");
    }
    if (node->kind != PAL_NODE_OP) continue;
    pal_status status = verify_op(graph, n, error);
    if (!status && node->op->writes) status = verify_writes(graph, n, error);
    if (status) return status;
  }
  return PAL_OK;
}
