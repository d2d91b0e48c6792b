/* SPDX-License-Identifier: Apache-2.0 */
/* MDM: masked diffusion (floor 4). Sahoo et al., arXiv 2406.07524; Shi et al., arXiv
 * 2406.04329.
 *
 * A token of the answer is a mask at time t with probability m(t), t from 0 (data) to 1 (all
 * masks); linear m = t, cosine m = cos(pi/2 (1 - t)). The continuous-time ELBO weighs the
 * cross-entropy of the masks by m'(t) / m(t); the mask is never predicted, visible tokens are
 * copied (SUBS). Training draws t from 0.001 .. 1 and masks with 0.999 m(t), which keeps weights
 * finite but is no bound. Evaluation draws how many, n, uniform in 1 .. L, then which, and
 * weighs by L / n: an unbiased estimate of the negative ELBO, the same for every schedule. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/masked.h"
#include "src/alloc.h"

static const double PI = 3.14159265358979323846;
static const double LEAST_TIME = 0.001, MOST_MASKED = 0.999;
enum { LEVELS = 1000, MOST_STEPS = 1 << 20 };

static const pal_setting settings[] = {
    {"schedule", "linear", "share of masks over time: linear or cosine"},
    {"order", "confidence",
     "which masks a step writes: random, confidence, margin, entropy (the "
     "surest first), or ancestral (each by chance, after the schedule)"},
    {"k", "1", "tokens written per step (not ancestral)"},
    {"steps", "0", "steps of ancestral sampling; 0: one per row of the context"},
    {"temperature", "0", "of sampled tokens; 0: the most likely one"},
};

/* ---- schedule --------------------------------------------------------------------------- */

static bool is_cosine(const pal_model *model) { return pal_model_is(model, "schedule", "cosine"); }
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
  const pal_region region = pal_region_add(batch, model, example, error);
  if (region.first < 0) return error && error->code ? error->code : PAL_E_CAPACITY;
  if (region.n == 0) return PAL_OK;
  const bool cosine = is_cosine(model);
  float *time = &batch->time[batch->sequences - 1];
  batch->count[0] += region.n;
  if (!evaluate) {
    const double t = LEAST_TIME + (1 - LEAST_TIME) * pal_rng_real(rng);
    const double masked = MOST_MASKED * masked_at(cosine, t), weight = elbo_weight(cosine, t);
    for (int i = 0; i < region.rows; i++)
      if (pal_region_has(&region, i))
        pal_region_mask_if(&region, batch, i, pal_rng_real(rng) < masked, (float)weight);
    *time = (float)t;
    return PAL_OK;
  }
  /* Selection sampling: each row with probability (still wanted) / (still to come). */
  const int n = 1 + (int)pal_rng_below(rng, (uint32_t)region.n);
  for (int i = 0, left = region.n, wanted = n; i < region.rows; i++) {
    if (!pal_region_has(&region, i)) continue;
    if ((int)pal_rng_below(rng, (uint32_t)left--) >= wanted) continue;
    pal_region_mask(&region, batch, i, (double)region.n / n);
    wanted--;
  }
  *time = (float)time_of(cosine, (double)n / region.n);
  return PAL_OK;
}

/* ---- decoding --------------------------------------------------------------------------- */

/* A function of i / n for i = 0 .. n, looked up at i32 index: f32 with index's rows. */
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

/* Chance of a mask to be revealed by step i of n, from time 1 - i/n to 1 - (i+1)/n. */
static double revealed_in_step(const pal_model *model, int i, int n) {
  const bool cosine = is_cosine(model);
  const double before = masked_at(cosine, 1 - (double)i / n);
  return i + 1 >= n ? 1 : (before - masked_at(cosine, 1 - (i + 1.0) / n)) / before;
}

/* The time at which as large a share of the answer is masked as is now: f32 [S]. */
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

static pal_value surest(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                        pal_value logits) {
  if (pal_model_is(model, "order", "random")) {
    const pal_value u = pal_uniform(graph, d->random, 1);
    return pal_sum(graph, u, 1, false);
  }
  if (pal_model_is(model, "order", "margin")) return pal_top2_margin(graph, logits);
  if (pal_model_is(model, "order", "entropy"))
    return pal_affine(graph, pal_entropy(graph, logits), -1, 0);
  return pal_max(graph, pal_log_softmax(graph, logits), 1, false);
}

static void step(const pal_model *model, pal_graph *graph, pal_decoding *d) {
  const bool timed = pal_model_is(model, "time", "adaln");
  const pal_masked_step now =
      pal_masked_predict(model, graph, d, timed ? time_now(model, graph, d) : PAL_NIL);
  pal_value chosen;
  if (pal_model_is(model, "order", "ancestral")) {
    const int steps = (int)pal_model_number(model, "steps");
    const pal_value chance = look_up(
        model, graph, d->age, steps ? steps : pal_model_format(model)->context, revealed_in_step);
    const pal_value of_rows = pal_gather_rows(graph, chance, d->sequence);
    chosen = pal_and(graph, now.masked, pal_bernoulli(graph, of_rows, d->random));
  } else {
    chosen = pal_masked_best(graph, d, &now, surest(model, graph, d, now.logits),
                             (int)pal_model_number(model, "k"));
  }
  pal_masked_write(model, graph, d, &now, chosen);
}

static pal_status check(const pal_model *model, pal_error *error) {
  static const char *const schedule[] = {"linear", "cosine", NULL};
  static const char *const order[] = {"random",  "confidence", "margin",
                                      "entropy", "ancestral",  NULL};
  pal_status status = pal_setting_choice(model, "schedule", schedule, error);
  if (!status) status = pal_setting_choice(model, "order", order, error);
  if (!status) status = pal_setting_range(model, "k", 1, 1e9, error);
  if (!status) status = pal_setting_range(model, "steps", 0, MOST_STEPS, error);
  if (!status) status = pal_setting_range(model, "temperature", 0, 1e6, error);
  return status;
}

const pal_model_definition pal_model_mdm = {
    .abi_size = sizeof(pal_model_definition),
    .name = "mdm",
    .doc = "Masked diffusion: an encoder turns any of the masks into tokens, for good.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = sizeof settings / sizeof *settings,
    .part = {"elbo"},
    .rows = rows,
    .loss = pal_masked_loss,
    .start = pal_masked_start,
    .step = step,
    .check = check,
    .likelihood = PAL_LIKELIHOOD_BOUND,
};
