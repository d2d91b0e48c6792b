/* SPDX-License-Identifier: Apache-2.0 */
/* Sudoku: series of generated puzzles, made by several threads (floor 5). */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "src/team.h"
#include "tasks/sudoku_task.h"

enum { DRAWS = 1000 }; /* most puzzles drawn for one number */

typedef struct making {
  const pal_sudoku_series *series;
  int from, to;
  uint8_t *given, *solution;
  atomic_int next, failed; /* next number to claim; least number that failed, or `to` */
} making;

static pal_status make_one(const pal_sudoku_series *s, int i, uint8_t *given, uint8_t *solution,
                           pal_error *error) {
  pal_rng rng = pal_rng_new(s->seed, s->name, 0, (uint64_t)i);
  for (int draw = 0; draw < DRAWS; draw++) {
    const uint32_t range = (uint32_t)(s->givens.most - s->givens.least + 1);
    const int n = s->givens.least + (int)pal_rng_below(&rng, range);
    if (!pal_sudoku_make(s->shape, &rng, n, given, solution))
      return pal_fail(
          error, PAL_E_ARGUMENT,
          "sudoku: no puzzle of size %d with %d givens and one solution was found; ask for "
          "more givens",
          s->shape->n, n);
    if (s->guesses && pal_sudoku_rate(s->shape, given, solution) < s->guesses) continue;
    if (!s->avoid || !pal_sudoku_puzzles_contain(s->avoid, given, solution)) return PAL_OK;
  }
  char guesses[48] = "";
  if (s->guesses) snprintf(guesses, sizeof guesses, "need fewer than %d guesses or ", s->guesses);
  return pal_fail(error, PAL_E_ARGUMENT,
                  "sudoku: %d puzzles drawn in a row %sare equivalent to training puzzles", DRAWS,
                  guesses);
}

static void make_some(void *data, int rank, int size) {
  (void)rank, (void)size;
  making *m = data;
  const size_t cells = (size_t)m->series->shape->cells;
  for (int i; (i = atomic_fetch_add(&m->next, 1)) < atomic_load(&m->failed);) {
    const size_t at = (size_t)(i - m->from) * cells;
    if (!make_one(m->series, i, m->given + at, m->solution + at, NULL)) continue;
    int least = atomic_load(&m->failed);
    while (i < least && !atomic_compare_exchange_weak(&m->failed, &least, i)) {
    }
  }
}

pal_status pal_sudoku_series_make(const pal_sudoku_series *series, int from, int to, int threads,
                                  uint8_t *given, uint8_t *solution, pal_error *error) {
  making m = {.series = series, .from = from, .given = given, .solution = solution};
  atomic_init(&m.next, from);
  atomic_init(&m.failed, to);
  pal_team_run(threads < to - from ? threads : to - from, make_some, &m);
  const int failed = atomic_load(&m.failed);
  if (failed == to) return PAL_OK;
  const size_t at = (size_t)(failed - from) * (size_t)series->shape->cells;
  return make_one(series, failed, given + at, solution + at, error); /* again, for its message */
}
