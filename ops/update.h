/* Builders of the optimizer updates (floor 2), for the optimizers of autograd/.
 *
 * Each is one pure op: it gives the new values, and assigning them is the caller's matter.
 * All tensors f32 of one shape; rate, step and decay are f32 scalars. */
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
/* Returns the new parameter; the new moments go to *new_first and *new_second. `step` counts
 * from 1. The gradient counts `scale` (f32 scalar) times; nil: once. */
pal_value pal_adamw_update(pal_graph *g, pal_value parameter, pal_value gradient, pal_value first,
                           pal_value second, pal_value rate, pal_value step, pal_value scale,
                           const pal_adamw_attrs *attrs, pal_value *new_first,
                           pal_value *new_second);
/* Returns the new parameter. `velocity` may be nil when momentum is 0; then *new_velocity is nil
 * too (and may be NULL). */
pal_value pal_sgd_update(pal_graph *g, pal_value parameter, pal_value gradient, pal_value velocity,
                         pal_value rate, const pal_sgd_attrs *attrs, pal_value *new_velocity);
/* decay * ema + (1 - decay) * value. */
pal_value pal_ema_update(pal_graph *g, pal_value ema, pal_value value, pal_value decay);
#endif
