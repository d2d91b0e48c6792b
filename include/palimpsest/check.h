/* SPDX-License-Identifier: Apache-2.0 */
/* The checks that every op must pass, and a check of any graph's gradients.
 *
 * An op's `sample` function draws a random case (case.h). The harness then compares plan and
 * reference, gradients by a Taylor-remainder test in double, instruction sets, thread counts
 * and active counts, and puts two values of each attribute into one graph. A user's op is
 * checked by the same calls. */
#ifndef PAL_CHECK_H
#define PAL_CHECK_H

#include <palimpsest/case.h>
#include <palimpsest/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Draws `cases` instances of op `name` from `seed` and runs every check on each.
 * PAL_OK, or the first failure with a one-line recipe (op, seed, case) in the text. */
PAL_API pal_status pal_check_op(pal_context *context, const char *name, uint64_t seed, int cases,
                                pal_error *error);
/* Case `number` (from 0) of those alone, so that a caller can run each in a process of its own. */
PAL_API pal_status pal_check_op_case(pal_context *context, const char *name, uint64_t seed,
                                     int number, pal_error *error);

/* Taylor-remainder test, in double through the references, of the gradients of the sum of f32
 * output `loss` with respect to inputs and parameters in `wrt`: in random directions d the
 * remainder |L(x + h d) - L(x) - h g.d| must fall as h^2. `exec` gives the point. */
PAL_API pal_status pal_check_gradient(pal_context *context, pal_graph *graph, pal_value loss,
                                      const pal_value *wrt, int n, const pal_exec *exec,
                                      uint64_t seed, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
