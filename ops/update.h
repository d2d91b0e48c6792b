/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of the optimizer updates (floor 2), for the optimizers of autograd/.
 *
 * Each is one pure op: it gives the new values, and assigning them is the caller's matter.
 * All tensors f32 of one shape; rate, step, scale and decay are f32 scalars. */
#ifndef PAL_OPS_UPDATE_H
#define PAL_OPS_UPDATE_H

#include <palimpsest/graph.h>

typedef struct pal_adamw_attrs {
  double beta1, beta2, epsilon, weight_decay;
} pal_adamw_attrs;

typedef struct pal_sgd_attrs {
  double momentum, weight_decay;
  int64_t nesterov; /* 0 or 1 */
} pal_sgd_attrs;

/* start + sum of x[0]^2 + ... + sum of x[n - 1]^2, an f32 scalar; start may be nil. n >= 1. */
pal_value pal_sum_squares(pal_graph *g, pal_value start, const pal_value *x, int n);
/* `step` counts from 1. The gradient counts `scale` times; nil: once. With an average, which goes with
 * its decay, the new one is decay * average + (1 - decay) * new parameter; nil without. */
typedef struct pal_adamw_values {
  pal_value parameter, gradient, first, second, rate, step, scale, average, decay;
} pal_adamw_values;
typedef struct pal_adamw_results {
  pal_value parameter, first, second, average;
} pal_adamw_results;
pal_adamw_results pal_adamw_update(pal_graph *g, const pal_adamw_values *in,
                                   const pal_adamw_attrs *attrs);
/* Returns the new parameter. `velocity` may be nil when momentum is 0; then *new_velocity is nil
 * too (and may be NULL). */
pal_value pal_sgd_update(pal_graph *g, pal_value parameter, pal_value gradient, pal_value velocity,
                         pal_value rate, const pal_sgd_attrs *attrs, pal_value *new_velocity);
/* decay * ema + (1 - decay) * value. */
pal_value pal_ema_update(pal_graph *g, pal_value ema, pal_value value, pal_value decay);
#endif
