/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse-mode differentiation: shared by the files of autograd/ (floor 3). */
#ifndef PAL_AUTOGRAD_GRADIENT_H
#define PAL_AUTOGRAD_GRADIENT_H

#include <palimpsest/gradient.h>

#include "graph/internal.h"

/* As pal_gradient, for the sum over k < n of the inner products of out_grad[k] and output[k].
 * out_grad[k] has the type of output[k]. */
void pal_gradient_from(pal_graph *graph, const pal_value *output, const pal_value *out_grad, int n,
                       const pal_value *wrt, int n_wrt, pal_value *grad);

/* The copies of recompute sections that one walk has made (recompute.c). */
typedef struct pal_recompute {
  pal_graph *graph;
  size_t nodes, values; /* counts of the graph before the walk */
  pal_value *copy;      /* [value] its copy, or nil */
  bool *copied;         /* [section] its nodes have been copied */
} pal_recompute;

/* False when out of memory; call pal_recompute_free in either case. */
bool pal_recompute_init(pal_recompute *r, pal_graph *graph);
void pal_recompute_free(pal_recompute *r);
/* Copies the nodes of `section` unless they have been. The copies wait for `order`, a gradient that
 * enters the section from behind. */
void pal_recompute_section(pal_recompute *r, uint32_t section, pal_value order);
/* What the gradient of a node in `section` reads in place of `value`: its copy if it is computed in
 * that section; the value itself if it comes from outside or has no copy. */
pal_value pal_recompute_value(const pal_recompute *r, uint32_t section, pal_value value);
#endif
