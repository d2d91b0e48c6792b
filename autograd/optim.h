/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the optimizers (floor 3). The public part is <palimpsest/optim.h>. */
#ifndef PAL_AUTOGRAD_OPTIM_H
#define PAL_AUTOGRAD_OPTIM_H

#include <palimpsest/optim.h>

extern const pal_optimizer pal_adamw, pal_sgd, pal_muon;

/* The gradient times call->scale, for optimizers whose update op has no such factor. */
pal_value pal_scaled_gradient(pal_graph *graph, const pal_optim_call *call);
#endif
