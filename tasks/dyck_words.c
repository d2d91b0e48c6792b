/* SPDX-License-Identifier: Apache-2.0 */
/* Two-sided Dyck words: the checker, exact counts, and a sampler of uniform words (floor 5). See
 * dyck.h. */
#include "tasks/dyck.h"

#include <string.h>

int pal_dyck_reduce(int kinds, const int32_t *token, int n, int32_t *stack) {
  int left = 0;
  for (int i = 0; i < n; i++) {
    if (token[i] < 0 || token[i] >= 2 * kinds) return -1;
    if (left > 0 && stack[left - 1] == pal_dyck_inverse(token[i])) left--;
    else stack[left++] = token[i];
  }
  return left;
}

/* The next letter either cancels the last of d letters, or is one of 2 k - 1 others. Nothing is in
 * front of the first letter, so that any of 2 k goes on. */
void pal_dyck_table_fill(pal_dyck_table *t, int kinds) {
  const pal_dyck_count all = 2 * (pal_dyck_count)kinds;
  memset(t, 0, sizeof *t);
  t->kinds = kinds;
  t->count[0][0] = 1;
  for (int n = 1; n <= DYCK_MOST_LENGTH; n++) {
    t->count[n][0] = all * t->count[n - 1][1];
    for (int d = 1; d <= n; d++)
      t->count[n][d] = t->count[n - 1][d - 1] + (all - 1) * t->count[n - 1][d + 1];
  }
}

/* Uniform in 0 .. end - 1: draws as many bits as `end` has, until they are below it. */
static pal_dyck_count below(pal_rng *rng, pal_dyck_count end) {
  pal_dyck_count most = end - 1, x;
  for (int shift = 1; shift < 128; shift *= 2) most |= most >> shift;
  do {
    x = 0;
    for (pal_dyck_count m = most; m; m >>= 32) x = x << 32 | pal_rng_next(rng);
    x &= most;
  } while (x >= end);
  return x;
}

void pal_dyck_draw(const pal_dyck_table *t, int n, pal_rng *rng, int32_t *token) {
  int32_t stack[DYCK_MOST_LENGTH];
  int d = 0;
  for (int i = 0; i < n; i++) {
    const pal_dyck_count *next = t->count[n - i - 1];
    const pal_dyck_count cancels = d > 0 ? next[d - 1] : 0;
    pal_dyck_count at = below(rng, t->count[n - i][d]);
    if (at < cancels) {
      token[i] = pal_dyck_inverse(stack[--d]);
      continue;
    }
    at = (at - cancels) / next[d + 1];
    token[i] = (int32_t)at; /* among the letters that do not cancel the last one */
    if (d > 0 && token[i] >= pal_dyck_inverse(stack[d - 1])) token[i]++;
    stack[d++] = token[i];
  }
}
