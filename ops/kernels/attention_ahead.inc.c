/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for rows that later calls will touch (floor 2). Included by attention.inc.c.
 *
 * A head's rows are short and far apart, so the hardware does not foresee them; a call that waits for
 * each of its first touches takes up to half as long again. */

typedef struct attention_asking {
  const pal_attention_ahead *ahead;
  int stream;
  int64_t row;                 /* next of the stream */
  int64_t rows, steps, credit; /* each of `steps` steps asks for rows / steps rows */
} attention_asking;

static attention_asking attention_look_ahead(const pal_attention_head *h, int64_t steps) {
  attention_asking a = {.ahead = h->ahead, .steps = steps};
  for (int i = 0; h->ahead && i < h->ahead->n; i++) a.rows += h->ahead->stream[i].rows;
  return a;
}

/* One step; into the second level, since the first is full of the tile at hand. */
static inline void attention_ask(attention_asking *a) {
  a->credit += a->rows;
  while (a->credit >= a->steps && a->stream < a->ahead->n) {
    const float *at = a->ahead->stream[a->stream].at + a->row * a->ahead->stream[a->stream].stride;
    for (int64_t c = 0; c < a->ahead->stream[a->stream].width; c += PAL_LANES)
      __builtin_prefetch(at + c, 0, 2);
    a->credit -= a->steps;
    if (++a->row < a->ahead->stream[a->stream].rows) continue;
    a->row = 0;
    a->stream++;
  }
}
