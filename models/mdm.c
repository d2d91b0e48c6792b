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

#include <palimpsest/masked.h>

#include "models/models.h"
#include "src/alloc.h"

static const double PI = 3.14159265358979323846;
static const double LEAST_TIME = 0.001, MOST_MASKED = 0.999;
enum { LEVELS = 1000, MOST_STEPS = 1 << 20 };

typedef enum mdm_order { RANDOM, CONFIDENCE, MARGIN, ENTROPY, ANCESTRAL } mdm_order;
typedef enum mdm_schedule { LINEAR, COSINE } mdm_schedule;

typedef struct mdm_settings {
  int schedule, order; /* mdm_schedule, mdm_order */
  int64_t k, steps;
  double temperature;
} mdm_settings;

static const pal_setting settings[] = {
    PAL_SET_CHOICE(
        mdm_settings, schedule, "linear", "linear cosine",
        "noise schedule, the share of masked tokens as a function of time: linear or cosine",
        PAL_KEPT_BY_RUN),
    PAL_SET_CHOICE(
        mdm_settings, order, "confidence", "random confidence margin entropy ancestral",
        "which masks a decoding step writes: random; those with the highest confidence, the "
        "largest margin or the lowest entropy; or ancestral, which writes each mask with the "
        "probability that the noise schedule gives",
        PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(mdm_settings, k, "1", 1, 1e9,
                  "tokens written per decoding step (not used by ancestral)", PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(mdm_settings, steps, "0", 0, MOST_STEPS,
                  "decoding steps of ancestral sampling; 0: one for each row of the context",
                  PAL_KEPT_BY_NONE),
    PAL_SET_REAL(mdm_settings, temperature, "0", 0, 1e6,
                 "sampling temperature; 0 takes the most likely token", PAL_KEPT_BY_NONE),
};

enum { TIME = PAL_OWN_COLUMNS };
static const pal_column columns[] = {PAL_TARGET_COLUMNS, {"time", PAL_F32, true, 0}};
static const char *const parts[] = {"elbo"};

/* ---- schedule --------------------------------------------------------------------------- */

static bool is_cosine(const pal_model *model) {
  return ((const mdm_settings *)pal_model_own(model))->schedule == COSINE;
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

/* value(model, i, n) at i = min(index, n), from a table for i = 0 .. n: i32 index -> f32 of the
 * same shape. */
static pal_value look_up(const pal_model *model, pal_graph *graph, pal_value index, int n,
                         double (*value)(const pal_model *model, int i, int n)) {
  float *table = pal_alloc(sizeof *table * ((size_t)n + 1));
  if (!table) return pal_graph_fail(graph, PAL_E_MEMORY, "no memory for a schedule");
  for (int i = 0; i <= n; i++) table[i] = (float)value(model, i, n);
  const pal_value constant = pal_constant(graph, PAL_TYPE(PAL_F32, PAL_STATIC, n + 1), table);
  pal_free(table);
  return pal_gather_rows(graph, constant, pal_minimum(graph, index, pal_int(graph, n)));
}

static double time_of_level(const pal_model *model, int i, int n) {
  return time_of(is_cosine(model), (double)i / n);
}

/* Probability that step i of n, from time 1 - i/n to 1 - (i+1)/n, reveals a token that is
 * masked. */
static double revealed_in_step(const pal_model *model, int i, int n) {
  const bool cosine = is_cosine(model);
  const double before = masked_at(cosine, 1 - (double)i / n);
  return i + 1 >= n ? 1 : (before - masked_at(cosine, 1 - (i + 1.0) / n)) / before;
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
  return look_up(model, graph, pal_cast(graph, level, PAL_I32), LEVELS, time_of_level);
}

/* Score of each mask, f32 [T]; a step writes those with the largest. */
static pal_value surest(pal_graph *graph, const pal_decoding *d, mdm_order order,
                        pal_value logits) {
  switch (order) {
    case RANDOM: return pal_sum(graph, pal_uniform(graph, d->random, 1), 1, false);
    case MARGIN: return pal_top2_margin(graph, logits);
    case ENTROPY: return pal_affine(graph, pal_entropy(graph, logits), -1, 0);
    case CONFIDENCE:
    case ANCESTRAL: break;
  }
  return pal_max(graph, pal_log_softmax(graph, logits), 1, false);
}

/* Steps of ancestral sampling. */
static int steps_of(const pal_model *model) {
  const mdm_settings *own = pal_model_own(model);
  return own->steps ? (int)own->steps : pal_model_format(model)->context;
}

static void decode_settings(const pal_model *model, pal_decode_settings *to) {
  const mdm_settings *own = pal_model_own(model);
  if (own->order == ANCESTRAL) to->steps = steps_of(model);
}

static void step(const pal_model *model, pal_graph *graph, pal_decoding *d) {
  const mdm_settings *own = pal_model_own(model);
  pal_network network = pal_network_of_step(graph, d);
  if (pal_model_network(model)->time == PAL_TIME_ADALN) network.time = time_now(model, graph, d);
  const pal_masked_step now = pal_masked_predict(model, graph, d, &network, own->temperature);
  pal_value chosen;
  if (own->order == ANCESTRAL) {
    const int steps = steps_of(model);
    const pal_value chance = look_up(model, graph, d->age, steps, revealed_in_step);
    const pal_value of_rows = pal_gather_rows(graph, chance, d->sequence);
    chosen = pal_and(graph, now.masked, pal_bernoulli(graph, of_rows, d->random));
  } else {
    chosen = pal_masked_best(graph, d, &now, surest(graph, d, (mdm_order)own->order, now.logits),
                             (int)own->k);
  }
  pal_masked_write(model, graph, d, &now, chosen);
}

const pal_model_definition pal_model_mdm = {
    .abi_size = sizeof(pal_model_definition),
    .name = "mdm",
    .doc = "Masked diffusion: an encoder turns any of the masks into tokens, for good.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(mdm_settings),
    .column = columns,
    .n_columns = sizeof columns / sizeof *columns,
    .part = parts,
    .n_parts = sizeof parts / sizeof *parts,
    .rows = rows,
    .loss = pal_masked_loss,
    .start = pal_masked_start,
    .step = step,
    .decode_settings = decode_settings,
    .likelihood = PAL_LIKELIHOOD_BOUND,
};
