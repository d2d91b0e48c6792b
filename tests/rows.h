/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the tests of ops on ragged sequences: a context, random draws, compiled graphs of one
 * op with the symbols "S" (sequences) and "T" (rows), and batches laid out at random. */
#ifndef PAL_TESTS_ROWS_H
#define PAL_TESTS_ROWS_H

#include <palimpsest/graph.h>
#include <palimpsest/plan.h>
#include <palimpsest/rng.h>

enum { SEQUENCES = 512, ROWS = 8192 };

/* A fixture: the context, with all built-in ops, and the same draws for every test. */
extern pal_context *rows_context;
void rows_set_up(void);
void rows_tear_down(void);

/* A random number from 0 to n - 1. */
int32_t rows_below(int n);
/* Compiles the graph, frees it, and makes an instance. Fails the test on an error. */
pal_exec *rows_start(pal_graph *graph, pal_plan **plan);
void rows_stop(pal_exec *exec, pal_plan *plan);
void rows_set_counts(pal_exec *exec, int64_t sequences, int64_t rows);
int32_t *rows_input(pal_exec *exec, const char *name);
/* The output of that name, which must have that number of rows. */
const int32_t *rows_output(const pal_exec *exec, const char *name, int64_t want_rows);
/* Lays `n` sequences of at most `longest` rows out with gaps; returns the rows used. */
int64_t rows_lay_out(int n, int longest, int32_t *begin, int32_t *length);
#endif
