/* SPDX-License-Identifier: Apache-2.0 */
/* What the ops that draw random numbers share: random.c, categorical.c (floor 2). */
#ifndef PAL_OPS_RANDOM_H
#define PAL_OPS_RANDOM_H

#include "ops/common.h"

extern const pal_op *const pal_ops_categorical[];

/* Fails unless inputs at, at + 1, at + 2 are seed i32 [3], sample and position i32 with the rows
 * of input `rows`. */
pal_status pal_want_random(const pal_infer *call, int at, int rows);
/* The key of a run: seed's contents and the op's path. */
uint64_t pal_random_key(const void *seed, const char *path);
/* Draw `index` of row t in a reference whose seed is input `at`. */
double pal_reference_draw(const pal_reference *call, int at, const char *path, int64_t t,
                          int64_t index);
/* "<scope>.<name>", or "<scope>.<name>.2" ... where a random op of the graph has that path: two
 * draws built alike must not be the same draw. */
const char *pal_path_fresh(pal_graph *graph, const char *name);
/* Random keys over the rows symbol of a case. */
pal_random pal_case_random(pal_case *random);
#endif
