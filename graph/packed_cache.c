/* SPDX-License-Identifier: Apache-2.0 */
/* The packed-weight cache of an instance (floor 1). See pal_exec_hold.
 *
 * Matrix products first pack their weights into the order in which the kernels read them. While the
 * caller promises not to change the weights (pal_exec_hold), packed copies stay valid from run to
 * run:
 *
 *   not held   scratch of a step -> its place in the arena, packed in every run
 *   held       scratch of a step -> packed_cache + cache_offset, packed in the first run only
 *
 * Invariants: the cache lies outside the arena, where no other value can overwrite it; an entry is
 * valid from the end of a run that succeeded, never after one that failed. */
#define PAL_NO_CALLER
#include "graph/exec.h"
#include "graph/machine.h"
#include "src/alloc.h"

/* Whether a value is a constant or a variable that the plan itself does not change. */
static bool is_unchanged(const pal_plan *plan, pal_value value) {
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

/* Whether the first phase of a node packs weights: it declares a form, and all that it reads is
 * unchanged by the plan. */
static bool packs_weights(const pal_plan *plan, const pal_node *node) {
  const pal_phase *first = &node->op->phase[0];
  if (!first->form || !first->tasks || !first->reads) return false;
  for (int i = 0; i < node->n_in; i++)
    if ((first->reads >> i & 1) && node->in[i].id && !is_unchanged(plan, node->in[i])) return false;
  return true;
}

void pal_plan_packed_cache(pal_plan *plan) {
  for (size_t s = 0; s < plan->step.n; s++) {
    pal_step *step = &plan->step.at[s];
    step->cacheable = step->scratch_bytes && packs_weights(plan, &plan->graph->node.at[step->node]);
    if (!step->cacheable) continue;
    step->cache_offset = plan->stats.kept_bytes;
    plan->stats.kept_bytes += pal_whole_lines(step->scratch_bytes);
  }
}

static int64_t form_of(const pal_exec *e, size_t step) {
  const pal_node *node = &e->plan->graph->node.at[e->plan->step.at[step].node];
  return node->op->phase[0].form(&e->call[step].run);
}

bool pal_exec_packing_is_cached(const pal_exec *e, const pal_unit *unit) {
  const size_t s = (size_t)unit->step;
  return e->held && unit->phase == 0 && e->plan->step.at[s].cacheable && e->call[s].cached &&
         e->call[s].cached_form == form_of(e, s);
}

void pal_exec_record_packing(pal_exec *e, bool succeeded) {
  for (size_t s = 0; e->held && s < e->plan->step.n; s++) {
    if (!e->plan->step.at[s].cacheable) continue;
    e->call[s].cached = succeeded;
    e->call[s].cached_form = form_of(e, s);
  }
}

pal_status pal_exec_hold(pal_exec *e, bool on, pal_error *error) {
  if (on && !e->packed_cache && e->plan->stats.kept_bytes) {
    e->packed_cache = pal_alloc(e->plan->stats.kept_bytes);
    if (!e->packed_cache)
      return pal_fail(error, PAL_E_MEMORY, "no memory for a packed-weight cache of %zu bytes",
                      e->plan->stats.kept_bytes);
  }
  e->held = on;
  for (size_t s = 0; s < e->plan->step.n; s++) {
    const pal_step *step = &e->plan->step.at[s];
    if (!step->cacheable) continue;
    e->call[s].cached = false;
    e->call[s].run.scratch = on ? e->packed_cache + step->cache_offset : e->arena + step->scratch;
  }
  return PAL_OK;
}
