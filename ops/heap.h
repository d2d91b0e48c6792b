/* SPDX-License-Identifier: Apache-2.0 */
/* Binary heaps of rows by their values x, for ops that select the best (floor 2). */
#ifndef PAL_OPS_HEAP_H
#define PAL_OPS_HEAP_H

#include <stdbool.h>
#include <stdint.h>

/* Whether row a ranks before row b: its x is larger, or equal and the row is earlier. */
static inline bool pal_ranks_before(const float *x, int32_t a, int32_t b) {
  return x[a] > x[b] || (x[a] == x[b] && a < b);
}

/* Whether row a stands above row b in a heap whose top ranks first (first = true), or last. */
static inline bool pal_heap_above(const float *x, int32_t a, int32_t b, bool first) {
  return first ? pal_ranks_before(x, a, b) : pal_ranks_before(x, b, a);
}

/* Moves entry `at` of a heap of n rows down to its place. */
static inline void pal_heap_sink(const float *x, int32_t *heap, int64_t at, int64_t n, bool first) {
  for (int64_t next; (next = 2 * at + 1) < n; at = next) {
    if (next + 1 < n && pal_heap_above(x, heap[next + 1], heap[next], first)) next++;
    if (!pal_heap_above(x, heap[next], heap[at], first)) return;
    const int32_t row = heap[at];
    heap[at] = heap[next];
    heap[next] = row;
  }
}

/* Moves entry `at` of a heap up to its place. */
static inline void pal_heap_lift(const float *x, int32_t *heap, int64_t at, bool first) {
  for (int64_t up; at > 0 && pal_heap_above(x, heap[at], heap[up = (at - 1) / 2], first); at = up) {
    const int32_t row = heap[at];
    heap[at] = heap[up];
    heap[up] = row;
  }
}
#endif
