/* SPDX-License-Identifier: Apache-2.0 */
/* What plans assume of the machine (floor 1). A change alters speed and memory, never a number.
 *
 * Rates are those of one core of a Zen 4 and deliberately rough: they serve the one decision whether a
 * team of threads is worth waking. */
#ifndef PAL_GRAPH_MACHINE_H
#define PAL_GRAPH_MACHINE_H

#include <stddef.h>

#define PAL_SECONDS_PER_FLOP (1.0 / 4e10)
#define PAL_SECONDS_PER_BYTE (1.0 / 4e10)
/* A stage shorter than this on one thread is not worth a barrier: on a busy machine, where a member of
 * the team may not have a core, a barrier can cost a scheduler's turn. */
#define PAL_STAGE_PAYS_SECONDS 50e-6

enum {
  /* A chunk of rows passes through a chain of ops: what it touches should stay in a fraction of the
   * level 2 cache (1 MiB), but a claim must be worth its cost. */
  PAL_CHUNK_BYTES = 192 << 10,
  PAL_CHUNK_LEAST = 48, /* rows */
  PAL_CHUNK_MOST = 1 << 14,
  PAL_SHARE_ROWS =
      16, /* a worker's share of rows begins at a multiple: tiles of products are whole */

  PAL_LINE = 64,          /* bytes of a cache line and of the widest vector */
  PAL_PAGE = 4096,        /* large blocks begin on a page */
  PAL_LARGE = 1 << 20,    /* bytes of such a block at least */
  PAL_FOLD_MOST = 1 << 20 /* bytes; a larger constant is cheaper computed than kept */
};

static inline size_t pal_whole_lines(size_t bytes) {
  return (bytes + PAL_LINE - 1) / PAL_LINE * PAL_LINE;
}
#endif
