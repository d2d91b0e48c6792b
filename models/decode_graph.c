/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of decoding: one step, results of finished sequences, and the loop (floor 4). See decode.h
 * for the layout of the state. */
#define PAL_NO_CALLER
#include <stdio.h>
#include <string.h>

#include "models/decode.h"

const char *const pal_decode_state[PAL_STATES] = {"begin", "length", "slot",  "prompt_length",
                                                  "age",   "sample", "cursor"};

const char *const pal_decode_seen[PAL_SEEN] = {
    "seen.token_chance",  "seen.remask",        "seen.insert",       "seen.remove",
    "seen.remask_chance", "seen.insert_chance", "seen.remove_chance"};

typedef struct decode_graph {
  const pal_decoder *decoder;
  pal_graph *graph;
  pal_symbol T, S;
  pal_value token, seed;
  pal_value state[PAL_STATES];   /* i32 [S] */
  pal_value own[PAL_MAX_STATES]; /* states that the definition declares */
} decode_graph;

static decode_graph open_graph(const pal_decoder *decoder, pal_graph *graph) {
  pal_here(graph, __FILE__, __LINE__); /* until the definition's step says where it is */
  decode_graph d = {.decoder = decoder,
                    .graph = graph,
                    .T = pal_symbol_new(graph, "T", decoder->rows),
                    .S = pal_symbol_new(graph, "S", decoder->slots)};
  d.token = pal_input(graph, "token", PAL_TYPE(PAL_I32, d.T, 1));
  d.seed = pal_input(graph, "seed", PAL_TYPE(PAL_I32, PAL_STATIC, 3));
  for (int i = 0; i < PAL_STATES; i++)
    d.state[i] = pal_input(graph, pal_decode_state[i], PAL_TYPE(PAL_I32, d.S, 1));
  const pal_model_definition *definition = pal_model_definition_of(decoder->model);
  for (int i = 0; i < definition->n_states; i++) {
    const pal_column *c = &definition->state[i];
    d.own[i] = pal_input(graph, c->name, PAL_TYPE(c->dtype, c->per_sequence ? d.S : d.T, 1));
  }
  return d;
}

/* ---- helpers ---------------------------------------------------------------------------- */

static pal_value plus(const decode_graph *d, pal_value x, double more) {
  return pal_affine(d->graph, x, 1, more);
}

/* First row of each sequence's slot in the scratch variables: i32 [S]. */
static pal_value slot_begin(const decode_graph *d) {
  return pal_affine(d->graph, d->state[PAL_SLOT], d->decoder->max_length, 0);
}

/* `index` where the flag is set, else -1, at which pal_write_rows writes nothing. */
static pal_value index_if(const decode_graph *d, pal_value flag, pal_value index) {
  return pal_where(d->graph, flag, index, pal_int(d->graph, -1));
}

static pal_value scratch(const decode_graph *d, const char *what, int64_t rows) {
  char name[64];
  snprintf(name, sizeof name, "decode.%s.%lld", what, (long long)rows);
  return pal_variable_new(d->graph, name, PAL_TYPE(PAL_I32, PAL_STATIC, rows), PAL_SCRATCH,
                          PAL_ZEROS);
}

static pal_value at_the_cap(const decode_graph *d) {
  const pal_value last = pal_int(d->graph, d->decoder->options.max_steps - 1);
  return pal_compare(d->graph, d->state[PAL_AGE], last, PAL_GE);
}

/* Makes what a step decided outputs of the plan, where a trace asks for it. */
static void show_decisions(const decode_graph *d, const pal_decoding *step) {
  if (!d->decoder->options.edits) return;
  for (int i = 0; i < PAL_SEEN; i++) {
    const pal_value seen = i == 0          ? step->token_chance
                           : i <= PAL_BITS ? step->bit[i - 1]
                                           : step->bit_chance[i - 1 - PAL_BITS];
    if (!pal_is_nil(seen)) pal_output(d->graph, pal_decode_seen[i], seen);
  }
}

/* ---- the end of a step ------------------------------------------------------------------ */

