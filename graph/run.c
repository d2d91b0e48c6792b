/* SPDX-License-Identifier: Apache-2.0 */
/* Running an instance: one parallel region in which every worker walks all stages (floor 1).
 *
 * Workers claim the work of a stage range by range (claim.c) and meet at a barrier after it. After
 * the first failure all workers leave at the same barrier. Variables and looped inputs change only
 * after the last stage, in `commit`, so a failed run leaves them as they were. */
#define PAL_NO_CALLER
#include <stdlib.h>
#include <string.h>

#include "graph/exec.h"
#include "graph/machine.h"
#include "src/alloc.h"
#include "src/team.h"

typedef struct running {
  pal_exec *exec;
  atomic_int failed;  /* 0: no failure; 2 s + 1: in stage s; 2 s + 2: in binding symbols after it */
  pal_error *error;   /* the failure that is reported */
  atomic_flag report; /* set by the worker that writes `error` */
} running;

/* Active rows of an item of row units: the count of its symbol, or static rows. */
static int64_t item_rows(const pal_exec *e, const pal_item *item) {
  if (item->symbol) return e->count[item->symbol];
  const pal_run *run = &e->call[e->plan->unit.at[item->first_unit].step].run;
  return run->n_out ? run->out_rows[0] : run->n_in ? run->in_rows[0] : 1;
}

/* Rows or tasks of an item; *chunk is how many a worker claims at once. */
static int64_t item_tasks(const pal_exec *e, const pal_item *item, int64_t *chunk, int workers) {
  if (!item->rows) {
    const pal_unit *u = &e->plan->unit.at[item->first_unit];
    const pal_call *call = &e->call[u->step];
    const pal_node *node = &e->plan->graph->node.at[e->plan->step.at[u->step].node];
    int64_t n = pal_exec_packing_is_cached(e, u) ? 0 : node->op->phase[u->phase].tasks(&call->run);
    *chunk = workers > 1 ? (n + 8 * workers - 1) / (8 * workers) : n;
    if (*chunk < 1) *chunk = 1;
    return n;
  }
  int64_t rows = item_rows(e, item), share = (rows + 2 * workers - 1) / (2 * workers);
  *chunk = e->plan->chunk ? e->plan->chunk : item->chunk;
  if (workers > 1 && *chunk > share) *chunk = share > 16 ? share : 16;
  return rows;
}

/* Ranges on one thread: tasks all at once, rows chunk by chunk. A remainder below half a chunk
 * joins the last range, since short ranges use the kernels badly. */
static bool next_range(const pal_item *item, int64_t n, int64_t chunk, int64_t *begin,
                       int64_t *end) {
  *begin = *end;
  *end = item->rows && n - *begin >= chunk + chunk / 2 ? *begin + chunk : n;
  return *begin < n;
}

static pal_status run_range(pal_exec *e, const pal_item *item, int64_t begin, int64_t end,
                            bool alone, void *task_scratch, const pal_node **failed,
                            pal_error *error) {
  pal_run own;
  for (int k = 0; k < item->n_units; k++) {
    const pal_unit *u = &e->plan->unit.at[item->first_unit + k];
    const pal_node *node = &e->plan->graph->node.at[e->plan->step.at[u->step].node];
    pal_run *run = &e->call[u->step].run;
    if (!alone) run = memcpy(&own, run, sizeof own);
    run->begin = begin;
    run->end = end;
    run->task_scratch = task_scratch;
    run->error = error;
    pal_status status = node->op->phase[u->phase].run(run);
    if (!status) continue;
    *failed = node;
    return pal_fail(error, status, "it failed without a message");
  }
  return PAL_OK;
}

static void note_failure(running *r, int when, const pal_node *node, const pal_error *error) {
  if (!atomic_flag_test_and_set(&r->report)) {
    r->error->needed = error->needed;
    pal_fail(r->error, error->code, "%s at %s:%d: %s", node->op->name, node->file, node->line,
             error->text);
  }
  int none = 0;
  atomic_compare_exchange_strong(&r->failed, &none, when);
}

static void run_stage(running *r, int s, int rank, int workers) {
  pal_exec *e = r->exec;
  const pal_stage *stage = &e->plan->stage.at[s];
  char *scratch = e->task_scratch
                      ? e->task_scratch + (size_t)rank * e->plan->stats.task_scratch_bytes
                      : e->arena; /* no op needs any; not NULL all the same */
  pal_error error;
  pal_error_clear(&error); /* not = {0}: clearing the text takes longer than a small stage */
  const pal_node *failed = NULL;
  for (int i = 0; i < stage->n_items && !atomic_load_explicit(&r->failed, memory_order_relaxed);
       i++) {
    const pal_item *item = &e->plan->item.at[stage->first_item + i];
    int64_t chunk, n = item_tasks(e, item, &chunk, workers), begin = 0, end = 0;
    while (workers > 1 ? pal_claim(e, stage->first_item + i, n, chunk, rank, workers, &begin, &end)
                       : next_range(item, n, chunk, &begin, &end)) {
      if (run_range(e, item, begin, end, workers == 1, scratch, &failed, &error)) {
        note_failure(r, 2 * s + 1, failed, &error);
        return;
      }
    }
  }
}

