/* SPDX-License-Identifier: Apache-2.0 */
/* What the ops per sequence share (floor 2). Inputs 1 and 2 are begin and length, i32 [S]. */
#ifndef PAL_OPS_SEGMENT_H
#define PAL_OPS_SEGMENT_H

#include "ops/common.h"

#define PAL_SEGMENT_ERROR "\nPAL_E_ARGUMENT: a sequence outside the active rows."

/* x [T, ...] of `dtype`, begin and length, and with `more` a further i32 [S] as input 3. */
pal_status pal_segment_want(const pal_infer *call, pal_dtype dtype, int more);
/* Output 0: x with one row per sequence. */
void pal_segment_per_sequence(pal_infer *call);
/* A task is a sequence. */
int64_t pal_segment_tasks(const pal_run *run);
/* The rows of sequence s; fails unless they are active rows of input 0. */
pal_status pal_segment_rows(const pal_run *run, int64_t s, int64_t *begin, int64_t *length);
/* Row phase that zeroes output 0. */
pal_status pal_segment_clear(const pal_run *run);
pal_value pal_segment_apply(pal_graph *g, const char *name, pal_value x, pal_value begin,
                            pal_value length);

extern const pal_op pal_op_segment_any, pal_op_segment_argmax, pal_op_segment_top_k,
    pal_op_segment_group_mean;
#endif
