/* SPDX-License-Identifier: Apache-2.0 */
/* What factored.c and factored_logits.c share (floor 2).
 *
 * factor i32 [V, F] lists for each token the rows of a small table; -1: none. */
#ifndef PAL_OPS_FACTORED_H
#define PAL_OPS_FACTORED_H

#include "ops/common.h"

extern const pal_op *const pal_ops_factored_logits[];

/* Attributes of both backward ops. */
typedef struct pal_factored_attrs {
  int64_t rows; /* R: of the table, or of z's columns */
} pal_factored_attrs;

/* Fails unless input i is a static i32 [V, F]. */
pal_status pal_want_factor(const pal_infer *call, int i);
/* Fails unless all entries lie in -1 .. rows - 1. */
pal_status pal_check_factor(pal_error *error, const int32_t *factor, const pal_type *type,
                            int64_t rows);
/* A random factor table of a case. */
pal_value pal_case_factor(pal_case *random, int64_t tokens, int64_t per, int64_t rows);
#endif
