/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: streams of labelled states (floor 5).
 *
 * The stream runs 1,024 solvers ("walks") side by side, which take turns. A restart walk runs the
 * restart policy on a random puzzle. So that the data also covers states to which a model's own
 * mistakes lead, some walks start from a partly solved board, some steps are executed in part, some
 * conflicts are overlooked, and some states are damaged. A released walk follows a released trace
 * transition by transition. The stream is a function of seed, puzzles and settings. */
#include <string.h>

#include "src/alloc.h"
#include "tasks/counted.h"
#include "tasks/sudoku_task.h"

/* Walks; steps after which a walk gets a new puzzle; steps of a walk between two of its states in
 * the stream; and the most steps of a walk before its first state. */
enum { WALKS = 1024, OLDEST = 200, STEPS_BETWEEN = 2, WARM_UP = 64, RELEASED_WARM_UP = 512 };

/* Probabilities: of a partly solved start, and of one with speculative digits; of overlooking a
 * conflict, executing a step in part, damaging a state; and of including a state that is solved,
 * has speculative digits, or needs a guess. */
static const double START_REVEALED = 0.3, START_SPECULATIVE = 0.3, OVERLOOK = 0.3, DROP = 0.25,
                    DAMAGE = 0.15, TAKE_SOLVED = 0.5, TAKE_SPECULATIVE = 0.6, TAKE_GUESS = 0.7;

typedef struct walks {
  const pal_sudoku_puzzles *puzzles;
  bool released, started;
  int rows; /* tokens of a state */
  pal_rng rng;
  uint64_t digest;     /* hash of the puzzles */
  uint64_t next;       /* id of the next example */
  uint32_t turn;       /* walk that is next */
  uint32_t age[WALKS]; /* steps since a walk got its puzzle */
  uint8_t *state;      /* [WALKS][rows] */
  int32_t out[PAL_RELEASED_ROWS], y[PAL_RELEASED_ROWS];
  uint8_t remask[PAL_RELEASED_ROWS], none[PAL_RELEASED_ROWS];
  float weight[PAL_RELEASED_ROWS];
} walks;

static bool chance(pal_rng *rng, double p) { return pal_rng_real(rng) < p; }
static int below(pal_rng *rng, int n) { return (int)pal_rng_below(rng, (uint32_t)n); }

/* ---- restart: one step ----------------------------------------------------------------------- */

static void reset(walks *w, uint8_t *state) {
  const pal_sudoku_shape *s = w->puzzles->shape;
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  pal_sudoku_puzzles_draw(w->puzzles, &w->rng, given, solution);
  double revealed = 0, speculative = 0;
  if (chance(&w->rng, START_REVEALED)) {
    revealed = pal_rng_real(&w->rng);
    if (chance(&w->rng, START_SPECULATIVE)) speculative = pal_rng_real(&w->rng);
  }
  for (int c = 0; c < s->cells; c++) {
    state[c] = given[c]; /* the tokens of givens are their digits */
    if (given[c] || revealed == 0 || !chance(&w->rng, revealed)) continue;
    const bool guessed = speculative > 0 && chance(&w->rng, speculative);
    state[c] = (uint8_t)pal_sudoku_token(s, guessed ? PAL_SUDOKU_SPECULATIVE : PAL_SUDOKU_ROOT,
                                         solution[c]);
  }
}

/* Executes the policy's edits; each is left out with probability `drop`. */
static void act(walks *w, uint8_t *state, const pal_sudoku_view *view, double drop) {
  const pal_sudoku_shape *s = w->puzzles->shape;
  const enum pal_sudoku_kind kind = view->speculative ? PAL_SUDOKU_SPECULATIVE : PAL_SUDOKU_ROOT;
  const bool erase = view->conflict && !(chance(&w->rng, OVERLOOK) && view->masks > 0);
  if (!erase && view->forced_cells == 0) {
    const int cell = pal_sudoku_guess_cell(s, view, &w->rng);
    if (cell >= 0)
      state[cell] = (uint8_t)pal_sudoku_token(s, PAL_SUDOKU_SPECULATIVE,
                                              pal_sudoku_pick(view->candidate[cell], &w->rng));
    return;
  }
  for (int c = 0; c < s->cells; c++) {
    const bool mine =
        erase ? state[c] && pal_sudoku_kind_of(s, state[c]) == kind : view->forced[c] != 0;
    if (!mine || (drop > 0 && chance(&w->rng, drop))) continue;
    state[c] = 0;
    if (!erase)
      state[c] = (uint8_t)pal_sudoku_token(s, kind, pal_sudoku_pick(view->forced[c], &w->rng));
  }
}

