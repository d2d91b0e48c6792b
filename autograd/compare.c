/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a plan with the reference, and its bits between all ways to run it (floor 3).
 *
 * A case is run at many active counts. At each, its bits must not depend on the contents of
 * inactive rows, the instruction set, the number of threads, in-place updates or the capacity. And
 * where the reference gives a row the same bits at two counts, so must the plan: a row that does
 * not depend on other rows must not depend on how many there are. */
#define PAL_NO_CALLER
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "autograd/accumulate.h"
#include "autograd/check.h"
#include "graph/exec.h"
#include "src/alloc.h"
#include "src/half.h"

/* A copy of the active rows of all outputs of a run. NaNs are replaced by one NaN, since their
 * signs and payloads may differ between instruction sets. */
typedef struct snapshot {
  int n;
  pal_type type[PAL_MAX_INPUTS];
  int64_t rows[PAL_MAX_INPUTS];
  char *data[PAL_MAX_INPUTS];
} snapshot;

static size_t row_bytes(const pal_type *t) {
  return (size_t)pal_type_row(t) * pal_dtype_size(t->dtype);
}

static void free_snapshot(snapshot *s) {
  for (int i = 0; i < s->n; i++) pal_free(s->data[i]);
  s->n = 0;
}

static void output_name(int i, char name[16]) { snprintf(name, 16, "out%d", i); }

static pal_status take_snapshot(const pal_trial *t, snapshot *s, pal_error *error) {
  *s = (snapshot){0};
  for (int i = 0; i < t->n_out; i++) {
    char name[16];
    output_name(i, name);
    const void *from = pal_exec_output(t->exec, name, &s->rows[i]);
    s->type[i] = pal_type_of(t->graph, t->out[i]);
    size_t bytes = (size_t)s->rows[i] * row_bytes(&s->type[i]);
    s->data[i] = pal_alloc(bytes);
    if (!s->data[i]) return pal_fail(error, PAL_E_MEMORY, "no memory for a snapshot");
    s->n = i + 1;
    if (bytes) memcpy(s->data[i], from, bytes);
    float *f = (float *)(void *)s->data[i];
    for (size_t e = 0; s->type[i].dtype == PAL_F32 && e < bytes / sizeof *f; e++)
      if (isnan(f[e])) f[e] = NAN;
  }
  return PAL_OK;
}

/* ---- against the reference --------------------------------------------------------------- */

static double element(const snapshot *s, int i, int64_t e) {
  const char *data = s->data[i];
  switch (s->type[i].dtype) {
    case PAL_F32: return ((const float *)(const void *)data)[e];
    case PAL_I32: return ((const int32_t *)(const void *)data)[e];
    case PAL_U8: return ((const uint8_t *)data)[e];
    case PAL_BF16: return pal_bf16_value(((const uint16_t *)(const void *)data)[e]);
    case PAL_NONE: break;
  }
  return 0;
}

/* Equal NaNs and infinities, and finite numbers within `allowed`. */
static bool agree(double have, double want, double allowed) {
  if (isnan(want)) return isnan(have);
  if (isinf(want)) return have == want;
  return fabs(have - want) <= allowed;
}

/* By what errors of a case are measured. */
typedef struct scale {
  pal_direction direction;
  double tolerance;
  double largest[PAL_MAX_INPUTS]; /* largest finite magnitude of each output at all counts so far */
} scale;

/* The error allowed for output i: tolerance x 2^-24 x largest magnitude, 0 for integers. Gradients
 * are sums of products that may cancel, so they may be 16 times as far off, and their magnitude
 * counts as at least 0.01. */
static double allowed_error(scale *by, const snapshot *s, int i, const double *want) {
  pal_dtype dtype = s->type[i].dtype;
  int64_t n = s->rows[i] * pal_type_row(&s->type[i]);
  for (int64_t e = 0; e < n; e++)
    if (isfinite(want[e]) && fabs(want[e]) > by->largest[i]) by->largest[i] = fabs(want[e]);
  if (dtype == PAL_I32 || dtype == PAL_U8) return 0;
  double units = dtype == PAL_BF16 ? 0x1p16 : by->tolerance, largest = by->largest[i];
  if (by->direction == PAL_BACKWARD) {
    units *= 16;
    largest = fmax(largest, 0.01);
  }
  return units * 0x1p-24 * largest + 1e-35;
}

