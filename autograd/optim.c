/* Optimizers' registration, state and the steps around them: norm, clipping, EMA (floor 3). */
#define PAL_NO_CALLER
#include "autograd/optim.h"

#include <palimpsest/ops.h>

#include <stdio.h>
#include <string.h>

#include "graph/internal.h"
#include "ops/update.h"

pal_status pal_register_optimizers(pal_context *context, pal_error *error) {
  static const pal_optimizer *const all[] = {&pal_adamw, &pal_sgd, &pal_muon};
  pal_status status = PAL_OK;
  for (size_t i = 0; i < sizeof all / sizeof *all && !status; i++)
    status = pal_define(context, "optimizer", all[i]->name, all[i], error);
  return status;
}

/* "<prefix>.<name of parameter>" as a state variable. A name is complete as it stands, so the
 * scope that happens to be open must not be put before it. */
static pal_value state_variable(pal_graph *graph, const char *prefix, pal_value parameter) {
  if (graph->error.code) return PAL_NIL;
  const pal_variable *variable = pal_variable_of(graph, parameter);
  if (!variable)
    return pal_graph_fail(graph, PAL_E_ARGUMENT, "%s: only a variable can be optimized", prefix);
  size_t size = strlen(prefix) + strlen(pal_variable_name(variable)) + 2;
  char *name = pal_arena_alloc(&graph->arena, size);
  if (!name) return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for the graph");
  snprintf(name, size, "%s.%s", prefix, pal_variable_name(variable));
  const char *scope = graph->scope;
  graph->scope = "";
  pal_value state =
      pal_variable_new(graph, name, *pal_variable_type(variable), PAL_STATE, PAL_ZEROS);
  graph->scope = scope;
  return state;
}

pal_value pal_optimizer_state(pal_graph *graph, const char *optimizer, const char *state,
                              pal_value parameter) {
  char prefix[80];
  snprintf(prefix, sizeof prefix, "%s.%s", optimizer, state);
  return state_variable(graph, prefix, parameter);
}

pal_value pal_global_norm(pal_graph *graph, const pal_value *gradient, int n) {
  if (graph->error.code || n == 0) return pal_scalar(graph, 0);
  return pal_sqrt(graph, pal_sum_squares(graph, PAL_NIL, gradient, n));
}

void pal_clip_by_norm(pal_graph *graph, pal_value norm, double limit, pal_value *gradient, int n) {
  pal_value ratio = pal_div(graph, pal_scalar(graph, limit), norm); /* norm 0: infinite, so 1 */
  pal_value factor = pal_minimum(graph, pal_scalar(graph, 1), ratio);
  for (int i = 0; i < n; i++) gradient[i] = pal_mul(graph, gradient[i], factor);
}

pal_value pal_ema(pal_graph *graph, pal_value parameter, pal_value value, pal_value decay) {
  size_t before = graph->store ? pal_store_count(graph->store) : 0;
  pal_value ema = state_variable(graph, "ema", parameter);
  if (graph->error.code) return PAL_NIL;
  /* Drawn by its own name it would be another matrix: it starts as the parameter is now. */
  pal_variable *from = pal_variable_of(graph, parameter), *to = pal_variable_of(graph, ema);
  if (pal_store_count(graph->store) > before)
    memcpy(pal_variable_data(to), pal_variable_data(from), pal_variable_bytes(from));
  pal_value next = pal_ema_update(graph, ema, value, decay);
  pal_assign(graph, ema, next);
  return next;
}
