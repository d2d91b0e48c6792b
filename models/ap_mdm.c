/* SPDX-License-Identifier: Apache-2.0 */
/* AP-MDM: any-process masked diffusion (arXiv 2510.06190) (floor 4).
 *
 * A step is x' = g(f(x)): the network gives each row a candidate token y and the chances of
 * three bits, remask, insert and remove; pal_edit executes them. A sequence halts at a fixed
 * point without masks, which training shows like any other state. Loss: cross-entropy of y over
 * the masks that are to be written, and binary cross-entropy of each bit over every row, means
 * added with equal weight. Examples are states with labels, or else prompt and answer, damaged
 * and labelled by the mixed corruption of corrupt.h. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "models/corrupt.h"
#include "models/settings.h"
#include "src/alloc.h"

static const pal_setting settings[] = {
    {"bits", "threshold", "threshold: bits are set above their chances below; sample: drawn"},
    {"tau_unmask", "0.5", "a mask stays a mask where the chance of remask is above this"},
    {"tau_remask", "",
     "a token becomes a mask where it is above this: one number, or one for each "
     "class of tokens with commas; empty: 0.5"},
    {"jitter", "0",
     "every step moves a sequence's tau_remask by up to so many logits, so that no "
     "mistake need repeat itself for ever"},
    {"tau_insert", "0.5", "a mask is inserted where the chance of it is above this"},
    {"tau_remove", "0.5", "a mask goes where the chance of it is above this"},
    {"tau_write", "",
     "and a mask stays one unless chance of writing x chance of y is above this: one "
     "number, or one for each class of tokens y with commas; empty: off"},
    {"temperature", "0", "of sampled tokens; 0: the most likely one"},
    {"guess", "0", "1: a sequence that would not change writes its surest mask, its token drawn"},
    {"window", "0", "rows a decoding step reads; the rest waits behind them. 0: everything"},
    {"noise", "0.1", "highest rate of each kind of damage in training from answers, 0 to 1"},
};

enum { REMASK, INSERT, REMOVE, BITS };
static const double HEAD_SCALE = 0.02, HEAD_BIAS = -2, GUESS_NOISE = 0.1;

typedef struct heads {
  pal_value y;         /* logits [T, V] */
  pal_value bit[BITS]; /* logits [T] */
} heads;

static heads build_heads(const pal_model *model, pal_graph *graph, const pal_network *network) {
  heads h;
  const pal_value hidden = pal_backbone(graph, model, network);
  const int64_t width = (int64_t)pal_model_number(model, "width");
  h.y = pal_output_logits(graph, model, hidden);
  pal_scope_push(graph, "model");
  const pal_value weight =
      pal_variable_new(graph, "edit.weight", PAL_TYPE(PAL_F32, PAL_STATIC, BITS, width),
                       PAL_PARAMETER, PAL_NORMAL(HEAD_SCALE));
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

/* Why the transition g could not carry out the labels of row i; NULL: it can. */
static const char *flaw(const pal_format *f, const pal_transition *t, int i) {
  const int32_t x = t->state[i], y = t->y[i];
  if (x < 0 || x >= f->vocabulary) return "its state is no token";
  if (y < -1 || y >= f->vocabulary || y == f->mask) return "y is nothing that could be written";
  if (t->remask[i] > 1 || t->insert[i] > 1 || t->remove[i] > 1) return "a bit is neither 0 nor 1";
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
      return pal_fail(error, PAL_E_ARGUMENT, "example %llu cannot be learned: row %d: %s",
                      (unsigned long long)e->id, i, why);
  }
  return PAL_OK;
}

