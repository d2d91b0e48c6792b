/* SPDX-License-Identifier: Apache-2.0 */
/* The double-precision reference interpreter (floor 1).
 *
 * Every value is an array of double at capacity, computed node by node in the graph's order by the
 * ops' reference functions. It shares neither schedule nor kernels with plans, so that the two
 * check each other. */
#define PAL_NO_CALLER
#include <string.h>

#include "graph/exec.h"
#include "graph/parts.h"
#include "src/alloc.h"
#include "src/half.h"

/* Converts n elements to double. */
static void widen(double *to, const void *from, pal_dtype dtype, int64_t n) {
  for (int64_t i = 0; i < n; i++) switch (dtype) {
      case PAL_F32: to[i] = ((const float *)from)[i]; break;
      case PAL_I32: to[i] = ((const int32_t *)from)[i]; break;
      case PAL_U8: to[i] = ((const uint8_t *)from)[i]; break;
      case PAL_BF16: to[i] = pal_bf16_value(((const uint16_t *)from)[i]); break;
      case PAL_NONE: break;
    }
}

static double *new_value(const pal_reference_result *r, uint32_t v) {
  const pal_type *t = &r->graph->value.at[v].type;
  return pal_calloc((size_t)(pal_graph_rows_at_capacity(r->graph, t) * pal_type_row(t)) + 1,
                    sizeof(double));
}

/* Copies the contents of an input, constant or variable; inputs are zero without `exec`. */
static bool load_leaf(pal_reference_result *r, const pal_exec *exec, const pal_node *node,
                      size_t input) {
  uint32_t v = node->first_out;
  const pal_type *t = &r->graph->value.at[v].type;
  const void *from = node->data;
  if (node->kind == PAL_NODE_VARIABLE) {
    pal_block_gather(node->variable);
    from = pal_variable_data(node->variable);
  }
  if (node->kind == PAL_NODE_INPUT) from = exec ? exec->input[0][input] : NULL;
  r->value[v] = new_value(r, v);
  if (!r->value[v]) return false;
  if (from)
    widen(r->value[v], from, t->dtype, pal_type_rows(t, r->count[t->symbol.id]) * pal_type_row(t));
  return true;
}

pal_reference_result *pal_reference_new(const pal_graph *graph, const pal_exec *exec,
                                        pal_error *error) {
  pal_reference_result *r = pal_calloc(1, sizeof *r);
  bool ok = r != NULL;
  if (ok) {
    r->graph = graph;
    r->values = graph->value.n;
    r->value = pal_calloc(graph->value.n, sizeof *r->value);
    r->count = pal_calloc(graph->symbol.n, sizeof *r->count);
    ok = r->value && r->count;
  }
  for (size_t s = 0; ok && s < graph->symbol.n; s++)
    r->count[s] = exec ? exec->count[s] : graph->symbol.at[s].capacity;
  size_t input = 0;
  for (size_t n = 1; ok && n < graph->node.n; n++) {
    const pal_node *node = &graph->node.at[n];
    if (node->kind == PAL_NODE_OP) continue;
    ok = load_leaf(r, exec, node, input);
    input += node->kind == PAL_NODE_INPUT;
  }
  if (ok) return r;
  pal_fail(error, PAL_E_MEMORY, "no memory for the reference interpreter");
  pal_reference_free(r);
  return NULL;
}

static pal_status compute_node(pal_reference_result *r, const pal_node *node, pal_error *error) {
  const pal_graph *g = r->graph;
  pal_type in_type[PAL_MAX_INPUTS], out_type[PAL_MAX_OUTPUTS];
  int64_t in_rows[PAL_MAX_INPUTS], out_rows[PAL_MAX_OUTPUTS], bound[2] = {-1, -1};
  const double *in[PAL_MAX_INPUTS];
  double *out[PAL_MAX_OUTPUTS];
  pal_symbol symbols[2] = {{0}, {0}};
  pal_error own;
  pal_error_clear(&own);
  int n_bound =
      node->op->flags & PAL_OP_BINDS ? pal_attrs_bound(node->op, node->attrs, symbols) : 0;
  for (int i = 0; i < node->n_in; i++) {
    in_type[i] = pal_type_of(g, node->in[i]);
    in_rows[i] = pal_type_rows(&in_type[i], r->count[in_type[i].symbol.id]);
    in[i] = r->value[node->in[i].id];
  }
  for (int i = 0; i < n_bound; i++) r->count[symbols[i].id] = g->symbol.at[symbols[i].id].capacity;
  for (int i = 0; i < node->n_out; i++) {
    uint32_t v = node->first_out + (uint32_t)i;
    out_type[i] = g->value.at[v].type;
    out_rows[i] = pal_type_rows(&out_type[i], r->count[out_type[i].symbol.id]);
    if (!r->value[v]) r->value[v] = new_value(r, v);
    if (!r->value[v])
      return pal_fail(error, PAL_E_MEMORY, "no memory for the reference interpreter");
    out[i] = r->value[v];
  }
  pal_reference call = {.attrs = node->attrs,
                        .n_in = node->n_in,
                        .n_out = node->n_out,
                        .in_type = in_type,
                        .out_type = out_type,
                        .in_rows = in_rows,
                        .out_rows = out_rows,
                        .in = in,
                        .out = out,
                        .bound = bound,
                        .error = &own};
  pal_status status = node->op->reference(&call);
  for (int i = 0; i < n_bound && bound[i] >= 0; i++) {
    if (!status && bound[i] > r->count[symbols[i].id])
      status = pal_fail(&own, PAL_E_CAPACITY, "%lld rows of \"%s\" do not fit the capacity of %lld",
                        (long long)bound[i], g->symbol.at[symbols[i].id].name,
                        (long long)r->count[symbols[i].id]);
    r->count[symbols[i].id] = bound[i];
  }
  if (!status) return PAL_OK;
  return pal_fail(error, status, "%s at %s:%d, by the reference: %s", node->op->name, node->file,
                  node->line, own.code ? own.text : "it failed without a message");
}

/* Each version of a variable is an array of its own here, so no in-place write can come too early
 * and node order suffices. */
pal_status pal_reference_compute(pal_reference_result *result, pal_error *error) {
  for (size_t n = 1; n < result->graph->node.n; n++) {
    const pal_node *node = &result->graph->node.at[n];
    if (node->kind != PAL_NODE_OP) continue;
    pal_status status = compute_node(result, node, error);
    if (status) return status;
  }
  return PAL_OK;
}

pal_reference_result *pal_exec_reference(const pal_exec *exec, pal_error *error) {
  pal_reference_result *r = pal_reference_new(exec->plan->graph, exec, error);
  if (r && pal_reference_compute(r, error)) {
    pal_reference_free(r);
    r = NULL;
  }
  return r;
}

const double *pal_reference_output(const pal_reference_result *result, const char *name,
                                   int64_t *rows) {
  const pal_graph *g = result->graph;
  for (size_t i = 0; i < g->output.n; i++)
    if (strcmp(g->output.at[i].name, name) == 0) {
      uint32_t v = g->output.at[i].value.id;
      const pal_type *t = &g->value.at[v].type;
      if (rows) *rows = pal_type_rows(t, result->count[t->symbol.id]);
      return result->value[v];
    }
  return NULL;
}

void pal_reference_free(pal_reference_result *result) {
  if (!result) return;
  for (size_t v = 0; result->value && v < result->values; v++) pal_free(result->value[v]);
  pal_free(result->value);
  pal_free(result->count);
  pal_free(result);
}
