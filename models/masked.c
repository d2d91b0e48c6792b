/* SPDX-License-Identifier: Apache-2.0 */
/* Building blocks of masked diffusion, which MDM and Masked-ARM share (floor 4). See masked.h. */
#define PAL_NO_CALLER
#include <palimpsest/masked.h>

#include <limits.h>
#include <math.h>
#include <string.h>

#include "models/models.h"

static int masks_in(const int32_t *token, int n, int32_t mask) {
  int masks = 0;
  for (int i = 0; i < n; i++) masks += token[i] == mask;
  return masks;
}

pal_answer pal_answer_add(pal_batch *batch, const pal_model *model, const pal_example *example,
                          pal_error *error) {
  return pal_answer_add_copies(batch, model, example, 1, error);
}

pal_answer pal_answer_add_copies(pal_batch *batch, const pal_model *model,
                                 const pal_example *example, int copies, pal_error *error) {
  const pal_format *f = pal_model_format(model);
  const int within = masks_in(example->prompt, example->n_prompt, f->mask);
  pal_answer answer = {.first = -1,
                       .prompt = example->prompt,
                       .n_prompt = example->n_prompt,
                       .mask = f->mask,
                       .n = example->n_answer};
  if (within && within != example->n_answer) {
    pal_fail(error, PAL_E_ARGUMENT, "%s: an answer of %d tokens does not fill a prompt of %d masks",
             pal_model_definition_of(model)->name, example->n_answer, within);
    return answer;
  }
  if (!within && f->eos >= 0)
    answer.n = answer.n + 1 > example->answer_room ? answer.n + 1 : example->answer_room;
  answer.rows = example->n_prompt + (within ? 0 : answer.n);
  if (copies < 1 || answer.rows > INT_MAX / copies) {
    pal_fail(error, PAL_E_ARGUMENT,
             "%d copies of a sequence of %d rows: at least 1 copy and at most %d rows in all are "
             "needed",
             copies, answer.rows, INT_MAX);
    return answer;
  }
  answer.first = pal_batch_add(batch, NULL, answer.rows * copies, example->id, error);
  if (answer.first < 0) return answer;
  int32_t *row = batch->token + answer.first;
  for (int i = 0, at = 0; i < answer.rows; i++) {
    if (!pal_answer_has(&answer, i)) row[i] = example->prompt[i];
    else row[i] = at < example->n_answer ? example->answer[at] : f->eos, at++;
  }
  for (int i = answer.rows; i < answer.rows * copies; i++) {
    row[i] = row[i - answer.rows];
    batch->position[answer.first + i] = i % answer.rows;
  }
  return answer;
}

int pal_answer_mask_elbo(const pal_answer *answer, pal_batch *batch, pal_rng *rng) {
  return pal_answer_mask_elbo_within(answer, batch, rng, 0, answer->rows);
}

int pal_answer_mask_elbo_within(const pal_answer *answer, pal_batch *batch, pal_rng *rng, int from,
                                int to) {
  int all = 0;
  if (to > answer->rows) to = answer->rows;
  for (int i = from; i < to; i++) all += pal_answer_has(answer, i);
  if (all == 0) return 0;
  /* Selection sampling (Knuth, TAOCP 2, algorithm 3.4.2 S): a row is chosen with probability
   * (rows still to choose) / (rows left), which makes every subset of n rows equally likely. */
  const int n = 1 + (int)pal_rng_below(rng, (uint32_t)all);
  for (int i = from, left = all, wanted = n; i < to; i++) {
    if (!pal_answer_has(answer, i)) continue;
    if ((int)pal_rng_below(rng, (uint32_t)left--) >= wanted) continue;
    pal_answer_mask(answer, batch, i, (double)all / n);
    wanted--;
  }
  return n;
}

void pal_masked_loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                     pal_value *part) {
  const pal_network network = pal_network_of_batch(graph, in);
  pal_masked_loss_of(model, graph, in, &network, part);
}

void pal_masked_loss_of(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                        const pal_network *network, pal_value *part) {
  const int64_t mask = pal_model_format(model)->mask;
  if (!pal_targets_declared(pal_model_definition_of(model))) {
    *part = pal_graph_fail(graph, PAL_E_ARGUMENT,
                           "model \"%s\": the masked loss reads target and weight; declare "
                           "PAL_TARGET_COLUMNS as the first columns",
                           pal_model_definition_of(model)->name);
    return;
  }
  const pal_value hidden = pal_backbone(graph, model, network);
  const pal_value logits = pal_output_logits(graph, model, hidden);
  const pal_value nats = pal_cross_entropy(graph, logits, in->column[PAL_COLUMN_TARGET],
                                           in->column[PAL_COLUMN_WEIGHT], (pal_ints){&mask, 1});
  *part = pal_sum_all(graph, nats);
}

int pal_masked_start(const pal_model *model, pal_start *s) {
  const pal_format *f = pal_model_format(model);
  const int n = s->example->n_prompt;
  int masks = s->answer_room;
  if (masks_in(s->example->prompt, n, f->mask)) masks = 0;
  else if (masks == 0 && f->eos >= 0 && f->context > n) masks = f->context - n;
  if (masks > s->room - n) return n + masks;
  if (n) memcpy(s->token, s->example->prompt, sizeof *s->token * (size_t)n);
  for (int i = 0; i < masks; i++) s->token[n + i] = f->mask;
  const pal_model_definition *d = pal_model_definition_of(model);
  for (int k = 0; k < d->n_states; k++) /* PAL_ANSWER_STATE, where it is declared */
    for (int i = 0; strcmp(d->state[k].name, "answer") == 0 && i < n + masks; i++)
      ((int32_t *)s->state[k])[i] = s->token[i] == f->mask;
  return n + masks;
}

pal_masked_step pal_masked_predict(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                                   const pal_network *network, double temperature) {
  const int64_t mask = pal_model_format(model)->mask;
  const pal_network plain = pal_network_of_step(graph, d);
  const pal_value hidden = pal_backbone(graph, model, network ? network : &plain);
  pal_masked_step step = {
      .masked = pal_compare(graph, d->token, pal_int(graph, (int32_t)mask), PAL_EQ),
      .logits = pal_exclude(graph, pal_output_logits(graph, model, hidden), (pal_ints){&mask, 1})};
  step.y = pal_categorical(graph, step.logits, pal_scalar(graph, temperature), 0, 1, d->random);
  return step;
}

void pal_masked_chance(const pal_model *model, pal_graph *graph, pal_decoding *d,
                       const pal_masked_step *step) {
  d->token_chance = pal_chance_of(graph, step->logits, step->y, pal_model_format(model)->mask);
}

void pal_masked_write(const pal_model *model, pal_graph *graph, pal_decoding *d,
                      const pal_masked_step *step, pal_value chosen) {
  const pal_value mask = pal_int(graph, pal_model_format(model)->mask);
  d->next_token = pal_where(graph, chosen, step->y, d->token);
  const pal_value left = pal_compare(graph, d->next_token, mask, PAL_EQ);
  d->done = pal_not(graph, pal_segment_any(graph, left, d->begin, d->length));
  pal_masked_chance(model, graph, d, step);
}

pal_value pal_masked_best(pal_graph *graph, const pal_decoding *d, const pal_masked_step *step,
                          pal_value score, int k) {
  const pal_value never = pal_scalar(graph, -INFINITY);
  return pal_segment_top_k(graph, pal_where(graph, step->masked, score, never), d->begin, d->length,
                           pal_affine(graph, d->length, 0, k));
}
