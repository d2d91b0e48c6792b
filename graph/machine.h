/* SPDX-License-Identifier: Apache-2.0 */
/* Assumptions of the planner about the machine (floor 1). They affect speed and memory, never
 * results.
 *
 * The rates are those of one core of a Zen 4, rounded: they only decide whether a run is worth
 * several threads. */
#ifndef PAL_GRAPH_MACHINE_H
#define PAL_GRAPH_MACHINE_H

#include <stddef.h>

#define PAL_SECONDS_PER_FLOP (1.0 / 4e10)
#define PAL_SECONDS_PER_BYTE (1.0 / 4e10)
/* A plan whose stages take less than this on average runs on one thread. A barrier costs up to a
 * time slice of the scheduler when other programs leave the team fewer cores than threads. */
#define PAL_STAGE_PAYS_SECONDS 50e-6

enum {
  /* A worker takes a chunk of rows through a whole chain of ops. All that the chunk touches should
   * fit in part of the level 2 cache (1 MiB), but claiming it must be worth its cost. */
  PAL_CHUNK_BYTES = 192 << 10,
  PAL_CHUNK_LEAST = 48, /* rows */
  PAL_CHUNK_MOST = 1 << 14,
  /* A worker's share of rows begins at a multiple of this, so that register tiles are whole. */
  PAL_SHARE_ROWS = 16,

  PAL_LINE = 64,       /* bytes of a cache line and of the widest vector */
  PAL_PAGE = 4096,     /* large blocks begin on a page */
  PAL_LARGE = 1 << 20, /* bytes of such a block at least */
  PAL_FOLD_MOST =
      1 << 20 /* bytes; larger results are not folded: that would cost memory for no gain */
};

/* Rounds a size up to whole cache lines. */
static inline size_t pal_whole_lines(size_t bytes) {
  return (bytes + PAL_LINE - 1) / PAL_LINE * PAL_LINE;
}
#endif
