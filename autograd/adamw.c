/* AdamW (floor 3). */
#define PAL_NO_CALLER
#include "autograd/optim.h"
#include "graph/internal.h"
#include "ops/update.h"

/* The gradient and the scalar that clipping has multiplied it by, nil if none: the update multiplies
 * as it reads. */
static pal_value without_scale(const pal_graph *graph, pal_value gradient, pal_value *scale) {
  const pal_node *node = pal_node_of(graph, gradient);
  *scale = PAL_NIL;
  if (node->kind != PAL_NODE_OP || node->op != pal_lookup(graph->context, "op", "mul") ||
      pal_type_of(graph, node->in[1]).rank > 0)
    return gradient;
  *scale = node->in[1];
  return node->in[0];
}

static pal_value update(pal_graph *graph, const pal_optim_options *options, pal_value parameter,
                        pal_value gradient, pal_value rate, pal_value step) {
  pal_value first = pal_optimizer_state(graph, "adamw", "first", parameter);
  pal_value second = pal_optimizer_state(graph, "adamw", "second", parameter);
  const pal_adamw_attrs attrs = {options->beta1, options->beta2, options->epsilon,
                                 options->weight_decay};
  pal_value new_first = PAL_NIL, new_second = PAL_NIL, scale;
  gradient = without_scale(graph, gradient, &scale);
  pal_value next = pal_adamw_update(graph, parameter, gradient, first, second, rate, step, scale,
                                    &attrs, &new_first, &new_second);
  pal_assign(graph, first, new_first);
  pal_assign(graph, second, new_second);
  return next;
}

const pal_optimizer pal_adamw = {
    .name = "adamw",
    .doc = "m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;\n"
           "p = p - rate weight_decay p\n"
           "      - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon), t from 1.\n"
           "State adamw.first (m), adamw.second (v).\n"
           "Loshchilov and Hutter, arXiv 1711.05101.",
    .defaults = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01},
    .update = update,
};
