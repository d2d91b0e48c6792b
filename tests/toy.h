/* SPDX-License-Identifier: Apache-2.0 */
/* A few ops that only the tests define. graph/ must plan and run them, which shows that it knows no
 * op by name. */
#ifndef PAL_TESTS_TOY_H
#define PAL_TESTS_TOY_H

#include <palimpsest/graph.h>

/* toy_mul     a b, elementwise; b has a's type or is a scalar
 * toy_neg     -a, possibly in place
 * toy_total   sum over rows, in two phases
 * toy_pick    the rows of a at an index
 * toy_keep    the rows whose first element is positive; binds a symbol to their number
 * toy_put     writes rows of a variable
 * toy_refuse  fails at run time when its input is negative */
pal_status toy_define(pal_context *context, pal_error *error);

pal_value toy_mul(pal_graph *g, pal_value a, pal_value b);
pal_value toy_neg(pal_graph *g, pal_value a);
pal_value toy_total(pal_graph *g, pal_value a);
pal_value toy_pick(pal_graph *g, pal_value a, pal_value index);
pal_value toy_keep(pal_graph *g, pal_value a, const char *symbol, int64_t capacity);
pal_value toy_put(pal_graph *g, pal_value variable, pal_value index, pal_value x);
void toy_refuse(pal_graph *g, pal_value a);
#endif
