/* SPDX-License-Identifier: Apache-2.0 */
/* The mixed corruption of AP-MDM's self-supervised training (floor 4). See corrupt.h. */
#include "models/corrupt.h"

enum { CLEAN = 16 }; /* one example in so many is not damaged */

typedef struct damage {
  double omit, mask, replace, surplus; /* probabilities per answer token */
  int32_t mask_token, vocabulary;
  pal_batch *batch; /* NULL: only count the rows */
  int64_t first;    /* first row of the sequence in the batch */
  int64_t last;     /* last row so far without the remove label; it gets an insert label */
  int n, masks;     /* rows so far, and masks with a target among them */
} damage;

/* Appends a row with its labels. `target` is -1 unless the row is a mask to be written. */
static void emit(damage *d, int32_t token, int32_t target, bool remask, bool remove) {
  const int64_t row = d->first + d->n++;
  if (!remove) d->last = row;
  d->masks += target >= 0;
  if (!d->batch) return;
  d->batch->token[row] = token;
  pal_batch_i32(d->batch, PAL_COLUMN_TARGET)[row] = target;
  pal_batch_f32(d->batch, PAL_COLUMN_WEIGHT)[row] = target >= 0;
  pal_batch_f32(d->batch, PAL_COLUMN_REMASK)[row] = remask;
  pal_batch_f32(d->batch, PAL_COLUMN_REMOVE)[row] = remove;
  pal_batch_f32(d->batch, PAL_COLUMN_EDIT_WEIGHT)[row] = 1;
}

/* A uniformly drawn token other than the mask and `token`. */
static int32_t other_token(const damage *d, int32_t token, pal_rng *rng) {
  const int32_t low = token < d->mask_token ? token : d->mask_token;
  const int32_t high = token < d->mask_token ? d->mask_token : token;
  int32_t other = (int32_t)pal_rng_below(rng, (uint32_t)d->vocabulary - 2);
  other += other >= low;
  return other + (other >= high);
}

static void damage_answer(damage *d, const pal_example *example, pal_rng *rng) {
  bool omitted = false;
  for (int i = 0; i < example->n_answer; i++) {
    const int32_t token = example->answer[i];
    omitted = pal_rng_real(rng) < d->omit && !omitted && d->n > 0;
    if (omitted) {
      if (d->batch) pal_batch_f32(d->batch, PAL_COLUMN_INSERT)[d->last] = 1;
      continue;
    }
    if (pal_rng_real(rng) < d->mask) emit(d, d->mask_token, token, false, false);
    else if (pal_rng_real(rng) < d->replace) emit(d, other_token(d, token, rng), -1, true, false);
    else emit(d, token, -1, false, false);
    if (pal_rng_real(rng) < d->surplus) emit(d, d->mask_token, -1, false, true);
  }
}

static void damage_example(damage *d, const pal_example *example, pal_rng *rng) {
  d->n = d->masks = 0;
  for (int i = 0; i < example->n_prompt; i++) emit(d, example->prompt[i], -1, false, false);
  damage_answer(d, example, rng);
}

pal_status pal_corrupt(const pal_model *model, const pal_example *example, double noise,
                       pal_rng *rng, pal_batch *batch, pal_error *error) {
  const pal_format *f = pal_model_format(model);
  damage d = {.mask_token = f->mask, .vocabulary = f->vocabulary};
  if (pal_rng_below(rng, CLEAN) != 0) {
    d.mask = pal_rng_real(rng);
    d.omit = noise * pal_rng_real(rng);
    d.replace = f->vocabulary > 2 ? noise * pal_rng_real(rng) : 0;
    d.surplus = noise * pal_rng_real(rng);
  }
  pal_rng again = *rng; /* the same draws twice: once for the number of rows */
  damage_example(&d, example, &again);
  d.first = pal_batch_add(batch, NULL, d.n, example->id, error);
  if (d.first < 0) return PAL_E_CAPACITY;
  d.batch = batch;
  damage_example(&d, example, rng);
  batch->count[0] += d.masks;
  for (int part = 1; part <= 3; part++) batch->count[part] += d.n;
  return PAL_OK;
}
