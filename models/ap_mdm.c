/* SPDX-License-Identifier: Apache-2.0 */
/* AP-MDM: any-process masked diffusion (arXiv 2510.06190) (floor 4).
 *
 * A step is x' = g(f(x)). The network f gives each row a candidate token y and the probabilities of
 * three bits, remask, insert and remove; the transition g, pal_edit, executes them (M is a mask):
 *
 *   row is     remask 0           remask 1            insert 1            remove 1
 *   token v    stays v            becomes M           M after it          -
 *   mask M     becomes y          stays M             M after it          is deleted
 *
 * A sequence halts at a fixed point without masks; training contains such states too. The loss is
 * the mean cross-entropy of y over the masks that have a target, plus the mean binary cross-entropy
 * of each bit over all rows. Examples are states with labels, or a prompt and an answer, which are
 * damaged and labelled: by self_edits.h with learn_from=answers, else by corrupt.h. */
#include <math.h>
#include <string.h>

#include "models/corrupt.h"
#include "models/self_edits.h"
#include "src/alloc.h"

typedef enum ap_bits { THRESHOLD, SAMPLE } ap_bits;
typedef enum ap_source { TRACES, ANSWERS } ap_source;
typedef struct ap_mdm_settings {
  int bits;       /* ap_bits */
  int learn_from; /* ap_source */
  bool may_remask, may_insert, may_delete;
  double tau_unmask, tau_insert, tau_remove, jitter, temperature, cut, noise;
  pal_numbers tau_remask, tau_write;
  double top_p;
  bool guess;
  int64_t window, top_k;
} ap_mdm_settings;

static const pal_setting settings[] = {
    PAL_SET_CHOICE(
        ap_mdm_settings, bits, "threshold", "threshold sample",
        "how edits are decided from their predicted probabilities: threshold compares them with "
        "the tau settings; sample draws each",
        PAL_KEPT_BY_NONE),
    PAL_SET_REAL(ap_mdm_settings, tau_unmask, "0.5", 0, 1,
                 "a mask is not written if its remask probability is above this", PAL_KEPT_BY_NONE),
    PAL_SET_LIST(
        ap_mdm_settings, tau_remask, "", 0, 1,
        "a token is remasked if its remask probability is above this: one number, or one for each "
        "class of tokens, separated by commas; empty: 0.5",
        PAL_KEPT_BY_NONE),
    PAL_SET_REAL(
        ap_mdm_settings, jitter, "0", 0, 1e3,
        "each step moves a sequence's tau_remask by a random number of up to so many logits, so "
        "that the same mistake is not repeated for ever",
        PAL_KEPT_BY_NONE),
    PAL_SET_REAL(
        ap_mdm_settings, tau_insert, "0.5", 0, 1,
        "a mask is inserted behind a row if the insert probability of the row is above this",
        PAL_KEPT_BY_NONE),
    PAL_SET_REAL(ap_mdm_settings, tau_remove, "0.5", 0, 1,
                 "a mask is deleted if its delete probability is above this", PAL_KEPT_BY_NONE),
    PAL_SET_LIST(
        ap_mdm_settings, tau_write, "", 0, 1,
        "a mask is written only if (1 - remask probability) x probability of the token y is above "
        "this: one number, or one for each class of y, separated by commas; empty: always",
        PAL_KEPT_BY_NONE),
    PAL_SAMPLING_SETTINGS(ap_mdm_settings),
    PAL_SET_REAL(
        ap_mdm_settings, cut, "0", 0, 0.5,
        "learned chances below this count as 0, and those above 1 - cut as 1, where edits and "
        "tokens are drawn; without it, what has a chance of almost 0 happens in long generation",
        PAL_KEPT_BY_NONE),
    PAL_SET_FLAG(
        ap_mdm_settings, guess, "0",
        "1: a sequence that a step would leave unchanged writes the mask whose token is most "
        "certain, and draws that token",
        PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(
        ap_mdm_settings, window, "0", 0, 1 << 20,
        "rows that a decoding step reads; later rows enter the window as its rows are deleted. 0: "
        "all rows",
        PAL_KEPT_BY_NONE),
    PAL_SET_REAL(ap_mdm_settings, noise, "0.1", 0, 1,
                 "highest rate of each kind of corruption when training from answers alone; with "
                 "learn_from=answers, of wrong tokens and of gaps with surplus rows",
                 PAL_KEPT_BY_RUN),
    PAL_SET_CHOICE(
        ap_mdm_settings, learn_from, "traces", "traces answers",
        "traces: from the labelled states that a task has; answers: from final sequences "
        "alone, of which up to all is left out, masked, replaced or surplus",
        PAL_KEPT_BY_WEIGHTS),
    PAL_SET_FLAG(ap_mdm_settings, may_remask, "1",
                 "0, with learn_from=answers: tokens are never masked again", PAL_KEPT_BY_WEIGHTS),
    PAL_SET_FLAG(ap_mdm_settings, may_insert, "1",
                 "0, with learn_from=answers: nothing is inserted, so that decoding begins with "
                 "masks for the longest answer instead of none",
                 PAL_KEPT_BY_WEIGHTS),
    PAL_SET_FLAG(ap_mdm_settings, may_delete, "1",
                 "0, with learn_from=answers: masks are never deleted", PAL_KEPT_BY_WEIGHTS),
};

static pal_self_edits self_edits_of(const ap_mdm_settings *own) {
  return (pal_self_edits){own->may_remask, own->may_insert, own->may_delete, own->noise};
}

static pal_form form_of(const pal_model *model) {
  const ap_mdm_settings *own = pal_model_own(model);
  return own->learn_from == ANSWERS ? PAL_FORM_ANSWER : PAL_FORM_TRANSITION;
}

static pal_status check(const pal_model *model, pal_error *error) {
  const ap_mdm_settings *own = pal_model_own(model);
  if (own->learn_from == TRACES && !(own->may_remask && own->may_insert && own->may_delete))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "ap-mdm: %s=0 needs learn_from=answers; labelled states (learn_from=traces) "
                    "bring the edits that they have",
                    !own->may_remask   ? "may_remask"
                    : !own->may_insert ? "may_insert"
                                       : "may_delete");
  if (own->learn_from == ANSWERS && own->noise == 0 && (own->may_remask || own->may_delete))
    return pal_fail(
        error, PAL_E_ARGUMENT,
        "ap-mdm: with noise=0 nothing is ever wrong or surplus, so that %s could not be "
        "learned; raise noise, or set %s=0",
        own->may_remask ? "remasking" : "deleting", own->may_remask ? "may_remask" : "may_delete");
  if (own->learn_from == ANSWERS && own->window > 0)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "ap-mdm: window=%lld is for learn_from=traces; states made from answers are "
                    "whole sequences, which a window would cut",
                    (long long)own->window);
  return PAL_OK;
}

