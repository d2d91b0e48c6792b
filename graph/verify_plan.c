/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of a plan, checked after scheduling and after the memory plan (floor 1).
 *
 * They are derived from what a run needs and share no code with stage.c and memory.c, so that a
 * mistake there becomes an error of pal_compile instead of a wrong result. */
#define PAL_NO_CALLER
#include <stdlib.h>

#include "graph/machine.h"
#include "graph/steps.h"
#include "src/alloc.h"

/* Where the units of a step are; one entry per phase. */
typedef struct place {
  int item[PAL_MAX_PHASES]; /* index in plan->item, -1: not found yet */
  int at[PAL_MAX_PHASES];   /* index in plan->unit, -1: not found yet */
} place;

typedef struct checker {
  const pal_plan *plan;
  const pal_graph *g;
  place *place; /* [step] */
  int *step_of; /* [node] its step, -1: none */
  pal_error *error;
} checker;

static const pal_node *node_of(const checker *c, int step) {
  return &c->g->node.at[c->plan->step.at[step].node];
}

static pal_status broken(const checker *c, int step, const char *what) {
  const pal_node *node = node_of(c, step);
  return pal_fail(c->error, PAL_E_INTERNAL, "%s:%d: %s: the plan is unsound: %s", node->file,
                  node->line, node->op->name, what);
}

static bool is_view(const pal_node *node) {
  return node->kind == PAL_NODE_OP && (node->op->flags & PAL_OP_VIEW);
}

/* The step that computes a value or what it is a view of; -1 for inputs, constants and
 * variables. */
static int maker(const checker *c, pal_value v) {
  const pal_node *node = pal_node_of(c->g, v);
  while (is_view(node)) node = pal_node_of(c->g, node->in[0]);
  return c->step_of[node - c->g->node.at];
}

/* ---- stages ------------------------------------------------------------------------------ */

/* Every op but the views has exactly one step, with all phases in ascending stages. */
static pal_status check_steps(checker *c) {
  size_t ops = 0;
  for (size_t n = 0; n < c->g->node.n; n++) {
    c->step_of[n] = -1;
    ops += c->g->node.at[n].kind == PAL_NODE_OP && !is_view(&c->g->node.at[n]);
  }
  for (int s = 0; s < (int)c->plan->step.n; s++) {
    const pal_step *step = &c->plan->step.at[s];
    if (c->step_of[step->node] >= 0) return broken(c, s, "it is planned twice");
    c->step_of[step->node] = s;
    for (int p = 0; p < PAL_MAX_PHASES; p++) c->place[s].item[p] = c->place[s].at[p] = -1;
    if (step->phases != pal_op_phases(node_of(c, s)->op)) return broken(c, s, "a phase is missing");
    for (int p = 0; p < step->phases; p++)
      if (step->stage[p] < 0 || (p && step->stage[p] <= step->stage[p - 1]))
        return broken(c, s, "its phases have no barrier between them");
    if (step->last_stage != step->stage[step->phases - 1])
      return broken(c, s, "it ends in another stage than its last phase");
  }
  if (ops == c->plan->step.n) return PAL_OK;
  return pal_fail(c->error, PAL_E_INTERNAL, "the plan is unsound: %zu steps for %zu ops",
                  c->plan->step.n, ops);
}

/* Records where a unit is, and checks that its item and stage suit it. */
static pal_status check_unit(checker *c, int stage, int item, int at) {
  const pal_unit *unit = &c->plan->unit.at[at];
  const pal_item *of = &c->plan->item.at[item];
  const pal_node *node = node_of(c, unit->step);
  if (c->place[unit->step].item[unit->phase] >= 0)
    return broken(c, unit->step, "a phase runs twice");
  c->place[unit->step].item[unit->phase] = item;
  c->place[unit->step].at[unit->phase] = at;
  if (c->plan->step.at[unit->step].stage[unit->phase] != stage)
    return broken(c, unit->step, "a phase runs in another stage than planned");
  if (of->rows == (node->op->phase[unit->phase].tasks != NULL) ||
      (of->n_units > 1 && !(of->rows && of->symbol)))
    return broken(c, unit->step,
                  "a phase is in an item of another kind (rows against tasks, or another symbol)");
  if ((node->op->flags & PAL_OP_BINDS) && !c->plan->stage.at[stage].binds)
    return broken(c, unit->step, "its stage does not apply the count of the symbol that it binds");
  return PAL_OK;
}

