/* SPDX-License-Identifier: Apache-2.0 */
/* Claiming: how workers divide the rows or tasks of an item among themselves (floor 1).
 *
 * Each worker owns a share, the same fraction of the rows in every stage, so that it finds in its
 * own cache the rows that it wrote one stage before. When its share is used up it claims ranges of
 * the other workers' shares (work stealing):
 *
 *   rows   0 ...................................... n
 *          | share of worker 0 | share of worker 1 |
 *          |####|####|         |####|              |     # claimed, chunk by chunk
 *
 * Ranges write disjoint memory, so results do not depend on who claims which. */
#define PAL_NO_CALLER
#include "graph/exec.h"
#include "graph/machine.h"
#include "src/alloc.h"

enum { LINE = PAL_LINE / sizeof(atomic_llong) }; /* counters per cache line */

/* Distance from one worker's counters to the next one's. They are on different cache lines, so that
 * workers do not slow each other down by false sharing. */
static size_t stride(const pal_exec *e) { return (e->plan->item.n + LINE) / LINE * LINE; }

bool pal_claims_begin(pal_exec *e, int workers) {
  const size_t n = stride(e) * (size_t)workers;
  if (e->claim_workers < workers) {
    atomic_llong *made = pal_alloc(n * sizeof *made);
    if (!made) return false;
    pal_free(e->claimed);
    e->claimed = made;
    e->claim_workers = workers;
  }
  for (size_t i = 0; i < n; i++) atomic_init(&e->claimed[i], 0);
  return true;
}

/* Where worker i's share of n begins. Shares of rows begin at multiples of 16, a whole number of
 * the kernels' register tiles. */
static int64_t share(int64_t n, bool rows, int i, int workers) {
  if (i == workers) return n;
  const int64_t at = n / workers * i + n % workers * i / workers;
  return rows ? at / PAL_SHARE_ROWS * PAL_SHARE_ROWS : at;
}

bool pal_claim(pal_exec *e, int item, int64_t n, int64_t chunk, int rank, int workers,
               int64_t *begin, int64_t *end) {
  const bool rows = e->plan->item.at[item].rows;
  for (int k = 0; k < workers; k++) {
    const int owner = (rank + k) % workers;
    const int64_t from = share(n, rows, owner, workers), to = share(n, rows, owner + 1, workers);
    atomic_llong *claimed = &e->claimed[stride(e) * (size_t)owner + (size_t)item];
    if (atomic_load_explicit(claimed, memory_order_relaxed) >= to - from) continue;
    *begin = from + atomic_fetch_add(claimed, chunk);
    if (*begin >= to) continue;
    *end = *begin + chunk < to ? *begin + chunk : to;
    return true;
  }
  return false;
}