static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const pal_transition *t = &example->transition;
  (void)evaluate;
  if (t->n == 0)
    return pal_corrupt(model, example, pal_model_number(model, "noise"), rng, batch, error);
  const pal_status status = check_labels(pal_model_format(model), example, error);
  if (status) return status;
  const int64_t first = pal_batch_add(batch, t->state, t->n, example->id, error);
  if (first < 0) return PAL_E_CAPACITY;
  for (int i = 0; i < t->n; i++) {
    const int64_t row = first + i;
    const bool written = t->state[i] == pal_model_format(model)->mask && t->y[i] >= 0;
    batch->target[row] = written ? t->y[i] : -1;
    batch->weight[row] = written ? t->y_weight ? t->y_weight[i] : 1 : 0;
    batch->remask[row] = t->remask[i];
    batch->insert[row] = t->insert[i];
    batch->remove[row] = t->remove[i];
    batch->edit_weight[row] = 1;
    batch->count[0] += written;
  }
  for (int part = 1; part < PAL_MAX_PARTS; part++) batch->count[part] += t->n;
  return PAL_OK;
}

static void loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                 pal_value part[PAL_MAX_PARTS]) {
  const int64_t mask = pal_model_format(model)->mask;
  const pal_network network = pal_network_of_batch(in);
  const heads h = build_heads(model, graph, &network);
  const pal_value label[BITS] = {in->remask, in->insert, in->remove};
  part[0] = pal_sum_all(
      graph, pal_cross_entropy(graph, h.y, in->target, in->weight, (pal_ints){&mask, 1}));
  for (int i = 0; i < BITS; i++)
    part[1 + i] = pal_sum_all(
        graph, pal_binary_cross_entropy_with_logits(graph, h.bit[i], label[i], in->edit_weight));
}

/* ---- decoding --------------------------------------------------------------------------- */

static int start(const pal_model *model, const int32_t *prompt, int n_prompt, int answer_room,
                 int32_t *token, int room) {
  if (answer_room > room - n_prompt) return n_prompt + answer_room;
  if (n_prompt) memcpy(token, prompt, sizeof *token * (size_t)n_prompt);
  for (int i = 0; i < answer_room; i++) token[n_prompt + i] = pal_model_format(model)->mask;
  return n_prompt + answer_room;
}

static double logit(double p) { return log(p) - log1p(-p); }
static double itself(double p) { return p; }

/* The threshold that setting `name` has for the class of each token [T], through `map`: f32 [T]. */
static pal_value limits(const pal_model *model, pal_graph *graph, const char *name,
                        double (*map)(double), pal_value token) {
  const pal_format *f = pal_model_format(model);
  const char *text = pal_model_text(model, name);
  float *limit = pal_alloc(sizeof *limit * (size_t)f->vocabulary);
  if (!limit) return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for thresholds");
  for (int32_t v = 0; v < f->vocabulary; v++)
    limit[v] = (float)map(
        *text ? pal_setting_listed(text, f->token_class ? f->token_class[v] : 0, 1) : 0.5);
  const pal_value table = pal_constant(graph, PAL_TYPE(PAL_F32, PAL_STATIC, f->vocabulary), limit);
  pal_free(limit);
  return pal_gather_rows(graph, table, token);
}

static pal_value logit_tau(const pal_model *model, pal_graph *graph, const char *name) {
  return pal_scalar(graph, logit(pal_model_number(model, name)));
}

/* What the logit of remask must exceed, f32 [T]. Jitter is one draw for all rows of a sequence. */
static pal_value remask_limit(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                              pal_value masked) {
  const double jitter = pal_model_number(model, "jitter");
  pal_value limit = limits(model, graph, "tau_remask", logit, d->token);
  if (jitter > 0) {
    pal_random random = d->random;
    random.position = pal_affine(graph, random.position, 0, 0);
    const pal_value u = pal_sum(graph, pal_uniform(graph, random, 1), 1, false);
    limit = pal_add(graph, limit, pal_affine(graph, u, 2 * jitter, -jitter));
  }
  return pal_where(graph, masked, logit_tau(model, graph, "tau_unmask"), limit);
}

/* The bits of every row, i32 [T]; `surest` f32 [T] is the log-probability of the likeliest
 * token. */
