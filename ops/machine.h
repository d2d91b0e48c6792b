/* SPDX-License-Identifier: Apache-2.0 */
/* How ops cut their work into tasks and chunks (floor 2).
 *
 * A task should be some microseconds of work, so that claiming it costs little, and its operands should
 * fit the level 2 cache. Except where it says "part of the numbers" a change alters speed only. What
 * kernels assume is in ops/kernels/machine.h, what the plan does in graph/machine.h. */
#ifndef PAL_OPS_MACHINE_H
#define PAL_OPS_MACHINE_H

enum {
  PAL_CHUNK_ROWS = 256,     /* part of the numbers: sums over axis 0 are trees over such chunks */
  PAL_BLOCK_COLUMNS = 1024, /* of a task of a reduction over axis 0 */

  PAL_NORM_COLUMNS = 256,    /* of a task that adds up the chunks of a norm's parameters */
  PAL_BIAS_CHUNK = 256,      /* relations of a task that adds up gradients of attention's bias */
  PAL_FINITE_ROWS = 256,     /* rows of a task of check_finite */
  PAL_WRITE_ROWS = 256,      /* rows of a task of write_rows */
  PAL_SCATTER_COLUMNS = 64,  /* of a task of scatter_add_rows: four cache lines */
  PAL_SCATTER_ROWS = 256,    /* of its results, about */
  PAL_FACTORED_COLUMNS = 16, /* of a task of factored_embedding's gradient: one vector */
  PAL_FACTORED_GROUP = 16,   /* outputs whose lists are side by side: the lanes of a vector */
  PAL_SEQUENCE_BLOCK = 16,   /* sequences of a task where lengths change */
  PAL_ROW_CHUNK = 4096,      /* rows of a task where rows are initialised */

  /* A gradient of a weight is cut into so many tasks at least, so that threads find work, unless they had
   * fewer rows or columns than these. */
  PAL_OUTER_TASKS = 4,
  PAL_OUTER_LEAST = 32,

  PAL_COPY_VECTOR = 16,                 /* bytes; lines of a multiple of it and at most */
  PAL_COPY_SHORT = 8 * PAL_COPY_VECTOR, /* so many are copied without a call */
  PAL_AHEAD_ROWS = 16 /* fewer rows of attention's operands are not asked for ahead */
};
#endif
