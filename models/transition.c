/* SPDX-License-Identifier: Apache-2.0 */
/* One labelled step of any-process generation on the host, with the rules of pal_edit (floor 4). */
#include "models/models.h"
#include "ops/edit.h"

static bool set(const uint8_t *flag, int i) { return flag && flag[i]; }

int pal_transition_apply(const pal_transition *t, int32_t mask, int32_t *next, int room) {
  int n = 0;
  for (int i = 0; i < t->n; i++) {
    const int32_t y = t->y && t->y[i] >= 0 ? t->y[i] : mask;
    int32_t token = mask;
    const int made = pal_edit_row(t->state[i], y, set(t->remask, i), set(t->insert, i),
                                  set(t->remove, i), mask, &token);
    for (int k = 0; k < made; k++, n++)
      if (n < room) next[n] = k ? mask : token;
  }
  return n;
}
