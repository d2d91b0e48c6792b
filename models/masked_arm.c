/* SPDX-License-Identifier: Apache-2.0 */
/* Masked-ARM: the encoder of an MDM that decodes strictly left to right (floor 4).
 *
 * The answer follows the prompt or fills its masks; a step writes the leftmost mask. In training a
 * position of the answer, the cut, is drawn uniformly: answer tokens before it are visible, those
 * from it on are masks, and only the token at the cut, which decoding would write next, is a
 * target. Weighted with the length of the answer, the loss is an unbiased estimate of -log p(answer
 * | prompt) by the chain rule, so evaluation uses the same rows. */
#include <palimpsest/masked.h>

#include "models/models.h"

typedef struct masked_arm_settings {
  double temperature, top_p;
  int64_t top_k;
} masked_arm_settings;

static const pal_setting settings[] = {
    PAL_SAMPLING_SETTINGS(masked_arm_settings),
};
static const pal_column columns[] = {PAL_TARGET_COLUMNS};
static const char *const parts[] = {"answer"};

static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const pal_answer answer = pal_answer_add(batch, model, example, error);
  (void)evaluate;
  if (answer.first < 0) return error && error->code ? error->code : PAL_E_CAPACITY;
  if (answer.n == 0) return PAL_OK;
  const int cut = (int)pal_rng_below(rng, (uint32_t)answer.n);
  for (int i = 0, at = 0; i < answer.rows; i++) {
    if (!pal_answer_has(&answer, i)) continue;
    if (at == cut) pal_answer_mask(&answer, batch, i, answer.n);
    else if (at > cut) batch->token[answer.first + i] = answer.mask;
    at++;
  }
  batch->count[0] += answer.n;
  return PAL_OK;
}

static void step(const pal_model *model, pal_graph *graph, pal_decoding *d) {
  const masked_arm_settings *own = pal_model_own(model);
  pal_masked_step now = pal_masked_predict(model, graph, d, NULL, own->temperature);
  if (own->top_k > 0 || own->top_p < 1)
    now.y = pal_categorical(graph, now.logits, pal_scalar(graph, own->temperature), own->top_k,
                            own->top_p, d->random);
  const pal_value leftmost = pal_affine(graph, pal_cast(graph, d->position, PAL_F32), -1, 0);
  pal_masked_write(model, graph, d, &now, pal_masked_best(graph, d, &now, leftmost, 1));
}

static const pal_sampler samplers[] = {
    {"ancestral", "temperature=1",
     "from left to right, each token drawn from its distribution given the prompt and those "
     "before it, which is exact"},
};

const pal_model_definition pal_model_masked_arm = {
    .abi_size = sizeof(pal_model_definition),
    .name = "masked-arm",
    .doc = "Masked autoregressive: an encoder over masks writes the leftmost one in each step.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(masked_arm_settings),
    .column = columns,
    .n_columns = sizeof columns / sizeof *columns,
    .part = parts,
    .n_parts = sizeof parts / sizeof *parts,
    .rows = rows,
    .loss = pal_masked_loss,
    .start = pal_masked_start,
    .step = step,
    .sampler = samplers,
    .n_samplers = 1,
    .likelihood = PAL_LIKELIHOOD_EXACT,
};
