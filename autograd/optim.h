/* SPDX-License-Identifier: Apache-2.0 */
/* What the optimizers share (floor 3). Public part: optim.h of the includes. */
#ifndef PAL_AUTOGRAD_OPTIM_H
#define PAL_AUTOGRAD_OPTIM_H

#include <palimpsest/optim.h>

extern const pal_optimizer pal_adamw, pal_sgd, pal_muon;

/* The gradient times the scale, for updates that do not multiply as they read. */
pal_value pal_scaled_gradient(pal_graph *graph, const pal_optim_call *call);
#endif
