/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the op checker (floor 3): building a case, running it, comparing
 * results. */
#ifndef PAL_AUTOGRAD_CHECK_H
#define PAL_AUTOGRAD_CHECK_H

#include <palimpsest/check.h>

#include "graph/case.h"

/* Which case of which op is checked. */
typedef struct pal_checking {
  pal_context *context[PAL_ISA_COUNT]; /* one per instruction set; [0] has the caller's */
  int n_contexts;
  const pal_op *op;
  uint64_t seed;
  int number; /* of the case, from 0 */
} pal_checking;

/* What the graph of a case computes: the op's outputs; its gradients for random output gradients;
 * or the outputs of two nodes that differ in one attribute. */
typedef enum pal_direction { PAL_FORWARD, PAL_BACKWARD, PAL_TWINS } pal_direction;

/* One build of the case, ready to run. */
typedef struct pal_trial {
  pal_store *store;
  pal_graph *graph;
  pal_case c;
  pal_plan *plan;
  pal_exec *exec;
  pal_node node; /* copy of the op's node */
  int n_out;     /* number of outputs "out0", "out1", ...; 0: nothing to check */
  pal_value out[PAL_MAX_INPUTS];
  /* PAL_BACKWARD: out[i] is the gradient, with respect to wrt[i], of the sum over k < n_of of the
   * inner product of weight[k] and of[k]. */
  int n_of;
  pal_value of[PAL_MAX_OUTPUTS], weight[PAL_MAX_OUTPUTS], wrt[PAL_MAX_INPUTS];
} pal_trial;

/* Builds and compiles a case. Close it also after a failure. */
pal_status pal_trial_open(pal_trial *t, const pal_checking *k, pal_context *context,
                          pal_direction direction, pal_case_form form, pal_error *error);
void pal_trial_close(pal_trial *t);
/* Active counts of the symbols "rows" and "sequences"; ignored where a case has no such symbol. */
typedef struct pal_counts {
  int64_t rows, sequences;
} pal_counts;
/* The counts at which a case is run, capacity first; returns how many. */
enum { PAL_COUNTS_MOST = 12 };
int pal_trial_counts(const pal_trial *t, pal_counts counts[PAL_COUNTS_MOST]);
/* Sets counts, variables and inputs for a run. */
pal_status pal_trial_load(pal_trial *t, pal_counts counts, pal_case_filling filling,
                          pal_error *error);

/* Compares the plan with the reference, and its bits with those of all other ways to run the
 * case. */
pal_status pal_check_plan(const pal_checking *k, pal_direction direction, pal_error *error);
/* Two nodes that differ in one attribute give in one graph the bits that each gives alone. */
pal_status pal_check_twins(const pal_checking *k, pal_error *error);
/* Rewriting is idempotent, and the text form survives parsing. */
pal_status pal_check_text(const pal_trial *t, pal_error *error);

/* The function L = sum over k < n_of of the inner product of weight[k] (nil: all ones) and of[k],
 * and the values `grad` that are claimed to be its gradients with respect to the n_wrt leaves
 * `wrt`. */
typedef struct pal_taylor {
  const pal_graph *graph;
  const pal_exec *exec;
  int n_of, n_wrt;
  const pal_value *of, *weight, *wrt, *grad;
  uint64_t seed;
} pal_taylor;
pal_status pal_taylor_check(const pal_taylor *t, pal_error *error);
#endif
