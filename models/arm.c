/* SPDX-License-Identifier: Apache-2.0 */
/* ARM: an autoregressive model, a causal decoder that appends one token per step (floor 4).
 *
 * Row i reads the tokens up to i and predicts the next one. The loss is the mean cross-entropy
 * of the answer's tokens (and of the eos after it, where the format has one), which is the exact
 * negative log-likelihood. A sequence needs a first row from which the first token is predicted:
 * an empty prompt is replaced by one anchor token, the format's bos or, without one, the mask,
 * which this model does not use otherwise.
 *
 * With infill=1 the masks of a prompt are filled from left to right. The row before a mask predicts
 * it, so a mask depends on the tokens before it only. If the prompt's first token is a mask, the
 * anchor stands before it and all positions move by one. */
#include <string.h>

#include "models/models.h"

typedef struct arm_settings {
  double temperature, top_p;
  int64_t top_k;
  bool infill;
} arm_settings;

static const pal_setting settings[] = {
    PAL_SAMPLING_SETTINGS(arm_settings),
    PAL_SET_FLAG(
        arm_settings, infill, "0",
        "1: masks in a prompt are filled from left to right, each from the tokens before it only; "
        "0: prompts with masks are refused",
        PAL_KEPT_BY_NONE),
};

static const pal_column columns[] = {PAL_TARGET_COLUMNS};
static const char *const parts[] = {"answer"};

/* Writes the rows before the first answer token, the prompt or one anchor; returns their number.
 * Writes nothing if that is above `room`. */
static int put_prompt(const pal_format *f, const pal_example *example, int32_t *token, int room) {
  const int n = example->n_prompt > 0 ? example->n_prompt : 1;
  if (n > room) return n;
  if (example->n_prompt > 0) memcpy(token, example->prompt, sizeof *token * (size_t)n);
  else token[0] = f->bos >= 0 ? f->bos : f->mask;
  return n;
}

static int start(const pal_model *model, pal_start *s) {
  return put_prompt(pal_model_format(model), s->example, s->token, s->room);
}

/* Rows of a prompt with masks: the target of the row before each mask is the token that fills it.
 * The sequence ends before the last mask, since no later row predicts anything. */
static pal_status infill_rows(const pal_model *model, const pal_example *example, int masks,
                              pal_batch *batch, pal_error *error) {
  const pal_format *f = pal_model_format(model);
  if (!((const arm_settings *)pal_model_own(model))->infill)
    return pal_fail(
        error, PAL_E_UNSUPPORTED,
        "arm appends its answer, but this prompt holds masks; set infill=1 to fill each of them "
        "from the tokens before it");
  if (masks != example->n_answer)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "arm: an answer of %d tokens does not fill a prompt of %d masks",
                    example->n_answer, masks);
  int last = example->n_prompt - 1;
  while (example->prompt[last] != f->mask) last--;
  const int anchor = example->prompt[0] == f->mask, n = anchor + last;
  const int64_t first = pal_batch_add(batch, NULL, n, example->id, error);
  if (first < 0) return PAL_E_CAPACITY;
  int32_t *token = batch->token + first;
  int32_t *target = pal_batch_i32(batch, PAL_COLUMN_TARGET) + first;
  float *weight = pal_batch_f32(batch, PAL_COLUMN_WEIGHT) + first;
  put_prompt(f, &(pal_example){.n_prompt = 0}, token, n);
  for (int i = 0, at = 0; i <= last; i++) {
    const bool masked = example->prompt[i] == f->mask;
    const int32_t next = masked ? example->answer[at++] : example->prompt[i];
    const int row = anchor + i;
    if (row < n) token[row] = next;
    if (!masked) continue;
    target[row - 1] = next;
    weight[row - 1] = 1;
  }
  batch->count[0] += masks;
  return PAL_OK;
}

static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const pal_format *f = pal_model_format(model);
  const int n_start = example->n_prompt > 0 ? example->n_prompt : 1;
  const int targets = example->n_answer + (f->eos >= 0);
  (void)rng;
  (void)evaluate;
  if (targets == 0) return PAL_OK;
  int masks = 0;
  for (int i = 0; i < example->n_prompt; i++) masks += example->prompt[i] == f->mask;
  if (masks) return infill_rows(model, example, masks, batch, error);
  const int n = n_start + targets - 1; /* the last target is not read */
  const int64_t first = pal_batch_add(batch, NULL, n, example->id, error);
  if (first < 0) return PAL_E_CAPACITY;
  int32_t *token = batch->token + first;
  put_prompt(f, example, token, n);
  int32_t *target = pal_batch_i32(batch, PAL_COLUMN_TARGET) + first + n_start - 1;
  float *weight = pal_batch_f32(batch, PAL_COLUMN_WEIGHT) + first + n_start - 1;
  for (int i = 0; i < targets; i++) {
    const int32_t next = i < example->n_answer ? example->answer[i] : f->eos;
    if (i + 1 < targets) token[n_start + i] = next;
    target[i] = next;
    weight[i] = 1;
  }
  batch->count[0] += targets;
  return PAL_OK;
}

static void loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                 pal_value *part) {
  const int64_t mask = pal_model_format(model)->mask;
  pal_network network = pal_network_of_batch(graph, in);
  network.causal = true;
  const pal_value hidden = pal_backbone(graph, model, &network);
  const pal_value logits = pal_output_logits(graph, model, hidden);
  const pal_value nats = pal_cross_entropy(graph, logits, in->column[PAL_COLUMN_TARGET],
                                           in->column[PAL_COLUMN_WEIGHT], (pal_ints){&mask, 1});
  part[0] = pal_sum_all(graph, nats);
}

static void decode_settings(const pal_model *model, pal_decode_settings *to) {
  const arm_settings *own = pal_model_own(model);
  to->temperature = own->temperature;
  to->top_k = own->top_k;
  to->top_p = own->top_p;
  to->infill = own->infill;
}

static const pal_sampler samplers[] = {
    {"ancestral", "temperature=1",
     "each token is drawn from its distribution given those before it, which is exact"},
};

const pal_model_definition pal_model_arm = {
    .abi_size = sizeof(pal_model_definition),
    .name = "arm",
    .doc = "Autoregressive: a causal decoder appends one token per step.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = PAL_SETTINGS(settings),
    .settings_size = sizeof(arm_settings),
    .column = columns,
    .n_columns = sizeof columns / sizeof *columns,
    .part = parts,
    .n_parts = sizeof parts / sizeof *parts,
    .rows = rows,
    .loss = loss,
    .start = start,
    .cached = true,
    .decode_settings = decode_settings,
    .sampler = samplers,
    .n_samplers = 1,
    .likelihood = PAL_LIKELIHOOD_EXACT,
};