static const pal_column columns[] = {PAL_TARGET_COLUMNS, PAL_EDIT_COLUMNS};
static const char *const parts[] = {"unmask", "remask", "insert", "remove"};

enum { REMASK = PAL_REMASK, INSERT = PAL_INSERT, REMOVE = PAL_REMOVE, BITS = PAL_BITS };
static const double HEAD_SCALE = 0.02, HEAD_BIAS = -2, GUESS_NOISE = 0.1;

typedef struct heads {
  pal_value y;         /* logits [T, V] */
  pal_value bit[BITS]; /* logits [T] */
} heads;

static heads build_heads(const pal_model *model, pal_graph *graph, const pal_network *network) {
  heads h;
  const pal_value hidden = pal_backbone(graph, model, network);
  const int64_t width = pal_model_network(model)->width;
  h.y = pal_output_logits(graph, model, hidden);
  pal_scope_push(graph, "model");
  const pal_value weight =
      pal_parameter_new(graph, "edit.weight", PAL_TYPE(PAL_F32, PAL_STATIC, BITS, width),
                        PAL_NORMAL(HEAD_SCALE), PAL_OUTPUT_WEIGHT);
  const pal_value bias = pal_variable_new(graph, "edit.bias", PAL_TYPE(PAL_F32, PAL_STATIC, BITS),
                                          PAL_PARAMETER, (pal_init){PAL_INIT_CONSTANT, HEAD_BIAS});
  const pal_value all = pal_linear(graph, hidden, weight, bias);
  pal_scope_pop(graph);
  pal_type rows = pal_type_of(graph, network->token);
  rows.dtype = PAL_F32;
  for (int i = 0; i < BITS; i++)
    h.bit[i] = pal_reshape(graph, pal_slice(graph, all, 1, i, i + 1), rows);
  return h;
}

/* ---- training --------------------------------------------------------------------------- */

