/* SPDX-License-Identifier: Apache-2.0 */
/* A plug-in for Palimpsest with the model NAME, a start to be changed.
 *
 * As it stands it is masked diffusion: training masks a random share of the answer's tokens and
 * learns to restore them; decoding writes the most confident mask, step by step. "Here:" marks what
 * a variant of your own usually changes. `make` builds it, `make check` trains it beside built-in
 * models; the Makefile says how. doc/write-a-variant.md of Palimpsest describes every part, and the
 * header palimpsest/model.h has the whole contract. */
#include <palimpsest/palimpsest.h>

/* Settings of the model, for --set KEY=VALUE and `palimpsest info model NAME`: their values are put
 * into this struct. PAL_KEPT_BY_NONE lets a trained run be evaluated with another value; leave it
 * out for what must stay as it was in training. Here: add your own. */
typedef struct own_settings {
  int64_t k;
  double temperature, lowest;
} own_settings;

static const pal_setting settings[] = {
    PAL_SET_WHOLE(own_settings, k, "1", 1, 1 << 20, "masks that a step writes", PAL_KEPT_BY_NONE),
    PAL_SET_REAL(own_settings, temperature, "0", 0, 100,
                 "of drawn tokens; 0 takes the likeliest one", PAL_KEPT_BY_NONE),
    PAL_SET_REAL(own_settings, lowest, "0.001", 1e-6, 1, "lowest share of masks in training"),
};

/* Columns of a training row besides its token: here the target and the weight of its loss. */
static const pal_column columns[] = {PAL_TARGET_COLUMNS};
/* Parts of the loss, which metrics.csv lists by name. */
static const char *const parts[] = {"elbo"};

/* Adds one example to a batch, as rows with noise and targets. All randomness comes from `rng`, so
 * that training does not depend on threads. With `evaluate` the loss must be what `likelihood`
 * below says. Here: the noise that your process learns to remove. */
static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const own_settings *own = pal_model_own(model);
  const pal_answer answer = pal_answer_add(batch, model, example, error);
  if (answer.first < 0) return error->code;
  if (answer.n == 0) return PAL_OK;
  batch->count[0] += answer.n; /* the loss is divided by the sum of these */
  if (evaluate) {
    pal_answer_mask_elbo(&answer, batch, rng);
    return PAL_OK;
  }
  const double share = own->lowest + (1 - own->lowest) * pal_rng_real(rng);
  for (int i = 0; i < answer.rows; i++)
    if (pal_answer_has(&answer, i)) /* the prompt stays as it is */
      pal_answer_mask_if(&answer, batch, i, pal_rng_real(rng) < share, (float)(1 / share));
  return PAL_OK;
}

/* Builds one decoding step: from the tokens d->token to d->next_token, and d->done for each
 * sequence that has ended. It is compiled once and then run again and again. Here: the rule that
 * chooses what a step writes. */
static void step(const pal_model *model, pal_graph *g, pal_decoding *d) {
  const own_settings *own = pal_model_own(model);
  const pal_masked_step now = pal_masked_predict(model, g, d, NULL, own->temperature);
  const pal_value confidence = pal_max(g, pal_log_softmax(g, now.logits), 1, false);
  pal_masked_write(model, g, d, &now, pal_masked_best(g, d, &now, confidence, (int)own->k));
}

static const pal_model_definition definition = {
    .abi_size = sizeof(pal_model_definition),
    .name = "NAME",
    .doc = "A start: masked diffusion that writes the most confident masks first.",
    .form = PAL_FORM_ANSWER, /* trained on prompts with answers */
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(own_settings),
    .column = columns,
    .n_columns = sizeof columns / sizeof *columns,
    .part = parts,
    .n_parts = 1,
    .rows = rows,
    .loss = pal_masked_loss,   /* weighted cross-entropy of the targets */
    .start = pal_masked_start, /* the prompt with masks behind it */
    .step = step,
    .likelihood = PAL_LIKELIHOOD_BOUND, /* PAL_LIKELIHOOD_NONE if the loss bounds nothing */
};

static pal_status define(pal_context *context, pal_error *error) {
  return pal_define_model(context, &definition, error);
}

PAL_API const pal_plugin palimpsest_plugin = {PAL_ABI, sizeof(pal_op), "NAME", define};