static pal_status compare_reference(scale *by, const snapshot *s,
                                    const pal_reference_result *reference, pal_error *error) {
  for (int i = 0; i < s->n; i++) {
    char name[16];
    int64_t rows = 0, row = pal_type_row(&s->type[i]);
    output_name(i, name);
    const double *want = pal_reference_output(reference, name, &rows);
    const char *what = by->direction == PAL_FORWARD ? "output" : "gradient";
    if (rows != s->rows[i])
      return pal_fail(error, PAL_E_ARGUMENT, "%s %d has %lld rows, the reference %lld", what, i,
                      (long long)s->rows[i], (long long)rows);
    double allowed = allowed_error(by, s, i, want);
    for (int64_t e = 0; e < rows * row; e++) {
      double have = element(s, i, e);
      if (agree(have, want[e], allowed)) continue;
      return pal_fail(error, PAL_E_ARGUMENT,
                      "%s %d, row %lld, element %lld is %.9g, the reference says %.17g (allowed "
                      "%.3g)",
                      what, i, (long long)(e / row), (long long)(e % row), have, want[e], allowed);
    }
  }
  return PAL_OK;
}

/* ---- against another run ------------------------------------------------------------------- */

static pal_status compare_bits(const snapshot *a, const snapshot *b, const char *how,
                               pal_error *error) {
  for (int i = 0; i < a->n; i++) {
    if (a->rows[i] != b->rows[i])
      return pal_fail(error, PAL_E_ARGUMENT, "output %d has %lld rows, but %lld %s", i,
                      (long long)a->rows[i], (long long)b->rows[i], how);
    size_t bytes = row_bytes(&a->type[i]);
    int64_t row = pal_type_row(&a->type[i]);
    for (int64_t r = 0; r < a->rows[i]; r++) {
      size_t at = (size_t)r * bytes;
      if (memcmp(a->data[i] + at, b->data[i] + at, bytes) == 0) continue;
      int64_t e = r * row;
      while (memcmp(&(double){element(a, i, e)}, &(double){element(b, i, e)}, sizeof(double)) == 0)
        e++;
      return pal_fail(error, PAL_E_ARGUMENT,
                      "output %d, row %lld, element %lld is %.9g, but %.9g %s", i, (long long)r,
                      (long long)(e - r * row), element(a, i, e), element(b, i, e), how);
    }
  }
  return PAL_OK;
}

/* Where the reference gives a row the same bits at both counts, the plan must do so too. */
static pal_status compare_prefix(const snapshot *all, const pal_reference_result *all_reference,
                                 const snapshot *some, const pal_reference_result *reference,
                                 pal_error *error) {
  for (int i = 0; i < some->n; i++) {
    char name[16];
    output_name(i, name);
    if (!some->type[i].symbol.id) continue;
    const double *x = pal_reference_output(all_reference, name, NULL);
    const double *y = pal_reference_output(reference, name, NULL);
    size_t row = (size_t)pal_type_row(&some->type[i]), bytes = row_bytes(&some->type[i]);
    for (int64_t r = 0; r < some->rows[i] && r < all->rows[i]; r++) {
      size_t at = (size_t)r;
      if (memcmp(x + at * row, y + at * row, row * sizeof *x) != 0 ||
          memcmp(all->data[i] + at * bytes, some->data[i] + at * bytes, bytes) == 0)
        continue;
      return pal_fail(error, PAL_E_ARGUMENT,
                      "output %d: the bits of row %lld depend on the number of active rows", i,
                      (long long)r);
    }
  }
  return PAL_OK;
}

/* ---- all ways to run a case ------------------------------------------------------------------ */

/* Whether the guard bytes at offset `at` are unchanged. */
static pal_status check_guard(const pal_exec *exec, size_t at, const char *what, int which,
                              const pal_node *node, pal_error *error) {
  /* One word more than the guard: a result need not end at a word. */
  char clean[PAL_CASE_GUARD + sizeof(uint32_t)];
  pal_case_spoil(clean, sizeof clean, PAL_FILL_SIGNAL);
  if (memcmp(exec->arena + at, clean + at % sizeof(uint32_t), PAL_CASE_GUARD) == 0) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT, "op \"%s\" writes past the end of its %s %d",
                  node->op->name, what, which);
}

/* The node that is named for a write past result `storage`, which `node` made: the checked op's
 * where it updates that result in place, since the other ops are trusted more. */
static const pal_node *writer_of(const pal_plan *plan, uint32_t storage, const pal_node *node,
                                 const pal_op *checked) {
  for (size_t s = 0; s < plan->step.n; s++) {
    const pal_node *other = &plan->graph->node.at[plan->step.at[s].node];
    for (int i = 0; other->op == checked && i < other->n_out; i++)
      if (plan->storage_of[pal_node_out(other, i).id] == storage) return other;
  }
  return node;
}

