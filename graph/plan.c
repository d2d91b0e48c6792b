/* SPDX-License-Identifier: Apache-2.0 */
/* Compilation: graph to plan (floor 1). See plan.h and steps.h. */
#define PAL_NO_CALLER
#include <string.h>

#include "graph/machine.h"
#include "graph/steps.h"
#include "src/alloc.h"

/* Bytes at capacity of the operands that have a symbol, or of those that have none. */
static double operand_bytes(const pal_run *run, bool symbolic) {
  double bytes = 0;
  for (int i = 0; i < run->n_in + run->n_out; i++) {
    bool in = i < run->n_in;
    const pal_type *type = in ? &run->in_type[i] : &run->out_type[i - run->n_in];
    int64_t rows = in ? run->in_rows[i] : run->out_rows[i - run->n_in];
    if ((type->symbol.id != 0) == symbolic)
      bytes += (double)(rows * pal_type_row(type)) * (double)pal_dtype_size(type->dtype);
  }
  return bytes;
}

/* The op's own estimate, or all operands once. A static table beside symbolic rows, such as a
 * key/value cache, counts at most as many bytes as the rows, since each row touches about its own
 * size of it. */
static pal_cost cost_of(const pal_op *op, const pal_run *run) {
  if (op->cost) return op->cost(run);
  double rows = operand_bytes(run, true), tables = operand_bytes(run, false);
  return (pal_cost){.bytes = rows + (rows > 0 && tables > rows ? rows : tables)};
}

/* Bytes of all operands over `symbol` for one row of it. */
static double row_bytes(const pal_graph *g, const pal_node *node, uint16_t symbol) {
  double bytes = 0;
  for (int i = 0; i < node->n_in + node->n_out; i++) {
    pal_value v = i < node->n_in ? node->in[i] : pal_node_out(node, i - node->n_in);
    const pal_type *t = &g->value.at[v.id].type;
    if (t->symbol.id != symbol || t->rank == 0) continue;
    double one = (double)pal_type_row(t) * (double)pal_dtype_size(t->dtype);
    bytes += symbol ? one * (double)t->dim[0] : one;
  }
  return bytes;
}

/* Statistics, the rows per range of every item, and the estimated time of a run. */
static void estimate(pal_plan *plan) {
  const pal_graph *g = plan->graph;
  for (size_t s = 0; s < plan->step.n; s++) {
    const pal_node *node = &g->node.at[plan->step.at[s].node];
    pal_shape_rows shapes;
    pal_run run;
    pal_node_at_capacity(g, node, &shapes, &run);
    pal_cost cost = cost_of(node->op, &run);
    plan->stats.flops += cost.flops;
    plan->stats.bytes += cost.bytes;
  }
  for (size_t i = 0; i < plan->item.n; i++) {
    pal_item *item = &plan->item.at[i];
    double bytes = 1;
    for (int u = 0; u < item->n_units; u++)
      bytes +=
          row_bytes(g, &g->node.at[plan->step.at[plan->unit.at[item->first_unit + u].step].node],
                    item->symbol);
    double chunk = PAL_CHUNK_BYTES / bytes;
    item->chunk = chunk < PAL_CHUNK_LEAST  ? PAL_CHUNK_LEAST
                  : chunk > PAL_CHUNK_MOST ? PAL_CHUNK_MOST
                                           : (int64_t)chunk;
    plan->stats.chains += item->n_units > 1;
  }
  plan->stats.steps = (int)plan->step.n;
  plan->stats.stages = (int)plan->stage.n;
  plan->stats.barriers = plan->stage.n ? (int)plan->stage.n - 1 : 0;
  plan->serial_seconds =
      plan->stats.flops * PAL_SECONDS_PER_FLOP + plan->stats.bytes * PAL_SECONDS_PER_BYTE;
}

static pal_status build(pal_plan *plan, pal_error *error) {
  pal_status status = pal_plan_stages(plan, error);
  if (!status) status = pal_verify_stages(plan, error);
  if (!status) status = pal_plan_memory(plan, error);
  if (!status) status = pal_verify_memory(plan, error);
  if (!status) pal_plan_packed_cache(plan);
  if (!status) estimate(plan);
  return status;
}

pal_plan *pal_compile(pal_graph *graph, pal_error *error) {
  return pal_compile_guarded(graph, 0, error);
}

pal_plan *pal_compile_guarded(pal_graph *graph, size_t guard, pal_error *error) {
  if (!graph) {
    pal_fail(error, PAL_E_MEMORY, "the graph to compile is NULL: pal_graph_new ran out of memory");
    return NULL;
  }
  if (graph->error.code) {
    if (error && !error->code) *error = graph->error;
    return NULL;
  }
  pal_plan *plan = pal_calloc(1, sizeof *plan);
  if (!plan) {
    pal_fail(error, PAL_E_MEMORY, "no memory for a plan");
    return NULL;
  }
  plan->guard = guard;
  plan->graph = pal_rewrite(graph, error);
  if (!plan->graph || build(plan, error)) {
    pal_plan_free(plan);
    return NULL;
  }
  return plan;
}

void pal_plan_free(pal_plan *plan) {
  if (!plan) return;
  pal_graph_free(plan->graph);
  pal_free(plan->storage_of);
  pal_free(plan->storage.at);
  pal_free(plan->step.at);
  pal_free(plan->unit.at);
  pal_free(plan->item.at);
  pal_free(plan->stage.at);
  pal_free(plan->input.at);
  pal_free(plan->variable.at);
  pal_free(plan);
}

pal_plan_stats pal_plan_statistics(const pal_plan *plan) { return plan->stats; }

char *pal_plan_dump(const pal_plan *plan) { return pal_graph_dump(plan->graph); }
