/* SPDX-License-Identifier: Apache-2.0 */
/* Packed rows of one step, built from the examples of a stream (floor 5). The trainer has two such
 * buffers, so that the rows of the next step can be built while a step runs. */
#ifndef PAL_TRAIN_DRAWN_H
#define PAL_TRAIN_DRAWN_H

#include "train/staging.h"

/* A saved state of a stream; zero-initialise. Saving fails with PAL_E_MEMORY only. */
typedef struct pal_stream_state {
  void *data;
  size_t bytes, room; /* size of the state; capacity of `data` */
} pal_stream_state;
pal_status pal_stream_note(pal_stream_state *state, const pal_stream *stream, pal_error *error);
void pal_stream_restore(const pal_stream_state *state, const pal_stream *stream);
void pal_stream_forget(pal_stream_state *state);

/* Zero-initialise, then initialise `staging`. */
typedef struct pal_drawn {
  int64_t step; /* the step, from 1, that the rows are for; 0: the rows are not valid */
  pal_staging staging;
  pal_stream_state before; /* state of the stream before these examples were read */
} pal_drawn;

/* Reads `batch` examples from the stream, distributes them over the shards, and builds the rows of
 * step `step`; random draws are keyed by `seed`, the step and the example. On failure the stream is
 * put back and the rows are not valid. */
pal_status pal_drawn_fill(pal_drawn *drawn, const pal_stream *stream, int64_t batch, uint64_t seed,
                          int64_t step, pal_error *error);
void pal_drawn_free(pal_drawn *drawn);
#endif
