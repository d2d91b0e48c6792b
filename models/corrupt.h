/* SPDX-License-Identifier: Apache-2.0 */
/* The mixed corruption of AP-MDM's self-supervised training (floor 4). */
#ifndef PAL_MODELS_CORRUPT_H
#define PAL_MODELS_CORRUPT_H

#include "models/models.h"

/* The columns of AP-MDM after target and weight, f32 [T]: labels 0 or 1 of the three bits, and the
 * weight of these labels in the loss. */
enum {
  PAL_COLUMN_REMASK = PAL_OWN_COLUMNS,
  PAL_COLUMN_INSERT,
  PAL_COLUMN_REMOVE,
  PAL_COLUMN_EDIT_WEIGHT
};
/* clang-format off */
#define PAL_EDIT_COLUMNS                                                                     \
  {"remask", PAL_F32, false, 0}, {"insert", PAL_F32, false, 0}, {"remove", PAL_F32, false, 0}, \
  {"edit_weight", PAL_F32, false, 0}
/* clang-format on */

/* Adds prompt and answer as one sequence, with a damaged answer and the labels that repair it. To
 * each answer token one of the first four happens, and the last may follow:
 *
 *   damage                          label
 *   it is left out                  insert, at the row before (never two in a row)
 *   it is masked                    its token is the target of the mask
 *   another token replaces it       remask
 *   it stays                        none
 *   a surplus mask follows it       remove, at that mask
 *
 * A step of pal_edit with these labels gives the answer again, with masks where tokens were left
 * out or replaced. The probability of a mask is drawn uniformly from 0..1, the others from
 * 0..noise, for each example. One example in 16 stays undamaged, so that the model learns to change
 * nothing. */
pal_status pal_corrupt(const pal_model *model, const pal_example *example, double noise,
                       pal_rng *rng, pal_batch *batch, pal_error *error);
#endif
