/* SPDX-License-Identifier: Apache-2.0 */
/* Samplers of the MDM: which masks a decoding step writes, and which tokens it masks again (floor
 * 4). Confidences, margins and entropies are those of the model's distribution at temperature 1. */
#include "models/mdm.h"

#include <math.h>
#include <stdio.h>

#include "models/models.h"
#include "src/alloc.h"

const pal_column pal_mdm_states[PAL_MDM_STATES] = {PAL_ANSWER_STATE, {"stable", PAL_I32, false, 0}};

const pal_sampler pal_mdm_samplers[PAL_MDM_SAMPLERS] = {
    {"ancestral", "order=ancestral",
     "each mask is written with the probability that the noise schedule gives the step (steps); "
     "exact for many steps and temperature 1 (Sahoo et al., arXiv 2406.07524)"},
    {"random", "order=random",
     "k masks in random order, as an order-agnostic model (Hoogeboom et al., arXiv 2110.02037)"},
    {"confidence", "order=confidence",
     "the k masks whose most likely token has the largest probability (Chang et al., arXiv "
     "2202.04200)"},
    {"margin", "order=margin",
     "the k masks with the largest difference between the two largest probabilities (Kim et al., "
     "arXiv 2502.06768)"},
    {"log-margin", "order=log_margin",
     "the k masks with the largest difference between the two largest logits: the margin of "
     "log-probabilities, which tells masks apart whose margins are all near 1"},
    {"entropy", "order=entropy",
     "the k masks with the lowest entropy (Ye et al., Dream 7B, arXiv 2508.15487)"},
    {"threshold", "order=threshold",
     "all masks whose most likely token has at least probability `threshold`, and the surest one "
     "in any case (Wu et al., Fast-dLLM, arXiv 2505.22618)"},
    {"eb", "order=eb",
     "entropy-bounded: masks of lowest entropy, as many as keep the sum of their entropies without "
     "the largest within `gamma` (Ben-Hamu et al., EB-Sampler, arXiv 2505.24857)"},
    {"klass", "order=klass",
     "all masks whose most likely token has at least probability `threshold` and whose "
     "distribution has moved by less than `kl` in each of the last `history` steps; the surest one "
     "if there are none (Kim et al., KLASS, arXiv 2511.05664)"},
    {"remdm", "order=remdm",
     "ancestral, but tokens that were written may be masked again with the probability that "
     "`remask` and `eta` give the step (Wang et al., ReMDM, arXiv 2503.00307)"},
};

static const pal_mdm_settings *own(const pal_model *model) { return pal_model_own(model); }

int pal_mdm_steps(const pal_model *model) {
  return own(model)->steps ? (int)own(model)->steps : pal_model_format(model)->context;
}

bool pal_mdm_is_timed(const pal_model *model) {
  return own(model)->order == PAL_MDM_ANCESTRAL || own(model)->order == PAL_MDM_REMDM;
}

/* ---- chances of a step by its number ----------------------------------------------------- */

/* Chance of a mask to be written by a step, and of a written token to be masked again. */
typedef struct chances {
  double write, remask;
} chances;

/* value(model, i) at i = min(index, n - 1), from a table: i32 index -> f32 of the same shape. */
static pal_value look_up(const pal_model *model, pal_graph *graph, pal_value index, int n,
                         double (*value)(const pal_model *model, int i)) {
  float *table = pal_alloc(sizeof *table * (size_t)n);
  if (!table) return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for a schedule");
  for (int i = 0; i < n; i++) table[i] = (float)value(model, i);
  const pal_value constant = pal_constant(graph, PAL_TYPE(PAL_F32, PAL_STATIC, n), table);
  pal_free(table);
  return pal_gather_rows(graph, constant, pal_minimum(graph, index, pal_int(graph, n - 1)));
}

/* Probability that step i of n, from time 1 - i/n to 1 - (i+1)/n, reveals a token that is
 * masked. */
static double revealed_in_step(const pal_model *model, int i) {
  const int n = pal_mdm_steps(model);
  const double before = pal_mdm_masked_at(model, 1 - (double)i / n);
  return i + 1 >= n ? 1 : (before - pal_mdm_masked_at(model, 1 - (i + 1.0) / n)) / before;
}

/* Share of tokens that are not masked at time t: by the schedule or, for remask=loop, three
 * straight lines with a level part between t_on and t_off (Wang et al., section 4.3 and their
 * code). */
static double visible_at(const pal_model *model, double t) {
  const pal_mdm_settings *o = own(model);
  if (o->remask != PAL_MDM_LOOP) return 1 - pal_mdm_masked_at(model, t);
  if (t > o->t_on) return (1 - t) / (1 - o->t_on) * o->alpha_on;
  return t > o->t_off ? o->alpha_on : 1 - t / o->t_off * (1 - o->alpha_on);
}

/* The posterior of ReMDM for step i, from time t to s: a visible token is masked again with
 * probability sigma, and a mask is written with (a_s - (1 - sigma) a_t) / (1 - a_t). */
