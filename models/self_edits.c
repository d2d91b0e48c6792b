/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled states that are made from final sequences alone (floor 4). See self_edits.h. */
#include "models/self_edits.h"

#include <string.h>

#include "src/alloc.h"

/* One example in CLEAN is not damaged. Of the others one in ALL has its whole answer hidden, that
 * is left out or masked. Of what is hidden nothing is left out in one example of KINDS, and all of
 * it in another. Of surplus rows one in TOKENS is a token. */
enum { CLEAN = 16, ALL = 8, KINDS = 4, TOKENS = 4 };

/* ---- the final sequence ---------------------------------------------------------------------- */

typedef struct whole {
  const pal_format *format;
  const pal_example *example;
  bool within; /* the answer fills masks of the prompt; else it follows the prompt */
  int answer;  /* rows behind the prompt that may be damaged */
  int n;       /* rows */
  int spare;   /* most surplus rows of a state */
} whole;

static bool has_masks(const pal_example *e, int32_t mask) {
  for (int i = 0; i < e->n_prompt; i++)
    if (e->prompt[i] == mask) return true;
  return false;
}

/* Whether an eos stands behind the answer from the first step on. */
static bool framed(const pal_self_edits *edits, const pal_format *f, bool within) {
  return f->eos >= 0 && !within && (edits->insert || edits->remove);
}

static whole whole_of(const pal_self_edits *edits, const pal_format *f, const pal_example *e) {
  whole w = {.format = f, .example = e, .within = has_masks(e, f->mask)};
  if (!w.within) w.answer = e->n_answer;
  if (!w.within && f->eos >= 0 && !edits->insert && !edits->remove)
    w.answer = w.answer + 1 > e->answer_room ? w.answer + 1 : e->answer_room;
  w.n = e->n_prompt + w.answer + framed(edits, f, w.within);
  w.spare = e->n_prompt + e->answer_room - w.n;
  if (edits->insert && w.spare < w.n) w.spare = w.n; /* insertions may pass the longest answer */
  if (w.spare > f->context - w.n) w.spare = f->context - w.n; /* positions end there */
  if (w.spare < 0) w.spare = 0;
  return w;
}

/* Token of row i. `*next` counts the tokens of the answer. *free: whether it may be damaged. */
static int32_t token_at(const whole *w, int i, int *next, bool *free) {
  const pal_example *e = w->example;
  const bool given = i < e->n_prompt && !(w->within && e->prompt[i] == w->format->mask);
  *free = !given && (w->within || i < e->n_prompt + w->answer);
  if (given) return e->prompt[i];
  return *next < e->n_answer ? e->answer[(*next)++] : w->format->eos;
}

/* ---- a damaged state ------------------------------------------------------------------------- */

typedef struct damaged {
  const pal_self_edits *edits;
  const pal_format *format;
  pal_rng *rng;
  double hide, omit, replace, surplus; /* probabilities */
  int32_t *token, *y;
  uint8_t *remask, *insert, *remove;
  int32_t *gap; /* tokens of the gap that is open, of which there are `hidden` */
  int n, hidden;
} damaged;

static bool chance(damaged *d, double p) { return pal_rng_real(d->rng) < p; }

static void draw_rates(damaged *d) {
  if (pal_rng_below(d->rng, CLEAN) == 0) return;
  const uint32_t all = pal_rng_below(d->rng, ALL), kind = pal_rng_below(d->rng, KINDS);
  d->hide = pal_rng_real(d->rng);
  d->omit = pal_rng_real(d->rng);
  d->replace = d->edits->noise * pal_rng_real(d->rng);
  d->surplus = d->edits->noise * pal_rng_real(d->rng);
  if (all == 0) d->hide = 1;
  if (kind < 2) d->omit = kind;
  if (!d->edits->insert) d->omit = 0;
  if (!d->edits->remask || d->format->vocabulary <= 2) d->replace = 0;
  if (!d->edits->remove) d->surplus = 0;
}

static void emit(damaged *d, int32_t token, int32_t y, bool remask, bool remove) {
  const int row = d->n++;
  d->token[row] = token;
  d->y[row] = y;
  d->remask[row] = remask;
  d->remove[row] = remove;
}

/* A uniformly drawn token other than the mask and `token`. */
static int32_t other_token(damaged *d, int32_t token) {
  const int32_t mask = d->format->mask;
  const int32_t low = token < mask ? token : mask, high = token < mask ? mask : token;
  int32_t other = (int32_t)pal_rng_below(d->rng, (uint32_t)d->format->vocabulary - 2);
  other += other >= low;
  return other + (other >= high);
}

/* Writes the rows of the gap that was open: surplus ones, or a label that its first tokens are left
 * out, and a mask for each of the other tokens. */
