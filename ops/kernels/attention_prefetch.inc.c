/* SPDX-License-Identifier: Apache-2.0 */
/* Software prefetch of the rows that this call stores to later and that the next call reads (floor
 * 2). Included by attention.inc.c.
 *
 * The rows of a head are short and far apart, so the hardware prefetcher does not detect them.
 * Without this, a call that waits for each first access takes up to half as long again. The
 * prefetches are spread evenly over the steps of the computation. */

/* The state of the prefetch of one call. */
typedef struct attention_prefetch_state {
  const pal_attention_prefetch *prefetch;
  int stream;     /* the next row to prefetch: of this stream, */
  int64_t row;    /* this row */
  int64_t rows;   /* of all streams; each of `steps` steps prefetches rows / steps of them */
  int64_t steps;  /* that the call has */
  int64_t credit; /* rows due but not prefetched yet, times steps */
} attention_prefetch_state;

/* Begins to prefetch what the caller asked for, spread over `steps` steps. */
static attention_prefetch_state attention_prefetch_start(const pal_attention_head *h,
                                                         int64_t steps) {
  attention_prefetch_state a = {.prefetch = h->prefetch, .steps = steps};
  for (int i = 0; h->prefetch && i < h->prefetch->n; i++) a.rows += h->prefetch->stream[i].rows;
  return a;
}

/* One step. It prefetches into the level 2 cache, since level 1 is full of the current tile. */
static inline void attention_prefetch_step(attention_prefetch_state *a) {
  a->credit += a->rows;
  while (a->credit >= a->steps && a->stream < a->prefetch->n) {
    const float *at =
        a->prefetch->stream[a->stream].at + a->row * a->prefetch->stream[a->stream].stride;
    for (int64_t c = 0; c < a->prefetch->stream[a->stream].width; c += PAL_LANES)
      __builtin_prefetch(at + c, 0, 2);
    a->credit -= a->steps;
    if (++a->row < a->prefetch->stream[a->stream].rows) continue;
    a->row = 0;
    a->stream++;
  }
}
