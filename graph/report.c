/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as text for people: stages, chains, offsets and costs (floor 1). */
#define PAL_NO_CALLER
#include "graph/steps.h"
#include "graph/text.h"

static void report_unit(pal_text *out, const pal_plan *plan, const pal_unit *u) {
  const pal_graph *g = plan->graph;
  const pal_step *step = &plan->step.at[u->step];
  const pal_node *node = &g->node.at[step->node];
  pal_text_add(out, "    %s", node->op->name);
  if (step->phases > 1) pal_text_add(out, " phase %d of %d", u->phase + 1, step->phases);
  for (int i = 0; i < node->n_out; i++) {
    char type[96];
    uint32_t v = node->first_out + (uint32_t)i;
    const pal_storage *s = &plan->storage.at[plan->storage_of[v]];
    pal_text_add(out, "%s %s", i ? "," : " ->",
                 pal_graph_type_print(g, &g->value.at[v].type, type, sizeof type));
    if (s->place == PAL_PLACE_ARENA) pal_text_add(out, " @%zu", s->offset);
    else if (s->place == PAL_PLACE_VARIABLE_NEXT || s->place == PAL_PLACE_VARIABLE)
      pal_text_add(out, " @%s", plan->variable.at[s->index].name);
    else if (s->place == PAL_PLACE_INPUT_NEXT)
      pal_text_add(out, " @%s", plan->input.at[s->index].name);
  }
  if (node->scope[0]) pal_text_add(out, "  (%s)", node->scope);
  pal_text_add(out, "\n");
}

char *pal_plan_report(const pal_plan *plan) {
  pal_text out = {0};
  const pal_plan_stats *st = &plan->stats;
  pal_text_add(&out,
               "%d steps in %d stages (%d barriers), %d chains of row-local steps\n"
               "arena %zu bytes, largest live set %zu, task scratch %zu per worker\n"
               "at capacity: %.4g MFLOP, %.4g MB touched\n",
               st->steps, st->stages, st->barriers, st->chains, st->arena_bytes, st->largest_live,
               st->task_scratch_bytes, st->flops * 1e-6, st->bytes * 1e-6);
  for (size_t s = 0; s < plan->stage.n; s++) {
    const pal_stage *stage = &plan->stage.at[s];
    pal_text_add(&out, "stage %zu\n", s);
    for (int i = 0; i < stage->n_items; i++) {
      const pal_item *item = &plan->item.at[stage->first_item + i];
      if (item->symbol)
        pal_text_add(&out, "  chain over %s, %lld rows at a time\n",
                     plan->graph->symbol.at[item->symbol].name, (long long)item->chunk);
      else pal_text_add(&out, item->rows ? "  rows\n" : "  tasks\n");
      for (int k = 0; k < item->n_units; k++)
        report_unit(&out, plan, &plan->unit.at[item->first_unit + k]);
    }
  }
  return pal_text_finish(&out);
}
