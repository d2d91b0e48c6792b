/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients: reverse-mode differentiation as a transformation of the graph. */
#ifndef PAL_GRADIENT_H
#define PAL_GRADIENT_H

#include <palimpsest/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The gradients of the sum of `loss` (f32) with respect to each of `wrt`, written to `grad` with
 * the types of wrt; a wrt that the loss does not depend on gets zeros. The nodes that
 * compute them are appended to the graph. */
PAL_API void pal_gradient(pal_graph *graph, pal_value loss, const pal_value *wrt, int n,
                          pal_value *grad);

/* Between begin and end, forward values are not kept for the gradient but computed again
 * when it needs them. Sections do not nest. */
PAL_API void pal_recompute_begin(pal_graph *graph);
PAL_API void pal_recompute_end(pal_graph *graph);

#ifndef PAL_NO_CALLER
#define pal_recompute_begin(g) pal_recompute_begin(PAL_HERE(g))
#define pal_recompute_end(g) pal_recompute_end(PAL_HERE(g))
#define pal_gradient(g, ...) pal_gradient(PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
