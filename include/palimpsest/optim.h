/* Optimizers: registered definitions that build a graph.
 *
 * An optimizer turns (parameter, gradient) pairs into assignments of parameters and of its own state
 * variables "<optimizer>.<state>.<parameter>". Learning rate and step are inputs, so
 * nothing recompiles. Registered under kind "optimizer": adamw, sgd, muon. */
#ifndef PAL_OPTIM_H
#define PAL_OPTIM_H

#include <palimpsest/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pal_optim_options {
  double beta1, beta2, epsilon; /* adamw; beta1 is momentum for sgd and muon */
  double weight_decay;          /* decoupled: p -= lr * weight_decay * p */
  bool nesterov;                /* sgd, muon */
  int iterations;               /* muon: Newton-Schulz steps */
} pal_optim_options;

typedef struct pal_optimizer {
  const char *name;
  const char *doc; /* formula and its source */
  pal_optim_options defaults;
  /* New value of `parameter` (f32, static); `rate` is a scalar f32 (schedule included), `step` a
   * scalar f32 that counts from 1. Assigns the optimizer's own state. */
  pal_value (*update)(pal_graph *graph, const pal_optim_options *options, pal_value parameter,
                      pal_value gradient, pal_value rate, pal_value step);
} pal_optimizer;

/* adamw: Loshchilov and Hutter, arXiv 1711.05101. sgd. muon: momentum, Nesterov, Newton-Schulz
 * orthogonalisation, rate x max(1, outputs/inputs)^0.5; for matrices. */
PAL_API pal_status pal_register_optimizers(pal_context *context, pal_error *error);

/* sqrt of the sum of squares over all n gradients, a scalar f32. */
PAL_API pal_value pal_global_norm(pal_graph *graph, const pal_value *gradient, int n);
/* Multiplies every gradient by min(1, limit / norm), in place in the array. */
PAL_API void pal_clip_by_norm(pal_graph *graph, pal_value norm, double limit, pal_value *gradient,
                              int n);
/* Assigns "ema.<parameter>" <- d * ema + (1 - d) * value with d a scalar f32; the variable
 * (role PAL_STATE) starts as a copy of the parameter's init. */
PAL_API pal_value pal_ema(pal_graph *graph, pal_value parameter, pal_value value, pal_value decay);

#ifdef __cplusplus
}
#endif
#endif