/* Why pal_edit could not execute the labels of row i; NULL if it can. */
static const char *flaw(const pal_format *f, const pal_transition *t, int i) {
  const int32_t x = t->state[i], y = t->y[i];
  if (x < 0 || x >= f->vocabulary) return "its state is no token of the vocabulary";
  if (y < -1 || y >= f->vocabulary || y == f->mask) return "y is nothing that could be written";
  if (t->remask[i] > 1 || t->insert[i] > 1 || t->remove[i] > 1)
    return "remask, insert or remove is neither 0 nor 1";
  if (x != f->mask && t->remove[i]) return "only masks are removed";
  if (t->remove[i] && t->insert[i]) return "nothing is inserted behind a mask that is removed";
  if (x == f->mask && y < 0 && !t->remask[i] && !t->remove[i])
    return "a mask is neither kept, written nor removed";
  return NULL;
}

static pal_status check_labels(const pal_format *f, const pal_example *e, pal_error *error) {
  for (int i = 0; i < e->transition.n; i++) {
    const char *why = flaw(f, &e->transition, i);
    if (why)
      return pal_fail(error, PAL_E_ARGUMENT,
                      "example %llu has labels that no step could execute: row %d: %s",
                      (unsigned long long)e->id, i, why);
  }
  return PAL_OK;
}

/* Appends a labelled state. */
static pal_status add_state(const pal_model *model, const pal_example *example, pal_batch *batch,
                            pal_error *error) {
  const pal_transition *t = &example->transition;
  const pal_status status = check_labels(pal_model_format(model), example, error);
  if (status) return status;
  const int64_t first = pal_batch_add(batch, t->state, t->n, example->id, error);
  if (first < 0) return PAL_E_CAPACITY;
  for (int i = 0; i < t->n; i++) {
    const int64_t row = first + i;
    const bool written = t->state[i] == pal_model_format(model)->mask && t->y[i] >= 0;
    pal_batch_i32(batch, PAL_COLUMN_TARGET)[row] = written ? t->y[i] : -1;
    pal_batch_f32(batch, PAL_COLUMN_WEIGHT)[row] = written ? t->y_weight ? t->y_weight[i] : 1 : 0;
    pal_batch_f32(batch, PAL_COLUMN_REMASK)[row] = t->remask[i];
    pal_batch_f32(batch, PAL_COLUMN_INSERT)[row] = t->insert[i];
    pal_batch_f32(batch, PAL_COLUMN_REMOVE)[row] = t->remove[i];
    pal_batch_f32(batch, PAL_COLUMN_EDIT_WEIGHT)[row] = 1;
    batch->count[0] += written;
  }
  for (int part = 1; part <= BITS; part++) batch->count[part] += t->n;
  return PAL_OK;
}

static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const ap_mdm_settings *own = pal_model_own(model);
  (void)evaluate;
  if (own->learn_from == TRACES)
    return example->transition.n ? add_state(model, example, batch, error)
                                 : pal_corrupt(model, example, own->noise, rng, batch, error);
  const pal_self_edits edits = self_edits_of(own);
  pal_example made = {.id = example->id};
  void *block = NULL;
  pal_status status = pal_self_edits_draw(&edits, pal_model_format(model), example, rng,
                                          &made.transition, &block, error);
  if (!status) status = add_state(model, &made, batch, error);
  pal_free(block);
  return status;
}

static void loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                 pal_value *part) {
  const int64_t mask = pal_model_format(model)->mask;
  const pal_network network = pal_network_of_batch(graph, in);
  const heads h = build_heads(model, graph, &network);
  const pal_value label[BITS] = {in->column[PAL_COLUMN_REMASK], in->column[PAL_COLUMN_INSERT],
                                 in->column[PAL_COLUMN_REMOVE]};
  part[0] =
      pal_sum_all(graph, pal_cross_entropy(graph, h.y, in->column[PAL_COLUMN_TARGET],
                                           in->column[PAL_COLUMN_WEIGHT], (pal_ints){&mask, 1}));
  for (int i = 0; i < BITS; i++)
    part[1 + i] =
        pal_sum_all(graph, pal_binary_cross_entropy_with_logits(
                               graph, h.bit[i], label[i], in->column[PAL_COLUMN_EDIT_WEIGHT]));
}

/* ---- decoding --------------------------------------------------------------------------- */

static int start(const pal_model *model, pal_start *s) {
  const ap_mdm_settings *own = pal_model_own(model);
  const pal_self_edits edits = self_edits_of(own);
  if (own->learn_from == ANSWERS)
    return pal_self_edits_start(&edits, pal_model_format(model), s->example, s->answer_room,
                                s->token, s->room);
  const int n = s->example->n_prompt, masks = s->answer_room;
  if (masks > s->room - n) return n + masks;
  if (n) memcpy(s->token, s->example->prompt, sizeof *s->token * (size_t)n);
  for (int i = 0; i < masks; i++) s->token[n + i] = pal_model_format(model)->mask;
  return n + masks;
}