/* Stages cover all items without gaps, items all units, and every phase of every step is in one. */
static pal_status check_units(checker *c) {
  const pal_plan *plan = c->plan;
  int item = 0, at = 0;
  pal_status status = PAL_OK;
  for (int s = 0; s < (int)plan->stage.n && !status; s++) {
    const pal_stage *stage = &plan->stage.at[s];
    bool whole = stage->first_item == item;
    for (int k = 0; k < stage->n_items && whole && !status; k++, item++) {
      whole = item < (int)plan->item.n && plan->item.at[item].first_unit == at;
      for (int u = 0; whole && !status && u < plan->item.at[item].n_units; u++, at++)
        status = check_unit(c, s, item, at);
    }
    if (!whole)
      return pal_fail(c->error, PAL_E_INTERNAL, "the plan is unsound: stage %d has gaps", s);
  }
  for (int s = 0; s < (int)plan->step.n && !status; s++)
    for (int p = 0; p < plan->step.at[s].phases && !status; p++)
      if (c->place[s].item[p] < 0) status = broken(c, s, "a phase never runs");
  return status;
}

/* Whether step `m` is over before phase p of step `s` begins: a barrier is between them. */
static bool is_over(const checker *c, int m, int s, int p) {
  return m < 0 || c->plan->step.at[m].last_stage < c->plan->step.at[s].stage[p];
}

/* Whether phase p of step s follows step m in one chain, chunk of rows by chunk of rows. */
static bool follows(const checker *c, int m, int s, int p) {
  const pal_step *before = &c->plan->step.at[m];
  return c->place[m].item[before->phases - 1] == c->place[s].item[p] &&
         c->place[m].at[before->phases - 1] < c->place[s].at[p] && !node_of(c, m)->op->writes;
}

/* Whether a step's phase, in a chain over `symbol`, reads this input at its own rows only. */
static bool by_row(const checker *c, int s, int p, int i, uint16_t symbol) {
  const pal_node *node = node_of(c, s);
  return !(node->op->phase[p].whole >> i & 1) &&
         c->g->value.at[node->in[i].id].type.symbol.id == symbol;
}

/* Whether input i is complete, as far as it is read, when phase p of step s reads it. */
static bool is_ready(const checker *c, int s, int p, int i) {
  const pal_node *node = node_of(c, s), *from = pal_node_of(c->g, node->in[i]);
  const uint32_t reads = node->op->phase[p].reads;
  const uint16_t symbol = c->plan->item.at[c->place[s].item[p]].symbol;
  if (reads && !(reads >> i & 1)) return true;
  bool rows = by_row(c, s, p, i, symbol);
  for (; is_view(from); from = pal_node_of(c->g, from->in[0])) {
    rows &= pal_type_of(c->g, from->in[0]).symbol.id == symbol;
    for (int k = 1; k < from->n_in; k++) /* what op `after` waits for */
      if (!is_over(c, maker(c, from->in[k]), s, p)) return false;
  }
  const int m = maker(c, node->in[i]);
  return is_over(c, m, s, p) || (rows && follows(c, m, s, p));
}

/* An op that updates a variable in place runs after all other readers of the version it
 * overwrites. */
static pal_status check_writer(const checker *c, int w) {
  const pal_node *writer = node_of(c, w);
  int input = 0;
  while (!(writer->op->writes >> input & 1)) input++;
  const int old = maker(c, writer->in[input]);
  for (int s = 0; s < (int)c->plan->step.n; s++) {
    const pal_node *node = node_of(c, s);
    for (int i = 0; i < node->n_in; i++) {
      if (s == w || !node->in[i].id || maker(c, node->in[i]) != old) continue;
      pal_value v = node->in[i], u = writer->in[input];
      while (is_view(pal_node_of(c->g, v))) v = pal_node_of(c->g, v)->in[0];
      while (is_view(pal_node_of(c->g, u))) u = pal_node_of(c->g, u)->in[0];
      if (v.id == u.id && !is_over(c, s, w, 0))
        return broken(c, w, "it overwrites rows that are still to be read");
    }
  }
  return PAL_OK;
}

