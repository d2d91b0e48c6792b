/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding: a group of prompts at a time through a plan that runs in a loop (floor 4).
 *
 * The host writes the first state of a group, then runs the plan until no sequence is left, writing
 * only the step's number before each run. After that it reads the results from scratch variables. A
 * run that exceeds the plan's capacity changes nothing; a plan of at least twice the capacity is
 * built, the state is copied to it, and the step is run again. */
#include <stdio.h>
#include <string.h>

#include "models/decode.h"
#include "src/alloc.h"

enum { SLOT, BEGIN, LENGTH, AGE, SEQUENCE }; /* columns of `before` */
/* Bounds on memory, by which the number of slots is chosen: rows of input of the network, and rows
 * of caches and results. */
static const int64_t MOST_ROWS = 1 << 16, MOST_RESULT_ROWS = 1 << 24;

static int64_t power_of_two(int64_t least) {
  int64_t n = 64;
  while (n < least) n *= 2;
  return n;
}

/* ---- creation --------------------------------------------------------------------------- */

/* Replaces the plan by one with capacity for `rows` rows. On failure the old one stays. */
static pal_status plan_for(pal_decoder *d, int64_t rows, pal_error *error) {
  const int64_t before = d->rows;
  d->rows = rows;
  pal_graph *graph = pal_graph_new(pal_model_context(d->model), pal_model_store(d->model));
  if (graph && pal_model_network(d->model)->decode_precision == PAL_PRECISION_BF16)
    pal_graph_set_precision(graph, PAL_PRECISION_BF16);
  if (graph) (d->cached ? pal_decode_build_cached : pal_decode_build)(d, graph);
  pal_plan *plan = pal_compile(graph, error);
  pal_graph_free(graph);
  pal_exec *exec = plan ? pal_exec_new(plan, error) : NULL;
  if (!exec) {
    pal_plan_free(plan);
    d->rows = before;
    return error && error->code ? error->code : PAL_E_MEMORY;
  }
  pal_exec_free(d->exec);
  pal_plan_free(d->plan);
  d->plan = plan;
  d->exec = exec;
  return PAL_OK;
}

static pal_status find_variables(pal_decoder *d, pal_error *error) {
  static const char *const what[] = {"result", "tail", "info"};
  pal_variable **const to[] = {&d->result, &d->tail, &d->info};
  for (int i = 0; i < 3; i++) {
    char name[64];
    const long long rows = i == 2 ? d->slots : d->result_rows;
    snprintf(name, sizeof name, "decode.%s.%lld", what[i], rows);
    *to[i] = pal_store_find(pal_model_store(d->model), name);
    if (!*to[i] && (i != 1 || d->window > 0 || d->cached))
      return pal_fail(error, PAL_E_INTERNAL, "the decoder's variable %s is missing", name);
  }
  return PAL_OK;
}

static pal_status configure(pal_decoder *d, pal_error *error) {
  const pal_model_definition *definition = pal_model_definition_of(d->model);
  const pal_decode_options *o = &d->options;
  if (!definition->step && !definition->cached)
    return pal_fail(error, PAL_E_UNSUPPORTED, "model %s has no decoding step", definition->name);
  if (o->sequences < 1 || o->max_steps < 1 || o->max_length < 0 || o->answer_room < 0)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "a decoder needs 1 or more sequences (%d) and steps (%d), and no negative "
                    "length (%d) or answer room (%d)",
                    o->sequences, o->max_steps, o->max_length, o->answer_room);
  if (o->max_length > 2 * PAL_MOST_EXAMPLE_ROWS || o->answer_room > PAL_MOST_EXAMPLE_ROWS)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "a decoder's length (%d) is at most %d, and its answer room (%d) at most %d",
                    o->max_length, 2 * PAL_MOST_EXAMPLE_ROWS, o->answer_room,
                    PAL_MOST_EXAMPLE_ROWS);
  d->cached = !definition->step;
  d->max_length = o->max_length ? o->max_length : pal_model_format(d->model)->context;
  d->set = (pal_decode_settings){.top_p = 1};
  if (definition->decode_settings) definition->decode_settings(d->model, &d->set);
  d->window = d->cached ? 0 : (int)d->set.window;
  for (int i = 0; i < definition->n_states && d->window > 0; i++)
    if (!definition->state[i].per_sequence)
      return pal_fail(
          error, PAL_E_UNSUPPORTED,
          "model %s declares the state %s for every row, which decoding in a window does not "
          "support; set window=0",
          definition->name, definition->state[i].name);
  const int64_t by_rows = MOST_ROWS / (d->window ? d->window : d->max_length);
  const int64_t by_result = MOST_RESULT_ROWS / d->max_length;
  int64_t slots = o->sequences;
  if (slots > by_rows) slots = by_rows;
  if (slots > by_result) slots = by_result;
  d->slots = slots > 1 ? (int)slots : 1;
  d->result_rows = power_of_two((int64_t)d->slots * d->max_length);
  return PAL_OK;
}