static void close_gap(damaged *d, int surplus) {
  int omitted = 0;
  for (int i = 0; i < d->hidden && surplus == 0 && d->n > 0; i++) omitted += chance(d, d->omit);
  if (omitted > 0) d->insert[d->n - 1] = 1;
  const int32_t next_to = d->hidden ? d->gap[0] : d->n ? d->token[d->n - 1] : 0;
  for (int i = 0; i < surplus; i++)
    if (d->replace > 0 && pal_rng_below(d->rng, TOKENS) == 0)
      emit(d, other_token(d, next_to), -1, true, false);
    else emit(d, d->format->mask, -1, false, true);
  for (int i = omitted; i < d->hidden; i++) emit(d, d->format->mask, d->gap[i], false, false);
  d->hidden = 0;
}

/* Number of surplus rows of a gap, at most `spare`. Where rows are removed but not inserted,
 * decoding begins with masks for the longest answer, and so half of the states end with as many. */
static int draw_surplus(damaged *d, int spare, bool end) {
  int n = 0;
  if (d->surplus > 0 && end && !d->edits->insert)
    return pal_rng_below(d->rng, 2) ? spare : (int)pal_rng_below(d->rng, (uint32_t)spare + 1);
  while (n < spare && chance(d, d->surplus)) n++;
  return n;
}

static void damage(damaged *d, const whole *w) {
  const int end = w->within ? -1 : w->example->n_prompt + w->answer;
  int next = 0, spare = w->spare;
  for (int i = 0; i <= w->n; i++) {
    bool free = false;
    const int32_t token = i < w->n ? token_at(w, i, &next, &free) : -1;
    if (free && chance(d, d->hide)) {
      d->gap[d->hidden++] = token;
      continue;
    }
    const bool gap = free || d->hidden > 0 || i == end; /* not between two given rows */
    const int surplus = gap ? draw_surplus(d, spare, i == end) : 0;
    spare -= surplus;
    close_gap(d, surplus);
    if (i == w->n) break;
    const bool wrong = free && chance(d, d->replace);
    emit(d, wrong ? other_token(d, token) : token, -1, wrong, false);
  }
}

static pal_status check(const pal_example *e, const whole *w, pal_error *error) {
  int masks = 0;
  if (e->transition.n > 0)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "example %llu is a labelled state; learn_from=answers takes prompts with "
                    "answers, and damages these itself",
                    (unsigned long long)e->id);
  for (int i = 0; i < e->n_prompt; i++) masks += e->prompt[i] == w->format->mask;
  if (w->within && masks != e->n_answer)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "example %llu: an answer of %d tokens does not fill a prompt of %d masks",
                    (unsigned long long)e->id, e->n_answer, masks);
  return PAL_OK;
}

pal_status pal_self_edits_draw(const pal_self_edits *edits, const pal_format *format,
                               const pal_example *example, pal_rng *rng, pal_transition *state,
                               void **block, pal_error *error) {
  const whole w = whole_of(edits, format, example);
  const pal_status status = check(example, &w, error);
  if (status) return status;
  const size_t rows = (size_t)w.n + (size_t)w.spare + 1;
  int32_t *tokens = pal_calloc(rows, 3 * sizeof *tokens + 3);
  if (!tokens) return pal_fail(error, PAL_E_MEMORY, "no memory for a state of %zu rows", rows);
  uint8_t *flags = (uint8_t *)(tokens + 3 * rows);
  damaged d = {.edits = edits,
               .format = format,
               .rng = rng,
               .token = tokens,
               .y = tokens + rows,
               .gap = tokens + 2 * rows,
               .remask = flags,
               .insert = flags + rows,
               .remove = flags + 2 * rows};
  draw_rates(&d);
  damage(&d, &w);
  *block = tokens;
  *state = (pal_transition){.state = d.token,
                            .y = d.y,
                            .remask = d.remask,
                            .insert = d.insert,
                            .remove = d.remove,
                            .n = d.n};
  return PAL_OK;
}

/* ---- decoding -------------------------------------------------------------------------------- */

int pal_self_edits_start(const pal_self_edits *edits, const pal_format *format,
                         const pal_example *example, int room, int32_t *token, int most) {
  const int n = example->n_prompt;
  const bool within = has_masks(example, format->mask), eos = framed(edits, format, within);
  int masks = 0;
  if (!within && !edits->insert) {
    masks = room == 0 && format->context > n ? format->context - n : room;
    if (eos && masks > 0) masks--;
  }
  if (masks > most - n - eos) return n + masks + eos;
  if (n) memcpy(token, example->prompt, sizeof *token * (size_t)n);
  for (int i = 0; i < masks; i++) token[n + i] = format->mask;
  if (eos) token[n + masks] = format->eos;
  return n + masks + eos;
}
