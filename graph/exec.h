/* SPDX-License-Identifier: Apache-2.0 */
/* An instance of a plan: arena, input buffers, active counts and prepared op calls (floor 1). */
#ifndef PAL_GRAPH_EXEC_H
#define PAL_GRAPH_EXEC_H

#include <stdatomic.h>

#include "graph/steps.h"

/* The prepared call of one step. */
typedef struct pal_call {
  pal_run run;         /* what the op's phases are given */
  int64_t bound[2];    /* counts of the symbols that the op binds; -1: not set yet */
  bool cached;         /* the packed-weight cache holds this step's scratch from an earlier run */
  int64_t cached_form; /* then: the form it is in, see pal_phase.form */
} pal_call;

struct pal_exec {
  pal_plan *plan;
  char *arena;
  size_t arena_bytes;
  void **base;     /* [storage] address in the present or last run */
  int64_t *count;  /* [symbol] active count */
  int64_t *ran;    /* [symbol] count of the last run's outputs, before pal_loop changed `count` */
  void **input[2]; /* [input] present and next buffer; next is NULL unless the input is looped */
  pal_call *call;  /* [step] */
  /* Operands of all calls one after the other, inputs before outputs; the pal_run of a call points
   * into these arrays. */
  void **pointer;    /* [operands] address */
  int64_t *rows;     /* [operands] active rows */
  pal_type *type;    /* [operands] */
  uint32_t *operand; /* [operands] value id */
  size_t operands;
  uint32_t *moving; /* [n_moving] operands whose address changes between runs (double buffers) */
  size_t n_moving;
  char *task_scratch; /* one piece per worker */
  int task_scratch_workers;
  atomic_llong *claimed; /* [worker][item] rows or tasks claimed of that worker's share */
  int claim_workers;     /* number of workers that `claimed` has room for */
  int stages_done;       /* stages finished in the present or last run */
  bool held;             /* pal_exec_hold is on */
  char *packed_cache;    /* packed-weight cache; allocated by the first pal_exec_hold */
};

/* Before a run: refreshes the addresses that change between runs. Blocks of variables that the plan
 * uses first copy back the parts that are outside of them, which moves contents in the store. */
void pal_exec_prepare(pal_exec *exec);
/* Before a run: sets all claims to 0. False when out of memory. */
bool pal_claims_begin(pal_exec *exec, int workers);
/* Claims the next range [*begin, *end), of at most `chunk` of the n rows or tasks of an item, for
 * worker `rank`; false when none is left. */
bool pal_claim(pal_exec *exec, int item, int64_t n, int64_t chunk, int rank, int workers,
               int64_t *begin, int64_t *end);
/* Whether a phase can be skipped because the packed-weight cache holds its result. All workers
 * decide alike, since nothing that the answer depends on changes during a run. */
bool pal_exec_packing_is_cached(const pal_exec *exec, const pal_unit *unit);
/* At the end of a run, before loops change the counts: marks as cached what the run has packed. */
void pal_exec_record_packing(pal_exec *exec, bool succeeded);
/* Recomputes the active rows of every operand over `symbol` from its count. */
void pal_exec_refresh_rows(pal_exec *exec, uint16_t symbol);
#endif
