/* SPDX-License-Identifier: Apache-2.0 */
/* A registry of a few ops of the tests' own, under names no built-in has: graph/ must plan and
 * run them without knowing any op. */
#ifndef PAL_TESTS_TOY_H
#define PAL_TESTS_TOY_H

#include <palimpsest/graph.h>

/* toy_mul (a, b same type or b scalar), toy_neg (in place), toy_total (sum of rows, two phases),
 * toy_pick (rows at an index), toy_keep (binds a symbol: rows whose first element is positive),
 * toy_put (writes rows of a variable), toy_refuse (fails when its input is negative). */
pal_status toy_define(pal_context *context, pal_error *error);

pal_value toy_mul(pal_graph *g, pal_value a, pal_value b);
pal_value toy_neg(pal_graph *g, pal_value a);
pal_value toy_total(pal_graph *g, pal_value a);
pal_value toy_pick(pal_graph *g, pal_value a, pal_value index);
pal_value toy_keep(pal_graph *g, pal_value a, const char *symbol, int64_t capacity);
pal_value toy_put(pal_graph *g, pal_value variable, pal_value index, pal_value x);
void toy_refuse(pal_graph *g, pal_value a);
#endif
