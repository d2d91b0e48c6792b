/* SPDX-License-Identifier: Apache-2.0 */
/* AdamW (floor 3). */
#define PAL_NO_CALLER
#include "autograd/optim.h"
#include "ops/update.h"

static pal_value update(pal_graph *graph, pal_optim_call *call) {
  const pal_optim_options *o = call->options;
  const pal_adamw_attrs attrs = {o->beta1, o->beta2, o->epsilon, o->weight_decay};
  const pal_adamw_values in = {
      .parameter = call->parameter,
      .gradient = call->gradient,
      .first = pal_optimizer_state(graph, "adamw", "first", call->parameter),
      .second = pal_optimizer_state(graph, "adamw", "second", call->parameter),
      .rate = call->rate,
      .step = call->step,
      .scale = call->scale,
      .average = call->average,
      .decay = call->decay,
  };
  const pal_adamw_results out = pal_adamw_update(graph, &in, &attrs);
  pal_assign(graph, in.first, out.first);
  pal_assign(graph, in.second, out.second);
  call->new_average = out.average;
  return out.parameter;
}

const pal_optimizer pal_adamw = {
    .abi_size = sizeof(pal_optimizer),
    .name = "adamw",
    .doc = "m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;\n"
           "p = p - rate weight_decay p\n"
           "      - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon), t from 1.\n"
           "State adamw.first (m), adamw.second (v).\n"
           "Loshchilov and Hutter, arXiv 1711.05101.",
    .defaults = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01},
    .elementwise = true,
    .update = update,
};
