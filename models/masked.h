/* SPDX-License-Identifier: Apache-2.0 */
/* What MDM and Masked-ARM share: masks after or within a prompt, written once each (floor 4). */
#ifndef PAL_MODELS_MASKED_H
#define PAL_MODELS_MASKED_H

#include "models/models.h"

/* The rows of an answer in a batch: where the prompt holds masks, those, in order; else the answer
 * after the prompt, then, where the format has an eos, at least one of it and as many as fill the
 * example's answer room. */
typedef struct pal_region {
  int64_t first;         /* row of the sequence; -1 on failure */
  int rows, n;           /* of the sequence, of the answer */
  const int32_t *prompt; /* the example's */
  int n_prompt;
  int32_t mask;
} pal_region;
/* Adds prompt and answer as one sequence, nothing masked. An answer that does not fill the masks of
 * its prompt is PAL_E_ARGUMENT. */
pal_region pal_region_add(pal_batch *batch, const pal_model *model, const pal_example *example,
                          pal_error *error);
/* Whether row i of the sequence is the answer's. */
static inline bool pal_region_has(const pal_region *region, int i) {
  return i >= region->n_prompt || region->prompt[i] == region->mask;
}
/* Masks row i of the sequence if `hit`, so that its token becomes a target of that weight. Without a
 * branch, since chance decides. */
static inline void pal_region_mask_if(const pal_region *region, pal_batch *batch, int i, bool hit,
                                      float weight) {
  const int64_t row = region->first + i;
  int32_t *target = &pal_batch_i32(batch, PAL_COLUMN_TARGET)[row];
  const int32_t token = batch->token[row], pick = -(int32_t)hit;
  *target = (token & pick) | (*target & ~pick);
  batch->token[row] = (region->mask & pick) | (token & ~pick);
  pal_batch_f32(batch, PAL_COLUMN_WEIGHT)[row] = weight * (float)hit;
}
/* Masks row i of the sequence, so that its token becomes a target of that weight. */
static inline void pal_region_mask(const pal_region *region, pal_batch *batch, int i,
                                   double weight) {
  const int64_t row = region->first + i;
  pal_batch_i32(batch, PAL_COLUMN_TARGET)[row] = batch->token[row];
  pal_batch_f32(batch, PAL_COLUMN_WEIGHT)[row] = (float)weight;
  batch->token[row] = region->mask;
}

/* *part = sum of weight x cross-entropy of the targets, the mask excluded. */
void pal_masked_loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                     pal_value *part);

/* A prompt that holds masks, as it is; else the prompt and as many masks as the answer has room, all
 * of the context when that is unknown and an eos can end the answer. */
int pal_masked_start(const pal_model *model, pal_start *start);

/* Of one decoding step: rows that are masks [T], logits [T, V] without the mask, and the token each
 * row would become [T], argmax (temperature 0) or sampled. `time`: f32 [S], or nil. */
typedef struct pal_masked_step {
  pal_value masked, logits, y;
} pal_masked_step;
pal_masked_step pal_masked_predict(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                                   pal_value time, double temperature);
/* Writes y where `chosen` [T] is 1; done when no mask is left. */
void pal_masked_write(const pal_model *model, pal_graph *graph, pal_decoding *d,
                      const pal_masked_step *step, pal_value chosen);
/* The rows that are masks with the k largest `score` [T] of each sequence. */
pal_value pal_masked_best(pal_graph *graph, const pal_decoding *d, const pal_masked_step *step,
                          pal_value score, int k);
#endif