static double logit(double p) { return log(p) - log1p(-p); }
static double itself(double p) { return p; }

/* The threshold of each token's class, f32 [T], for tokens i32 [T]: `map` of the element of `list`,
 * or of 0.5 if the list is empty. */
static pal_value limits(const pal_model *model, pal_graph *graph, pal_numbers list,
                        double (*map)(double), pal_value token) {
  const pal_format *f = pal_model_format(model);
  float *limit = pal_alloc(sizeof *limit * (size_t)f->vocabulary);
  if (!limit) return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for thresholds");
  for (int32_t v = 0; v < f->vocabulary; v++)
    limit[v] = (float)map(pal_number_at(list, f->token_class ? f->token_class[v] : 0, 0.5));
  const pal_value table = pal_constant(graph, PAL_TYPE(PAL_F32, PAL_STATIC, f->vocabulary), limit);
  pal_free(limit);
  return pal_gather_rows(graph, table, token);
}

/* The threshold for the logit of remask, f32 [T]. The jitter is one draw for all rows of a
 * sequence: position 0 for every row gives them the same random number. */
static pal_value remask_limit(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                              pal_value masked) {
  const ap_mdm_settings *own = pal_model_own(model);
  pal_value limit = limits(model, graph, own->tau_remask, logit, d->token);
  if (own->jitter > 0) {
    pal_random random = d->random;
    random.position = pal_affine(graph, random.position, 0, 0);
    const pal_value u = pal_sum(graph, pal_uniform(graph, random, 1), 1, false);
    limit = pal_add(graph, limit, pal_affine(graph, u, 2 * own->jitter, -own->jitter));
  }
  return pal_where(graph, masked, pal_scalar(graph, logit(own->tau_unmask)), limit);
}

/* The probability of a bit, f32 [T], with the setting `cut`. */
static pal_value chance(const pal_model *model, pal_graph *graph, pal_value logit_of_bit) {
  const double cut = ((const ap_mdm_settings *)pal_model_own(model))->cut;
  const pal_value p = pal_sigmoid(graph, logit_of_bit);
  if (cut == 0) return p;
  const pal_value never = pal_compare(graph, p, pal_scalar(graph, cut), PAL_LT);
  const pal_value always = pal_compare(graph, p, pal_scalar(graph, 1 - cut), PAL_GT);
  const pal_value some = pal_where(graph, always, pal_scalar(graph, 1), p);
  return pal_where(graph, never, pal_scalar(graph, 0), some);
}

/* Logits f32 [T, V] without the tokens that `cut` excludes; the most likely one is always kept. */
static pal_value cut_tokens(const pal_model *model, pal_graph *graph, pal_value logits) {
  const double cut = ((const ap_mdm_settings *)pal_model_own(model))->cut;
  if (cut == 0) return logits;
  const pal_value p = pal_softmax(graph, logits);
  const pal_value rare = pal_compare(graph, p, pal_scalar(graph, cut), PAL_LT);
  const pal_value less = pal_compare(graph, p, pal_max(graph, p, 1, true), PAL_LT);
  return pal_where(graph, pal_and(graph, rare, less), pal_scalar(graph, -INFINITY), logits);
}

/* Sets the bits of every row, i32 [T]. `surest` f32 [T] is the log-probability of the most likely
 * token. */
static void decide(const pal_model *model, pal_graph *graph, const pal_decoding *d, const heads *h,
                   pal_value masked, pal_value surest, pal_value y, pal_value bit[BITS]) {
  const ap_mdm_settings *own = pal_model_own(model);
  const pal_value limit[BITS] = {remask_limit(model, graph, d, masked),
                                 pal_scalar(graph, logit(own->tau_insert)),
                                 pal_scalar(graph, logit(own->tau_remove))};
  for (int i = 0; i < BITS; i++)
    bit[i] = own->bits == SAMPLE ? pal_bernoulli(graph, chance(model, graph, h->bit[i]), d->random)
                                 : pal_compare(graph, h->bit[i], limit[i], PAL_GT);
  const bool may[BITS] = {own->may_remask, own->may_insert, own->may_delete};
  for (int i = 0; i < BITS; i++)
    if (!may[i]) bit[i] = pal_affine(graph, bit[i], 0, 0);
  if (own->tau_write.n > 0) {
    const pal_value writes = pal_sigmoid(graph, pal_affine(graph, h->bit[REMASK], -1, 0));
    const pal_value sure = pal_mul(graph, writes, pal_exp(graph, surest));
    const pal_value limit_y = limits(model, graph, own->tau_write, itself, y);
    const pal_value unsure = pal_compare(graph, sure, limit_y, PAL_LE);
    bit[REMASK] = pal_or(graph, bit[REMASK], pal_and(graph, masked, unsure));
  }
  bit[REMOVE] = pal_and(graph, bit[REMOVE], masked);
}

