/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in that defines a variant of masked diffusion, whose sampler masks uncertain tokens again,
 * after ReMDM (Wang et al., arXiv 2503.00307).
 *
 *   cc -shared -fPIC remasking.c $(pkg-config --cflags --libs palimpsest) -o remasking.so
 *   $ palimpsest compare parity --plugin ./remasking.so --models mdm,remasking --budget free --set train.steps=40 --set train_max=4 --set lengths=2,3 --set per_length=20 --set layers=1 --set width=16 --set heads=2 --quiet
 *   $ palimpsest train parity --plugin ./remasking.so --model remasking --out run --set train.steps=20 --set train_max=4 --set lengths=2,3 --set per_length=20 --set layers=1 --set width=16 --set heads=2 --quiet
 *   $ palimpsest train parity --plugin ./remasking.so --config run/config --out run --resume --set train.steps=40 --set sigma=0.2 --quiet
 *   $ palimpsest eval run --plugin ./remasking.so --set sigma=0.1 --set model.steps=8 --quiet
 *
 * Training is that of an MDM with the linear schedule. A decoding step writes the most confident
 * mask. During a sequence's first `steps` steps, each token that the model wrote becomes a mask
 * again with probability `sigma` times (1 - its present probability). The network, trainer, decoder
 * and tasks are the library's. The settings do not affect training (PAL_KEPT_BY_NONE), so a run may
 * be resumed or evaluated with other values. */
#include <palimpsest/palimpsest.h>

typedef struct remasking_settings {
  double sigma;
  int64_t steps;
} remasking_settings;

static const pal_setting settings[] = {
    PAL_SET_REAL(remasking_settings, sigma, "0.5", 0, 1, "how readily a token is masked again",
                 PAL_KEPT_BY_NONE),
    PAL_SET_WHOLE(remasking_settings, steps, "16", 0, 1 << 20,
                  "steps in which tokens may be masked again; then the masks left are written",
                  PAL_KEPT_BY_NONE),
};
static const pal_column columns[] = {PAL_TARGET_COLUMNS};
static const pal_column states[] = {PAL_ANSWER_STATE};
static const char *const parts[] = {"elbo"};

/* Masks each answer token with probability t and weight 1 / t; in evaluation as in the ELBO. */
static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const pal_answer answer = pal_answer_add(batch, model, example, error);
  if (answer.first < 0) return error->code;
  if (answer.n == 0) return PAL_OK;
  batch->count[0] += answer.n;
  if (evaluate) {
    pal_answer_mask_elbo(&answer, batch, rng);
    return PAL_OK;
  }
  const double t = 0.001 + 0.999 * pal_rng_real(rng);
  for (int i = 0; i < answer.rows; i++)
    if (pal_answer_has(&answer, i))
      pal_answer_mask_if(&answer, batch, i, pal_rng_real(rng) < t, (float)(1 / t));
  return PAL_OK;
}

static void step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  const remasking_settings *set = pal_model_own(model);
  const int32_t mask = pal_model_format(model)->mask, steps = (int32_t)set->steps;
  const pal_masked_step now = pal_masked_predict(model, g, d, NULL, 0);
  const pal_value log_p = pal_log_softmax(g, now.logits);
  const pal_value write = pal_masked_best(g, d, &now, pal_max(g, log_p, 1, false), 1);

  /* Masked again with probability sigma (1 - p): the model's own tokens, in the first steps. */
  const pal_value own = pal_one_hot(g, d->token, pal_model_format(model)->vocabulary);
  const pal_value p = pal_sum(g, pal_mul(g, pal_exp(g, log_p), own), 1, false);
  const pal_value chance = pal_clamp(g, pal_affine(g, p, -set->sigma, set->sigma), 0, 1);
  const pal_value limit = pal_constant(g, pal_type_scalar(PAL_I32), &steps);
  const pal_value young = pal_gather_rows(g, pal_compare(g, d->age, limit, PAL_LT), d->sequence);
  const pal_value written = pal_and(g, d->state[0], pal_not(g, now.masked));
  const pal_value back =
      pal_and(g, pal_bernoulli(g, chance, d->random), pal_and(g, written, young));

  const pal_value M = pal_constant(g, pal_type_scalar(PAL_I32), &mask);
  d->next_token = pal_where(g, write, now.y, pal_where(g, back, M, d->token));
  const pal_value left = pal_compare(g, d->next_token, M, PAL_EQ);
  d->done = pal_not(g, pal_segment_any(g, left, d->begin, d->length));
  pal_masked_chance(model, g, d, &now); /* for traces */
  d->bit_chance[PAL_REMASK] = chance;
}

static const pal_model_definition remasking = {
    .abi_size = sizeof(pal_model_definition),
    .name = "remasking",
    .doc = "Masked diffusion that masks uncertain tokens again while it decodes.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(remasking_settings),
    .column = columns,
    .n_columns = 2,
    .part = parts,
    .n_parts = 1,
    .state = states,
    .n_states = 1,
    .rows = rows,
    .loss = pal_masked_loss,
    .start = pal_masked_start,
    .step = step,
    .likelihood = PAL_LIKELIHOOD_BOUND,
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_model(context, &remasking, error);
}

PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "remasking", define};
