/* SPDX-License-Identifier: Apache-2.0 */
/* Muon: momentum whose direction is orthogonalised by Newton-Schulz iterations (floor 3).
 *
 * The iteration X <- aX + b(XX')X + c(XX')^2 X is meant for rows <= columns; the original
 * transposes taller matrices. Here they are not transposed: with G = X'X the same iteration for
 * them reads X <- aX + X(bG + cG^2). */
#define PAL_NO_CALLER
#include <palimpsest/ops.h>

#include <math.h>

#include "autograd/optim.h"

static const double A = 3.4445, B = -4.7750,
                    C = 2.0315; /* a, b, c; K. Jordan's quintic polynomial */

static pal_value orthogonal(pal_graph *g, pal_value x, bool tall, int iterations) {
  pal_value norm = pal_sqrt(g, pal_sum_all(g, pal_mul(g, x, x)));
  x = pal_div(g, x, pal_affine(g, norm, 1, 1e-7));
  for (int i = 0; i < iterations; i++) {
    pal_value gram = pal_matmul(g, x, x, tall, !tall);
    pal_value square = pal_matmul(g, gram, gram, false, false);
    pal_value factor = pal_add(g, pal_affine(g, gram, B, 0), pal_affine(g, square, C, 0));
    pal_value turned =
        tall ? pal_matmul(g, x, factor, false, false) : pal_matmul(g, factor, x, false, false);
    x = pal_add(g, pal_affine(g, x, A, 0), turned);
  }
  return x;
}

static pal_value update(pal_graph *graph, pal_optim_call *call) {
  const pal_optim_options *options = call->options;
  const pal_value parameter = call->parameter, rate = call->rate;
  pal_type type = pal_type_of(graph, parameter);
  if (type.rank != 2) {
    char text[96];
    return pal_graph_fail(graph, PAL_E_SHAPE,
                          "muon updates matrices, not %s; give it to another optimizer",
                          pal_graph_type_print(graph, &type, text, sizeof text));
  }
  const pal_value gradient = pal_scaled_gradient(graph, call);
  pal_value velocity = pal_optimizer_state(graph, "muon", "velocity", parameter);
  pal_value next = pal_add(graph, pal_affine(graph, velocity, options->beta1, 0), gradient);
  pal_assign(graph, velocity, next);
  pal_value direction = next;
  if (options->nesterov)
    direction = pal_add(graph, gradient, pal_affine(graph, next, options->beta1, 0));
  direction = orthogonal(graph, direction, type.dim[0] > type.dim[1], options->iterations);
  double outputs = (double)type.dim[0], inputs = (double)type.dim[1];
  pal_value kept = pal_mul(graph, parameter, pal_affine(graph, rate, -options->weight_decay, 1));
  pal_value stride = pal_affine(graph, rate, sqrt(fmax(1, outputs / inputs)), 0);
  return pal_sub(graph, kept, pal_mul(graph, direction, stride));
}

const pal_optimizer pal_muon = {
    .abi_size = sizeof(pal_optimizer),
    .name = "muon",
    .doc = "For a weight [outputs, inputs]: b = beta1 b + g;  d = nesterov ? g + beta1 b : b;\n"
           "X = d / (|d| + 1e-7), transposed so that rows <= columns; `iterations` times\n"
           "X = 3.4445 X - 4.7750 (XX')X + 2.0315 (XX')^2 X;\n"
           "p = p - rate weight_decay p - rate max(1, outputs / inputs)^0.5 X.\n"
           "State muon.velocity (b). K. Jordan et al., Muon, 2024.",
    .defaults = {.beta1 = 0.95, .weight_decay = 0.01, .nesterov = true, .iterations = 5},
    .update = update,
};
