/* SPDX-License-Identifier: Apache-2.0 */
/* What the ops on sequences share (floor 2). Input 0 has the rows of packed sequences; inputs 1 and
 * 2 are begin and length, i32 [S]: sequence s is rows begin[s] .. begin[s] + length[s] - 1. Gaps
 * are allowed. */
#ifndef PAL_OPS_SEGMENT_H
#define PAL_OPS_SEGMENT_H

#include "ops/common.h"

#define PAL_SEGMENT_ERROR "\nPAL_E_ARGUMENT: a sequence outside the active rows."

/* Checks that x has rows and this dtype, that begin and length are i32 [S], and, if `more` is 1,
 * that input 3 is i32 [S] as well. */
pal_status pal_segment_want(const pal_infer *call, pal_dtype dtype, int more);
/* Sets output 0 to the type of x with one row per sequence. */
void pal_segment_per_sequence(pal_infer *call);
/* The number of tasks, for phases in which a task is one sequence. */
int64_t pal_segment_tasks(const pal_run *run);
/* The rows of sequence s. Fails with PAL_E_ARGUMENT unless they are active rows of input 0. */
pal_status pal_segment_rows(const pal_run *run, int64_t s, int64_t *begin, int64_t *length);
/* A row-local phase that sets output 0 to zero. */
pal_status pal_segment_clear(const pal_run *run);
pal_value pal_segment_apply(pal_graph *g, const char *name, pal_value x, pal_value begin,
                            pal_value length);

extern const pal_op pal_op_segment_any, pal_op_segment_argmax, pal_op_segment_top_k,
    pal_op_segment_budget, pal_op_segment_group_mean;
#endif