static chances remdm_step(const pal_model *model, int i) {
  const pal_mdm_settings *o = own(model);
  const int n = pal_mdm_steps(model);
  const double t = 1 - (double)i / n, s = 1 - (i + 1.0) / n;
  if (i + 1 >= n) return (chances){1, 0};
  const double a_t = visible_at(model, t), a_s = visible_at(model, s);
  const double most = a_t > 1 - a_s ? (1 - a_s) / a_t : 1;
  double sigma = o->remask == PAL_MDM_RESCALE ? o->eta * most : o->eta < most ? o->eta : most;
  if (o->remask == PAL_MDM_LOOP && (t > o->t_on || t <= o->t_off)) sigma = 0;
  const double write = a_t < 1 ? (a_s - (1 - sigma) * a_t) / (1 - a_t) : 1;
  return (chances){write < 0 ? 0 : write > 1 ? 1 : write, sigma};
}

static double write_in_step(const pal_model *model, int i) { return remdm_step(model, i).write; }
static double remask_in_step(const pal_model *model, int i) { return remdm_step(model, i).remask; }

/* A value of each sequence's step for each of its rows: f32 [T]. */
static pal_value by_age(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                        double (*value)(const pal_model *model, int i)) {
  const pal_value chance = look_up(model, graph, d->age, pal_mdm_steps(model), value);
  return pal_gather_rows(graph, chance, d->sequence);
}

/* Writes masks and masks tokens of the answer again; ends after the last step. */
static void write_remdm(const pal_model *model, pal_graph *graph, pal_decoding *d,
                        const pal_masked_step *now) {
  const pal_value mask = pal_int(graph, pal_model_format(model)->mask);
  const pal_value write = by_age(model, graph, d, write_in_step);
  const pal_value again = pal_where(graph, d->state[PAL_MDM_ANSWER],
                                    by_age(model, graph, d, remask_in_step), pal_scalar(graph, 0));
  const pal_value turn =
      pal_bernoulli(graph, pal_where(graph, now->masked, write, again), d->random);
  const pal_value turned = pal_where(graph, now->masked, now->y, mask);
  d->next_token = pal_where(graph, turn, turned, d->token);
  d->bit_chance[PAL_REMASK] = again;
  pal_masked_chance(model, graph, d, now);
  d->done = pal_compare(graph, d->age, pal_int(graph, pal_mdm_steps(model) - 1), PAL_GE);
}

/* ---- scores ------------------------------------------------------------------------------ */

/* f32 [T]: the log-probability of the most likely token. */
static pal_value confidence(pal_graph *graph, const pal_masked_step *now) {
  return pal_max(graph, pal_log_softmax(graph, now->logits), 1, false);
}

/* f32 [T]: the difference of the two largest logits. */
static pal_value log_margin(const pal_model *model, pal_graph *graph, const pal_masked_step *now) {
  const pal_value first = pal_one_hot(graph, pal_argmax(graph, now->logits, 1, false),
                                      pal_model_format(model)->vocabulary);
  const pal_value others = pal_where(graph, pal_compare(graph, first, pal_scalar(graph, 0), PAL_GT),
                                     pal_scalar(graph, -INFINITY), now->logits);
  return pal_sub(graph, pal_max(graph, now->logits, 1, false), pal_max(graph, others, 1, false));
}

/* Score of each mask, f32 [T]; a step writes those with the largest. */
static pal_value surest(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                        const pal_masked_step *now) {
  switch (own(model)->order) {
    case PAL_MDM_RANDOM: return pal_sum(graph, pal_uniform(graph, d->random, 1), 1, false);
    case PAL_MDM_MARGIN: return pal_top2_margin(graph, now->logits);
    case PAL_MDM_LOG_MARGIN: return log_margin(model, graph, now);
    case PAL_MDM_ENTROPY: return pal_affine(graph, pal_entropy(graph, now->logits), -1, 0);
    default: return confidence(graph, now);
  }
}

/* The k best masks; with `steps`, as many as write all masks of the answer in that many steps. */
static pal_value best(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                      const pal_masked_step *now) {
  const pal_value score = surest(model, graph, d, now);
  const double steps = (double)own(model)->steps;
  if (steps == 0) return pal_masked_best(graph, d, now, score, (int)own(model)->k);
  const pal_value all = pal_cast(graph, pal_sub(graph, d->length, d->prompt_length), PAL_F32);
  const pal_value share =
      pal_div(graph, pal_affine(graph, all, 1, steps - 1), pal_scalar(graph, steps));
  return pal_segment_top_k(graph,
                           pal_where(graph, now->masked, score, pal_scalar(graph, -INFINITY)),
                           d->begin, d->length, pal_cast(graph, share, PAL_I32));
}

/* Flags of the masks whose flag `sure` is set, and of the mask of largest confidence in sequences
 * where there are none, or with `always` in all sequences. */
