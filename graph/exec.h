/* SPDX-License-Identifier: Apache-2.0 */
/* An instance of a plan: arena, input buffers, counts, prepared calls (floor 1). */
#ifndef PAL_GRAPH_EXEC_H
#define PAL_GRAPH_EXEC_H

#include <stdatomic.h>

#include "graph/steps.h"

typedef struct pal_call {
  pal_run run;
  int64_t bound[2];
  bool kept; /* what its scratch holds is of an earlier run, in this form */
  int64_t form;
} pal_call;

struct pal_exec {
  pal_plan *plan;
  char *arena;
  size_t arena_bytes;
  void **base;       /* per storage, as of the present or last run */
  int64_t *count;    /* per symbol */
  int64_t *ran;      /* per symbol: the count the last run's outputs have, before loops moved it */
  void **input[2];   /* per input: present and next buffers; next may be NULL */
  pal_call *call;    /* per step */
  void **pointer;    /* operands of all calls, calls' in and out point into it */
  int64_t *rows;     /* likewise */
  pal_type *type;    /* likewise */
  uint32_t *operand; /* likewise: value ids */
  size_t operands;
  uint32_t *moving; /* operands whose place may be another in the next run */
  size_t n_moving;
  char *task_scratch;
  int task_scratch_workers;
  atomic_llong *claimed; /* per worker and item: how much of the worker's share is taken */
  int claim_workers;     /* there is room for */
  int stages_done;       /* of the run under way or the last one */
  bool held;
  char *kept; /* what is kept while held; made on first need */
};

/* Refreshes what a run depends on: base pointers of storages, operands, rows. Blocks of variables that it
 * uses take back what has left them, which moves contents in the store. */
void pal_exec_prepare(pal_exec *exec);
/* Before a run: nothing is claimed. False without memory. */
bool pal_claims_begin(pal_exec *exec, int workers);
/* The next range of item `item`, n rows or tasks, for worker `rank`; false when none is left. */
bool pal_claim(pal_exec *exec, int item, int64_t n, int64_t chunk, int rank, int workers,
               int64_t *begin, int64_t *end);
/* Whether a phase has nothing to do, since what it would make is kept. Decided alike by all workers. */
bool pal_exec_has_kept(const pal_exec *exec, const pal_unit *unit);
/* At the end of a run, while counts are those of the run. */
void pal_exec_note_kept(pal_exec *exec, bool succeeded);
/* Rows of every operand whose symbol is `symbol`. */
void pal_exec_refresh_rows(pal_exec *exec, uint16_t symbol);
#endif