pal_decoder *pal_decoder_new(pal_model *model, const pal_decode_options *options,
                             pal_error *error) {
  pal_decoder *d = pal_calloc(1, sizeof *d);
  if (!d) {
    pal_fail(error, PAL_E_MEMORY, "no memory for a decoder");
    return NULL;
  }
  d->model = model;
  d->options = *options;
  pal_status status = configure(d, error);
  if (!status) {
    const size_t rows = (size_t)d->max_length + (size_t)d->window + 1;
    d->start = pal_alloc(rows * sizeof *d->start);
    d->out = pal_alloc(rows * sizeof *d->out);
    for (int i = 0; i < pal_model_definition_of(model)->n_states; i++) {
      d->state[i] = pal_alloc(rows * sizeof *d->state[i]);
      if (!d->state[i]) status = pal_fail(error, PAL_E_MEMORY, "no memory for a decoder's states");
    }
    if (d->options.edits) d->before = pal_alloc(sizeof *d->before * SEQUENCE * (size_t)d->slots);
    if (!d->start || !d->out || (d->options.edits && !d->before))
      status = pal_fail(error, PAL_E_MEMORY, "no memory for sequences of %d rows", d->max_length);
  }
  if (!status) status = plan_for(d, d->window ? (int64_t)d->slots * d->window : 64, error);
  if (!status) status = find_variables(d, error);
  if (!status) return d;
  pal_decoder_free(d);
  return NULL;
}

void pal_decoder_free(pal_decoder *d) {
  if (!d) return;
  pal_exec_free(d->exec);
  pal_plan_free(d->plan);
  pal_free(d->start);
  for (int i = 0; i < PAL_MAX_STATES; i++) pal_free(d->state[i]);
  pal_free(d->out);
  pal_free(d->before);
  pal_free(d);
}

const pal_plan *pal_decoder_plan(const pal_decoder *d) { return d->plan; }

/* ---- the first state -------------------------------------------------------------------- */

static int room_of(const pal_decoder *d, const pal_example *e) {
  return e->answer_room > 0 ? e->answer_room : d->options.answer_room;
}

/* Number of rows of the prompt before its first mask. */
static int before_masks(const pal_decoder *d, const pal_example *e) {
  int n = 0;
  while (n < e->n_prompt && e->prompt[n] != pal_model_format(d->model)->mask) n++;
  return n;
}

/* Whether cached steps may fill the masks of a prompt, and the prompt fits a slot. */
static pal_status check_infill(const pal_decoder *d, const pal_example *e, pal_error *error) {
  const char *name = pal_model_definition_of(d->model)->name;
  if (!d->set.infill)
    return pal_fail(
        error, PAL_E_UNSUPPORTED,
        "%s appends its answer, but this prompt holds masks; set infill=1 to fill each of them "
        "from the tokens before it",
        name);
  if (e->n_prompt <= d->max_length) return PAL_OK;
  if (error && !error->code) error->needed = e->n_prompt;
  return pal_fail(error, PAL_E_CAPACITY, "a prompt has %d rows, the decoder's sequences have %d",
                  e->n_prompt, d->max_length);
}

/* Writes the rows of an example before its first step to d->start; returns their number, or -1 on
 * failure. */