static pal_value or_surest(pal_graph *graph, const pal_decoding *d, const pal_masked_step *now,
                           pal_value score, pal_value sure, bool always) {
  const pal_value one = pal_masked_best(graph, d, now, score, 1);
  sure = pal_and(graph, now->masked, sure);
  if (always) return pal_or(graph, sure, one);
  const pal_value any = pal_segment_any(graph, sure, d->begin, d->length);
  const pal_value none = pal_gather_rows(graph, pal_not(graph, any), d->sequence);
  return pal_or(graph, sure, pal_and(graph, one, none));
}

static pal_value bounded(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                         const pal_masked_step *now) {
  const pal_value entropy = pal_entropy(graph, now->logits);
  const pal_value lowest = pal_where(graph, now->masked, pal_affine(graph, entropy, -1, 0),
                                     pal_scalar(graph, -INFINITY));
  const pal_value budget =
      pal_affine(graph, pal_cast(graph, d->length, PAL_F32), 0, own(model)->gamma);
  return pal_segment_budget(graph, lowest, d->begin, d->length, entropy, budget);
}

/* ---- KLASS ------------------------------------------------------------------------------- */

/* f32 [T]: KL divergence of this step's distribution from that of the step before, which a scratch
 * variable holds, a row for each of the first `context` positions of each slot. */
static pal_value moved(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                       pal_value log_p) {
  const pal_format *f = pal_model_format(model);
  const int64_t rows = pal_symbol_capacity(graph, d->S) * f->context;
  char name[64];
  snprintf(name, sizeof name, "decode.klass.%lld", (long long)rows);
  const pal_value before = pal_variable_new(
      graph, name, PAL_TYPE(PAL_F32, PAL_STATIC, rows, f->vocabulary), PAL_SCRATCH, PAL_ZEROS);
  const pal_value slot = pal_gather_rows(graph, d->slot, d->sequence);
  const pal_value row = pal_add(graph, pal_affine(graph, slot, f->context, 0), d->position);
  const pal_value held = pal_compare(graph, d->position, pal_int(graph, f->context), PAL_LT);
  const pal_value index = pal_where(graph, held, row, pal_int(graph, -1));
  const pal_value change = pal_sub(graph, log_p, pal_gather_rows(graph, before, index));
  pal_write_rows(graph, before, index, log_p);
  return pal_sum(graph, pal_mul(graph, pal_exp(graph, log_p), change), 1, false);
}

static pal_value stable(const pal_model *model, pal_graph *graph, pal_decoding *d,
                        const pal_masked_step *now, pal_value score) {
  static const double LEAST = -1e4; /* in place of -inf, of the mask token */
  const pal_mdm_settings *o = own(model);
  const pal_value log_p = pal_clamp(graph, pal_log_softmax(graph, now->logits), LEAST, 0);
  const pal_value kl = moved(model, graph, d, log_p);
  const pal_value age = pal_gather_rows(graph, d->age, d->sequence);
  const pal_value late = pal_compare(graph, age, pal_int(graph, 0), PAL_GT);
  const pal_value held =
      pal_compare(graph, d->position, pal_int(graph, pal_model_format(model)->context), PAL_LT);
  const pal_value still = pal_and(graph, pal_compare(graph, kl, pal_scalar(graph, o->kl), PAL_LT),
                                  pal_and(graph, late, held));
  const pal_value steps =
      pal_where(graph, still, pal_affine(graph, d->state[PAL_MDM_STABLE], 1, 1), pal_int(graph, 0));
  d->next_state[PAL_MDM_STABLE] = steps;
  const pal_value long_enough =
      pal_compare(graph, steps, pal_int(graph, (int32_t)o->history), PAL_GE);
  const pal_value sure = pal_compare(graph, score, pal_scalar(graph, log(o->threshold)), PAL_GE);
  return or_surest(graph, d, now, score, pal_and(graph, sure, long_enough), false);
}

/* ---- the step ---------------------------------------------------------------------------- */

static pal_value chosen(const pal_model *model, pal_graph *graph, pal_decoding *d,
                        const pal_masked_step *now) {
  const pal_mdm_settings *o = own(model);
  if (o->order == PAL_MDM_ANCESTRAL) {
    const pal_value chance = by_age(model, graph, d, revealed_in_step);
    return pal_and(graph, now->masked, pal_bernoulli(graph, chance, d->random));
  }
  if (o->order == PAL_MDM_EB) return bounded(model, graph, d, now);
  if (o->order != PAL_MDM_THRESHOLD && o->order != PAL_MDM_KLASS) return best(model, graph, d, now);
  const pal_value score = confidence(graph, now);
  if (o->order == PAL_MDM_KLASS) return stable(model, graph, d, now, score);
  const pal_value limit = pal_scalar(graph, log(o->threshold));
  return or_surest(graph, d, now, score, pal_compare(graph, score, limit, PAL_GE), true);
}

void pal_mdm_write(const pal_model *model, pal_graph *graph, pal_decoding *d,
                   const pal_masked_step *now) {
  if (own(model)->order == PAL_MDM_REMDM) write_remdm(model, graph, d, now);
  else pal_masked_write(model, graph, d, now, chosen(model, graph, d, now));
}
