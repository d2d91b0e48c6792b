/* SPDX-License-Identifier: Apache-2.0 */
/* What the ops that draw random numbers share: random.c, categorical.c (floor 2).
 *
 * The generator is counter-based: a draw is a function of its key and index, so it does not depend
 * on threads, on other rows or on the order of computation. The key of a row is made of the seed,
 * the path of the op in the graph, the step, the sample's id and the position; see rng.h. */
#ifndef PAL_OPS_RANDOM_H
#define PAL_OPS_RANDOM_H

#include "ops/common.h"

extern const pal_op *const pal_ops_categorical[];

/* Fails with PAL_E_SHAPE unless inputs at, at + 1 and at + 2 are seed i32 [3], and sample and
 * position i32 [T] with the rows of input `rows`. */
pal_status pal_want_random(const pal_infer *call, int at, int rows);
/* The part of the key that all rows of a run share: of the contents of seed, i32 [3], and the op's
 * path. */
uint64_t pal_random_key(const void *seed, const char *path);
/* For reference functions: draw number `index` of row t, where the seed is input `at`. */
double pal_reference_draw(const pal_reference *call, int at, const char *path, int64_t t,
                          int64_t index);
/* A path for a new random op: "<scope>.<name>", or "<scope>.<name>.2", ".3", ... if a random op of
 * the graph has that already, so that two ops built by the same call do not draw the same
 * numbers. */
const char *pal_path_fresh(pal_graph *graph, const char *name);
/* Random seed, sample and position for the op checker, over the rows of a case. */
pal_random pal_case_random(pal_case *random);
#endif
