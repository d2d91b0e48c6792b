/* SPDX-License-Identifier: Apache-2.0 */
/* How ops split their work into tasks and chunks (floor 2).
 *
 * A task should take some microseconds, so that claiming it costs little, and its operands should
 * fit the level 2 cache. Changing a value changes speed only, except where the comment says "part
 * of the numbers". What kernels assume of the machine is in ops/kernels/machine.h, what the planner
 * assumes in graph/machine.h. */
#ifndef PAL_OPS_MACHINE_H
#define PAL_OPS_MACHINE_H

enum {
  PAL_CHUNK_ROWS = 256, /* part of the numbers: sums over axis 0 are trees over chunks of this */
  PAL_BLOCK_COLUMNS = 1024, /* columns of a task of a reduction over axis 0 */

  PAL_NORM_COLUMNS = 256,    /* columns of a task that adds up a norm's parameter gradients */
  PAL_BIAS_CHUNK = 256,      /* relations of a task that adds up gradients of attention's bias */
  PAL_FINITE_ROWS = 256,     /* rows of a task of check_finite */
  PAL_WRITE_ROWS = 256,      /* rows of a task of write_rows */
  PAL_SCATTER_COLUMNS = 64,  /* columns of a task of scatter_add_rows: four cache lines */
  PAL_SCATTER_ROWS = 256,    /* rows of the result of such a task, about */
  PAL_FACTORED_COLUMNS = 16, /* columns of a task of factored_embedding's gradient: one vector */
  PAL_FACTORED_GROUP = 16,   /* outputs whose lists are interleaved: the lanes of a vector */
  PAL_SEQUENCE_BLOCK = 16,   /* sequences of a task of ops that change lengths */
  PAL_ROW_CHUNK = 4096,      /* rows of a task that initialises rows */

  /* The gradient of a weight is split into at least OUTER_TASKS tasks, so that threads find work,
   * unless a task would have fewer than OUTER_LEAST rows or columns. */
  PAL_OUTER_TASKS = 4,
  PAL_OUTER_LEAST = 32,

  PAL_COPY_VECTOR = 16,                 /* rows of a multiple of this many bytes, and of at most */
  PAL_COPY_SHORT = 8 * PAL_COPY_VECTOR, /* this many, are copied without calling memcpy */
  PAL_PREFETCH_ROWS = 16 /* attention prefetches an operand of the next call if it has more rows */
};
#endif
