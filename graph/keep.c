/* SPDX-License-Identifier: Apache-2.0 */
/* What a held instance keeps from run to run: what phases make of weights alone (floor 1).
 *
 * Invariants: what is kept lies outside the arena, so nothing else is ever put there; it counts from
 * the end of the run that made it, and not when that run has failed. */
#define PAL_NO_CALLER
#include "graph/exec.h"
#include "graph/machine.h"
#include "src/alloc.h"

/* A constant, or a variable that the plan itself does not change. */
static bool stays(const pal_plan *plan, pal_value value) {
  const uint32_t id = plan->storage_of[value.id];
  const pal_storage *at = &plan->storage.at[id];
  if (at->place != PAL_PLACE_VARIABLE) return at->place == PAL_PLACE_CONSTANT;
  if (plan->variable.at[at->index].next) return false;
  for (size_t s = 0; s < plan->step.n; s++) {
    const pal_node *node = &plan->graph->node.at[plan->step.at[s].node];
    if (node->op->writes && plan->storage_of[node->first_out] == id) return false;
  }
  return true;
}

static bool keeps(const pal_plan *plan, const pal_node *node) {
  const pal_phase *first = &node->op->phase[0];
  if (!first->form || !first->tasks || !first->reads) return false;
  for (int i = 0; i < node->n_in; i++)
    if ((first->reads >> i & 1) && node->in[i].id && !stays(plan, node->in[i])) return false;
  return true;
}

void pal_plan_keep(pal_plan *plan) {
  for (size_t s = 0; s < plan->step.n; s++) {
    pal_step *step = &plan->step.at[s];
    step->keeps = step->scratch_bytes && keeps(plan, &plan->graph->node.at[step->node]);
    if (!step->keeps) continue;
    step->kept = plan->stats.kept_bytes;
    plan->stats.kept_bytes += pal_whole_lines(step->scratch_bytes);
  }
}

static int64_t form_of(const pal_exec *e, size_t step) {
  const pal_node *node = &e->plan->graph->node.at[e->plan->step.at[step].node];
  return node->op->phase[0].form(&e->call[step].run);
}

bool pal_exec_has_kept(const pal_exec *e, const pal_unit *unit) {
  const size_t s = (size_t)unit->step;
  return e->held && unit->phase == 0 && e->plan->step.at[s].keeps && e->call[s].kept &&
         e->call[s].form == form_of(e, s);
}

void pal_exec_note_kept(pal_exec *e, bool succeeded) {
  for (size_t s = 0; e->held && s < e->plan->step.n; s++) {
    if (!e->plan->step.at[s].keeps) continue;
    e->call[s].kept = succeeded;
    e->call[s].form = form_of(e, s);
  }
}

pal_status pal_exec_hold(pal_exec *e, bool on, pal_error *error) {
  if (on && !e->kept && e->plan->stats.kept_bytes) {
    e->kept = pal_alloc(e->plan->stats.kept_bytes);
    if (!e->kept)
      return pal_fail(error, PAL_E_MEMORY, "no memory to keep %zu bytes of packed weights",
                      e->plan->stats.kept_bytes);
  }
  e->held = on;
  for (size_t s = 0; s < e->plan->step.n; s++) {
    const pal_step *step = &e->plan->step.at[s];
    if (!step->keeps) continue;
    e->call[s].kept = false;
    e->call[s].run.scratch = on ? e->kept + step->kept : e->arena + step->scratch;
  }
  return PAL_OK;
}
