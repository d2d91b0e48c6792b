/* SPDX-License-Identifier: Apache-2.0 */
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

/* What an update is made of. Scalars are f32. */
typedef struct pal_optim_call {
  const pal_optim_options *options;
  pal_value parameter, gradient; /* f32 alike, static; the parameter is a variable */
  pal_value scale;               /* the gradient counts `scale` times: clipping; nil: once */
  pal_value rate, step;          /* schedule included; from 1 */
  pal_value decay;               /* of the moving average of the parameter; nil: none is kept */
  /* Filled in by pal_optimize: the variable "ema.<parameter>", nil without decay. */
  pal_value average;
  /* An optimizer may compute decay average + (1 - decay) (new value) along with the new value, and
   * put it here. pal_optimize does so otherwise. */
  pal_value new_average;
} pal_optim_call;

typedef struct pal_optimizer {
  uint32_t abi_size; /* sizeof(pal_optimizer) */
  const char *name;
  const char *doc; /* formula and its source */
  pal_optim_options defaults;
  /* The new value of an element depends on that element, of parameter, gradient and state, alone.
   * Parameters with equal options may then be updated as one vector; the state must come from
   * pal_optimizer_state. */
  bool elementwise;
  /* New value of the parameter. Assigns the optimizer's own state. */
  pal_value (*update)(pal_graph *graph, pal_optim_call *call);
} pal_optimizer;

/* Defines an optimizer under its name; the definition is borrowed and must outlive the context.
 * Refuses, naming it: a definition built against other headers (PAL_E_ABI), a name that is taken
 * (PAL_E_DUPLICATE), a member that is required and missing. */
PAL_API pal_status pal_define_optimizer(pal_context *context, const pal_optimizer *optimizer,
                                        pal_error *error);
/* adamw: Loshchilov and Hutter, arXiv 1711.05101. sgd. muon: momentum, Nesterov, Newton-Schulz
 * orthogonalisation, rate x max(1, outputs/inputs)^0.5; for matrices. */
PAL_API pal_status pal_register_optimizers(pal_context *context, pal_error *error);

/* Assigns the parameter its new value, the optimizer's state and, with a decay, the average. Returns
 * the new value. */
PAL_API pal_value pal_optimize(pal_graph *graph, const pal_optimizer *optimizer,
                               pal_optim_call call);
/* For optimizers: the variable "<optimizer>.<state>.<parameter>" of role PAL_STATE, whatever scope is
 * open, zeros of the parameter's type at first. Nil, and the graph fails, when `parameter` is no
 * variable. */
PAL_API pal_value pal_optimizer_state(pal_graph *graph, const char *optimizer, const char *state,
                                      pal_value parameter);

/* sqrt of the sum of squares over all n gradients, a scalar f32. */
PAL_API pal_value pal_global_norm(pal_graph *graph, const pal_value *gradient, int n);
/* min(1, limit / norm): the scale of a clipped gradient. */
PAL_API pal_value pal_clip_factor(pal_graph *graph, pal_value norm, double limit);
/* Assigns "ema.<parameter>" <- d * ema + (1 - d) * value with d a scalar f32; the variable
 * (role PAL_STATE) starts as the parameter is when it is made. */
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
