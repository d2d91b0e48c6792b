/* SPDX-License-Identifier: Apache-2.0 */
/* The three ops of autograd itself (floor 3).
 *
 * All other nodes of a gradient come from the ops' gradient functions. The three are defined in a
 * context when they are first needed, so autograd works with any set of ops. */
#ifndef PAL_AUTOGRAD_ACCUMULATE_H
#define PAL_AUTOGRAD_ACCUMULATE_H

#include <palimpsest/graph.h>

/* Defines the three ops in `context` unless it has them; needed before a dump with gradients is
 * parsed. PAL_E_DUPLICATE when another op has one of the names. */
pal_status pal_register_autograd(pal_context *context, pal_error *error);

/* The sum of n >= 1 f32 values of equal type, added from left to right. */
pal_value pal_accumulate(pal_graph *graph, const pal_value *x, int n);
/* An f32 tensor of the shape of `like` with `value` everywhere. */
pal_value pal_fill_like(pal_graph *graph, pal_value like, double value);
/* `value`, but not before `first` has been computed. */
pal_value pal_after(pal_graph *graph, pal_value value, pal_value first);
#endif