/* A random cell that is masked or, if not `masked`, one with a digit that is not given; -1:
 * none. */
static int random_cell(walks *w, const uint8_t *state, bool masked) {
  const pal_sudoku_shape *s = w->puzzles->shape;
  uint8_t cell[PAL_SUDOKU_CELLS];
  int n = 0;
  for (int c = 0; c < s->cells; c++)
    if (masked ? !state[c] : state[c] > s->n) cell[n++] = (uint8_t)c;
  return n ? cell[below(&w->rng, n)] : -1;
}

/* A random digit for a masked cell; with `candidate`, one that is absent from its units if
 * possible. */
static int random_digit(walks *w, const uint8_t *state, int cell, bool candidate) {
  const pal_sudoku_shape *s = w->puzzles->shape;
  unsigned free = s->all;
  for (int k = 0; candidate && k < s->peers; k++) {
    const int token = state[s->peer[cell][k]];
    if (token) free &= ~(1u << (pal_sudoku_digit(s, token) - 1));
  }
  return pal_sudoku_pick(free ? (uint16_t)free : s->all, &w->rng);
}

static void damage(walks *w, uint8_t *state, bool speculative) {
  enum { FILL, REPLACE, ERASE, GUESS, SWAP, SORTS };
  const pal_sudoku_shape *s = w->puzzles->shape;
  const int sort = below(&w->rng, SORTS);
  const int times = sort == FILL    ? 1 + below(&w->rng, 2)
                    : sort == ERASE ? 1 + below(&w->rng, 8)
                    : sort == SWAP  ? 1 + below(&w->rng, 4)
                                    : 1;
  for (int i = 0; i < times; i++) {
    const int c = random_cell(w, state, sort == FILL || sort == GUESS);
    if (c < 0) return;
    if (sort == ERASE) {
      state[c] = 0;
    } else if (sort == FILL || sort == GUESS) {
      const int digit = random_digit(w, state, c, sort == GUESS || chance(&w->rng, 0.5));
      const bool root = sort == FILL && !speculative && chance(&w->rng, 0.5);
      const enum pal_sudoku_kind kind = root ? PAL_SUDOKU_ROOT : PAL_SUDOKU_SPECULATIVE;
      state[c] = (uint8_t)pal_sudoku_token(s, kind, digit);
    } else {
      const enum pal_sudoku_kind kind = pal_sudoku_kind_of(s, state[c]);
      const enum pal_sudoku_kind other =
          kind == PAL_SUDOKU_ROOT ? PAL_SUDOKU_SPECULATIVE : PAL_SUDOKU_ROOT;
      int digit = pal_sudoku_digit(s, state[c]);
      if (sort == REPLACE) digit = 1 + (digit + below(&w->rng, s->n - 1)) % s->n;
      state[c] = (uint8_t)pal_sudoku_token(s, sort == REPLACE ? kind : other, digit);
    }
  }
}

static void advance(walks *w, int walk) {
  uint8_t *state = w->state + (size_t)walk * (size_t)w->rows;
  pal_sudoku_view view;
  pal_sudoku_look(w->puzzles->shape, state, &view);
  if ((view.masks == 0 && !view.conflict) || w->age[walk] >= OLDEST) {
    reset(w, state);
    w->age[walk] = 0;
    return;
  }
  act(w, state, &view, chance(&w->rng, DROP) ? pal_rng_real(&w->rng) : 0);
  if (chance(&w->rng, DAMAGE)) damage(w, state, view.speculative > 0);
  w->age[walk]++;
}

/* A check of the labels: whether executing them changes each cell as the policy does, and the
 * target of a cell that needs a guess is one of its candidates. */
