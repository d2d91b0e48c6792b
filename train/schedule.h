/* SPDX-License-Identifier: Apache-2.0 */
/* Learning rates over the steps of a run (floor 5). */
#ifndef PAL_TRAIN_SCHEDULE_H
#define PAL_TRAIN_SCHEDULE_H

#include <palimpsest/status.h>

/* In the order of the words of the setting "schedule". */
typedef enum pal_schedule_kind {
  PAL_SCHEDULE_CONSTANT,
  PAL_SCHEDULE_LINEAR,
  PAL_SCHEDULE_COSINE
} pal_schedule_kind;

typedef struct pal_schedule {
  pal_schedule_kind kind;
  int64_t warmup, steps; /* steps of the warm-up; steps in all */
  double final;          /* factor at the last step, 0..1; not used if constant */
} pal_schedule;

/* Factor of the learning rate in `step`, from 1. It rises by 1 / warmup per step to 1 at step
 * `warmup`. After that, with p = (step - warmup) / (steps - warmup), at most 1, it is
 *   constant  1
 *   linear    1 - (1 - final) p
 *   cosine    final + (1 - final) (1 + cos(pi p)) / 2 */
double pal_schedule_factor(const pal_schedule *schedule, int64_t step);
#endif
