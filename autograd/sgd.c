/* Stochastic gradient descent with momentum (floor 3). */
#define PAL_NO_CALLER
#include "autograd/optim.h"
#include "ops/update.h"

static pal_value update(pal_graph *graph, const pal_optim_options *options, pal_value parameter,
                        pal_value gradient, pal_value rate, pal_value step) {
  (void)step;
  const pal_sgd_attrs attrs = {options->beta1, options->weight_decay, options->nesterov};
  if (options->beta1 == 0)
    return pal_sgd_update(graph, parameter, gradient, PAL_NIL, rate, &attrs, NULL);
  pal_value velocity = pal_optimizer_state(graph, "sgd", "velocity", parameter);
  pal_value new_velocity = PAL_NIL;
  pal_value next =
      pal_sgd_update(graph, parameter, gradient, velocity, rate, &attrs, &new_velocity);
  pal_assign(graph, velocity, new_velocity);
  return next;
}

const pal_optimizer pal_sgd = {
    .name = "sgd",
    .doc = "b = beta1 b + g;  d = nesterov ? g + beta1 b : b;\n"
           "p = p - rate weight_decay p - rate d. State sgd.velocity (b); none with beta1 = 0.\n"
           "Sutskever et al., ICML 2013, as PyTorch arranges it.",
    .defaults = {.beta1 = 0.9, .weight_decay = 0},
    .update = update,
};
