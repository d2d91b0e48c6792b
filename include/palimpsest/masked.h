/* SPDX-License-Identifier: Apache-2.0 */
/* Building blocks of masked diffusion: training rows with masks, their loss, and decoding steps
 * that turn masks into tokens.
 *
 * The built-in MDM and Masked-ARM consist of them, and so does examples/remasking.c. A definition
 * that uses them declares PAL_TARGET_COLUMNS as its first two columns. T, S and V in shapes are
 * rows, sequences and tokens of the vocabulary, as in model.h.
 *
 * The contract about answers, which every model and task must follow:
 * - A task gives prompt and answer WITHOUT eos. Where the format has an eos, the model appends it:
 *   at least once; masked models repeat it until the answer fills `answer_room`, so that they also
 *   learn what follows an answer. The decoder cuts an answer before its first eos.
 * - `answer_room` is the most rows that an answer may take after its prompt, eos included;
 *   0: unknown. Masked models and AP-MDM start decoding with that many masks behind the prompt (the
 *   AP-MDM with none if it is 0); causal models stop after that many tokens.
 * - If a prompt holds masks, the answer's tokens are what these become, in order; nothing is
 *   appended, and answer_room is not read. A causal model fills a mask from the tokens before it
 *   only, and does so only with a setting (infill=1 of the ARM).
 * - `rows` ADDS to batch->count[k] the divisor of part k of the loss, usually the number of tokens
 *   that it scores. All rows of a step are built before its first shard runs, so the sum over the
 *   step is known by then. */
#ifndef PAL_MASKED_H
#define PAL_MASKED_H

#include <palimpsest/layers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- training rows ------------------------------------------------------------------- */

/* One sequence of a batch that holds a prompt and its answer, eos included:
 *
 *   prompt without masks   p p p a a e e    rows 7, n 4: the answer follows the prompt
 *   prompt with masks      p a p p a        rows 5, n 2: the answer takes the place of its masks */
typedef struct pal_answer {
  int64_t first;         /* first row of the sequence in the batch; -1 on failure */
  int rows, n;           /* rows of the sequence; those of them that belong to the answer */
  const int32_t *prompt; /* [n_prompt], the example's; borrowed */
  int n_prompt;
  int32_t mask; /* the mask token */
} pal_answer;
/* Adds prompt and answer as one sequence in which nothing is masked yet. Fails with PAL_E_ARGUMENT
 * if the prompt holds masks and their number is not that of the answer's tokens, and with
 * PAL_E_CAPACITY as pal_batch_add does. */
PAL_API pal_answer pal_answer_add(pal_batch *batch, const pal_model *model,
                                  const pal_example *example, pal_error *error);
/* The same rows `copies` times in one sequence, one copy behind the other, with the same positions.
 * Block diffusion, for instance, trains a noisy copy that attends to a clean one. The returned
 * struct describes copy 0; row i of copy c is row first + c * rows + i of the batch. */
PAL_API pal_answer pal_answer_add_copies(pal_batch *batch, const pal_model *model,
                                         const pal_example *example, int copies, pal_error *error);
/* Whether row i of the sequence belongs to the answer. */
static inline bool pal_answer_has(const pal_answer *answer, int i) {
  return i >= answer->n_prompt || answer->prompt[i] == answer->mask;
}
/* Masks row i of the sequence if `hit`: its token becomes a target of that weight. Written without
 * a branch, because a branch on a random bit is mispredicted half of the time. */
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
/* Draws n uniformly from 1 .. answer->n, masks a uniformly drawn subset of n of the answer's rows,
 * and gives each the weight answer->n / n. The expected loss is the negative ELBO of masked
 * diffusion, whatever the schedule (Sahoo et al., arXiv 2406.07524; Shi et al., arXiv 2406.04329).
 * Returns n. */
PAL_API int pal_answer_mask_elbo(const pal_answer *answer, pal_batch *batch, pal_rng *rng);
/* The same, restricted to the answer's rows among rows from .. to - 1 of the sequence; their number
 * takes the place of answer->n. `to` may lie beyond the end. Returns 0 where there are none. */
PAL_API int pal_answer_mask_elbo_within(const pal_answer *answer, pal_batch *batch, pal_rng *rng,
                                        int from, int to);

/* ---- loss ---------------------------------------------------------------------------- */

/* A `loss` of a definition: *part = the sum over rows of weight x cross-entropy of the target, a
 * scalar f32. The mask token gets no probability. */
PAL_API void pal_masked_loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                             pal_value *part);
/* The same with a network that the caller has adapted, starting from pal_network_of_batch. */
PAL_API void pal_masked_loss_of(const pal_model *model, pal_graph *graph,
                                const pal_batch_values *in, const pal_network *network,
                                pal_value *part);

/* ---- decoding ------------------------------------------------------------------------- */

/* A state per row, i32: 1 at the rows of the answer. A definition may declare it; then
 * pal_masked_start sets it. Samplers that remask tokens need it to leave the prompt alone. */
#define PAL_ANSWER_STATE \
  { "answer", PAL_I32, false, 0 }

/* A `start` of a definition. A prompt that holds masks is taken as it is. To another one it appends
 * answer_room masks or, if that is unknown and the format has an eos to end the answer, masks up to
 * the end of the context. */
PAL_API int pal_masked_start(const pal_model *model, pal_start *start);

/* Predictions of one step. `network` is the input of the backbone; NULL: pal_network_of_step. */
typedef struct pal_masked_step {
  pal_value masked; /* i32 [T]: 1 at rows that are masks */
  pal_value logits; /* f32 [T, V], minus infinity for the mask token */
  pal_value y;      /* i32 [T]: a token for each row, the most likely (temperature 0) or drawn */
} pal_masked_step;
PAL_API pal_masked_step pal_masked_predict(const pal_model *model, pal_graph *graph,
                                           const pal_decoding *d, const pal_network *network,
                                           double temperature);
/* i32 flags [T]: 1 at the k masks of each sequence with the largest score f32 [T]. */
PAL_API pal_value pal_masked_best(pal_graph *graph, const pal_decoding *d,
                                  const pal_masked_step *step, pal_value score, int k);
/* Sets d->token_chance to the probabilities of y, for traces; pal_masked_write calls it. */
PAL_API void pal_masked_chance(const pal_model *model, pal_graph *graph, pal_decoding *d,
                               const pal_masked_step *step);
/* Sets d->next_token to y at the rows where `chosen`, i32 [T], is 1, and d->done to 1 for sequences
 * in which no mask is left. */
PAL_API void pal_masked_write(const pal_model *model, pal_graph *graph, pal_decoding *d,
                              const pal_masked_step *step, pal_value chosen);

#ifndef PAL_NO_CALLER
#define pal_masked_loss(model, g, ...) pal_masked_loss((model), PAL_HERE(g), __VA_ARGS__)
#define pal_masked_loss_of(model, g, ...) pal_masked_loss_of((model), PAL_HERE(g), __VA_ARGS__)
#define pal_masked_predict(model, g, ...) pal_masked_predict((model), PAL_HERE(g), __VA_ARGS__)
#define pal_masked_best(g, ...) pal_masked_best(PAL_HERE(g), __VA_ARGS__)
#define pal_masked_chance(model, g, ...) pal_masked_chance((model), PAL_HERE(g), __VA_ARGS__)
#define pal_masked_write(model, g, ...) pal_masked_write((model), PAL_HERE(g), __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
