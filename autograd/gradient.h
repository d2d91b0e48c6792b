/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse-mode differentiation of a graph: what autograd/ shares (floor 3). */
#ifndef PAL_AUTOGRAD_GRADIENT_H
#define PAL_AUTOGRAD_GRADIENT_H

#include <palimpsest/gradient.h>

#include "graph/internal.h"

/* The gradients of the sum over k < n of <out_grad[k], output[k]>, as pal_gradient gives them;
 * out_grad[k] has the type of output[k]. */
void pal_gradient_from(pal_graph *graph, const pal_value *output, const pal_value *out_grad, int n,
                       const pal_value *wrt, int n_wrt, pal_value *grad);

/* Copies of recompute sections, made in one walk (recompute.c). */
typedef struct pal_recompute {
  pal_graph *graph;
  size_t nodes, values; /* of the graph before the walk */
  pal_value *copy;      /* per value: its copy, or nil */
  bool *copied;         /* per section */
} pal_recompute;

/* False when out of memory. Freed with pal_recompute_free also then. */
bool pal_recompute_init(pal_recompute *r, pal_graph *graph);
void pal_recompute_free(pal_recompute *r);
/* Copies the nodes of `section` unless that is done; the copies become computable when `order`,
 * a gradient that enters the section, has been computed. */
void pal_recompute_section(pal_recompute *r, uint32_t section, pal_value order);
/* What the gradient of a node of `section` is to read for `value`: its copy if it was computed in
 * that section, the value itself where it enters the section or has no copy. */
pal_value pal_recompute_value(const pal_recompute *r, uint32_t section, pal_value value);
#endif
