/* SPDX-License-Identifier: Apache-2.0 */
/* A kit for masked diffusion: rows with masks, their loss, and steps that write masks.
 *
 * The built-in MDM and Masked-ARM are made of it, and so is examples/remasking.c. A definition that
 * uses it declares PAL_TARGET_COLUMNS as its first two columns.
 *
 * The contract of answers, which every model and task keeps:
 * - A task gives prompt and answer WITHOUT eos. Where the format has an eos, the model appends it:
 *   at least once, and masked models as often as fills the example's `answer_room`, so that what
 *   stands behind an answer is learned too. The decoder cuts an answer before its first eos.
 * - `answer_room` is the number of rows that an answer may take after its prompt, eos included;
 *   0: unknown. Decoding begins with so many masks (masked models), or stops after so many tokens
 *   (causal ones).
 * - A prompt may hold masks; then the answer's tokens are what these become, in order, nothing is
 *   appended, and answer_room is not read. A causal model sees nothing to the right of a mask that it
 *   fills, and must be told to (the ARM by infill=1).
 * - `rows` ADDS to batch->count[k] what part k of the loss is divided by, usually the number of
 *   tokens that it scores: the sum over a whole step is known before its first shard runs. */
#ifndef PAL_MASKED_H
#define PAL_MASKED_H

#include <palimpsest/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- training rows ------------------------------------------------------------------- */

/* One sequence of a batch: prompt, answer, eos. */
typedef struct pal_answer {
  int64_t first;         /* row of the sequence in the batch; -1 on failure */
  int rows, n;           /* rows of the sequence; those of them that are the answer's */
  const int32_t *prompt; /* the example's */
  int n_prompt;
  int32_t mask;
} pal_answer;
/* Adds prompt and answer as one sequence, nothing masked yet. An answer that does not fill the masks
 * of its prompt is PAL_E_ARGUMENT; see pal_batch_add for PAL_E_CAPACITY. */
PAL_API pal_answer pal_answer_add(pal_batch *batch, const pal_model *model,
                                  const pal_example *example, pal_error *error);
/* The same rows `copies` times in one sequence, one copy behind the other, with the same positions: block
 * diffusion, for instance, trains a noisy copy that sees a clean one. What is returned describes the
 * first; rows of copy c lie c * rows further. */
PAL_API pal_answer pal_answer_add_copies(pal_batch *batch, const pal_model *model,
                                         const pal_example *example, int copies, pal_error *error);
/* Whether row i of the sequence is the answer's. */
static inline bool pal_answer_has(const pal_answer *answer, int i) {
  return i >= answer->n_prompt || answer->prompt[i] == answer->mask;
}
/* Masks row i of the sequence if `hit`: its token becomes a target of that weight. There is no branch
 * in it, since no processor predicts what chance decides. */
static inline void pal_answer_mask_if(const pal_answer *answer, pal_batch *batch, int i, bool hit,
                                      float weight) {
  const int64_t row = answer->first + i;
  int32_t *target = &pal_batch_i32(batch, PAL_COLUMN_TARGET)[row];
  const int32_t token = batch->token[row], pick = -(int32_t)hit;
  *target = (token & pick) | (*target & ~pick);
  batch->token[row] = (answer->mask & pick) | (token & ~pick);
  pal_batch_f32(batch, PAL_COLUMN_WEIGHT)[row] = weight * (float)hit;
}
/* Masks row i of the sequence: its token becomes a target of that weight. */
static inline void pal_answer_mask(const pal_answer *answer, pal_batch *batch, int i,
                                   double weight) {
  pal_answer_mask_if(answer, batch, i, true, (float)weight);
}
/* Masks n of the answer's rows, n uniform in 1 .. answer->n and every choice of n equally likely,
 * with weight answer->n / n: on average the negative ELBO of masked diffusion, for every schedule
 * (Sahoo et al., arXiv 2406.07524; Shi et al., arXiv 2406.04329). Returns n. */
PAL_API int pal_answer_mask_elbo(const pal_answer *answer, pal_batch *batch, pal_rng *rng);
/* The same for the answer's rows among rows from .. to - 1 of the sequence, as if these were all; `to` may
 * lie beyond its end. Returns 0 where there are none. */
PAL_API int pal_answer_mask_elbo_within(const pal_answer *answer, pal_batch *batch, pal_rng *rng,
                                        int from, int to);

/* ---- loss ---------------------------------------------------------------------------- */

/* *part = sum of weight x cross-entropy of the targets, the mask excluded: a `loss`. */
PAL_API void pal_masked_loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                             pal_value *part);
/* The same through a network of one's own, which pal_network_of_batch begins. */
PAL_API void pal_masked_loss_of(const pal_model *model, pal_graph *graph,
                                const pal_batch_values *in, const pal_network *network,
                                pal_value *part);

/* ---- decoding ------------------------------------------------------------------------- */

/* A state of rows that pal_masked_start sets to 1 where the answer is, if the definition declares it:
 * samplers that take tokens back must know which ones are the model's own. */
#define PAL_ANSWER_STATE \
  { "answer", PAL_I32, false, 0 }

/* A `start`: a prompt that holds masks as it is, else the prompt and as many masks as the answer has
 * room, all of the context when that is unknown and an eos can end the answer. */
PAL_API int pal_masked_start(const pal_model *model, pal_start *start);

/* Of one step: i32 flags of the rows that are masks [T], logits [T, V] in which the mask has no
 * chance, and the token that each row would become [T]: the likeliest (temperature 0) or drawn.
 * `network`: what the backbone reads; NULL: pal_network_of_step. */
typedef struct pal_masked_step {
  pal_value masked, logits, y;
} pal_masked_step;
PAL_API pal_masked_step pal_masked_predict(const pal_model *model, pal_graph *graph,
                                           const pal_decoding *d, const pal_network *network,
                                           double temperature);
/* i32 flags [T] of the masks with the k largest `score` f32 [T] of each sequence. */
PAL_API pal_value pal_masked_best(pal_graph *graph, const pal_decoding *d,
                                  const pal_masked_step *step, pal_value score, int k);
/* Sets d->next_token, y where `chosen` [T] is 1, and d->done, where no mask is left. */
PAL_API void pal_masked_write(const pal_model *model, pal_graph *graph, pal_decoding *d,
                              const pal_masked_step *step, pal_value chosen);

#ifndef PAL_NO_CALLER
#define pal_masked_loss(model, g, ...) pal_masked_loss((model), PAL_HERE(g), __VA_ARGS__)
#define pal_masked_loss_of(model, g, ...) pal_masked_loss_of((model), PAL_HERE(g), __VA_ARGS__)
#define pal_masked_predict(model, g, ...) pal_masked_predict((model), PAL_HERE(g), __VA_ARGS__)
#define pal_masked_best(g, ...) pal_masked_best(PAL_HERE(g), __VA_ARGS__)
#define pal_masked_write(model, g, ...) pal_masked_write((model), PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