/* The guard bytes after each result and scratch are as they were before the run. */
static pal_status check_guards(const pal_exec *exec, const pal_op *checked, pal_error *error) {
  const pal_plan *plan = exec->plan;
  pal_status status = PAL_OK;
  for (size_t s = 0; s < plan->step.n && !status; s++) {
    const pal_step *step = &plan->step.at[s];
    const pal_node *node = &plan->graph->node.at[step->node];
    for (int i = 0; i < node->n_out && !status; i++) {
      const uint32_t which = plan->storage_of[pal_node_out(node, i).id];
      const pal_storage *p = &plan->storage.at[which];
      const pal_node *writer = writer_of(plan, which, node, checked);
      if (p->place == PAL_PLACE_ARENA && p->bytes)
        status = check_guard(exec, p->offset + p->bytes, "output", writer == node ? i : 0, writer,
                             error);
    }
    if (step->scratch_bytes && !status)
      status = check_guard(exec, step->scratch + step->scratch_bytes, "scratch", 0, node, error);
  }
  return status;
}

static pal_status run_as(pal_trial *t, pal_counts counts, pal_case_filling filling, int threads,
                         snapshot *s, pal_error *error) {
  *s = (snapshot){0};
  pal_status status = pal_trial_load(t, counts, filling, error);
  if (status) return status;
  pal_context_set_threads(t->graph->context, threads);
  bool guarded =
      t->plan->guard > 0 && t->plan->chunk > 0; /* checked once per count: in try_chunks */
  if (guarded) pal_case_spoil(t->exec->arena, t->exec->arena_bytes, PAL_FILL_SIGNAL);
  status = pal_exec_run(t->exec, error);
  if (guarded && !status) status = check_guards(t->exec, t->node.op, error);
  return status ? status : take_snapshot(t, s, error);
}

/* Runs the case in one more way, which `how` describes; its bits must be those of `base`. */
static pal_status same_as(const snapshot *base, pal_trial *t, pal_counts counts,
                          pal_case_filling filling, int threads, const char *how,
                          pal_error *error) {
  snapshot s;
  pal_error inner = {0};
  pal_status status = run_as(t, counts, filling, threads, &s, &inner);
  if (!status) status = compare_bits(base, &s, how, &inner);
  free_snapshot(&s);
  return status ? pal_fail(error, status, "%s (%s)", inner.text, how) : PAL_OK;
}

static const char attributes_differ[] =
    "with other bytes around the declared attributes: check fields, n_fields and attrs_size";

/* The builds of a case that are compared. */
typedef struct ways {
  const pal_checking *k;
  scale by;
  pal_trial trial[PAL_ISA_COUNT];  /* one per instruction set; [0] is the base of all comparisons */
  pal_trial indirect;              /* inputs are copied into the arena, with guard bytes */
  pal_trial filled;                /* other bytes in the padding of attribute structs */
  pal_reference_result *reference; /* results at capacity, of the reference */
  snapshot all;                    /* and of the base */
  int succeeded;                   /* counts at which the case runs without error */
} ways;

static pal_status try_fillings(ways *w, const snapshot *base, pal_counts counts, pal_error *error) {
  pal_status status = same_as(base, &w->trial[0], counts, PAL_FILL_SIGNAL, 1,
                              "with signalling NaNs in the inactive rows", error);
  return status ? status
                : same_as(base, &w->trial[0], counts, PAL_FILL_NOISE, 1,
                          "with noise in the inactive rows", error);
}

static pal_status try_isas(ways *w, const snapshot *base, pal_counts counts, pal_error *error) {
  pal_status status = PAL_OK;
  for (int i = 1; i < w->k->n_contexts && !status; i++) {
    char how[64];
    snprintf(how, sizeof how, "with instruction set %s",
             pal_isa_name(pal_context_isa(w->k->context[i])));
    status = same_as(base, &w->trial[i], counts, PAL_FILL_SIGNAL, 1, how, error);
  }
  return status;
}

static pal_status try_threads(ways *w, const snapshot *base, pal_counts counts, pal_error *error) {
  static const int threads[] = {2, 3, 4, 7};
  pal_status status = PAL_OK;
  for (size_t i = 0; i < sizeof threads / sizeof *threads && !status; i++) {
    char how[32];
    snprintf(how, sizeof how, "on %d threads", threads[i]);
    status = same_as(base, &w->trial[0], counts, PAL_FILL_SIGNAL, threads[i], how, error);
  }
  return status;
}