/* The result of a step, before finished sequences are removed. */
typedef struct outcome {
  pal_value token, begin, length; /* rows of the next step: i32 [T'], [S], [S] */
  pal_value total;                /* i32 [S]: rows of the sequence's result */
  pal_value cursor;               /* i32 [S] */
  pal_value finished, halted;     /* i32 [S]: the sequence ends; and the model ended it */
  pal_value own[PAL_MAX_STATES];  /* the declared states */
} outcome;

/* Writes the row of "info" for finished sequences, removes these, and loops the others. */
static void close_graph(const decode_graph *d, const outcome *o) {
  pal_graph *g = d->graph;
  const pal_value age = plus(d, d->state[PAL_AGE], 1);
  const pal_value said[PAL_INFO] = {o->total, age, o->halted, o->cursor};
  const pal_value where = index_if(d, o->finished, d->state[PAL_SLOT]);
  pal_value column[PAL_INFO];
  for (int i = 0; i < PAL_INFO; i++)
    column[i] = pal_reshape(g, said[i], PAL_TYPE(PAL_I32, d->S, 1, 1));
  const pal_type type = PAL_TYPE(PAL_I32, PAL_STATIC, d->decoder->slots, PAL_INFO);
  char name[48];
  snprintf(name, sizeof name, "decode.info.%d", d->decoder->slots);
  const pal_value info = pal_variable_new(g, name, type, PAL_SCRATCH, PAL_ZEROS);
  pal_write_rows(g, info, where, pal_concat(g, column, PAL_INFO, 1));

  const pal_value keep = pal_not(g, o->finished);
  const pal_compacted c = pal_compact(g, keep, o->begin, o->length, o->token);
  pal_loop(g, d->token, pal_gather_rows(g, o->token, c.row_source));
  pal_loop(g, d->state[PAL_BEGIN], c.begin);
  pal_loop(g, d->state[PAL_LENGTH], c.length);
  for (int i = PAL_SLOT; i < PAL_STATES; i++) {
    const pal_value next = i == PAL_AGE ? age : i == PAL_CURSOR ? o->cursor : d->state[i];
    pal_loop(g, d->state[i], pal_gather_rows(g, next, c.sequence_source));
  }
  const pal_model_definition *definition = pal_model_definition_of(d->decoder->model);
  for (int i = 0; i < definition->n_states; i++)
    pal_loop(g, d->own[i],
             pal_gather_rows(g, o->own[i],
                             definition->state[i].per_sequence ? c.sequence_source : c.row_source));
}

/* ---- steps of a definition -------------------------------------------------------------- */

/* Refuses a step that left out a value which has no default. */
static void check_step(const decode_graph *d, const pal_model_definition *definition,
                       const pal_decoding *step) {
  const bool begin = !pal_is_nil(step->next_begin), length = !pal_is_nil(step->next_length);
  const char *missing = pal_is_nil(step->next_token) ? "next_token"
                        : pal_is_nil(step->done)     ? "done"
                        : begin && !length           ? "next_length, but next_begin"
                        : length && !begin           ? "next_begin, but next_length"
                                                     : NULL;
  if (missing)
    pal_graph_fail(d->graph, PAL_E_ARGUMENT, "the step of model \"%s\" did not set %s",
                   definition->name, missing);
  const pal_symbol rows = pal_type_of(d->graph, step->next_token).symbol;
  for (int i = 0; i < definition->n_states; i++)
    if (!definition->state[i].per_sequence && pal_is_nil(step->next_state[i]) && rows.id != d->T.id)
      pal_graph_fail(d->graph, PAL_E_ARGUMENT,
                     "the step of model \"%s\" changed the rows, but did not set next_state[%d], "
                     "the state \"%s\" of each row",
                     definition->name, i, definition->state[i].name);
}

