/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of graph/ stand on: a context with the toy ops, a store, a graph; made anew for
 * every test by the checked fixture fixture_set_up, fixture_tear_down. */
#ifndef PAL_TESTS_FIXTURE_H
#define PAL_TESTS_FIXTURE_H

#include <palimpsest/plan.h>

extern pal_context *context;
extern pal_store *store;
extern pal_graph *g;
extern pal_error error;

void fixture_set_up(void);
void fixture_tear_down(void);
/* An instance of the plan of g; fails the test when there is none. */
pal_exec *compile(void);
/* Frees an instance and its plan. */
void discard(pal_exec *exec);
/* Fails the test unless the graph, or its compilation, has been refused with `code`; then begins a
 * new graph. */
void refused(pal_status code);
void compile_refused(pal_status code);
/* An input f32 [3]. */
pal_value vector(const char *name);
#endif
