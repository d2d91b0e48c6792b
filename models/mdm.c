/* SPDX-License-Identifier: Apache-2.0 */
/* MDM: masked diffusion (floor 4). Sahoo et al., arXiv 2406.07524; Shi et al., arXiv
 * 2406.04329.
 *
 * At time t, from 0 (data) to 1 (all masks), a token of the answer is masked with probability m(t):
 * linear m = t, cosine m = cos(pi/2 (1 - t)). The continuous-time ELBO weights the cross-entropy of
 * the masked tokens by m'(t) / m(t). As in the SUBS parameterization of Sahoo et al., the mask is
 * never predicted, and visible tokens are copied. Training draws t from 0.001 .. 1 and masks with
 * probability 0.999 m(t). This keeps the weights finite, but its loss is not a bound. Evaluation
 * draws the number n of masks uniformly from 1 .. L, L the length of the answer, then which tokens
 * are masked, and weights by L / n: an unbiased estimate of the negative ELBO, which is the same
 * for every schedule. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/mdm.h"
#include "models/models.h"
#include "src/alloc.h"

static const double PI = 3.14159265358979323846;
static const double LEAST_TIME = 0.001, MOST_MASKED = 0.999;
enum { LEVELS = 1000, MOST_STEPS = 1 << 20 };

typedef enum mdm_schedule { LINEAR, COSINE } mdm_schedule;

static const pal_setting settings[] = {
    PAL_SET_CHOICE(
        pal_mdm_settings, schedule, "linear", "linear cosine",
        "noise schedule, the share of masked tokens as a function of time: linear or cosine",
        PAL_KEPT_BY_RUN),
    PAL_SET_CHOICE(
        pal_mdm_settings, order, "confidence",
        "random confidence margin log_margin entropy ancestral threshold eb klass remdm",
        "which masks a decoding step writes: random; those with the highest confidence, the "
        "largest margin (of probabilities, or with log_margin of their logarithms) or the lowest "
        "entropy; ancestral, which writes each mask with the "
        "probability that the noise schedule gives; or the samplers threshold, eb, klass, remdm",
        PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(
        pal_mdm_settings, k, "1", 1, 1e9,
        "tokens written per decoding step by random, confidence, both margins and entropy",
        PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(pal_mdm_settings, steps, "0", 0, MOST_STEPS,
                  "decoding steps of ancestral and remdm, 0: one for each row of the context; of "
                  "random, confidence, both margins and entropy, 0: as many as k takes",
                  PAL_KEPT_BY_NONE),
    PAL_SAMPLING_SETTINGS(pal_mdm_settings),
    PAL_SET_REAL(pal_mdm_settings, threshold, "0.9", 1e-9, 1,
                 "threshold and klass: probability of the most likely token from which on a mask "
                 "is written",
                 PAL_KEPT_BY_NONE),
    PAL_SET_REAL(pal_mdm_settings, gamma, "0.1", 0, 1e9,
                 "eb: bound on the sum of entropies, in nats, of the tokens written in one step, "
                 "the largest left out",
                 PAL_KEPT_BY_NONE),
    PAL_SET_REAL(pal_mdm_settings, kl, "0.01", 0, 1e9,
                 "klass: a distribution is stable while it moves by less than this KL divergence "
                 "per step, in nats",
                 PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(pal_mdm_settings, history, "2", 1, 1e6,
                  "klass: steps for which a distribution must have been stable", PAL_KEPT_BY_NONE),
    PAL_SET_CHOICE(
        pal_mdm_settings, remask, "rescale", "rescale cap loop",
        "remdm: how often tokens are masked again: rescale, eta times the largest probability "
        "that the schedule allows; cap, that probability but at most eta; loop, eta while the "
        "time is between t_on and t_off, where the share of visible tokens stays at alpha_on",
        PAL_KEPT_BY_NONE),
    PAL_SET_REAL(pal_mdm_settings, eta, "0.02", 0, 1, "remdm: see remask", PAL_KEPT_BY_NONE),
    PAL_SET_REAL(pal_mdm_settings, alpha_on, "0.9", 1e-6, 0.999999, "remdm: see remask",
                 PAL_KEPT_BY_NONE),
    PAL_SET_REAL(pal_mdm_settings, t_on, "0.55", 1e-6, 0.999999, "remdm: see remask",
                 PAL_KEPT_BY_NONE),
    PAL_SET_REAL(pal_mdm_settings, t_off, "0.05", 1e-6, 0.999999, "remdm: see remask",
                 PAL_KEPT_BY_NONE),
};

enum { TIME = PAL_OWN_COLUMNS };
static const pal_column columns[] = {PAL_TARGET_COLUMNS, {"time", PAL_F32, true, 0}};
static const char *const parts[] = {"elbo"};

/* ---- schedule --------------------------------------------------------------------------- */

