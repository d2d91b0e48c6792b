/* SPDX-License-Identifier: Apache-2.0 */
/* The choices of a model of any order and of its simulation, side by side (floor 6). Each is
 * decoded by its own decoder. Which scores a choice was made from is computed once more, from the
 * states that the decoder showed. */
#include <palimpsest/layers.h>
#include <palimpsest/simulate.h>

#include <math.h>
#include <string.h>

#include "src/alloc.h"

enum { TOGETHER = 64, MOST_ROWS = 4096 };

typedef struct comparison {
  pal_model *from, *to;
  double bound;
  int places, tokens; /* tokens besides the mask */
  pal_simulation *counts;
  pal_plan *plan; /* the logits of states */
  pal_exec *exec;
  pal_batch batch;
  int states; /* that fit the batch */
  /* Of a group: states before each choice and at the end [TOGETHER][places + 1][places], choices;
   * and what the simulation wrote [TOGETHER][places], its length. */
  int32_t *state, *move;
  int steps[TOGETHER], moves[TOGETHER];
} comparison;

static int32_t *state_of(const comparison *c, int sequence, int step) {
  return c->state + ((int64_t)sequence * (c->places + 1) + step) * c->places;
}

static void watch(int index, const pal_decoded *d, void *data) {
  comparison *c = data;
  memcpy(state_of(c, index, d->forward_passes), d->token, sizeof *d->token * (size_t)c->places);
}

static void take(int index, const pal_decoded *d, void *data) {
  comparison *c = data;
  watch(index, d, data);
  c->steps[index] = d->forward_passes;
}

static void take_moves(int index, const pal_decoded *d, void *data) {
  comparison *c = data;
  memcpy(c->move + (int64_t)index * c->places, d->token, sizeof *d->token * (size_t)d->n);
  c->moves[index] = d->n;
}

static pal_status open_plan(comparison *c, pal_error *error) {
  const pal_model_definition *definition = pal_model_definition_of(c->from);
  pal_graph *g = pal_graph_new(pal_model_context(c->from), pal_model_store(c->from));
  if (!g) return pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  c->states = MOST_ROWS / c->places > 0 ? MOST_ROWS / c->places : 1;
  const pal_batch_values in =
      pal_batch_inputs(g, definition, (int64_t)c->states * c->places, c->states, false);
  const pal_network network = pal_network_of_batch(g, &in);
  pal_output(g, "logits", pal_output_logits(g, c->from, pal_backbone(g, c->from, &network)));
  c->plan = pal_compile(g, error);
  pal_graph_free(g);
  c->exec = c->plan ? pal_exec_new(c->plan, error) : NULL;
  if (c->exec) c->batch = pal_batch_of(c->exec, definition);
  return c->exec ? PAL_OK : error->code;
}

/* Computes the logits of states `first` .. first + n - 1 of a sequence. NULL on failure. */
static const float *logits_of(comparison *c, int sequence, int first, int n, pal_error *error) {
  pal_batch_clear(&c->batch);
  for (int i = 0; i < n; i++)
    if (pal_batch_add(&c->batch, state_of(c, sequence, first + i), c->places, 1, error) < 0)
      return NULL;
  if (pal_exec_count(c->exec, "T", c->batch.rows, error) ||
      pal_exec_count(c->exec, "S", c->batch.sequences, error) || pal_exec_run(c->exec, error))
    return NULL;
  return pal_exec_output(c->exec, "logits", NULL);
}

/* Whether the two best scores of a state are within the bound, or the best margin itself, which
 * decides the token. */
static bool is_close(const comparison *c, const int32_t *state, const float *logits) {
  double best = -INFINITY, next = -INFINITY;
  for (int i = 0; i < c->places; i++) {
    double z[2] = {-INFINITY, -INFINITY};
    if (state[i] != 0) continue;
    for (int v = 1; v <= c->tokens; v++) {
      const double x = (double)logits[i * (c->tokens + 1) + v];
      if (x > z[0]) z[1] = z[0], z[0] = x;
      else if (x > z[1]) z[1] = x;
    }
    const double margin = z[0] - z[1];
    if (margin > best) next = best, best = margin;
    else if (margin > next) next = margin;
  }
  return best - next <= c->bound || best <= c->bound;
}