static int start_rows(pal_decoder *d, const pal_example *whole, pal_error *error) {
  pal_example known = *whole; /* cached steps begin with the rows before the first mask */
  if (d->cached) known.n_prompt = before_masks(d, whole);
  if (known.n_prompt < whole->n_prompt && check_infill(d, whole, error)) return -1;
  const pal_example *e = &known;
  const pal_model_definition *definition = pal_model_definition_of(d->model);
  pal_rng rng = pal_rng_new(d->options.seed, "start", 0, e->id);
  pal_start s = {.example = e,
                 .answer_room = room_of(d, e),
                 .rng = &rng,
                 .room = d->max_length,
                 .token = d->start};
  for (int i = 0; i < definition->n_states; i++) {
    s.state[i] = d->state[i];
    pal_column_fill(&definition->state[i], d->state[i], 0,
                    definition->state[i].per_sequence ? 1 : d->max_length);
  }
  int n = e->n_prompt;
  if (definition->start) n = definition->start(d->model, &s);
  else if (n > 0 && n <= d->max_length) memcpy(d->start, e->prompt, sizeof *d->start * (size_t)n);
  if (n >= 0 && n <= d->max_length) return n;
  if (error && !error->code) error->needed = n;
  pal_fail(error, PAL_E_CAPACITY,
           "a prompt and its answer start with %d rows, the decoder's sequences have %d", n,
           d->max_length);
  return -1;
}

static int32_t *state_of(pal_decoder *d, int state) {
  return pal_exec_input(d->exec, pal_decode_state[state]);
}

/* Number of tokens of the prompt that are not masks. */
static int32_t given_rows(const pal_decoder *d, const pal_example *e) {
  int32_t n = 0;
  for (int i = 0; i < e->n_prompt; i++) n += e->prompt[i] != pal_model_format(d->model)->mask;
  return n;
}

/* For cached steps: writes the prompt from its first mask on to the slot's part of the tail.
 * Returns the state prompt_length, see decode.h. */
static int32_t put_masks(pal_decoder *d, const pal_example *e, int slot) {
  const int first = before_masks(d, e);
  const int32_t mask = pal_model_format(d->model)->mask;
  int32_t *tail = (int32_t *)pal_variable_data(d->tail) + (int64_t)slot * d->max_length;
  int wanted = 0;
  if (first == e->n_prompt) return room_of(d, e);
  for (int i = first; i < e->n_prompt; i++) {
    const bool masked = e->prompt[i] == mask;
    tail[i - first] = masked ? 0 : e->prompt[i] + 1;
    if (masked) wanted = i - first + 1;
  }
  return -wanted;
}

/* Copies the sequence in d->start to the plan's inputs, behind the `rows` rows that are there, and
 * what does not fit its window to the tail. Returns the new number of rows. */
static int64_t put_sequence(pal_decoder *d, const pal_example *e, int slot, int n, int64_t rows) {
  const int64_t end = ((int64_t)slot + 1) * d->max_length;
  const int now = d->window > 0 && n > d->window ? d->window : n;
  int32_t *token = pal_exec_input(d->exec, "token");
  if (now > 0) memcpy(token + rows, d->start, sizeof *token * (size_t)now);
  if (n > now)
    memcpy((int32_t *)pal_variable_data(d->tail) + (end - (n - now)), d->start + now,
           sizeof *token * (size_t)(n - now));
  const pal_model_definition *definition = pal_model_definition_of(d->model);
  for (int i = 0; i < definition->n_states; i++) {
    const bool one = definition->state[i].per_sequence;
    int32_t *to = pal_exec_input(d->exec, definition->state[i].name);
    memcpy(to + (one ? slot : rows), d->state[i], sizeof *to * (one ? 1 : (size_t)now));
  }
  state_of(d, PAL_BEGIN)[slot] = (int32_t)rows;
  state_of(d, PAL_LENGTH)[slot] = now;
  state_of(d, PAL_SLOT)[slot] = slot;
  state_of(d, PAL_PROMPT)[slot] = d->cached ? put_masks(d, e, slot) : given_rows(d, e);
  state_of(d, PAL_AGE)[slot] = 0;
  state_of(d, PAL_SAMPLE)[slot] = pal_sample_of(e->id);
  state_of(d, PAL_CURSOR)[slot] = d->window > 0 ? (int32_t)(end - (n - now)) : 0;
  return rows + now;
}