static bool follows_policy(const walks *w, const uint8_t *state, const pal_sudoku_view *view) {
  const pal_sudoku_shape *s = w->puzzles->shape;
  const enum pal_sudoku_kind kind = view->speculative ? PAL_SUDOKU_SPECULATIVE : PAL_SUDOKU_ROOT;
  for (int c = 0; c < s->cells; c++) {
    const int32_t y = w->y[c];
    const bool forced = !state[c] && !view->conflict && view->forced[c];
    const bool goes = state[c] && view->conflict && pal_sudoku_kind_of(s, state[c]) == kind;
    if (w->remask[c] != (state[c] ? goes : !forced)) return false;
    if (state[c] || view->conflict) {
      if (y >= 0) return false;
      continue;
    }
    const unsigned may = forced ? view->forced[c] : view->candidate[c];
    if (y < 1 || y > 3 * s->n || !(may >> (pal_sudoku_digit(s, y) - 1) & 1)) return false;
    if (pal_sudoku_kind_of(s, y) != (forced ? kind : PAL_SUDOKU_SPECULATIVE)) return false;
  }
  return true;
}

/* Decides whether the state of a walk is included in the stream (*taken), and labels it if so. */
static pal_status label_sampled(walks *w, int walk, bool *taken, pal_error *error) {
  const uint8_t *state = w->state + (size_t)walk * (size_t)w->rows;
  pal_sudoku_view view;
  pal_sudoku_look(w->puzzles->shape, state, &view);
  const double p = view.conflict            ? 1
                   : view.masks == 0        ? TAKE_SOLVED
                   : view.forced_cells == 0 ? TAKE_GUESS
                   : view.speculative       ? TAKE_SPECULATIVE
                                            : 1;
  *taken = p >= 1 || chance(&w->rng, p);
  if (!*taken) return PAL_OK;
  pal_sudoku_label(w->puzzles->shape, state, &view, &w->rng, w->remask, w->y, w->weight);
  for (int i = 0; i < w->rows; i++) w->out[i] = state[i];
  if (follows_policy(w, state, &view)) return PAL_OK;
  return pal_fail(
      error, PAL_E_INTERNAL,
      "sudoku: the labels of state %llu differ from the policy, which is a fault in this task",
      (unsigned long long)w->next);
}

/* ---- released: one transition ---------------------------------------------------------------- */

static void released_reset(walks *w, int walk) {
  uint8_t given[PAL_SUDOKU_CELLS], solution[PAL_SUDOKU_CELLS];
  pal_sudoku_puzzles_draw(w->puzzles, &w->rng, given, solution);
  pal_released_start(given, w->state + (size_t)walk * (size_t)w->rows);
  w->age[walk] = 0;
}

/* The state in w->out with its labels. */
static pal_transition labelled(const walks *w) {
  return (pal_transition){.state = w->out,
                          .y = w->y,
                          .n = w->rows,
                          .y_weight = w->released ? NULL : w->weight,
                          .remask = w->remask,
                          .insert = w->none,
                          .remove = w->none};
}

/* Writes the next labelled state of a walk to w->out, then executes its labels. */
static void released_move(walks *w, int walk) {
  uint8_t *state = w->state + (size_t)walk * (size_t)w->rows;
  while (pal_released_label(w->puzzles->shape, state, w->remask, w->y) != PAL_RELEASED_STEP)
    released_reset(w, walk);
  for (int i = 0; i < w->rows; i++) w->out[i] = state[i];
  const pal_transition step = labelled(w);
  int32_t next[PAL_RELEASED_ROWS];
  pal_transition_apply(&step, PAL_RELEASED_MASK, next, w->rows);
  for (int i = 0; i < w->rows; i++) state[i] = (uint8_t)next[i];
  w->age[walk]++;
}

/* ---- the stream ------------------------------------------------------------------------------ */

/* Runs each walk for a random number of steps, so that the first examples are not all early
 * states. */
static void begin(walks *w) {
  for (int walk = 0; walk < WALKS; walk++) {
    if (w->released) released_reset(w, walk);
    else reset(w, w->state + (size_t)walk * (size_t)w->rows);
    for (int i = below(&w->rng, w->released ? RELEASED_WARM_UP : WARM_UP); i > 0; i--) {
      if (w->released) released_move(w, walk);
      else advance(w, walk);
    }
  }
  w->started = true;
}