static bool is_cosine(const pal_model *model) {
  return ((const pal_mdm_settings *)pal_model_own(model))->schedule == COSINE;
}
static double masked_at(bool cosine, double t) { return cosine ? cos(PI / 2 * (1 - t)) : t; }
static double time_of(bool cosine, double masked) {
  return cosine ? 1 - 2 / PI * acos(masked) : masked;
}
/* m'(t) / m(t). */
static double elbo_weight(bool cosine, double t) {
  return cosine ? PI / 2 * tan(PI / 2 * (1 - t)) : 1 / t;
}

/* ---- rows ------------------------------------------------------------------------------- */

static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const pal_answer answer = pal_answer_add(batch, model, example, error);
  if (answer.first < 0) return error && error->code ? error->code : PAL_E_CAPACITY;
  if (answer.n == 0) return PAL_OK;
  const bool cosine = is_cosine(model);
  float *time = &pal_batch_f32(batch, TIME)[batch->sequences - 1];
  batch->count[0] += answer.n;
  if (!evaluate) {
    const double t = LEAST_TIME + (1 - LEAST_TIME) * pal_rng_real(rng);
    const double masked = MOST_MASKED * masked_at(cosine, t), weight = elbo_weight(cosine, t);
    for (int i = 0; i < answer.rows; i++)
      if (pal_answer_has(&answer, i))
        pal_answer_mask_if(&answer, batch, i, pal_rng_real(rng) < masked, (float)weight);
    *time = (float)t;
    return PAL_OK;
  }
  const int n = pal_answer_mask_elbo(&answer, batch, rng);
  *time = (float)time_of(cosine, (double)n / answer.n);
  return PAL_OK;
}

/* ---- decoding --------------------------------------------------------------------------- */

double pal_mdm_masked_at(const pal_model *model, double t) {
  return masked_at(is_cosine(model), t);
}

/* The time at which the schedule masks the share level / LEVELS: i32 -> f32 of the same shape. */
static pal_value time_of_level(const pal_model *model, pal_graph *graph, pal_value level) {
  float table[LEVELS + 1];
  for (int i = 0; i <= LEVELS; i++) table[i] = (float)time_of(is_cosine(model), (double)i / LEVELS);
  const pal_value constant = pal_constant(graph, PAL_TYPE(PAL_F32, PAL_STATIC, LEVELS + 1), table);
  return pal_gather_rows(graph, constant, pal_minimum(graph, level, pal_int(graph, LEVELS)));
}

/* The time at which the schedule masks the share of the answer that is masked now: f32 [S]. */
static pal_value time_now(const pal_model *model, pal_graph *graph, const pal_decoding *d) {
  const pal_value mask = pal_int(graph, pal_model_format(model)->mask);
  const pal_value is_mask = pal_compare(graph, d->token, mask, PAL_EQ);
  const pal_value masks =
      pal_segment_sum(graph, pal_cast(graph, is_mask, PAL_F32), d->begin, d->length);
  const pal_value all = pal_cast(
      graph, pal_maximum(graph, pal_sub(graph, d->length, d->prompt_length), pal_int(graph, 1)),
      PAL_F32);
  const pal_value level = pal_affine(graph, pal_div(graph, masks, all), LEVELS, 0.5);
  return time_of_level(model, graph, pal_cast(graph, level, PAL_I32));
}

static void decode_settings(const pal_model *model, pal_decode_settings *to) {
  if (pal_mdm_is_timed(model)) to->steps = pal_mdm_steps(model);
}

static void step(const pal_model *model, pal_graph *graph, pal_decoding *d) {
  const pal_mdm_settings *own = pal_model_own(model);
  pal_network network = pal_network_of_step(graph, d);
  if (pal_model_network(model)->time == PAL_TIME_ADALN) network.time = time_now(model, graph, d);
  pal_masked_step now = pal_masked_predict(model, graph, d, &network, own->temperature);
  if (own->top_k > 0 || own->top_p < 1)
    now.y = pal_categorical(graph, now.logits, pal_scalar(graph, own->temperature), own->top_k,
                            own->top_p, d->random);
  pal_mdm_write(model, graph, d, &now);
}

static pal_status check(const pal_model *model, pal_error *error) {
  const pal_mdm_settings *own = pal_model_own(model);
  if (own->t_off <= own->t_on) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "mdm: t_off (%g) is after t_on (%g); time runs down from 1", own->t_off,
                  own->t_on);
}

const pal_model_definition pal_model_mdm = {
    .abi_size = sizeof(pal_model_definition),
    .name = "mdm",
    .doc = "Masked diffusion: an encoder turns any of the masks into tokens, for good.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(pal_mdm_settings),
    .column = columns,
    .n_columns = sizeof columns / sizeof *columns,
    .part = parts,
    .n_parts = sizeof parts / sizeof *parts,
    .state = pal_mdm_states,
    .n_states = PAL_MDM_STATES,
    .sampler = pal_mdm_samplers,
    .n_samplers = PAL_MDM_SAMPLERS,
    .check = check,
    .rows = rows,
    .loss = pal_masked_loss,
    .start = pal_masked_start,
    .step = step,
    .decode_settings = decode_settings,
    .likelihood = PAL_LIKELIHOOD_BOUND,
};
