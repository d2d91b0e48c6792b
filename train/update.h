/* SPDX-License-Identifier: Apache-2.0 */
/* The update plan: gradients in, new parameters out (floor 5).
 *
 * Making one lays parameters and state out in blocks (graph/parts.h); pointers to their contents are void.
 * After the tree and before the optimizers is the one place where gradients are clipped. */
#ifndef PAL_TRAIN_UPDATE_H
#define PAL_TRAIN_UPDATE_H

#include <palimpsest/optim.h>
#include <palimpsest/plan.h>

typedef struct pal_update_options {
  const pal_optimizer *optimizer;
  const pal_optimizer *matrix_optimizer; /* NULL: none, optimizer updates everything */
  double beta1, beta2, epsilon, momentum, weight_decay;
  double clip; /* greatest global norm; 0: off */
  bool average;
} pal_update_options;

typedef struct pal_update {
  pal_plan *plan;
  pal_exec *exec;
  float **gradient; /* of each parameter: where it is to be put before a run */
  size_t *size;     /* floats of each */
  float *rate, *matrix_rate, *step, *decay; /* NULL where not needed */
  const float *norm;                        /* before clipping, after a run */
} pal_update;

/* Makes the state of the optimizers, and averages of parameters, in the store. */
pal_status pal_update_init(pal_update *update, pal_context *context, pal_store *store,
                           pal_variable *const *parameter, int n, const pal_update_options *options,
                           pal_error *error);
void pal_update_free(pal_update *update);
/* Replaces parameters and state, or, when the norm is not finite, nothing (PAL_E_NONFINITE). */
pal_status pal_update_run(pal_update *update, double rate, double matrix_rate, int64_t step,
                          double decay, pal_error *error);
#endif
