/* SPDX-License-Identifier: Apache-2.0 */
/* Stochastic gradient descent with momentum (floor 3). */
#define PAL_NO_CALLER
#include "autograd/optim.h"
#include "ops/update.h"

static pal_value update(pal_graph *graph, pal_optim_call *call) {
  const pal_optim_options *o = call->options;
  const pal_sgd_attrs attrs = {o->beta1, o->weight_decay, o->nesterov};
  const pal_value gradient = pal_scaled_gradient(graph, call);
  if (o->beta1 == 0)
    return pal_sgd_update(graph, call->parameter, gradient, PAL_NIL, call->rate, &attrs, NULL);
  pal_value velocity = pal_optimizer_state(graph, "sgd", "velocity", call->parameter);
  pal_value new_velocity = PAL_NIL;
  pal_value next =
      pal_sgd_update(graph, call->parameter, gradient, velocity, call->rate, &attrs, &new_velocity);
  pal_assign(graph, velocity, new_velocity);
  return next;
}

const pal_optimizer pal_sgd = {
    .abi_size = sizeof(pal_optimizer),
    .name = "sgd",
    .doc = "b = beta1 b + g;  d = nesterov ? g + beta1 b : b;\n"
           "p = p - rate weight_decay p - rate d. State sgd.velocity (b); none with beta1 = 0.\n"
           "Sutskever et al., ICML 2013, as PyTorch arranges it.",
    .defaults = {.beta1 = 0.9, .weight_decay = 0},
    .elementwise = true,
    .update = update,
};
