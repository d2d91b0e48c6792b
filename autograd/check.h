/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the op harness (floor 3): builds of a case, runs, comparisons. */
#ifndef PAL_AUTOGRAD_CHECK_H
#define PAL_AUTOGRAD_CHECK_H

#include <palimpsest/check.h>

#include "graph/case.h"

/* One case of one op, to be checked. */
typedef struct pal_checking {
  pal_context *context[PAL_ISA_COUNT]; /* one an instruction set; [0] is the caller's */
  int n_contexts;
  const pal_op *op;
  uint64_t seed;
  int number;
} pal_checking;

/* Which graph of a case: the op's outputs, its gradients for given output gradients, or the outputs of
 * two nodes that differ in one attribute. */
typedef enum pal_direction { PAL_FORWARD, PAL_BACKWARD, PAL_TWINS } pal_direction;

/* One build of the case, ready to run. */
typedef struct pal_trial {
  pal_store *store;
  pal_graph *graph;
  pal_case c;
  pal_plan *plan;
  pal_exec *exec;
  pal_node node; /* the op */
  int n_out;     /* outputs "out0", "out1", ...; 0: there is nothing to check */
  pal_value out[PAL_MAX_INPUTS];
  /* backward only: gradients out[i] are those with respect to wrt[i] of <weight[k], of[k]> */
  int n_of;
  pal_value of[PAL_MAX_OUTPUTS], weight[PAL_MAX_OUTPUTS], wrt[PAL_MAX_INPUTS];
} pal_trial;

pal_status pal_trial_open(pal_trial *t, const pal_checking *k, pal_context *context,
                          pal_direction direction, pal_case_form form, pal_error *error);
void pal_trial_close(pal_trial *t);
/* Active counts of the rows and the sequences symbol; kept from the last call where a case has
 * no such symbol. */
typedef struct pal_counts {
  int64_t rows, sequences;
} pal_counts;
/* The counts every case is run at, capacity first; returns how many. */
enum { PAL_COUNTS_MOST = 12 };
int pal_trial_counts(const pal_trial *t, pal_counts counts[PAL_COUNTS_MOST]);
/* Sets counts, variables and inputs for a run. */
pal_status pal_trial_load(pal_trial *t, pal_counts counts, pal_case_filling filling,
                          pal_error *error);

/* Plan against reference, and its bits against those of every other way to run the case. */
pal_status pal_check_plan(const pal_checking *k, pal_direction direction, pal_error *error);
/* Two values of each attribute, in one graph and apart. */
pal_status pal_check_twins(const pal_checking *k, pal_error *error);
/* CSE is idempotent; the text form is stable. */
pal_status pal_check_text(const pal_trial *t, pal_error *error);

/* A function sum over k of <weight[k], of[k]> of leaves wrt, with gradient values `grad`. A nil
 * weight is 1. */
typedef struct pal_taylor {
  const pal_graph *graph;
  const pal_exec *exec;
  int n_of, n_wrt;
  const pal_value *of, *weight, *wrt, *grad;
  uint64_t seed;
} pal_taylor;
pal_status pal_taylor_check(const pal_taylor *t, pal_error *error);
#endif