/* i32 [T]: in sequences where no bit would change a row, 1 at the mask with the largest confidence,
 * to which a little Gumbel noise is added; 0 elsewhere. */
static pal_value guesses(pal_graph *graph, const pal_decoding *d, pal_value masked,
                         pal_value surest, const pal_value bit[BITS]) {
  const pal_value turns = pal_compare(graph, bit[REMASK], masked, PAL_NE);
  const pal_value grows = pal_or(graph, bit[INSERT], bit[REMOVE]);
  const pal_value moves = pal_segment_any(graph, pal_or(graph, turns, grows), d->begin, d->length);
  const pal_value noise = pal_sum(graph, pal_gumbel(graph, d->random, 1), 1, false);
  const pal_value score = pal_add(graph, surest, pal_affine(graph, noise, GUESS_NOISE, 0));
  return pal_segment_top_k(graph, pal_where(graph, masked, score, pal_scalar(graph, -INFINITY)),
                           d->begin, d->length, pal_not(graph, moves));
}

static void step(const pal_model *model, pal_graph *graph, pal_decoding *d) {
  const ap_mdm_settings *own = pal_model_own(model);
  const int64_t mask = pal_model_format(model)->mask;
  const pal_value mask_token = pal_int(graph, (int32_t)mask);
  const pal_network network = pal_network_of_step(graph, d);
  const heads h = build_heads(model, graph, &network);
  const pal_value logits = pal_exclude(graph, h.y, (pal_ints){&mask, 1});
  const pal_value masked = pal_compare(graph, d->token, mask_token, PAL_EQ);
  const pal_value surest = pal_max(graph, pal_log_softmax(graph, logits), 1, false);
  const pal_value open = cut_tokens(model, graph, logits);
  pal_value y = pal_categorical(graph, open, pal_scalar(graph, own->temperature), own->top_k,
                                own->top_p, d->random);
  pal_value bit[BITS];
  decide(model, graph, d, &h, masked, surest, y, bit);
  if (own->guess) {
    const pal_value guess = guesses(graph, d, masked, surest, bit);
    const pal_value drawn = pal_categorical(graph, open, pal_scalar(graph, 1), 0, 1, d->random);
    y = pal_where(graph, guess, drawn, y);
    bit[REMASK] = pal_and(graph, bit[REMASK], pal_not(graph, guess));
  }
  d->token_chance = pal_chance_of(graph, logits, y, (int32_t)mask);
  for (int i = 0; i < BITS; i++) {
    d->bit[i] = bit[i];
    d->bit_chance[i] = pal_sigmoid(graph, h.bit[i]);
  }
  const pal_edited edited = pal_edit(graph, d->token, y, bit[REMASK], bit[INSERT], bit[REMOVE],
                                     d->begin, d->length, (int32_t)mask, 0);
  d->next_token = edited.tokens;
  d->next_begin = edited.begin;
  d->next_length = edited.length;
  const pal_value left = pal_compare(graph, edited.tokens, mask_token, PAL_EQ);
  const pal_value busy =
      pal_or(graph, edited.changed, pal_segment_any(graph, left, edited.begin, edited.length));
  d->done = pal_not(graph, busy);
}

static void decode_settings(const pal_model *model, pal_decode_settings *to) {
  to->window = ((const ap_mdm_settings *)pal_model_own(model))->window;
}

static const pal_sampler samplers[] = {
    {"ap", "bits=threshold",
     "any process: each step writes, remasks, inserts and deletes by the tau settings (Yang et "
     "al., arXiv 2510.06190)"},
};

const pal_model_definition pal_model_ap_mdm = {
    .abi_size = sizeof(pal_model_definition),
    .name = "ap-mdm",
    .doc = "Any-process masked diffusion: each step may write, remask, insert and remove anywhere.",
    .form = PAL_FORM_TRANSITION,
    .form_of = form_of,
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(ap_mdm_settings),
    .column = columns,
    .n_columns = sizeof columns / sizeof *columns,
    .part = parts,
    .n_parts = sizeof parts / sizeof *parts,
    .rows = rows,
    .loss = loss,
    .start = start,
    .step = step,
    .decode_settings = decode_settings,
    .check = check,
    .sampler = samplers,
    .n_samplers = 1,
    .likelihood = PAL_LIKELIHOOD_NONE,
};
