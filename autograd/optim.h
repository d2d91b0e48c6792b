/* What the optimizers share (floor 3). Public part: optim.h of the includes. */
#ifndef PAL_AUTOGRAD_OPTIM_H
#define PAL_AUTOGRAD_OPTIM_H

#include <palimpsest/optim.h>

extern const pal_optimizer pal_adamw, pal_sgd, pal_muon;

/* The variable "<optimizer>.<state>.<parameter>", whatever scope is open: zeros of the
 * parameter's type at first. Nil, and the graph fails, when `parameter` is no variable. */
pal_value pal_optimizer_state(pal_graph *graph, const char *optimizer, const char *state,
                              pal_value parameter);
#endif
