/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a step, drawn from a stream (floor 5). */
#ifndef PAL_TRAIN_DRAWN_H
#define PAL_TRAIN_DRAWN_H

#include "train/staging.h"

/* The state of a stream; zero-initialise. */
typedef struct pal_stream_state {
  void *data;
  size_t bytes, room;
} pal_stream_state;
pal_status pal_stream_note(pal_stream_state *state, const pal_stream *stream, pal_error *error);
void pal_stream_restore(const pal_stream_state *state, const pal_stream *stream);
void pal_stream_forget(pal_stream_state *state);

/* Zero-initialise, then give it a staging. */
typedef struct pal_drawn {
  int64_t step; /* whose rows these are, from 1; 0: nobody's */
  pal_staging staging;
  pal_stream_state before; /* the stream before they were drawn */
} pal_drawn;

/* `batch` examples for step `step`, spread over the shards, with draws of `seed` and the step. On
 * failure the stream is where it was and the rows are nobody's. */
pal_status pal_drawn_fill(pal_drawn *drawn, const pal_stream *stream, int64_t batch, uint64_t seed,
                          int64_t step, pal_error *error);
void pal_drawn_free(pal_drawn *drawn);
#endif