/* A step runs after the ops that bind its symbols and compute its inputs. */
static pal_status check_order(const checker *c, int s) {
  const pal_node *node = node_of(c, s);
  for (int i = 0; i < node->n_in + node->n_out; i++) {
    pal_value v = i < node->n_in ? node->in[i] : pal_node_out(node, i - node->n_in);
    uint32_t binder = c->g->symbol.at[c->g->value.at[v.id].type.symbol.id].binder;
    if (binder && c->step_of[binder] != s && !is_over(c, c->step_of[binder], s, 0))
      return broken(c, s, "it runs before its rows are counted");
    for (int p = 0; i < node->n_in && v.id && p < c->plan->step.at[s].phases; p++)
      if (!is_ready(c, s, p, i)) return broken(c, s, "it reads what is not made yet");
  }
  return node->op->writes ? check_writer(c, s) : PAL_OK;
}

/* ---- memory ------------------------------------------------------------------------------- */

/* Operands have a storage, which is alive while the step uses it, and views share that of their
 * input. */
static pal_status check_lives(const checker *c, int s) {
  const pal_plan *plan = c->plan;
  const pal_step *step = &plan->step.at[s];
  const pal_node *node = node_of(c, s);
  const int end = node->op->writes ? (int)plan->stage.n : step->last_stage; /* see undo_writes */
  for (int i = 0; i < node->n_in + node->n_out; i++) {
    const pal_value v = i < node->n_in ? node->in[i] : pal_node_out(node, i - node->n_in);
    const pal_storage *at = &plan->storage.at[plan->storage_of[v.id]];
    const int begin = i < node->n_in ? step->last_stage : step->stage[0];
    if (v.id && at->place == PAL_PLACE_NONE) return broken(c, s, "an operand has no place");
    if (at->place == PAL_PLACE_ARENA && (at->last < end || at->first > begin))
      return broken(c, s, "it uses an operand outside of its lifetime");
    for (const pal_node *of = pal_node_of(c->g, v); is_view(of); of = pal_node_of(c->g, of->in[0]))
      if (plan->storage_of[of->in[0].id] != plan->storage_of[v.id])
        return broken(c, s, "a view of an operand is elsewhere");
  }
  return PAL_OK;
}

/* Whether step r has read its input i before step s writes there. */
static bool has_read(const checker *c, int r, int i, int s) {
  const uint16_t symbol = c->plan->item.at[c->place[s].item[0]].symbol;
  return is_over(c, r, s, 0) ||
         (c->plan->step.at[r].phases == 1 && by_row(c, r, 0, i, symbol) && follows(c, r, s, 0));
}

/* Where a result overwrites an operand in place, nothing reads the operand afterwards. */
static pal_status check_reuse(const checker *c, int s) {
  const pal_plan *plan = c->plan;
  const pal_graph *g = c->g;
  const pal_node *node = node_of(c, s);
  if (node->op->writes || !node->n_out) return PAL_OK; /* see check_writer */
  const uint32_t mine = plan->storage_of[node->first_out];
  bool reuses = false;
  for (int i = 0; i < node->n_in; i++)
    reuses |= node->in[i].id && plan->storage_of[node->in[i].id] == mine;
  if (!reuses) return PAL_OK;
  for (int r = 0; r < (int)plan->step.n; r++) {
    const pal_node *reader = node_of(c, r);
    for (int i = 0; r != s && i < reader->n_in; i++) { /* steps are stored in execution order */
      const pal_value v = reader->in[i];
      if (v.id && plan->storage_of[v.id] == mine && maker(c, v) < s && !has_read(c, r, i, s))
        return broken(c, s, "it overwrites an operand that is still to be read");
    }
  }
  const pal_named_value *list[] = {g->output.at, g->assign.at, g->loop.at};
  const size_t n[] = {g->output.n, g->assign.n, g->loop.n};
  for (int k = 0; k < 3; k++)
    for (size_t i = 0; i < n[k]; i++)
      if (plan->storage_of[list[k][i].value.id] == mine && maker(c, list[k][i].value) < s)
        return broken(c, s, "it overwrites an output, assignment or loop of the plan");
  return PAL_OK;
}

