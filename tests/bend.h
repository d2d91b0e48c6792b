/* SPDX-License-Identifier: Apache-2.0 */
/* Three differentiable ops that only the tests define. The functions of autograd/ must
 * differentiate, recompute and check them, which shows that they know no op by name. */
#ifndef PAL_TESTS_BEND_H
#define PAL_TESTS_BEND_H

#include <palimpsest/graph.h>

/* All elementwise: bend_mul: a b, for a and b of one type; bend_line: slope x + shift; bend_bell: 1
 * / (1 + x^2). */
extern const pal_op bend_mul_op, bend_line_op, bend_bell_op;
pal_status bend_define(pal_context *context, pal_error *error);

pal_value bend_mul(pal_graph *g, pal_value a, pal_value b);
pal_value bend_line(pal_graph *g, pal_value x, double slope, double shift);
pal_value bend_bell(pal_graph *g, pal_value x);
#endif
