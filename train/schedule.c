/* SPDX-License-Identifier: Apache-2.0 */
/* Learning-rate schedules (floor 5). See schedule.h.
 *
 * Invariant: the result is the same double on every machine. The cosine of the C library differs
 * between machines, so SLEEF's scalar one without FMA is used, as in rng.c. */
#include "train/schedule.h"

#include <sleef.h>

double pal_schedule_factor(const pal_schedule *s, int64_t step) {
  if (step < s->warmup) return (double)step / (double)s->warmup;
  if (s->kind == PAL_SCHEDULE_CONSTANT || s->steps <= s->warmup) return 1;
  double p = (double)(step - s->warmup) / (double)(s->steps - s->warmup);
  if (p >= 1) return s->final;
  if (s->kind == PAL_SCHEDULE_LINEAR) return 1 - (1 - s->final) * p;
  return s->final + (1 - s->final) * (1 + Sleef_cinz_cospid1_u05purec(p)) / 2;
}