/* After a stage with binding ops: makes the counts that they set those of their symbols. */
static void apply_bound_counts(running *r, int s) {
  pal_exec *e = r->exec;
  const pal_stage *stage = &e->plan->stage.at[s];
  for (int i = 0; i < stage->n_items; i++) {
    const pal_item *item = &e->plan->item.at[stage->first_item + i];
    for (int k = 0; k < item->n_units; k++) {
      const pal_unit *u = &e->plan->unit.at[item->first_unit + k];
      const pal_step *step = &e->plan->step.at[u->step];
      const pal_node *node = &e->plan->graph->node.at[step->node];
      if (!(node->op->flags & PAL_OP_BINDS)) continue;
      pal_symbol bound[2];
      int n = pal_attrs_bound(node->op, node->attrs, bound);
      for (int b = 0; b < n; b++) {
        int64_t count = e->call[u->step].bound[b];
        if (count < 0) continue; /* a later phase sets it */
        const pal_symbol_record *symbol = &e->plan->graph->symbol.at[bound[b].id];
        if (count > symbol->capacity) { /* checked before any later phase writes that many rows */
          pal_error error = {.needed = count};
          pal_fail(&error, PAL_E_CAPACITY,
                   "%lld rows of \"%s\" do not fit the plan's capacity of %lld", (long long)count,
                   symbol->name, (long long)symbol->capacity);
          note_failure(r, 2 * s + 2, node, &error);
          return;
        }
        e->count[bound[b].id] = count;
        pal_exec_refresh_rows(e, bound[b].id);
      }
    }
  }
}

static void walk(void *data, int rank, int workers) {
  running *r = data;
  pal_exec *e = r->exec;
  for (int s = 0; s < (int)e->plan->stage.n; s++) {
    run_stage(r, s, rank, workers);
    if (workers > 1) pal_team_barrier();
    /* Ignore a failure in a later stage: that worker waits at a barrier which needs this one. */
    int failed = atomic_load(&r->failed);
    if (failed && failed <= 2 * s + 1) return;
    if (rank == 0) e->stages_done = s + 1;
    if (e->plan->stage.at[s].binds) {
      if (rank == 0) apply_bound_counts(r, s);
      if (workers > 1) pal_team_barrier();
      failed = atomic_load(&r->failed);
      if (failed && failed <= 2 * s + 2) return;
    }
  }
}

/* ---- before and after ---------------------------------------------------------------------- */

static bool begin_run(pal_exec *e, int workers) {
  pal_exec_prepare(e);
  e->stages_done = 0;
  if (workers > 1 && !pal_claims_begin(e, workers)) return false;
  for (size_t s = 0; s < e->plan->step.n; s++) e->call[s].bound[0] = e->call[s].bound[1] = -1;
  if (e->plan->stats.task_scratch_bytes && e->task_scratch_workers < workers) {
    char *scratch = pal_alloc(e->plan->stats.task_scratch_bytes * (size_t)workers);
    if (!scratch) return false;
    pal_free(e->task_scratch);
    e->task_scratch = scratch;
    e->task_scratch_workers = workers;
  }
  return true;
}

/* Undoes in-place updates of variables, the last one first. The phase before an op's last one has
 * saved the old rows; once it is over, undo restores all of them, however many the last phase has
 * written. */
static void undo_writes(pal_exec *e) {
  for (size_t s = e->plan->step.n; s-- > 0;) {
    const pal_step *step = &e->plan->step.at[s];
    const pal_node *node = &e->plan->graph->node.at[step->node];
    pal_run *run = &e->call[s].run;
    run->error = NULL; /* it pointed to a local variable of run_range's caller */
    if (node->op->writes && step->stage[step->phases - 2] < e->stages_done) node->op->undo(run);
  }
}

/* The count that pal_loop gives to an input's symbol must not exceed that symbol's capacity. */
static pal_status check_loops(const pal_exec *e, pal_error *error) {
  const pal_graph *g = e->plan->graph;
  for (size_t i = 0; i < e->plan->input.n; i++) {
    const pal_slot *slot = &e->plan->input.at[i];
    if (!slot->looped) continue;
    uint16_t to = g->value.at[slot->value].type.symbol.id;
    int64_t count = e->count[g->value.at[slot->looped].type.symbol.id];
    if (to && count > g->symbol.at[to].capacity) {
      if (error && !error->code) error->needed = count;
      return pal_fail(error, PAL_E_CAPACITY,
                      "the next run would need %lld rows of \"%s\", the plan has room for %lld",
                      (long long)count, g->symbol.at[to].name,
                      (long long)g->symbol.at[to].capacity);
    }
  }
  return PAL_OK;
}

