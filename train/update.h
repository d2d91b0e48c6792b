/* SPDX-License-Identifier: Apache-2.0 */
/* The update plan: from gradients to new parameters (floor 5).
 *
 * pal_update_init moves parameters and state into contiguous blocks (graph/parts.h), which
 * invalidates pointers to their contents. Gradients are clipped here, after they were summed over
 * the shards. */
#ifndef PAL_TRAIN_UPDATE_H
#define PAL_TRAIN_UPDATE_H

#include <palimpsest/optim.h>
#include <palimpsest/plan.h>

typedef struct pal_update_options {
  const pal_optimizer *optimizer;
  const pal_optimizer *matrix_optimizer; /* NULL: `optimizer` updates all parameters */
  double beta1, beta2, epsilon, momentum, weight_decay;
  double clip;  /* largest global norm of the gradient; 0: off */
  bool average; /* maintain averages of the parameters */
} pal_update_options;

typedef struct pal_update {
  pal_plan *plan;
  pal_exec *exec;
  float **gradient; /* [parameters]: inputs, to be filled with the gradients before a run */
  size_t *size;     /* [parameters]: floats of each */
  float *rate, *matrix_rate, *step, *decay; /* inputs; NULL where the plan has none */
  const float *norm;                        /* output: global norm before clipping */
} pal_update;

/* Compiles the plan for n parameters, and creates the state of the optimizers and the averages of
 * the parameters in the store. */
pal_status pal_update_init(pal_update *update, pal_context *context, pal_store *store,
                           pal_variable *const *parameter, int n, const pal_update_options *options,
                           pal_error *error);
void pal_update_free(pal_update *update);
/* Updates parameters and state; if the norm is not finite, nothing is changed (PAL_E_NONFINITE).
 * `step` counts from 1; `decay` is that of the averages. */
pal_status pal_update_run(pal_update *update, double rate, double matrix_rate, int64_t step,
                          double decay, pal_error *error);
#endif
