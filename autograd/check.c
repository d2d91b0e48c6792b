/* SPDX-License-Identifier: Apache-2.0 */
/* pal_check_op: runs all checks on random cases of an op (floor 3). See check.h. */
#define PAL_NO_CALLER
#include <stdlib.h>
#include <string.h>

#include "autograd/check.h"

/* ---- rewriting and text -------------------------------------------------------------- */

static pal_status compare_text(char *a, char *b, const char *what, pal_error *error) {
  pal_status status = PAL_OK;
  if (!a || !b) status = pal_fail(error, PAL_E_MEMORY, "no memory for a dump");
  else if (strcmp(a, b) != 0) status = pal_fail(error, PAL_E_INTERNAL, "%s", what);
  free(a);
  free(b);
  return status;
}

/* Rewriting twice changes nothing, and dump, parse, dump gives the same text. Failures are faults
 * of graph/, not of the op. */
pal_status pal_check_text(const pal_trial *t, pal_error *error) {
  pal_graph *once = pal_rewrite(t->graph, error), *twice = once ? pal_rewrite(once, error) : NULL;
  pal_status status = twice ? compare_text(pal_graph_dump(once), pal_graph_dump(twice),
                                           "rewriting a rewritten graph changes it", error)
                            : error->code;
  pal_graph_free(once);
  pal_graph_free(twice);
  if (status) return status;
  char *text = pal_graph_dump(t->graph);
  if (!text) return pal_fail(error, PAL_E_MEMORY, "no memory for a dump");
  pal_error own = {0};
  pal_graph *parsed = pal_graph_parse(t->graph->context, t->store, text, &own);
  if (!parsed) {
    free(text);
    return pal_fail(error, own.code == PAL_E_MEMORY ? own.code : PAL_E_INTERNAL,
                    "the dump cannot be parsed: %s", own.text);
  }
  status = compare_text(text, pal_graph_dump(parsed), "the parsed dump dumps differently", error);
  pal_graph_free(parsed);
  return status;
}

/* ---- gradients ----------------------------------------------------------------------- */

static pal_status check_op_gradient(const pal_checking *k, pal_error *error) {
  pal_trial t;
  pal_counts counts[PAL_COUNTS_MOST];
  pal_case_form form = {.capacity = {-1, -1}};
  pal_status status = pal_trial_open(&t, k, k->context[0], PAL_BACKWARD, form, error);
  int n = status || !t.n_out ? 0 : pal_trial_counts(&t, counts);
  for (int i = 0; i < n && !status; i++) {
    pal_error inner = {0};
    status = pal_trial_load(&t, counts[i], PAL_FILL_SIGNAL, &inner);
    pal_taylor taylor = {.graph = t.graph,
                         .exec = t.exec,
                         .n_of = t.n_of,
                         .n_wrt = t.n_out,
                         .of = t.of,
                         .weight = t.weight,
                         .wrt = t.wrt,
                         .grad = t.out,
                         .seed = t.c.seed};
    if (!status) status = pal_taylor_check(&taylor, &inner);
    if (status)
      pal_fail(error, status, "%lld rows, %lld sequences: %s", (long long)counts[i].rows,
               (long long)counts[i].sequences, inner.text);
  }
  pal_trial_close(&t);
  return status;
}

/* ---- contexts ------------------------------------------------------------------------ */

typedef struct copying {
  pal_context *to;
  pal_error *error;
  pal_status status;
} copying;

static void copy_definition(const char *name, const void *definition, void *data) {
  copying *c = data;
  if (!c->status && !pal_lookup(c->to, "op", name))
    c->status = pal_define_op(c->to, definition, c->error);
}

/* Adds a context that has the caller's ops and runs them with the given instruction set. */
static pal_status add_context(pal_checking *k, const pal_context *from, pal_isa isa,
                              pal_error *error) {
  pal_options options = {.threads = 1, .isa = pal_isa_name(isa)};
  copying c = {.to = pal_context_new(&options, error), .error = error};
  if (!c.to) return PAL_E_MEMORY;
  k->context[k->n_contexts++] = c.to;
  pal_each(from, "op", copy_definition, &c);
  return c.status;
}

/* Contexts for the checks, which change the number of threads: first the caller's instruction set,
 * then the lower ones. Higher ones are not used, since the caller may have excluded them. */
static pal_status add_contexts(pal_checking *k, const pal_context *from, pal_error *error) {
  pal_isa own = pal_context_isa(from);
  pal_status status = add_context(k, from, own, error);
  for (int isa = 0; isa < (int)own && !status; isa++)
    if (pal_isa_available((pal_isa)isa)) status = add_context(k, from, (pal_isa)isa, error);
  return status;
}

static pal_status check_case(const pal_checking *k, pal_error *error) {
  pal_status status = pal_check_plan(k, PAL_FORWARD, error);
  if (!status) status = pal_check_twins(k, error);
  if (status || (k->op->flags & PAL_OP_NO_GRADIENT)) return status;
  status = check_op_gradient(k, error);
  return status ? status : pal_check_plan(k, PAL_BACKWARD, error);
}

static pal_status check_cases(pal_context *context, const char *name, uint64_t seed, int first,
                              int end, pal_error *error) {
  pal_checking k = {.op = pal_lookup(context, "op", name), .seed = seed, .number = first};
  if (!k.op) return pal_fail(error, PAL_E_NOT_FOUND, "no op is named \"%s\"", name);
  if (!k.op->sample)
    return k.op->no_case && *k.op->no_case
               ? PAL_OK
               : pal_fail(error, PAL_E_ARGUMENT, "op \"%s\" has neither sample nor no_case", name);
  pal_status status = add_contexts(&k, context, error);
  for (; k.number < end && !status; k.number++) {
    pal_error inner = {0};
    status = check_case(&k, &inner);
    if (status)
      pal_fail(error, status, "op \"%s\", seed %llu, case %d: %s", name, (unsigned long long)seed,
               k.number, inner.text);
  }
  for (int i = 0; i < k.n_contexts; i++) pal_context_free(k.context[i]);
  return status;
}

pal_status pal_check_op(pal_context *context, const char *name, uint64_t seed, int cases,
                        pal_error *error) {
  return check_cases(context, name, seed, 0, cases, error);
}

pal_status pal_check_op_case(pal_context *context, const char *name, uint64_t seed, int number,
                             pal_error *error) {
  if (number < 0) return pal_fail(error, PAL_E_ARGUMENT, "case %d: cases count from 0", number);
  return check_cases(context, name, seed, number, number + 1, error);
}
