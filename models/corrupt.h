/* SPDX-License-Identifier: Apache-2.0 */
/* The mixed corruption of AP-MDM's self-supervised training (floor 4). */
#ifndef PAL_MODELS_CORRUPT_H
#define PAL_MODELS_CORRUPT_H

#include "models/models.h"

/* The columns of AP-MDM after those of targets: labels 0 or 1 of the three bits, and their weight. */
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

/* Adds prompt and answer as one sequence with a damaged answer and the labels that repair it:
 * per answer token it may be left out (never two in a row, and only after some row, which gets
 * the insert label), be masked (a target of the unmask head), be replaced by another token
 * (remask), and be followed by a surplus mask (remove). A step of g with these labels gives the
 * answer again, with masks where it was left out or replaced. The share of masks is uniform in
 * 0..1, the three other rates uniform in 0..noise, all drawn per example; one example in CLEAN
 * stays whole, a state in which nothing is to be done. */
pal_status pal_corrupt(const pal_model *model, const pal_example *example, double noise,
                       pal_rng *rng, pal_batch *batch, pal_error *error);
#endif