/* Inputs are copied into the arena in the same chain, 1 or 3 rows ahead of the op, and rows not yet
 * copied are signalling NaNs. An op that reads other rows without declaring the input `whole` gets
 * those. */
static pal_status try_chunks(ways *w, const snapshot *base, pal_counts counts, pal_error *error) {
  char how[96];
  int chunk = counts.rows == 17 ? 1 : 3;
  snprintf(how, sizeof how, "with chunks of %d and later rows unwritten: check `whole`", chunk);
  w->indirect.plan->chunk = chunk;
  pal_status status = same_as(base, &w->indirect, counts, PAL_FILL_SIGNAL, 1, how, error);
  w->indirect.plan->chunk = 0;
  return status;
}

/* Bytes outside of the declared fields of attribute structs differ. An op that reads members which
 * no field declares gives other results then; nodes that differ in them would be merged wrongly. */
static pal_status try_attributes(ways *w, const snapshot *base, pal_counts counts,
                                 pal_error *error) {
  return same_as(base, &w->filled, counts, PAL_FILL_SIGNAL, 1, attributes_differ, error);
}

/* A plan whose capacity is the active count. If the sample's draws depend on the capacity this is
 * another case, and there is nothing to compare. */
static pal_status try_capacity(ways *w, const snapshot *base, pal_counts counts, pal_error *error) {
  pal_trial t;
  pal_case_form form = {.capacity = {counts.rows, counts.sequences}};
  pal_status status = pal_trial_open(&t, w->k, w->k->context[0], w->by.direction, form, error);
  if (!status && t.c.drawn == w->trial[0].c.drawn)
    status = same_as(base, &t, counts, PAL_FILL_SIGNAL, 1, "with a plan of that capacity", error);
  pal_trial_close(&t);
  return status;
}

static pal_status check_base(ways *w, bool first, const snapshot *s,
                             pal_reference_result **reference, pal_error *error) {
  w->by.tolerance = w->trial[0].c.tolerance;
  pal_status status = compare_reference(&w->by, s, *reference, error);
  if (first) {
    w->reference = *reference;
    *reference = NULL;
    if (!status) status = take_snapshot(&w->trial[0], &w->all, error);
  } else if (!status && w->reference) {
    status = compare_prefix(&w->all, w->reference, s, *reference, error);
  }
  return status;
}

static pal_status check_counts(ways *w, pal_counts counts, bool first, pal_error *error) {
  pal_error plan_error = {0}, reference_error = {0};
  snapshot s;
  pal_status status = pal_trial_load(&w->trial[0], counts, PAL_FILL_ONES, error);
  if (status) return status;
  pal_reference_result *reference = pal_exec_reference(w->trial[0].exec, &reference_error);
  status = run_as(&w->trial[0], counts, PAL_FILL_ONES, 1, &s, &plan_error);
  if (status || !reference) { /* a case may fail if plan and reference fail with the same code */
    pal_reference_free(reference);
    free_snapshot(&s);
    if (status == reference_error.code)
      return PAL_OK; /* but not at all counts, see pal_check_plan */
    return pal_fail(
        error, status ? status : reference_error.code, "the plan says: %s; the reference says: %s",
        status ? plan_error.text : "no error", reference ? "no error" : reference_error.text);
  }
  w->succeeded++;
  status = check_base(w, first, &s, &reference, error);
  pal_reference_free(reference);
  bool full = first || counts.rows == 17;
  if (!status) status = try_fillings(w, &s, counts, error);
  if (!status) status = try_isas(w, &s, counts, error);
  if (!status)
    status =
        same_as(&s, &w->indirect, counts, PAL_FILL_SIGNAL, 1, "with inputs from the arena", error);
  if (!status && full) status = try_chunks(w, &s, counts, error);
  if (!status && full) status = try_attributes(w, &s, counts, error);
  if (!status && full) status = try_threads(w, &s, counts, error);
  if (!status && !first && full) status = try_capacity(w, &s, counts, error);
  free_snapshot(&s);
  return status;
}

/* A copy of an input, made in the arena. */
static pal_value copied(pal_graph *graph, pal_value input) {
  return pal_accumulate(graph, &input, 1);
}