static pal_decoding build_step(const decode_graph *d) {
  pal_graph *g = d->graph;
  const pal_ragged index = pal_ragged_index(g, d->state[PAL_BEGIN], d->state[PAL_LENGTH], d->token);
  pal_decoding step = {.T = d->T,
                       .S = d->S,
                       .token = d->token,
                       .position = index.position,
                       .sequence = index.sequence,
                       .begin = d->state[PAL_BEGIN],
                       .length = d->state[PAL_LENGTH],
                       .slot = d->state[PAL_SLOT],
                       .prompt_length = d->state[PAL_PROMPT],
                       .age = d->state[PAL_AGE]};
  step.random = (pal_random){.seed = d->seed,
                             .position = index.position,
                             .sample = pal_gather_rows(g, d->state[PAL_SAMPLE], index.sequence)};
  const pal_model *model = d->decoder->model;
  const pal_model_definition *definition = pal_model_definition_of(model);
  memcpy(step.state, d->own, sizeof step.state);
  definition->step(model, g, &step);
  check_step(d, definition, &step);
  show_decisions(d, &step);
  for (int i = 0; i < definition->n_states; i++)
    if (pal_is_nil(step.next_state[i])) step.next_state[i] = step.state[i];
  if (pal_is_nil(step.next_begin)) {
    step.next_begin = step.begin;
    step.next_length = step.length;
  }
  return step;
}

/* Moves rows between windows and tails so that every window is full if rows wait. Rows for which
 * neither has room are cut off. */
static void refill(const decode_graph *d, pal_decoding *step, outcome *o) {
  pal_graph *g = d->graph;
  const int window = d->decoder->window;
  const pal_value low = slot_begin(d), high = plus(d, low, d->decoder->max_length);
  const pal_value room = pal_sub(g, plus(d, d->state[PAL_CURSOR], window), low);
  const pal_value tail = scratch(d, "tail", d->decoder->result_rows);
  o->length = pal_minimum(g, step->next_length, room);
  const pal_refilled r = pal_window_refill(g, step->next_token, step->next_begin, o->length, tail,
                                           d->state[PAL_CURSOR], low, high, window);
  pal_write_rows(g, tail, r.push_index, step->next_token);
  const pal_value empty = pal_compare(g, r.cursor, high, PAL_EQ);
  step->done = pal_and(g, step->done, empty);
  o->token = r.tokens;
  o->begin = r.begin;
  o->cursor = r.cursor;
  o->total = r.length;
}

void pal_decode_build(const pal_decoder *decoder, pal_graph *graph) {
  const decode_graph d = open_graph(decoder, graph);
  pal_decoding step = build_step(&d);
  const pal_value most = pal_int(graph, decoder->max_length);
  outcome o = {.token = step.next_token,
               .begin = step.next_begin,
               .length = step.next_length,
               .cursor = d.state[PAL_CURSOR]};
  memcpy(o.own, step.next_state, sizeof o.own);
  if (decoder->window > 0) refill(&d, &step, &o);
  else o.length = o.total = pal_minimum(graph, step.next_length, most);
  const pal_value cut = pal_compare(graph, step.next_length, o.length, PAL_GT);
  o.halted = pal_and(graph, step.done, pal_not(graph, cut));
  o.finished = pal_or(graph, pal_or(graph, step.done, cut), at_the_cap(&d));
  o.length = o.total;

  const pal_ragged index = pal_ragged_index(graph, o.begin, o.total, o.token);
  const pal_value base = pal_gather_rows(graph, slot_begin(&d), index.sequence);
  const pal_value leaves = pal_gather_rows(graph, o.finished, index.sequence);
  pal_write_rows(graph, scratch(&d, "result", decoder->result_rows),
                 index_if(&d, leaves, pal_add(graph, base, index.position)), o.token);
  close_graph(&d, &o);
}

/* ---- steps with caches ------------------------------------------------------------------ */

/* Logits f32 [S, V] after the last row of each sequence; minus infinity for the mask token. */
static pal_value cached_logits(const decode_graph *d) {
  pal_graph *g = d->graph;
  const pal_model *model = d->decoder->model;
  const pal_value *state = d->state;
  const int64_t mask = pal_model_format(model)->mask;
  const pal_ragged index = pal_ragged_index(g, state[PAL_BEGIN], state[PAL_LENGTH], d->token);
  const pal_value past = pal_gather_rows(g, state[PAL_CURSOR], index.sequence);
  const pal_value base = pal_gather_rows(g, slot_begin(d), index.sequence);
  const pal_value position = pal_add(g, past, index.position);
  const pal_network network = {.token = d->token,
                               .position = position,
                               .sequence = index.sequence,
                               .begin = state[PAL_BEGIN],
                               .length = state[PAL_LENGTH],
                               .causal = true,
                               .time = pal_affine(g, pal_cast(g, state[PAL_BEGIN], PAL_F32), 0, 0),
                               .cache_rows = d->decoder->result_rows,
                               .cache_stride = d->decoder->max_length,
                               .cache_index = pal_add(g, base, position),
                               .cache_begin = slot_begin(d),
                               .cache_length = pal_add(g, state[PAL_CURSOR], state[PAL_LENGTH])};
  const pal_value hidden = pal_backbone(g, model, &network);
  const pal_value last = plus(d, pal_add(g, state[PAL_BEGIN], state[PAL_LENGTH]), -1);
  const pal_value logits = pal_output_logits(g, model, pal_gather_rows(g, hidden, last));
  return pal_exclude(g, logits, (pal_ints){&mask, 1});
}

