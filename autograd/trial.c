/* SPDX-License-Identifier: Apache-2.0 */
/* Builds a case of the op checker: its graph, plan and instance (floor 3). */
#define PAL_NO_CALLER
#include <stdio.h>
#include <string.h>

#include "autograd/check.h"
#include "autograd/gradient.h"
#include "graph/steps.h"

/* Finds the op's node in the graph that its sample built; `v` is output 0, nil for an op without
 * outputs. */
static pal_status find_node(pal_trial *t, const pal_checking *k, pal_value v, pal_error *error) {
  const pal_graph *g = t->graph;
  if (g->error.code) return pal_fail(error, g->error.code, "sample: %s", g->error.text);
  t->node = v.id ? *pal_node_of(g, v) : g->node.at[g->node.n - 1];
  if (t->node.op == k->op && (v.id || t->node.n_out == 0)) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "sample must return output 0 of the op that is checked, or nil if it has none");
}

static void show_outputs(pal_trial *t) {
  for (int i = 0; i < t->n_out; i++) {
    char name[16];
    snprintf(name, sizeof name, "out%d", i);
    pal_output(t->graph, name, t->out[i]);
  }
}

static void build_forward(pal_trial *t) {
  t->n_out = t->node.n_out;
  for (int i = 0; i < t->n_out; i++) t->out[i] = pal_node_out(&t->node, i);
}

/* Changes the value of one attribute to one of two neighbours; false if there is none. */
static bool change_field(pal_trial *t, const pal_attr_field *f, int which, void *attrs) {
  pal_arena *arena = &t->graph->arena;
  char *at = (char *)attrs + f->offset;
  int64_t step = which ? 1 : -1;
  if (f->kind == PAL_ATTR_INT) {
    int64_t *value = (int64_t *)(void *)at;
    *value += *value > 0 ? step : -step; /* towards 0 first: flags are 0 or 1 */
  } else if (f->kind == PAL_ATTR_FLOAT) {
    double *value = (double *)(void *)at;
    if (*value == 0) *value = which ? -0.5 : 0.5;
    else *value *= which ? 1.5 : 0.5;
  } else if (f->kind == PAL_ATTR_STRING) {
    const char **value = (const char **)(void *)at;
    char *longer = pal_arena_alloc(arena, strlen(*value) + 2);
    if (!longer) return false;
    strcat(strcpy(longer, *value), which ? "a" : "b");
    *value = longer;
  } else if (f->kind == PAL_ATTR_INTS) {
    pal_ints *value = (pal_ints *)(void *)at;
    int64_t *list = pal_arena_copy(arena, value->at, value->n * sizeof *list);
    if (!list || !value->n) return false;
    list[value->n - 1] += step;
    value->at = list;
  } else {
    return false;
  }
  return true;
}

/* Adds a second node of the op with another value of one attribute, unless infer refuses both
 * values that are tried. Ops with effects are left out: they cannot be applied twice and are never
 * merged. */
static void build_twins(pal_trial *t, const pal_checking *k) {
  pal_graph *g = t->graph;
  const pal_op *op = k->op;
  if ((op->flags & (PAL_OP_BINDS | PAL_OP_ROOT)) || op->writes) return;
  for (int which = 0; which < 2; which++) {
    void *attrs = pal_arena_copy(&g->arena, t->node.attrs, op->attrs_size);
    if (!attrs || !change_field(t, &op->fields[t->c.form.field], which, attrs)) return;
    pal_apply_op(g, op, t->node.in, t->node.n_in, attrs, NULL);
    if (g->error.code) {
      pal_error_clear(&g->error); /* a refused op has appended nothing */
      continue;
    }
    const pal_node twin = g->node.at[g->node.n - 1];
    if (t->c.form.show != PAL_TWIN_SECOND) build_forward(t);
    for (int i = 0; i < twin.n_out && t->c.form.show != PAL_TWIN_FIRST; i++)
      t->out[t->n_out++] = pal_node_out(&twin, i);
    return;
  }
}

/* Output gradients are random inputs. Outputs over a symbol that the op binds are left out, since
 * the caller cannot know how many rows their gradients need. */