static pal_status open_ways(ways *w, pal_error *error) {
  pal_case_form form = {.capacity = {-1, -1}};
  pal_status status = PAL_OK;
  for (int i = 0; i < w->k->n_contexts && !status; i++)
    status = pal_trial_open(&w->trial[i], w->k, w->k->context[i], w->by.direction, form, error);
  form.through = copied;
  if (!status)
    status = pal_trial_open(&w->indirect, w->k, w->k->context[0], w->by.direction, form, error);
  if (status) return status;
  pal_error own = {0};
  form = (pal_case_form){.capacity = {-1, -1}, .fill = 0xFF};
  status = pal_trial_open(&w->filled, w->k, w->k->context[0], w->by.direction, form, &own);
  return status ? pal_fail(error, status, "%s (%s)", own.text, attributes_differ) : PAL_OK;
}

pal_status pal_check_plan(const pal_checking *k, pal_direction direction, pal_error *error) {
  ways w = {.k = k, .by = {.direction = direction}};
  pal_counts counts[PAL_COUNTS_MOST];
  pal_status status = open_ways(&w, error);
  if (!status) status = pal_check_text(&w.trial[0], error);
  int n = status || (direction == PAL_BACKWARD && !w.trial[0].n_out)
              ? 0
              : pal_trial_counts(&w.trial[0], counts);
  for (int i = 0; i < n && !status; i++) {
    pal_error inner = {0};
    status = check_counts(&w, counts[i], i == 0, &inner);
    if (status)
      pal_fail(error, status, "%s, %lld rows, %lld sequences: %s",
               direction == PAL_FORWARD ? "values" : "gradients", (long long)counts[i].rows,
               (long long)counts[i].sequences, inner.text);
  }
  if (!status && n && !w.succeeded && !(k->op->flags & PAL_OP_ROOT))
    status =
        pal_fail(error, PAL_E_ARGUMENT,
                 "the case fails at every count; let the sample draw data that the op accepts");
  pal_reference_free(w.reference); /* before its graph is freed */
  for (int i = 0; i < PAL_ISA_COUNT; i++) pal_trial_close(&w.trial[i]);
  pal_trial_close(&w.indirect);
  pal_trial_close(&w.filled);
  free_snapshot(&w.all);
  return status;
}

/* ---- two nodes in one graph ------------------------------------------------------------------ */

/* Outputs at capacity of both nodes or of one; none if the op accepts no other value of the
 * attribute. */
static pal_status run_twins(const pal_checking *k, size_t field, pal_twins show, snapshot *s,
                            pal_error *error) {
  const pal_case_form form = {.capacity = {-1, -1}, .field = field, .show = show};
  pal_counts counts[PAL_COUNTS_MOST];
  pal_trial t;
  *s = (snapshot){0};
  pal_status status = pal_trial_open(&t, k, k->context[0], PAL_TWINS, form, error);
  if (!status && t.n_out) {
    pal_trial_counts(&t, counts);
    status = run_as(&t, counts[0], PAL_FILL_SIGNAL, 1, s, error);
  }
  pal_trial_close(&t);
  return status;
}

/* A node must give the same bits alone and in one graph with a node that differs in one attribute;
 * else the two were merged, or share memory that they should not. */
static pal_status compare_twins(const pal_checking *k, size_t field, pal_error *error) {
  snapshot both = {0}, alone[2] = {{0}, {0}};
  pal_error own = {0};
  pal_status status = PAL_OK;
  for (int i = 0; i < 2 && !status; i++)
    status = run_twins(k, field, i ? PAL_TWIN_SECOND : PAL_TWIN_FIRST, &alone[i], &own);
  const bool refused =
      status != PAL_OK; /* the op fails with the other value on these data: no test */
  if (!refused) status = run_twins(k, field, PAL_TWIN_BOTH, &both, error);
  for (int i = 0, first = 0; i < 2 && !status; first += alone[i++].n) {
    snapshot beside = {.n = alone[i].n};
    for (int o = 0; o < beside.n; o++) {
      beside.rows[o] = both.rows[first + o];
      beside.type[o] = both.type[first + o];
      beside.data[o] = both.data[first + o];
    }
    status = compare_bits(&alone[i], &beside, "beside the other", error);
  }
  free_snapshot(&both);
  free_snapshot(&alone[0]);
  free_snapshot(&alone[1]);
  return refused ? PAL_OK : status;
}

pal_status pal_check_twins(const pal_checking *k, pal_error *error) {
  pal_status status = PAL_OK;
  for (size_t i = 0; i < k->op->n_fields && !status; i++) {
    pal_error own = {0};
    status = compare_twins(k, i, &own);
    if (status)
      pal_fail(error, status, "two values of attribute \"%s\" in one graph: %s",
               k->op->fields[i].name, own.text);
  }
  return status;
}
