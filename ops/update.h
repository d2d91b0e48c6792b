/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of the optimizer updates (floor 2), for the optimizers in autograd/.
 *
 * Each is one op without side effects: it returns the new values, and the caller assigns them to
 * variables. All tensors are f32 and of the same shape; rate, step, scale and decay are f32
 * scalars. */
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

/* An f32 scalar: start plus the sum of the squares of all elements of x[0], ..., x[n - 1]. start
 * may be nil; n >= 1. */
pal_value pal_sum_squares(pal_graph *g, pal_value start, const pal_value *x, int n);
/* `first` and `second` are the moments, `rate` the learning rate, and `step` counts from 1.
 * `scale`, which may be nil, multiplies the gradient. `average` and `decay`, both given or both
 * nil, are a moving average of the parameter; the new one is decay * average + (1 - decay) * new
 * parameter. */
typedef struct pal_adamw_values {
  pal_value parameter, gradient, first, second, rate, step, scale, average, decay;
} pal_adamw_values;
typedef struct pal_adamw_results {
  pal_value parameter, first, second, average;
} pal_adamw_results;
pal_adamw_results pal_adamw_update(pal_graph *g, const pal_adamw_values *in,
                                   const pal_adamw_attrs *attrs);
/* Returns the new parameter. If momentum is 0, `velocity` may be nil, and *new_velocity is then
 * nil. new_velocity may be NULL. */
pal_value pal_sgd_update(pal_graph *g, pal_value parameter, pal_value gradient, pal_value velocity,
                         pal_value rate, const pal_sgd_attrs *attrs, pal_value *new_velocity);
/* decay * ema + (1 - decay) * value. */
pal_value pal_ema_update(pal_graph *g, pal_value ema, pal_value value, pal_value decay);
#endif
