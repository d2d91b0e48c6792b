/* SPDX-License-Identifier: Apache-2.0 */
/* Autograd's own three ops (floor 3).
 *
 * accumulate, fill and after are all that the gradient transformation puts into a graph by
 * itself; everything else comes from the ops' gradient functions. They are defined in a context
 * when first needed, so autograd works on any registry. */
#ifndef PAL_AUTOGRAD_ACCUMULATE_H
#define PAL_AUTOGRAD_ACCUMULATE_H

#include <palimpsest/graph.h>

/* Defines the three ops in `context` unless they are there: a dump that holds gradients can then
 * be parsed. PAL_E_DUPLICATE when one of the names is another op's. */
pal_status pal_register_autograd(pal_context *context, pal_error *error);

/* The sum of n >= 1 values of one f32 type, added from left to right. */
pal_value pal_accumulate(pal_graph *graph, const pal_value *x, int n);
/* f32, shaped like `like`, `value` everywhere. */
pal_value pal_fill_like(pal_graph *graph, pal_value like, double value);
/* `value`, but not before `first` has been computed. */
pal_value pal_after(pal_graph *graph, pal_value value, pal_value first);
#endif
