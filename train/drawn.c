/* SPDX-License-Identifier: Apache-2.0 */
/* Packed rows of one step, built from the examples of a stream (floor 5). See drawn.h. */
#include "train/drawn.h"

#include "src/alloc.h"

/* ---- the state of a stream ------------------------------------------------------------------ */

pal_status pal_stream_note(pal_stream_state *state, const pal_stream *s, pal_error *error) {
  state->bytes = s->save(s->self, state->data, state->room);
  if (state->bytes <= state->room) return PAL_OK;
  void *room = pal_alloc(state->bytes);
  if (!room)
    return pal_fail(error, PAL_E_MEMORY, "no memory for the %zu bytes of a stream's state",
                    state->bytes);
  pal_free(state->data);
  state->data = room;
  state->room = state->bytes;
  state->bytes = s->save(s->self, state->data, state->room);
  return PAL_OK;
}

/* A stream always accepts a state that it has saved itself, so this cannot fail. */
void pal_stream_restore(const pal_stream_state *state, const pal_stream *s) {
  pal_error ignored = {0};
  s->load(s->self, state->data, state->bytes, &ignored);
}

void pal_stream_forget(pal_stream_state *state) {
  pal_free(state->data);
  *state = (pal_stream_state){0};
}

/* ---- rows ------------------------------------------------------------------------------------ */

static pal_status draw(pal_staging *staging, const pal_stream *stream, int64_t batch, uint64_t key,
                       pal_error *error) {
  const int n = staging->shards;
  pal_staging_clear(staging);
  for (int shard = 0; shard < n; shard++) {
    const int64_t begin = batch * shard / n, end = batch * (shard + 1) / n;
    for (int64_t i = begin; i < end; i++) {
      pal_example example = {0};
      pal_status status = stream->next(stream->self, &example, error);
      if (status) return pal_fail(error, status, "the stream failed without saying why");
      const pal_rng rng = {.key = key, .sample = example.id};
      status = pal_staging_add(staging, shard, &example, rng, false, NULL, error);
      if (status) return status;
    }
  }
  return PAL_OK;
}

pal_status pal_drawn_fill(pal_drawn *d, const pal_stream *stream, int64_t batch, uint64_t seed,
                          int64_t step, pal_error *error) {
  d->step = 0;
  pal_status status = pal_stream_note(&d->before, stream, error);
  if (status) return status;
  status = draw(&d->staging, stream, batch, pal_rng_key(seed, "rows", (uint64_t)step), error);
  if (status) pal_stream_restore(&d->before, stream);
  else d->step = step;
  return status;
}

void pal_drawn_free(pal_drawn *d) {
  pal_staging_free(&d->staging);
  pal_stream_forget(&d->before);
  d->step = 0;
}