static void decide(const pal_model *model, pal_graph *graph, const pal_decoding *d, const heads *h,
                   pal_value masked, pal_value surest, pal_value y, pal_value bit[BITS]) {
  const bool drawn = pal_model_is(model, "bits", "sample");
  const pal_value limit[BITS] = {remask_limit(model, graph, d, masked),
                                 logit_tau(model, graph, "tau_insert"),
                                 logit_tau(model, graph, "tau_remove")};
  for (int i = 0; i < BITS; i++)
    bit[i] = drawn ? pal_bernoulli(graph, pal_sigmoid(graph, h->bit[i]), d->random)
                   : pal_compare(graph, h->bit[i], limit[i], PAL_GT);
  if (*pal_model_text(model, "tau_write")) {
    const pal_value writes = pal_sigmoid(graph, pal_affine(graph, h->bit[REMASK], -1, 0));
    const pal_value sure = pal_mul(graph, writes, pal_exp(graph, surest));
    const pal_value limit_y = limits(model, graph, "tau_write", itself, y);
    const pal_value unsure = pal_compare(graph, sure, limit_y, PAL_LE);
    bit[REMASK] = pal_or(graph, bit[REMASK], pal_and(graph, masked, unsure));
  }
  bit[REMOVE] = pal_and(graph, bit[REMOVE], masked);
}

/* 1 on the one mask [T] that a sequence writes when none of its bits would change anything. */
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
  const int64_t mask = pal_model_format(model)->mask;
  const pal_value mask_token = pal_int(graph, (int32_t)mask);
  const pal_network network = pal_network_of_step(graph, d);
  const heads h = build_heads(model, graph, &network);
  const pal_value logits = pal_exclude(graph, h.y, (pal_ints){&mask, 1});
  const pal_value masked = pal_compare(graph, d->token, mask_token, PAL_EQ);
  const pal_value surest = pal_max(graph, pal_log_softmax(graph, logits), 1, false);
  pal_value y = pal_categorical(
      graph, logits, pal_scalar(graph, pal_model_number(model, "temperature")), 0, 1, d->random);
  pal_value bit[BITS];
  decide(model, graph, d, &h, masked, surest, y, bit);
  if (pal_model_number(model, "guess") != 0) {
    const pal_value guess = guesses(graph, d, masked, surest, bit);
    const pal_value drawn = pal_categorical(graph, logits, pal_scalar(graph, 1), 0, 1, d->random);
    y = pal_where(graph, guess, drawn, y);
    bit[REMASK] = pal_and(graph, bit[REMASK], pal_not(graph, guess));
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

static pal_status check(const pal_model *model, pal_error *error) {
  static const char *const bits[] = {"threshold", "sample", NULL};
  static const char *const chance[] = {"tau_unmask", "tau_insert", "tau_remove", "noise", "guess"};
  static const char *const list[] = {"tau_remask", "tau_write"};
  pal_status status = pal_setting_choice(model, "bits", bits, error);
  for (size_t i = 0; i < sizeof chance / sizeof *chance && !status; i++)
    status = pal_setting_range(model, chance[i], 0, 1, error);
  for (int i = 0; i < 2 && !status; i++) {
    const char *text = pal_model_text(model, list[i]);
    if (*text && pal_setting_listed(text, INT_MAX - 1, 1) < 0)
      status =
          pal_fail(error, PAL_E_ARGUMENT,
                   "ap-mdm: %s takes numbers from 0 to 1 with commas, not \"%s\"", list[i], text);
  }
  if (!status) status = pal_setting_range(model, "jitter", 0, 1e3, error);
  if (!status) status = pal_setting_range(model, "temperature", 0, 1e6, error);
  if (!status) status = pal_setting_range(model, "window", 0, 1 << 20, error);
  return status;
}

const pal_model_definition pal_model_ap_mdm = {
    .abi_size = sizeof(pal_model_definition),
    .name = "ap-mdm",
    .doc = "Any-process masked diffusion: each step may write, remask, insert and remove anywhere.",
    .form = PAL_FORM_TRANSITION,
    .setting = settings,
    .n_settings = sizeof settings / sizeof *settings,
    .part = {"unmask", "remask", "insert", "remove"},
    .rows = rows,
    .loss = loss,
    .start = start,
    .step = step,
    .check = check,
    .likelihood = PAL_LIKELIHOOD_NONE,
};