static pal_status load_group(pal_decoder *d, const pal_example *example, int n, pal_error *error) {
  int64_t rows = 0;
  for (int i = 0; i < n; i++) {
    const int more = start_rows(d, &example[i], error);
    if (more < 0) return error && error->code ? error->code : PAL_E_CAPACITY;
    rows += d->window > 0 && more > d->window ? d->window : more;
  }
  pal_status status = rows > d->rows ? plan_for(d, power_of_two(rows), error) : PAL_OK;
  if (status) return status;
  rows = 0;
  for (int i = 0; i < n; i++)
    rows = put_sequence(d, &example[i], i, start_rows(d, &example[i], error), rows);
  status = pal_exec_count(d->exec, "T", rows, error);
  return status ? status : pal_exec_count(d->exec, "S", n, error);
}

/* ---- whole sequences ---------------------------------------------------------------------- */

/* The whole sequence as the caller knows it, *n rows: with caches the rows of the prompt before its
 * first mask, then the `written` rows at `row`, then with a window those that wait in the tail. */
static const int32_t *whole_sequence(pal_decoder *d, const pal_example *e, int slot,
                                     const int32_t *row, int written, int32_t cursor, int *n) {
  const int64_t end = ((int64_t)slot + 1) * d->max_length;
  const int waiting = d->window > 0 ? (int)(end - cursor) : 0;
  const int before = d->cached ? before_masks(d, e) : 0, given = d->cached ? e->n_prompt : 0;
  *n = before + written + waiting;
  if (*n < given) *n = given; /* the rest of the prompt, which no step has reached */
  if (*n == written) return row;
  if (given) memcpy(d->out, e->prompt, sizeof *d->out * (size_t)given);
  if (written) memcpy(d->out + before, row, sizeof *d->out * (size_t)written);
  if (waiting)
    memcpy(d->out + before + written, (const int32_t *)pal_variable_data(d->tail) + cursor,
           sizeof *d->out * (size_t)waiting);
  return d->out;
}

static const int32_t *result_rows(const pal_decoder *d, int slot) {
  return (const int32_t *)pal_variable_data(d->result) + (int64_t)slot * d->max_length;
}

/* Passes the state of every unfinished sequence to the callbacks `watch` and `enough`, before its
 * next step. */
static pal_status show_states(pal_decoder *d, const pal_example *example, int first,
                              pal_error *error) {
  const pal_decode_options *o = &d->options;
  for (int64_t i = 0; (o->watch || o->enough) && i < pal_exec_count_of(d->exec, "S"); i++) {
    const int slot = state_of(d, PAL_SLOT)[i], age = state_of(d, PAL_AGE)[i];
    const int32_t *token = pal_exec_input(d->exec, "token");
    const int32_t *row = d->cached ? result_rows(d, slot) : token + state_of(d, PAL_BEGIN)[i];
    pal_decoded state = {.forward_passes = age};
    const pal_model_definition *definition = pal_model_definition_of(d->model);
    for (int k = 0; k < definition->n_states; k++)
      state.state[k] = (const int32_t *)pal_exec_input(d->exec, definition->state[k].name) +
                       (definition->state[k].per_sequence ? i : state_of(d, PAL_BEGIN)[i]);
    state.token =
        whole_sequence(d, &example[slot], slot, row, d->cached ? age : state_of(d, PAL_LENGTH)[i],
                       state_of(d, PAL_CURSOR)[i], &state.n);
    if (o->watch) o->watch(first + slot, &state, o->watch_data);
    if (!o->enough || !o->enough(first + slot, &state, o->watch_data)) continue;
    const pal_status status = pal_decode_end_sequence(d, i--, error);
    if (status) return status;
  }
  return PAL_OK;
}

