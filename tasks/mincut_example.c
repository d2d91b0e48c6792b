/* SPDX-License-Identifier: Apache-2.0 */
/* The task mincut: graphs as examples of every form, and the stream of training examples, each a
 * function of its number (floor 5). */
#include <string.h>

#include "src/alloc.h"
#include "src/file.h"
#include "tasks/counted.h"
#include "tasks/mincut.h"

static int most(int a, int b) { return a > b ? a : b; }

/* Rows of an answer with its end token. A cut has at least one edge, so that four rows are free. */
int pal_mincut_answer_rows(bool trace, int n, int m, int flow) {
  return trace ? pal_mincut_flat_rows(n, m, flow) : 4 * m;
}

pal_mincut_rows pal_mincut_rows_of(const pal_mincut_kind *k, bool trace) {
  pal_mincut_rows r = {0, 0, 0};
  for (int i = 0; i < k->sizes; i++) {
    const int n = k->n[i], m = pal_mincut_most_edges(k->edges, n);
    r.state = most(r.state, pal_mincut_state_rows(n, m));
    r.prompt = most(r.prompt, pal_mincut_prompt_rows(n, m));
    r.answer = most(r.answer, pal_mincut_answer_rows(trace, n, m, m < n - 1 ? m : n - 1));
  }
  return r;
}

void pal_mincut_maker_free(pal_mincut_maker *k) {
  pal_mincut_state_free(&k->state);
  pal_mincut_state_free(&k->kept);
  pal_free(k->prompt);
  pal_free(k->answer);
}

pal_status pal_mincut_maker_init(pal_mincut_maker *k, bool trace, pal_mincut_rows r,
                                 pal_error *error) {
  const size_t prompt = (size_t)r.state, answer = (size_t)most(r.answer, r.state) + 8;
  *k = (pal_mincut_maker){.trace = trace,
                          .prompt = pal_alloc(prompt * sizeof *k->prompt),
                          .answer = pal_alloc(answer * sizeof *k->answer),
                          .answer_room = (int)answer};
  if (!k->prompt || !k->answer) return pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  const pal_status status = pal_mincut_state_init(&k->state, r.state, error);
  return status ? status : pal_mincut_state_init(&k->kept, r.state, error);
}

pal_status pal_mincut_make(pal_mincut_maker *k, pal_form form, uint64_t id, pal_example *example,
                           pal_error *error) {
  const pal_mincut_graph *g = &k->graph;
  *example = (pal_example){.id = id, .prompt = k->prompt, .answer = k->answer};
  example->n_prompt = pal_mincut_write_prompt(g, k->prompt);
  if (form == PAL_FORM_TRANSITION) {
    example->n_answer = pal_mincut_write_end(g, k->answer);
    return PAL_OK;
  }
  example->n_answer = k->trace ? pal_mincut_write_flat(g, &k->state, k->answer, k->answer_room)
                               : pal_mincut_write_left(g, k->answer);
  example->answer_room = pal_mincut_answer_rows(k->trace, g->n, g->m, pal_mincut_flow_bound(g));
  if (example->n_answer >= 0 && example->n_answer < example->answer_room) return PAL_OK;
  return pal_fail(error, PAL_E_INTERNAL,
                  "mincut: the trace of graph %llu is longer than its bound, which is a fault in "
                  "this task",
                  (unsigned long long)id);
}

/* A random state of the trace of the graph, with labels; `any_parent`: see pal_mincut_kind. */
static pal_status make_state(pal_mincut_maker *k, pal_rng *rng, bool any_parent, uint64_t id,
                             pal_example *example, pal_error *error) {
  pal_mincut_state *s = &k->state, *kept = &k->kept;
  s->n = pal_mincut_write_prompt(&k->graph, s->token);
  s->choice = kept->choice = any_parent ? rng : NULL;
  bool known, moves = true;
  for (uint32_t passed = 1; (known = pal_mincut_label(s)) && moves; passed++) {
    if (pal_rng_below(rng, passed) == 0) {
      kept->n = s->n;
      memcpy(kept->token, s->token, sizeof *s->token * (size_t)s->n);
    }
    moves = pal_mincut_advance(s);
  }
  known = known && pal_mincut_label(kept);
  s->choice = kept->choice = NULL;
  if (!known)
    return pal_fail(error, PAL_E_INTERNAL,
                    "mincut: the trace of graph %llu breaks off, which is a fault in this task",
                    (unsigned long long)id);
  *example = (pal_example){.id = id, .transition = pal_mincut_transition(kept)};
  return PAL_OK;
}

typedef struct stream {
  pal_mincut_kind kind;
  pal_mincut_maker maker;
  pal_form form;
  uint64_t seed;
  pal_counted at;
} stream;

static pal_status stream_next(void *self, pal_example *example, pal_error *error) {
  stream *s = self;
  const uint64_t id = s->at.next++;
  pal_rng rng = pal_rng_new(s->seed, "mincut.train", 0, id);
  const int n = s->kind.n[pal_rng_below(&rng, (uint32_t)s->kind.sizes)];
  pal_mincut_draw(&rng, n, s->kind.ids, s->kind.edges, &s->maker.graph);
  return s->form == PAL_FORM_TRANSITION
             ? make_state(&s->maker, &rng, s->kind.any_parent, id, example, error)
             : pal_mincut_make(&s->maker, s->form, id, example, error);
}

static size_t stream_save(const void *self, void *state, size_t room) {
  return pal_counted_save(&((const stream *)self)->at, state, room);
}

static pal_status stream_load(void *self, const void *state, size_t bytes, pal_error *error) {
  return pal_counted_load(&((stream *)self)->at, "mincut", state, bytes, error);
}

static void stream_free(void *self) {
  pal_mincut_maker_free(&((stream *)self)->maker);
  pal_free(self);
}

pal_status pal_mincut_stream(const pal_mincut_kind *kind, bool trace, pal_form form, uint64_t seed,
                             pal_stream *out, pal_error *error) {
  stream *s = pal_calloc(1, sizeof *s);
  if (!s) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  s->kind = *kind;
  s->form = form;
  s->seed = seed;
  const uint64_t of[] = {pal_hash64(kind, sizeof *kind), form, trace};
  s->at.of = pal_hash64(of, sizeof of);
  *out = (pal_stream){s, stream_next, stream_save, stream_load, stream_free};
  const pal_status status =
      pal_mincut_maker_init(&s->maker, trace, pal_mincut_rows_of(kind, trace), error);
  if (status) stream_free(s);
  return status;
}
