/* SPDX-License-Identifier: Apache-2.0 */
/* The edits that make one state of another (floor 5).
 *
 * cost[i][j] is the fewest edits that make rows j, j + 1, ... of `next` of the rows i, i + 1, ...
 * of `x`, which dynamic programming finds from the end. A row becomes no row (a mask that is
 * deleted), one row, or that row and a mask behind it. */
#include <string.h>

#include "src/alloc.h"
#include "tasks/transitions.h"

enum { NEVER = 1 << 28 };

typedef struct table {
  const pal_step_line *step;
  int32_t *cost; /* [n + 1][n_next + 1] */
} table;

static int32_t *at(const table *t, int i, int j) {
  return &t->cost[(size_t)i * ((size_t)t->step->n_next + 1) + (size_t)j];
}

/* The edits of row i if it becomes row j alone; NEVER if it cannot. A mask that stays is none. */
static int32_t one(const pal_step_line *s, int i, int j) {
  if (j >= s->n_next) return NEVER;
  if (s->next[j] == s->x[i]) return 0;
  return s->x[i] == PAL_STEP_MASK || s->next[j] == PAL_STEP_MASK ? 1 : NEVER;
}

static bool grows(const pal_step_line *s, int j) {
  return j + 1 < s->n_next && s->next[j + 1] == PAL_STEP_MASK;
}

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

static void fill(const table *t) {
  const pal_step_line *s = t->step;
  for (int i = s->n; i >= 0; i--)
    for (int j = s->n_next; j >= 0; j--) {
      if (i == s->n) {
        *at(t, i, j) = j == s->n_next ? 0 : NEVER;
        continue;
      }
      int32_t best = s->x[i] == PAL_STEP_MASK ? *at(t, i + 1, j) + 1 : NEVER;
      if (j < s->n_next) best = least(best, one(s, i, j) + *at(t, i + 1, j + 1));
      if (grows(s, j)) best = least(best, one(s, i, j) + 1 + *at(t, i + 1, j + 2));
      *at(t, i, j) = least(best, NEVER);
    }
}

static void follow(const table *t, pal_step_line *s) {
  for (int i = 0, j = 0; i < s->n; i++) {
    const int32_t cost = *at(t, i, j), here = one(s, i, j);
    const bool alone = j < s->n_next && here + *at(t, i + 1, j + 1) == cost;
    const bool grown = grows(s, j) && here + 1 + *at(t, i + 1, j + 2) == cost;
    /* What leaves the row as it is comes first, then what does not change the length. */
    s->y[i] = -1;
    s->remask[i] = s->insert[i] = s->remove[i] = 0;
    if (!alone && s->x[i] == PAL_STEP_MASK && *at(t, i + 1, j) + 1 == cost) {
      s->remove[i] = 1;
      continue;
    }
    s->insert[i] = !alone && grown;
    s->remask[i] = s->next[j] == PAL_STEP_MASK;
    if (s->x[i] == PAL_STEP_MASK && !s->remask[i]) s->y[i] = s->next[j];
    j += 1 + s->insert[i];
  }
}

/* Says how far the rows of `next` can be explained. */
static pal_status explain(const table *t, pal_error *error) {
  const pal_step_line *s = t->step;
  int reached = 0;
  bool *now = pal_calloc((size_t)s->n_next + 3, sizeof *now);
  if (!now) return pal_fail(error, PAL_E_MEMORY, "no memory for a step");
  now[0] = true;
  for (int i = 0; i < s->n; i++)
    for (int j = s->n_next; j >= 0; j--) { /* from the end, so that a row is used once */
      if (!now[j]) continue;
      const bool fits = one(s, i, j) < NEVER;
      now[j] = s->x[i] == PAL_STEP_MASK;
      if (fits) now[j + 1] = true;
      if (fits && grows(s, j)) now[j + 2] = true;
      if (fits && j + 1 + grows(s, j) > reached) reached = j + 1 + grows(s, j);
    }
  pal_free(now);
  if (reached < s->n_next)
    return pal_fail(error, PAL_E_FORMAT,
                    "no edit explains the step: next[%d] comes from no row of x; a row stays, "
                    "becomes a mask, is written where a mask was, or is a mask behind another",
                    reached);
  return pal_fail(
      error, PAL_E_FORMAT,
      "no edit explains the step: rows of x are left over; only masks are deleted, so a "
      "token that goes is masked one step before");
}

pal_status pal_step_derive(pal_step_line *s, pal_error *error) {
  const size_t cells = ((size_t)s->n + 1) * ((size_t)s->n_next + 1);
  const table t = {.step = s, .cost = pal_alloc(cells * sizeof *t.cost)};
  if (!t.cost) return pal_fail(error, PAL_E_MEMORY, "no memory for a step");
  fill(&t);
  pal_status status = PAL_OK;
  if (*at(&t, 0, 0) >= NEVER) status = explain(&t, error);
  else follow(&t, s);
  pal_free(t.cost);
  return status;
}

pal_transition pal_step_transition(const pal_step_line *s) {
  return (pal_transition){.state = s->x,
                          .y = s->y,
                          .remask = s->remask,
                          .insert = s->insert,
                          .remove = s->remove,
                          .n = s->n};
}