/* Keeps where each sequence is before a step, for show_edits: the step changes it. */
static void keep_sequences(pal_decoder *d) {
  static const int from[SEQUENCE] = {PAL_SLOT, PAL_BEGIN, PAL_LENGTH, PAL_AGE};
  if (!d->options.edits) return;
  d->n_before = pal_exec_count_of(d->exec, "S");
  for (int64_t i = 0; i < d->n_before; i++)
    for (int k = 0; k < SEQUENCE; k++) d->before[i * SEQUENCE + k] = state_of(d, from[k])[i];
}

/* Passes what the step decided about each sequence to the callback `edits`. A step with caches
 * decides about one row, any other about those in its window. */
static void show_edits(pal_decoder *d, const pal_example *example, int first) {
  if (!d->options.edits) return;
  const void *seen[PAL_SEEN];
  for (int k = 0; k < PAL_SEEN; k++) seen[k] = pal_exec_output(d->exec, pal_decode_seen[k], NULL);
  for (int64_t i = 0; i < d->n_before; i++) {
    const int32_t *at = d->before + i * SEQUENCE;
    const int64_t row = d->cached ? i : at[BEGIN];
    const pal_example *e = &example[at[SLOT]];
    pal_edits edits = {.first = d->cached ? before_masks(d, e) + at[AGE] : 0,
                       .n = d->cached ? 1 : at[LENGTH]};
    if (seen[0]) edits.token_chance = (const float *)seen[0] + row;
    for (int k = 0; k < PAL_BITS; k++) {
      if (seen[1 + k]) edits.bit[k] = (const int32_t *)seen[1 + k] + row;
      if (seen[1 + PAL_BITS + k]) edits.bit_chance[k] = (const float *)seen[1 + PAL_BITS + k] + row;
    }
    d->options.edits(first + at[SLOT], &edits, d->options.watch_data);
  }
}

/* ---- steps ------------------------------------------------------------------------------ */

/* The buffer of looped input k of the plan, and the number of its elements in use. NULL past the
 * last input. */
static int32_t *looped_input(const pal_decoder *d, int k, int64_t *cells) {
  const pal_model_definition *definition = pal_model_definition_of(d->model);
  const int64_t T = pal_exec_count_of(d->exec, "T"), S = pal_exec_count_of(d->exec, "S");
  *cells = k == 0 ? T : S;
  if (k == 0) return pal_exec_input(d->exec, "token");
  if (k <= PAL_STATES) return pal_exec_input(d->exec, pal_decode_state[k - 1]);
  k -= PAL_STATES + 1;
  if (k >= definition->n_states) return NULL;
  *cells = definition->state[k].per_sequence ? S : T;
  return pal_exec_input(d->exec, definition->state[k].name);
}

/* Copies all looped inputs from the plan to `held`, or back. */
static void copy_looped_inputs(const pal_decoder *d, int32_t *held, bool back) {
  int64_t n;
  int32_t *cell;
  for (int k = 0; (cell = looped_input(d, k, &n)) != NULL; k++, held += n)
    if (n > 0) memcpy(back ? cell : held, back ? held : cell, sizeof *held * (size_t)n);
}

/* Replaces the plan by one of at least twice the capacity, with the same state. */
static pal_status grow(pal_decoder *d, int64_t needed, pal_error *error) {
  const int64_t T = pal_exec_count_of(d->exec, "T"), S = pal_exec_count_of(d->exec, "S");
  int64_t cells = 1, n;
  for (int k = 0; looped_input(d, k, &n); k++) cells += n;
  int32_t *held = pal_alloc(sizeof *held * (size_t)cells);
  if (!held) return pal_fail(error, PAL_E_MEMORY, "no memory for a larger decoder");
  copy_looped_inputs(d, held, false);
  pal_status status = plan_for(d, power_of_two(needed > 2 * d->rows ? needed : 2 * d->rows), error);
  if (!status) pal_exec_hold(d->exec, true, NULL);
  if (!status) status = pal_exec_count(d->exec, "T", T, error);
  if (!status) status = pal_exec_count(d->exec, "S", S, error);
  if (!status) copy_looped_inputs(d, held, true);
  pal_free(held);
  return status;
}