/* i32 [S]: for a sequence whose prompt holds masks, the next token of the prompt plus 1, or 0 where
 * that is a mask; 0 for all other sequences. */
static pal_value given_next(const decode_graph *d, pal_value infill) {
  const pal_value at = pal_add(d->graph, slot_begin(d), d->state[PAL_AGE]);
  return pal_gather_rows(d->graph, scratch(d, "tail", d->decoder->result_rows),
                         index_if(d, infill, at));
}

/* Sets token, halted and finished of the outcome. `drawn` is the token that the model proposes; in
 * a prompt with masks, the prompt's own tokens take precedence. Such a sequence ends after its last
 * mask: an eos does not end it, and it always fits its slot. `answered`: tokens written so far,
 * this one included; `known`: rows in the caches. All i32 [S]. */
static void choose_token_and_end(const decode_graph *d, pal_value drawn, pal_value answered,
                                 pal_value known, outcome *o) {
  pal_graph *g = d->graph;
  const pal_value wanted = d->state[PAL_PROMPT], none = pal_int(g, 0);
  const pal_value infill = pal_compare(g, wanted, none, PAL_LT);
  const pal_value given = given_next(d, infill);
  o->token = pal_where(g, pal_compare(g, given, none, PAL_GT), plus(d, given, -1), drawn);
  const pal_value most = pal_where(g, infill, pal_affine(g, wanted, -1, 0), wanted);
  const pal_value full = pal_and(g, pal_compare(g, most, none, PAL_GT), /* 0: not known */
                                 pal_compare(g, answered, most, PAL_GE));
  const int32_t eos = pal_model_format(d->decoder->model)->eos; /* -1 is no token */
  const pal_value ended = pal_compare(g, o->token, pal_int(g, eos), PAL_EQ);
  const pal_value no_room = pal_compare(g, known, pal_int(g, d->decoder->max_length - 1), PAL_GE);
  const pal_value open = pal_not(g, infill);
  o->halted = pal_or(g, full, pal_and(g, ended, open));
  o->finished = pal_or(g, pal_or(g, o->halted, pal_and(g, no_room, open)), at_the_cap(d));
}

void pal_decode_build_cached(const pal_decoder *decoder, pal_graph *graph) {
  const decode_graph d = open_graph(decoder, graph);
  const pal_value *state = d.state;
  const pal_value known = pal_add(graph, state[PAL_CURSOR], state[PAL_LENGTH]);
  const pal_random random = {.seed = d.seed, .sample = state[PAL_SAMPLE], .position = known};
  const pal_value logits = cached_logits(&d);
  const pal_decode_settings *set = &decoder->set;
  outcome o = {.cursor = known};
  const pal_value drawn = pal_categorical(graph, logits, pal_scalar(graph, set->temperature),
                                          set->top_k, set->top_p, random);
  const pal_value one = pal_affine(graph, state[PAL_BEGIN], 0, 1);
  const pal_value answered = plus(&d, state[PAL_AGE], 1);
  choose_token_and_end(&d, drawn, answered, known, &o);
  const int32_t mask = pal_model_format(decoder->model)->mask;
  show_decisions(&d, &(pal_decoding){.token_chance = pal_chance_of(graph, logits, o.token, mask)});
  o.total = answered;
  o.length = one;
  o.begin = plus(&d, pal_cumsum(graph, one, 0), -1);
  pal_write_rows(graph, scratch(&d, "result", decoder->result_rows),
                 pal_add(graph, slot_begin(&d), state[PAL_AGE]), o.token);
  close_graph(&d, &o);
}
