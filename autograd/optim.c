/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers: registration, state variables, gradient norm, clipping and EMA (floor 3). */
#define PAL_NO_CALLER
#include "autograd/optim.h"

#include <palimpsest/ops.h>

#include <stdio.h>
#include <string.h>

#include "graph/define.h"
#include "graph/internal.h"
#include "graph/parts.h"
#include "ops/update.h"
#include "src/alloc.h"

pal_status pal_define_optimizer(pal_context *context, const pal_optimizer *optimizer,
                                pal_error *error) {
  const pal_status status = pal_definition_check("optimizer", optimizer, sizeof *optimizer, error);
  if (status) return status;
  const char *lack = !optimizer->doc ? "doc" : !optimizer->update ? "update" : NULL;
  if (lack)
    return pal_fail(error, PAL_E_ARGUMENT, "optimizer \"%s\": %s is missing", optimizer->name,
                    lack);
  return pal_definition_add(context, "optimizer", optimizer, error);
}

pal_status pal_register_optimizers(pal_context *context, pal_error *error) {
  static const pal_optimizer *const all[] = {&pal_adamw, &pal_sgd, &pal_muon};
  pal_status status = PAL_OK;
  for (size_t i = 0; i < sizeof all / sizeof *all && !status; i++)
    status = pal_define_optimizer(context, all[i], error);
  return status;
}

/* ---- state --------------------------------------------------------------------------- */

/* The variable "<prefix>.<name of parameter>". If absent it is made, with zeros or with a copy of
 * the parameter's contents. */
static pal_status make_state(pal_store *store, const char *prefix, pal_variable *parameter,
                             bool copy, pal_variable **state, pal_error *error) {
  const size_t size = strlen(prefix) + strlen(parameter->name) + 2;
  char *name = pal_alloc(size);
  if (!name) return pal_fail(error, PAL_E_MEMORY, "no memory for the state of an optimizer");
  snprintf(name, size, "%s.%s", prefix, parameter->name);
  const bool made = !pal_store_find(store, name);
  const pal_status status =
      pal_store_variable(store, name, parameter->type, PAL_STATE, PAL_ZEROS, state, error);
  if (!status && made && copy)
    memcpy(pal_variable_data(*state), pal_variable_data(parameter), parameter->bytes);
  pal_free(name);
  return status;
}

/* The state of a block of parameters is the block of their states, with the same layout. */
static pal_status make_block(pal_store *store, const char *prefix, const pal_variable *block,
                             bool copy, pal_variable **state, pal_error *error) {
  const int n = block->parts;
  pal_variable **part = pal_alloc((size_t)n * sizeof(pal_variable *));
  pal_status status =
      part ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a list of states");
  for (int i = 0; i < n && !status; i++)
    status = make_state(store, prefix, block->part[i], copy, &part[i], error);
  if (!status) status = pal_store_block(store, part, n, state, error);
  pal_free(part);
  return status;
}

static pal_value state_variable(pal_graph *graph, const char *prefix, pal_value parameter,
                                bool copy) {
  if (graph->error.code) return PAL_NIL;
  pal_variable *variable = pal_variable_of(graph, parameter), *state = NULL;
  if (!variable)
    return pal_graph_fail(graph, PAL_E_ARGUMENT, "%s: the value to optimize is not a variable",
                          prefix);
  pal_error error = {0};
  const pal_status status = variable->parts
                                ? make_block(graph->store, prefix, variable, copy, &state, &error)
                                : make_state(graph->store, prefix, variable, copy, &state, &error);
  if (status) return pal_graph_fail(graph, status, "%s", error.text);
  return pal_variable_old(graph, state->name);
}

pal_value pal_optimizer_state(pal_graph *graph, const char *optimizer, const char *state,
                              pal_value parameter) {
  const size_t size = strlen(optimizer) + strlen(state) + 2;
  char *prefix = pal_alloc(size);
  if (!prefix)
    return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for the state of optimizer \"%s\"",
                          optimizer);
  snprintf(prefix, size, "%s.%s", optimizer, state);
  const pal_value variable = state_variable(graph, prefix, parameter, false);
  pal_free(prefix);
  return variable;
}

/* The moving average starts as a copy of the parameter. With first contents drawn like the
 * parameter's it would differ from it, since draws depend on the name. */
static pal_value average_of(pal_graph *graph, pal_value parameter) {
  return state_variable(graph, "ema", parameter, true);
}

/* ---- norm and clipping --------------------------------------------------------------- */

pal_value pal_global_norm(pal_graph *graph, const pal_value *gradient, int n) {
  if (graph->error.code || n == 0) return pal_scalar(graph, 0);
  return pal_sqrt(graph, pal_sum_squares(graph, PAL_NIL, gradient, n));
}

pal_value pal_clip_factor(pal_graph *graph, pal_value norm, double limit) {
  pal_value ratio = pal_div(graph, pal_scalar(graph, limit), norm); /* norm 0: infinite, so 1 */
  return pal_minimum(graph, pal_scalar(graph, 1), ratio);
}

pal_value pal_scaled_gradient(pal_graph *graph, const pal_optim_call *call) {
  return call->scale.id ? pal_mul(graph, call->gradient, call->scale) : call->gradient;
}

/* ---- a step -------------------------------------------------------------------------- */

pal_value pal_ema(pal_graph *graph, pal_value parameter, pal_value value, pal_value decay) {
  pal_value ema = average_of(graph, parameter);
  pal_value next = pal_ema_update(graph, ema, value, decay);
  pal_assign(graph, ema, next);
  return next;
}

pal_value pal_optimize(pal_graph *graph, const pal_optimizer *optimizer, pal_optim_call call) {
  if (!optimizer || !optimizer->update || !call.options)
    return pal_graph_fail(graph, PAL_E_ARGUMENT, "pal_optimize needs %s",
                          !optimizer           ? "an optimizer, not NULL"
                          : !optimizer->update ? "an optimizer with the member update"
                                               : "call.options, e.g. the optimizer's defaults");
  call.average = call.decay.id ? average_of(graph, call.parameter) : PAL_NIL;
  call.new_average = PAL_NIL;
  const pal_value next = optimizer->update(graph, &call);
  pal_assign(graph, call.parameter, next);
  if (!call.decay.id) return next;
  if (!call.new_average.id)
    call.new_average = pal_ema_update(graph, call.average, next, call.decay);
  pal_assign(graph, call.average, call.new_average);
  return next;
}
