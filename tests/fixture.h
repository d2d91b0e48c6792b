/* SPDX-License-Identifier: Apache-2.0 */
/* The fixture of the tests of graph/: a context with the ops of toy.h, a store and a graph, created
 * for every test by fixture_set_up and freed by fixture_tear_down. */
#ifndef PAL_TESTS_FIXTURE_H
#define PAL_TESTS_FIXTURE_H

#include <palimpsest/plan.h>

extern pal_context *context;
extern pal_store *store;
extern pal_graph *g;
extern pal_error error;

void fixture_set_up(void);
void fixture_tear_down(void);
/* Compiles g and creates an instance of the plan; fails the test when that fails. */
pal_exec *compile(void);
/* Frees an instance and its plan. */
void discard(pal_exec *exec);
/* Fail the test unless building g, or compiling it, has failed with `code`; then begin a new graph
 * g. */
void refused(pal_status code);
void compile_refused(pal_status code);
/* An input of g, f32 [3]. */
pal_value vector(const char *name);
#endif
