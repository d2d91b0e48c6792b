/* SPDX-License-Identifier: Apache-2.0 */
/* What the ops that change lengths at run time share: edit.c, refill.c, ragged.c (floor 2). */
#ifndef PAL_OPS_RAGGED_H
#define PAL_OPS_RAGGED_H

#include "ops/common.h"

extern const pal_op *const pal_ops_refill[];

static inline int64_t pal_blocks(int64_t n, int64_t block) { return (n + block - 1) / block; }
static inline int64_t pal_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t pal_most(int64_t a, int64_t b) { return a > b ? a : b; }

/* The extent of axis 0 of a value when its symbol is at capacity. */
int64_t pal_capacity_of(const pal_graph *graph, pal_value value);
/* Makes a symbol named "<scope>.<name>", or "<scope>.<name>.2", ".3", ... if that exists
 * already. */
pal_symbol pal_symbol_fresh(pal_graph *graph, const char *name, int64_t capacity);

/* Fails with PAL_E_SHAPE unless inputs i .. j are i32 of rank 1 with the same rows. */
pal_status pal_want_vectors(const pal_infer *call, int i, int j, const char *what);
/* Fails with PAL_E_ARGUMENT unless rows begin .. begin + length - 1 of sequence s are rows 0 ..
 * rows - 1. */
pal_status pal_check_sequence(pal_error *error, int64_t s, int64_t begin, int64_t length,
                              int64_t rows);
#endif