static void build_backward(pal_trial *t) {
  pal_graph *g = t->graph;
  if (t->node.op->flags & PAL_OP_NO_GRADIENT) return;
  int n_wrt = 0;
  for (size_t i = 0; i < t->c.input.n && n_wrt < PAL_MAX_INPUTS; i++)
    if (t->c.input.at[i].kind == PAL_CASE_F32) t->wrt[n_wrt++] = t->c.input.at[i].value;
  for (int i = 0; i < t->node.n_out; i++) {
    pal_value out = pal_node_out(&t->node, i);
    pal_type type = pal_type_of(g, out);
    if (type.dtype != PAL_F32 || g->symbol.at[type.symbol.id].binder) continue;
    t->of[t->n_of] = out;
    pal_value through = pal_case_fixed(&t->c, type, -1, 1);
    t->weight[t->n_of] = through;
    t->n_of++;
  }
  if (!n_wrt || !t->n_of) return;
  pal_gradient_from(g, t->of, t->weight, t->n_of, t->wrt, n_wrt, t->out);
  t->n_out = n_wrt;
}

pal_status pal_trial_open(pal_trial *t, const pal_checking *k, pal_context *context,
                          pal_direction direction, pal_case_form form, pal_error *error) {
  *t = (pal_trial){.store = pal_store_new(k->seed)};
  if (t->store) t->graph = pal_graph_new(context, t->store);
  if (!t->graph) return pal_fail(error, PAL_E_MEMORY, "no memory for the case");
  t->graph->attrs_fill = form.fill;
  pal_case_init(&t->c, t->graph, k->seed, k->number, form);
  pal_status status = find_node(t, k, k->op->sample(&t->c), error);
  if (status) return status;
  if (direction == PAL_FORWARD) build_forward(t);
  if (direction == PAL_BACKWARD) build_backward(t);
  if (direction == PAL_TWINS) build_twins(t, k);
  show_outputs(t);
  t->plan = pal_compile_guarded(t->graph, form.through ? PAL_CASE_GUARD : 0, error);
  if (t->plan) t->plan->serial_seconds = 1e9; /* looks slow, so that threads are used */
  if (t->plan) t->exec = pal_exec_new(t->plan, error);
  return t->exec ? PAL_OK : error->code;
}

void pal_trial_close(pal_trial *t) {
  pal_exec_free(t->exec);
  pal_plan_free(t->plan);
  pal_case_free(&t->c);
  pal_graph_free(t->graph);
  pal_store_free(t->store);
  *t = (pal_trial){0};
}

static bool listed(const pal_counts *list, int n, pal_counts c) {
  for (int i = 0; i < n; i++)
    if (list[i].rows == c.rows && list[i].sequences == c.sequences) return true;
  return false;
}

int pal_trial_counts(const pal_trial *t, pal_counts counts[PAL_COUNTS_MOST]) {
  int64_t rows = pal_symbol_capacity(t->graph, t->c.rows);
  int64_t sequences = pal_symbol_capacity(t->graph, t->c.sequences);
  const pal_counts all[] = {{rows, sequences}, {17, sequences}, {16, sequences}, {15, sequences},
                            {2, sequences},    {1, sequences},  {0, sequences},  {rows, 0},
                            {rows, 1},         {17, 2},         {0, 0}};
  int n = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_counts c = all[i];
    if (c.rows > rows || c.sequences > sequences) continue;
    if (!listed(counts, n, c)) counts[n++] = c;
  }
  return n;
}

pal_status pal_trial_load(pal_trial *t, pal_counts counts, pal_case_filling filling,
                          pal_error *error) {
  pal_status status = PAL_OK;
  if (t->c.rows.id) status = pal_exec_count(t->exec, "rows", counts.rows, error);
  if (t->c.sequences.id && !status)
    status = pal_exec_count(t->exec, "sequences", counts.sequences, error);
  if (status) return status;
  for (size_t i = 0; i < pal_store_count(t->store); i++)
    pal_variable_reset(pal_store_at(t->store, i));
  pal_case_load(&t->c, t->exec, filling);
  return PAL_OK;
}