static pal_status walks_next(void *self, pal_example *example, pal_error *error) {
  walks *w = self;
  if (!w->started) begin(w);
  pal_status status = PAL_OK;
  for (bool taken = false; !taken && !status;) {
    const int walk = (int)w->turn;
    w->turn = (w->turn + 1) % WALKS;
    for (int i = 0; i < STEPS_BETWEEN && !w->released; i++) advance(w, walk);
    taken = w->released;
    if (w->released) released_move(w, walk);
    else status = label_sampled(w, walk, &taken, error);
  }
  if (status) return status;
  *example = (pal_example){.id = w->next++, .transition = labelled(w)};
  return PAL_OK;
}

/* The saved state of the stream:
 *   u64 [6]             rows, draws so far, next id, turn, started, hash of the puzzles
 *   u32 [WALKS]         ages
 *   u8 [WALKS][rows]    states */
enum { HEADER_WORDS = 6 };

static size_t walks_save(const void *self, void *state, size_t room) {
  const walks *w = self;
  const size_t states = (size_t)WALKS * (size_t)w->rows;
  const size_t need = HEADER_WORDS * sizeof(uint64_t) + sizeof w->age + states;
  if (room < need) return need;
  const uint64_t header[HEADER_WORDS] = {(uint64_t)w->rows, w->rng.used, w->next,
                                         w->turn,           w->started,  w->digest};
  unsigned char *out = state;
  memcpy(out, header, sizeof header);
  memcpy(out + sizeof header, w->age, sizeof w->age);
  memcpy(out + sizeof header + sizeof w->age, w->state, states);
  return need;
}

static pal_status walks_load(void *self, const void *state, size_t bytes, pal_error *error) {
  walks *w = self;
  const size_t states = (size_t)WALKS * (size_t)w->rows;
  const size_t need = HEADER_WORDS * sizeof(uint64_t) + sizeof w->age + states;
  uint64_t header[HEADER_WORDS];
  if (bytes != need)
    return pal_fail(error, PAL_E_FORMAT, "the state of a sudoku stream has %zu bytes, not %zu",
                    bytes, need);
  const unsigned char *in = state;
  memcpy(header, in, sizeof header);
  const int vocabulary = w->released ? PAL_RELEASED_VOCABULARY : 3 * w->puzzles->shape->n + 1;
  bool good = header[0] == (uint64_t)w->rows && header[3] < WALKS && header[4] < 2;
  for (size_t i = 0; i < states; i++) good = good && in[need - states + i] < vocabulary;
  if (!good) return pal_fail(error, PAL_E_FORMAT, "the state of a sudoku stream is damaged");
  if (header[5] != w->digest) return pal_other_data("sudoku", error);
  w->rng.used = header[1];
  w->next = header[2];
  w->turn = (uint32_t)header[3];
  w->started = header[4] != 0;
  memcpy(w->age, in + sizeof header, sizeof w->age);
  memcpy(w->state, in + need - states, states);
  return PAL_OK;
}

static void walks_free(void *self) {
  walks *w = self;
  pal_free(w->state);
  pal_free(w);
}

pal_status pal_sudoku_walks_new(const pal_sudoku_puzzles *puzzles, bool released, uint64_t seed,
                                pal_stream *stream, pal_error *error) {
  walks *w = pal_calloc(1, sizeof *w);
  if (!w) return pal_fail(error, PAL_E_MEMORY, "no memory for a stream");
  w->puzzles = puzzles;
  w->digest = pal_sudoku_puzzles_digest(puzzles);
  w->released = released;
  w->rows = released ? PAL_RELEASED_ROWS : puzzles->shape->cells;
  w->rng = pal_rng_new(seed, released ? "sudoku.released" : "sudoku.restart", 0, 0);
  w->state = pal_calloc(WALKS, (size_t)w->rows);
  if (!w->state) {
    pal_free(w);
    return pal_fail(error, PAL_E_MEMORY, "no memory for the states of %d walks", WALKS);
  }
  *stream = (pal_stream){w, walks_next, walks_save, walks_load, walks_free};
  return PAL_OK;
}