/* Outputs, and storages that are copied at the end of a run, live until then. */
static pal_status check_ends(const checker *c) {
  const pal_plan *plan = c->plan;
  bool sound = true;
  const int end = (int)plan->stage.n;
  for (size_t i = 0; i < c->g->output.n; i++) {
    const pal_storage *at = &plan->storage.at[plan->storage_of[c->g->output.at[i].value.id]];
    sound &= at->place != PAL_PLACE_NONE && (at->place != PAL_PLACE_ARENA || at->last >= end);
  }
  for (size_t i = 0; i < plan->input.n + plan->variable.n; i++) {
    const pal_slot *slot =
        i < plan->input.n ? &plan->input.at[i] : &plan->variable.at[i - plan->input.n];
    const pal_storage *at = &plan->storage.at[slot->copy];
    sound &= !slot->copy || at->place != PAL_PLACE_ARENA || at->last >= end;
  }
  return sound
             ? PAL_OK
             : pal_fail(
                   c->error, PAL_E_INTERNAL,
                   "the plan is unsound: an output or a copied value dies before the end of the run");
}

typedef struct block {
  size_t begin, end;
  int first, last; /* stages */
} block;

static int by_place(const void *a, const void *b) {
  const block *x = a, *y = b;
  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Lists the pieces of the arena. */
static size_t list_blocks(const checker *c, block *b) {
  const pal_plan *plan = c->plan;
  size_t n = 0;
  for (int i = 1; i < (int)plan->storage.n; i++) {
    const pal_storage *s = &plan->storage.at[i];
    if (s->place == PAL_PLACE_ARENA && s->bytes)
      b[n++] = (block){s->offset, s->offset + s->bytes, s->first, s->last};
  }
  for (int i = 0; i < (int)plan->step.n; i++) {
    const pal_step *s = &plan->step.at[i];
    if (s->scratch_bytes)
      b[n++] = (block){s->scratch, s->scratch + s->scratch_bytes, s->stage[0], s->last_stage};
  }
  return n;
}

/* No two blocks that are alive in one stage share a byte. */
static pal_status check_bytes(const checker *c) {
  const pal_plan *plan = c->plan;
  block *b = pal_alloc((plan->storage.n + plan->step.n + 1) * sizeof *b);
  if (!b) return pal_fail(c->error, PAL_E_MEMORY, "no memory to check the memory plan");
  const size_t n = list_blocks(c, b);
  qsort(b, n, sizeof *b, by_place);
  pal_status status = PAL_OK;
  for (size_t i = 0; i < n && !status; i++) {
    bool sound = b[i].begin % PAL_LINE == 0 && b[i].end <= plan->stats.arena_bytes;
    for (size_t k = i + 1; k < n && b[k].begin < b[i].end; k++)
      sound &= b[i].last < b[k].first || b[k].last < b[i].first;
    if (!sound)
      status = pal_fail(c->error, PAL_E_INTERNAL,
                        "the plan is unsound: bytes %zu to %zu of the arena have two uses at once",
                        b[i].begin, b[i].end);
  }
  pal_free(b);
  return status;
}

/* ---- both ---------------------------------------------------------------------------------- */

static pal_status check_all(checker *c, bool memory) {
  pal_status status = check_steps(c);
  if (!status) status = check_units(c);
  for (int s = 0; s < (int)c->plan->step.n && !status; s++)
    status = memory ? check_lives(c, s) : check_order(c, s);
  for (int s = 0; s < (int)c->plan->step.n && memory && !status; s++) status = check_reuse(c, s);
  if (memory && !status) status = check_ends(c);
  if (memory && !status) status = check_bytes(c);
  return status;
}

static pal_status verify(const pal_plan *plan, bool memory, pal_error *error) {
  checker c = {.plan = plan,
               .g = plan->graph,
               .error = error,
               .place = pal_calloc(plan->step.n + 1, sizeof *c.place),
               .step_of = pal_calloc(plan->graph->node.n, sizeof *c.step_of)};
  pal_status status = PAL_E_MEMORY;
  if (c.place && c.step_of) status = check_all(&c, memory);
  else pal_fail(error, status, "no memory to check the plan");
  pal_free(c.place);
  pal_free(c.step_of);
  return status;
}

pal_status pal_verify_stages(const pal_plan *plan, pal_error *error) {
  return verify(plan, false, error);
}

pal_status pal_verify_memory(const pal_plan *plan, pal_error *error) {
  return verify(plan, true, error);
}
