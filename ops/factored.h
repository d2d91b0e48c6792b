/* SPDX-License-Identifier: Apache-2.0 */
/* What factored.c and factored_logits.c share (floor 2).
 *
 * A vocabulary whose tokens are combinations of a few factors needs no row of its own for every
 * token: the embedding of a token is the sum of the embeddings of its factors. factor i32 [V, F]
 * lists for each of the V tokens up to F rows of a small table of R rows; -1 is an empty entry. */
#ifndef PAL_OPS_FACTORED_H
#define PAL_OPS_FACTORED_H

#include "ops/common.h"

extern const pal_op *const pal_ops_factored_logits[];

/* The attributes of both backward ops. */
typedef struct pal_factored_attrs {
  int64_t rows; /* R, the rows of the table or the columns of z */
} pal_factored_attrs;

/* Fails with PAL_E_SHAPE unless input i is a static i32 [V, F]. */
pal_status pal_want_factor(const pal_infer *call, int i);
/* Fails with PAL_E_ARGUMENT unless all entries are in -1 .. rows - 1. */
pal_status pal_check_factor(pal_error *error, const int32_t *factor, const pal_type *type,
                            int64_t rows);
/* A random factor table for the op checker. */
pal_value pal_case_factor(pal_case *random, int64_t tokens, int64_t per, int64_t rows);
#endif
