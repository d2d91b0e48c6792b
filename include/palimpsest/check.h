/* SPDX-License-Identifier: Apache-2.0 */
/* The op checker, which every op must pass, and a check of the gradients of any graph.
 *
 * An op's `sample` function draws random cases (case.h). For each case the checker
 *   - compares the kernels' results with the op's double-precision reference,
 *   - tests the gradient with a Taylor-remainder test in double precision,
 *   - requires equal bits on all instruction sets, thread counts and active row counts, and
 *   - puts two nodes that differ in one attribute into one graph, which must not be merged.
 * Your own op is checked by the same calls. */
#ifndef PAL_CHECK_H
#define PAL_CHECK_H

#include <palimpsest/case.h>
#include <palimpsest/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Draws `cases` random cases of op `name` from `seed` and runs every check on each. PAL_OK, or the
 * first failure; its text names op, seed and case, which pal_check_op_case repeats. */
PAL_API pal_status pal_check_op(pal_context *context, const char *name, uint64_t seed, int cases,
                                pal_error *error);
/* Only case `number`, from 0, so that a caller can run each case in a process of its own. */
PAL_API pal_status pal_check_op_case(pal_context *context, const char *name, uint64_t seed,
                                     int number, pal_error *error);

/* Taylor-remainder test of the gradients g of L, the sum of all elements of the f32 value `loss`,
 * with respect to the n inputs and parameters in `wrt`. L is computed in double precision by the
 * ops' references. `exec` gives the point x; for random directions d the remainder |L(x + h d) -
 * L(x) - h g.d| must fall as h^2 when h goes to 0. */
PAL_API pal_status pal_check_gradient(pal_context *context, pal_graph *graph, pal_value loss,
                                      const pal_value *wrt, int n, const pal_exec *exec,
                                      uint64_t seed, pal_error *error);

#ifdef __cplusplus
}
#endif
#endif
