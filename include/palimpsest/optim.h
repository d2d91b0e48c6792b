/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers: definitions that append the update of a parameter to a graph.
 *
 * For a parameter and its gradient an optimizer computes the parameter's new value and assigns its
 * own state variables "<optimizer>.<state>.<parameter>". Learning rate and step are values of the
 * graph, so a schedule needs no recompilation. Built in: adamw, sgd, muon. */
#ifndef PAL_OPTIM_H
#define PAL_OPTIM_H

#include <palimpsest/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pal_optim_options {
  double beta1, beta2, epsilon; /* adamw; for sgd and muon beta1 is the momentum */
  double weight_decay;          /* decoupled: p -= rate * weight_decay * p */
  bool nesterov;                /* sgd, muon: Nesterov momentum */
  int iterations;               /* muon: number of Newton-Schulz iterations */
} pal_optim_options;

/* The values of one update. Scalars are f32 of rank 0. */
typedef struct pal_optim_call {
  const pal_optim_options *options;
  pal_value parameter; /* a variable, f32 [...] without symbol */
  pal_value gradient;  /* f32, the parameter's shape */
  pal_value scale;     /* scalar that multiplies the gradient (clipping); nil: 1 */
  pal_value rate;      /* scalar: learning rate of this step, after the schedule */
  pal_value step;      /* scalar: number of the step, from 1 */
  pal_value decay;     /* scalar: decay of the parameter's moving average (EMA); nil: no average */
  /* Set by pal_optimize: the variable "ema.<parameter>"; nil without `decay`. */
  pal_value average;
  /* An optimizer may set this to decay * average + (1 - decay) * (new value), to compute both in
   * one pass over memory. If it does not, pal_optimize appends that computation. */
  pal_value new_average;
} pal_optim_call;

typedef struct pal_optimizer {
  uint32_t abi_size; /* sizeof(pal_optimizer) */
  const char *name;
  const char *doc; /* formula and its source */
  pal_optim_options defaults;
  /* True if the new value of each element depends only on the same element of parameter, gradient
   * and state. Parameters with equal options may then be updated together as one vector; the state
   * must come from pal_optimizer_state. */
  bool elementwise;
  /* Returns the new value of the parameter, and assigns the optimizer's own state. */
  pal_value (*update)(pal_graph *graph, pal_optim_call *call);
} pal_optimizer;

/* Registers an optimizer under its name. The definition is borrowed and must outlive the context.
 * Fails for a definition built against other headers (PAL_E_ABI), a name in use (PAL_E_DUPLICATE)
 * or a missing member, which the text names (PAL_E_ARGUMENT). */
PAL_API pal_status pal_define_optimizer(pal_context *context, const pal_optimizer *optimizer,
                                        pal_error *error);
/* Registers the built-in optimizers; each `doc` has its formula.
 *   adamw  Loshchilov and Hutter, arXiv 1711.05101
 *   sgd    with momentum, Sutskever et al., ICML 2013
 *   muon   for matrices: momentum orthogonalised by Newton-Schulz iterations, rate x max(1,
 *          outputs / inputs)^0.5; K. Jordan et al., 2024 */
PAL_API pal_status pal_register_optimizers(pal_context *context, pal_error *error);

/* Appends one update: assigns the parameter, the optimizer's state and, with call.decay, the moving
 * average. Returns the parameter's new value. */
PAL_API pal_value pal_optimize(pal_graph *graph, const pal_optimizer *optimizer,
                               pal_optim_call call);
/* For definitions of optimizers: the state variable "<optimizer>.<state>.<parameter>", whatever
 * scope is open. It has the parameter's type, role PAL_STATE and starts with zeros. The graph fails
 * when `parameter` is no variable. */
PAL_API pal_value pal_optimizer_state(pal_graph *graph, const char *optimizer, const char *state,
                                      pal_value parameter);

/* The Euclidean norm of all n gradients together: the square root of their sum of squares; scalar
 * f32. */
PAL_API pal_value pal_global_norm(pal_graph *graph, const pal_value *gradient, int n);
/* min(1, limit / norm): the factor by which gradients are clipped to a norm of `limit`; scalar
 * f32. */
PAL_API pal_value pal_clip_factor(pal_graph *graph, pal_value norm, double limit);
/* Exponential moving average: assigns "ema.<parameter>" <- decay * ema + (1 - decay) * value, with
 * `decay` a scalar f32, and returns it. The variable (role PAL_STATE) starts as a copy of the
 * parameter. */
PAL_API pal_value pal_ema(pal_graph *graph, pal_value parameter, pal_value value, pal_value decay);

#ifndef PAL_NO_CALLER
#define pal_optimize(g, ...) pal_optimize(PAL_HERE(g), __VA_ARGS__)
#define pal_optimizer_state(g, ...) pal_optimizer_state(PAL_HERE(g), __VA_ARGS__)
#define pal_global_norm(g, ...) pal_global_norm(PAL_HERE(g), __VA_ARGS__)
#define pal_clip_factor(g, ...) pal_clip_factor(PAL_HERE(g), __VA_ARGS__)
#define pal_ema(g, ...) pal_ema(PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