/* The choice between two states as a move; 0 if there is none. */
static int32_t choice(const comparison *c, const int32_t *before, const int32_t *after) {
  for (int i = 0; i < c->places; i++)
    if (before[i] != after[i]) return 1 + i * c->tokens + after[i] - 1;
  return 0;
}

static bool ends_alike(const comparison *c, int sequence) {
  const int32_t *end = state_of(c, sequence, c->steps[sequence]);
  const int32_t *move = c->move + (int64_t)sequence * c->places;
  for (int i = 0; i < c->moves[sequence]; i++)
    if (move[i] == 0 || end[(move[i] - 1) / c->tokens] != (move[i] - 1) % c->tokens + 1)
      return false;
  return c->moves[sequence] == c->places;
}

static pal_status compare_sequence(comparison *c, int sequence, int given, pal_error *error) {
  const int steps = c->steps[sequence];
  const int32_t *move = c->move + (int64_t)sequence * c->places + given;
  bool same = c->moves[sequence] - given == steps;
  c->counts->wrong += !same;
  for (int first = 0; first < steps && same; first += c->states) {
    const int n = steps - first < c->states ? steps - first : c->states;
    const float *logits = logits_of(c, sequence, first, n, error);
    if (!logits) return error->code;
    for (int i = 0; i < n && same; i++, logits += c->places * (c->tokens + 1)) {
      const int32_t *state = state_of(c, sequence, first + i);
      const bool close = is_close(c, state, logits);
      same = choice(c, state, state + c->places) == move[first + i];
      c->counts->decisions++;
      c->counts->close += close;
      c->counts->parted += !same && close;
      c->counts->wrong += !same && !close;
    }
  }
  c->counts->sequences++;
  c->counts->same += same;
  c->counts->alike += ends_alike(c, sequence);
  return PAL_OK;
}

static pal_status compare_group(comparison *c, pal_decoder *decoder, pal_decoder *simulation,
                                const pal_example *prompt, const pal_example *moves, int n,
                                pal_error *error) {
  pal_status status = pal_decode(decoder, prompt, n, take, c, error);
  if (!status) status = pal_decode(simulation, moves, n, take_moves, c, error);
  for (int i = 0; i < n && !status; i++) status = compare_sequence(c, i, moves[i].n_prompt, error);
  return status;
}

pal_status pal_simulate_compare(pal_model *from, pal_model *to, double bound,
                                const pal_example *prompt, const pal_example *moves, int n,
                                pal_simulation *counts, pal_error *error) {
  pal_error own = {0};
  comparison c = {.from = from, .to = to, .bound = bound, .counts = counts};
  if (!error) error = &own;
  c.places = pal_model_format(from)->context;
  c.tokens = pal_model_format(from)->vocabulary - 1;
  const size_t rows = (size_t)c.places * TOGETHER;
  c.state = pal_alloc(sizeof *c.state * rows * ((size_t)c.places + 1));
  c.move = pal_alloc(sizeof *c.move * rows);
  pal_decode_options options = {.sequences = TOGETHER, .max_steps = c.places + 1};
  pal_decoder *simulation = pal_decoder_new(to, &options, error);
  options.watch = watch;
  options.watch_data = &c;
  pal_decoder *decoder = simulation ? pal_decoder_new(from, &options, error) : NULL;
  pal_status status = !c.state || !c.move
                          ? pal_fail(error, PAL_E_MEMORY, "no memory for %d sequences", TOGETHER)
                          : error->code;
  if (!status) status = open_plan(&c, error);
  for (int i = 0; i < n && !status; i += TOGETHER)
    status = compare_group(&c, decoder, simulation, prompt + i, moves + i,
                           n - i < TOGETHER ? n - i : TOGETHER, error);
  pal_exec_free(c.exec);
  pal_plan_free(c.plan);
  pal_decoder_free(decoder);
  pal_decoder_free(simulation);
  pal_free(c.state);
  pal_free(c.move);
  return status;
}
