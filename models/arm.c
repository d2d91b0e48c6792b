/* SPDX-License-Identifier: Apache-2.0 */
/* ARM: a causal decoder that appends one token per step (floor 4).
 *
 * Row i reads the tokens up to i and predicts the next one. The loss is the mean cross-entropy
 * of the answer's tokens (and of the eos after it, where the format has one): exact, no bound.
 * An empty prompt is replaced by the format's bos or, without one, by the mask, which nothing
 * else uses. */
#include <string.h>

#include "models/models.h"

static const pal_setting settings[] = {
    {"temperature", "0", "of sampled tokens; 0: the most likely one"},
    {"top_k", "0", "sample among this many most likely tokens; 0: all"},
    {"top_p", "1", "and among the fewest that hold this much probability, above 0 to 1"},
    {"structure_at", "row",
     "whose groups structure=bias compares with those of the keys: row, the row that is read; next, "
     "the row that is predicted from it"},
};

static int start(const pal_model *model, const int32_t *prompt, int n_prompt, int answer_room,
                 int32_t *token, int room) {
  const pal_format *f = pal_model_format(model);
  const int n = n_prompt > 0 ? n_prompt : 1;
  (void)answer_room;
  if (n > room) return n;
  if (n_prompt > 0) memcpy(token, prompt, sizeof *token * (size_t)n_prompt);
  else token[0] = f->bos >= 0 ? f->bos : f->mask;
  return n;
}

static pal_status rows(const pal_model *model, const pal_example *example, pal_rng *rng,
                       bool evaluate, pal_batch *batch, pal_error *error) {
  const pal_format *f = pal_model_format(model);
  const int n_start = example->n_prompt > 0 ? example->n_prompt : 1;
  const int targets = example->n_answer + (f->eos >= 0);
  (void)rng;
  (void)evaluate;
  if (targets == 0) return PAL_OK;
  for (int i = 0; i < example->n_prompt; i++)
    if (example->prompt[i] == f->mask)
      return pal_fail(error, PAL_E_UNSUPPORTED,
                      "arm appends its answer, and this prompt has masks to be filled");
  const int n = n_start + targets - 1; /* the last target is not read */
  const int64_t first = pal_batch_add(batch, NULL, n, example->id, error);
  if (first < 0) return PAL_E_CAPACITY;
  int32_t *token = batch->token + first;
  start(model, example->prompt, example->n_prompt, 0, token, n);
  for (int i = 0; i < targets; i++) {
    const int32_t next = i < example->n_answer ? example->answer[i] : f->eos;
    if (i + 1 < targets) token[n_start + i] = next;
    batch->target[first + n_start - 1 + i] = next;
    batch->weight[first + n_start - 1 + i] = 1;
  }
  batch->count[0] += targets;
  return PAL_OK;
}

static void loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                 pal_value part[PAL_MAX_PARTS]) {
  const int64_t mask = pal_model_format(model)->mask;
  pal_network network = pal_network_of_batch(in);
  network.causal = true;
  const pal_value hidden = pal_backbone(graph, model, &network);
  const pal_value logits = pal_output_logits(graph, model, hidden);
  const pal_value nats =
      pal_cross_entropy(graph, logits, in->target, in->weight, (pal_ints){&mask, 1});
  part[0] = pal_sum_all(graph, nats);
}

static pal_status check(const pal_model *model, pal_error *error) {
  static const char *const structure_at[] = {"row", "next", NULL};
  pal_status status = pal_setting_choice(model, "structure_at", structure_at, error);
  if (!status) status = pal_setting_range(model, "temperature", 0, 1e6, error);
  if (!status) status = pal_setting_range(model, "top_k", 0, 1e9, error);
  if (!status) status = pal_setting_range(model, "top_p", 1e-9, 1, error);
  return status;
}

const pal_model_definition pal_model_arm = {
    .abi_size = sizeof(pal_model_definition),
    .name = "arm",
    .doc = "Autoregressive: a causal decoder appends one token per step.",
    .form = PAL_FORM_ANSWER,
    .setting = settings,
    .n_settings = sizeof settings / sizeof *settings,
    .part = {"answer"},
    .rows = rows,
    .loss = loss,
    .start = start,
    .cached = true,
    .check = check,
    .likelihood = PAL_LIKELIHOOD_EXACT,
};
