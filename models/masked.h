/* What MDM and Masked-ARM share: an answer region of masks that are written once each (floor 4). */
#ifndef PAL_MODELS_MASKED_H
#define PAL_MODELS_MASKED_H

#include "models/models.h"

/* The rows of the answer in a batch: the answer, then, where the format has an eos, at least one of
 * it and as many as fill the example's answer room. */
typedef struct pal_region {
  int64_t first;
  int n;
} pal_region;
/* Adds prompt and answer region as one sequence, nothing masked; region.first is -1 on failure. */
pal_region pal_region_add(pal_batch *batch, const pal_model *model, const pal_example *example,
                          pal_error *error);
/* Masks a row of it, so that its token becomes a target of that weight. */
static inline void pal_region_mask(pal_batch *batch, int64_t row, int32_t mask, double weight) {
  batch->target[row] = batch->token[row];
  batch->token[row] = mask;
  batch->weight[row] = (float)weight;
}

/* part[0] = sum of weight x cross-entropy of the targets, the mask excluded. */
void pal_masked_loss(const pal_model *model, pal_graph *graph, const pal_batch_values *in,
                     pal_value part[PAL_MAX_PARTS]);

/* The prompt and as many masks as the answer has room; all of the context when that is unknown and
 * an eos can end the answer. */
int pal_masked_start(const pal_model *model, const int32_t *prompt, int n_prompt, int answer_room,
                     int32_t *token, int room);

/* Of one decoding step: rows that are masks [T], logits [T, V] without the mask, and the token each
 * row would become [T], argmax or sampled after the setting "temperature". */
typedef struct pal_masked_step {
  pal_value masked, logits, y;
} pal_masked_step;
pal_masked_step pal_masked_predict(const pal_model *model, pal_graph *graph, const pal_decoding *d,
                                   pal_value time);
/* Writes y where `chosen` [T] is 1; done when no mask is left. */
void pal_masked_write(const pal_model *model, pal_graph *graph, pal_decoding *d,
                      const pal_masked_step *step, pal_value chosen);
/* The rows that are masks with the k largest `score` [T] of each sequence. */
pal_value pal_masked_best(pal_graph *graph, const pal_decoding *d, const pal_masked_step *step,
                          pal_value score, int k);
#endif