static pal_status run_steps(pal_decoder *d, const pal_example *example, int first,
                            pal_error *error) {
  int32_t shown = -1; /* a step that exceeded the capacity runs again, but is shown once */
  for (int32_t step = 0; pal_exec_count_of(d->exec, "S") > 0;) {
    pal_status status = shown < step ? show_states(d, example, first, error) : PAL_OK;
    if (status) return status;
    if (pal_exec_count_of(d->exec, "S") == 0) break;
    shown = step;
    keep_sequences(d);
    int32_t *seed = pal_exec_input(d->exec, "seed");
    seed[0] = (int32_t)(uint32_t)d->options.seed;
    seed[1] = (int32_t)(uint32_t)(d->options.seed >> 32);
    seed[2] = step;
    pal_error own = {0};
    status = pal_exec_run(d->exec, &own);
    if (status == PAL_E_CAPACITY && own.needed > d->rows) status = grow(d, own.needed, error);
    else if (status) status = pal_fail(error, status, "%s", own.text);
    else step++;
    if (status) return status;
    if (shown < step) show_edits(d, example, first);
  }
  return PAL_OK;
}

/* The weights do not change between the first step and the last, so the packed-weight cache is on.
 * If there is no memory for it, weights are packed in each step, which is slower. */
static pal_status run_group(pal_decoder *d, const pal_example *example, int first,
                            pal_error *error) {
  pal_exec_hold(d->exec, true, NULL);
  const pal_status status = run_steps(d, example, first, error);
  pal_exec_hold(d->exec, false, NULL);
  return status;
}

/* ---- results ---------------------------------------------------------------------------- */

/* Length of a sequence without the first eos after the prompt and what follows it. */
static int without_eos(const pal_decoder *d, const int32_t *token, int n, int n_prompt) {
  const int32_t eos = pal_model_format(d->model)->eos;
  if (eos < 0 || pal_model_form(d->model) == PAL_FORM_TRANSITION) return n;
  for (int i = n_prompt; i < n; i++)
    if (token[i] == eos) return i;
  return n;
}

static pal_decoded result_of(pal_decoder *d, const pal_example *e, int slot) {
  const int32_t *info = (const int32_t *)pal_variable_data(d->info) + slot * PAL_INFO;
  pal_decoded decoded = {.forward_passes = info[PAL_INFO_PASSES],
                         .halted = info[PAL_INFO_HALTED] != 0};
  int n;
  decoded.token = whole_sequence(d, e, slot, result_rows(d, slot), info[PAL_INFO_LENGTH],
                                 info[PAL_INFO_CURSOR], &n);
  decoded.n = without_eos(d, decoded.token, n, e->n_prompt);
  return decoded;
}

/* Checks lengths and tokens first, since sums of unchecked lengths could overflow. */
static pal_status check_prompts(const pal_decoder *d, const pal_example *prompt, int n,
                                pal_error *error) {
  char flaw[160];
  for (int i = 0; i < n; i++) {
    const pal_example asked = {.prompt = prompt[i].prompt,
                               .n_prompt = prompt[i].n_prompt,
                               .answer_room = prompt[i].answer_room};
    if (pal_example_flaw(&asked, pal_model_format(d->model), flaw, sizeof flaw))
      return pal_fail(error, PAL_E_ARGUMENT, "prompt %d: %s", i, flaw);
  }
  return PAL_OK;
}

pal_status pal_decode(pal_decoder *d, const pal_example *prompt, int n,
                      void (*take)(int index, const pal_decoded *decoded, void *data), void *data,
                      pal_error *error) {
  const pal_status wrong = check_prompts(d, prompt, n, error);
  if (wrong) return wrong;
  for (int first = 0; first < n; first += d->slots) {
    const int group = n - first < d->slots ? n - first : d->slots;
    pal_status status = load_group(d, prompt + first, group, error);
    if (!status) status = run_group(d, prompt + first, first, error);
    if (status) return status;
    for (int i = 0; i < group; i++) {
      const pal_decoded decoded = result_of(d, &prompt[first + i], i);
      take(first + i, &decoded, data);
    }
  }
  return PAL_OK;
}
