/* SPDX-License-Identifier: Apache-2.0 */
/* Creation of a model's parameters in its store (floor 5). See parameters.h. */
#define PAL_NO_CALLER
#include "train/parameters.h"

#include <stdio.h>
#include <string.h>

pal_status pal_parameters_make(pal_model *model, pal_error *error) {
  pal_graph *g = pal_graph_new(pal_model_context(model), pal_model_store(model));
  if (!g) return pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  pal_here(g, __FILE__, __LINE__); /* until the definition's loss says where it is */
  const pal_model_definition *definition = pal_model_definition_of(model);
  pal_value part[PAL_MAX_PARTS] = {{0}};
  const pal_batch_values in =
      pal_batch_inputs(g, definition, pal_model_format(model)->context, 1, false);
  definition->loss(model, g, &in, part);
  const pal_error failure = *pal_graph_error(g);
  pal_graph_free(g);
  if (failure.code && error && !error->code) *error = failure;
  return failure.code;
}

pal_variable *pal_average_of(const pal_store *store, const pal_variable *parameter) {
  char name[PAL_MOST_PARAMETER_NAME + 16];
  snprintf(name, sizeof name, "ema.%s", pal_variable_name(parameter));
  return pal_store_find(store, name);
}