/* Copies a slot's next contents, where the producing op could not write them there itself. */
static void copy_next(pal_exec *e, const pal_slot *slot) {
  if (!slot->copy) return;
  uint32_t v = slot->looped ? slot->looped : slot->value;
  const pal_type *t = &e->plan->graph->value.at[v].type;
  size_t bytes = (size_t)(pal_type_rows(t, e->count[t->symbol.id]) * pal_type_row(t)) *
                 pal_dtype_size(t->dtype);
  memcpy(e->base[slot->next], e->base[slot->copy], bytes);
}

/* After a successful run: variables and looped inputs get their next contents. */
static void commit(pal_exec *e) {
  const pal_graph *g = e->plan->graph;
  memcpy(e->ran, e->count, g->symbol.n * sizeof *e->ran);
  for (size_t i = 0; i < e->plan->input.n; i++) copy_next(e, &e->plan->input.at[i]);
  for (size_t i = 0; i < e->plan->variable.n; i++) copy_next(e, &e->plan->variable.at[i]);
  for (size_t i = 0; i < e->plan->variable.n; i++) {
    pal_slot *slot = &e->plan->variable.at[i];
    if (slot->next) pal_variable_advance(slot->variable);
  }
  for (size_t i = 0; i < e->plan->input.n; i++) {
    pal_slot *slot = &e->plan->input.at[i];
    if (!slot->next) continue;
    void *was = e->input[0][i];
    e->input[0][i] = e->input[1][i];
    e->input[1][i] = was;
  }
  /* Counts last, and from `ran`: two looped symbols may exchange their counts. */
  for (size_t i = 0; i < e->plan->input.n; i++) {
    const pal_slot *slot = &e->plan->input.at[i];
    if (!slot->looped) continue;
    uint16_t to = g->value.at[slot->value].type.symbol.id;
    uint16_t from = g->value.at[slot->looped].type.symbol.id;
    if (!to || e->count[to] == e->ran[from]) continue;
    e->count[to] = e->ran[from];
    pal_exec_refresh_rows(e, to);
  }
}

static pal_status run_on(pal_exec *e, int workers, pal_error *error) {
  if (!begin_run(e, workers))
    return pal_fail(error, PAL_E_MEMORY, "no memory for %d workers", workers);
  running r = {.exec = e, .error = error, .report = ATOMIC_FLAG_INIT};
  atomic_init(&r.failed, 0);
  pal_error mine;
  pal_error_clear(&mine);
  r.error = &mine;
  if (workers > 1) pal_team_run(workers, walk, &r);
  else walk(&r, 0, 1);
  if (!mine.code) check_loops(e, &mine);
  pal_exec_record_packing(e, !mine.code);
  if (mine.code) {
    undo_writes(e);
    if (error && !error->code) *error = mine;
    return mine.code;
  }
  commit(e);
  return PAL_OK;
}

/* Estimated time of this run on one thread: the estimate at capacity, scaled by the largest ratio
 * of count to capacity among the symbols that the caller sets. */
static double seconds(const pal_exec *e) {
  const pal_graph *g = e->plan->graph;
  double share = 0;
  bool chosen = false; /* whether the caller sets the count of some symbol */
  for (size_t s = 1; s < g->symbol.n; s++) {
    if (g->symbol.at[s].binder || !g->symbol.at[s].capacity) continue;
    chosen = true;
    double one = (double)e->count[s] / (double)g->symbol.at[s].capacity;
    if (one > share) share = one;
  }
  return e->plan->serial_seconds * (chosen ? share : 1);
}

pal_status pal_exec_run(pal_exec *exec, pal_error *error) {
  int threads = pal_context_threads(exec->plan->graph->context);
  bool pays = seconds(exec) > PAL_STAGE_PAYS_SECONDS * (double)exec->plan->stage.n;
  return run_on(exec, threads > 1 && pays ? threads : 1, error);
}

pal_status pal_exec_run_serial(pal_exec *exec, pal_error *error) { return run_on(exec, 1, error); }

/* ---- folding --------------------------------------------------------------------------------- */

pal_status pal_node_run_whole(const pal_graph *graph, const pal_node *node, const void *const *in,
                              void *const *out, pal_error *error) {
  pal_shape_rows shapes;
  pal_run run;
  pal_node_at_capacity(graph, node, &shapes, &run);
  size_t own = node->op->scratch ? node->op->scratch(&run) : 0;
  size_t task = node->op->task_scratch ? node->op->task_scratch(&run) : 0;
  char *scratch = pal_alloc(own + PAL_LINE + task);
  if (!scratch) return pal_fail(error, PAL_E_MEMORY, "no memory to fold a constant");
  run.in = in;
  run.out = out;
  run.scratch = scratch;
  run.task_scratch = scratch + pal_whole_lines(own);
  run.error = error;
  pal_status status = PAL_OK;
  for (int p = 0; p < pal_op_phases(node->op) && !status; p++) {
    const pal_phase *phase = &node->op->phase[p];
    run.begin = 0;
    run.end = phase->tasks ? phase->tasks(&run) : run.out_rows[0];
    status = phase->run(&run);
  }
  pal_free(scratch);
  return status;
}
