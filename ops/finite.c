/* SPDX-License-Identifier: Apache-2.0 */
/* check_finite: makes a run fail if a value is infinite or NaN (floor 2).
 *
 * The element that is reported is the first in row order, so the message is the same for any number
 * of threads. */
#define PAL_NO_CALLER
#include <math.h>

#include "ops/broadcast.h"

typedef struct finite_attrs {
  const char *what;
} finite_attrs;

static const pal_attr_field finite_fields[] = {PAL_FIELD(finite_attrs, what, PAL_ATTR_STRING)};

static pal_status finite_infer(pal_infer *call) {
  call->n_out = 0;
  return pal_want_dtype(call, 0, PAL_F32, "x");
}

static int64_t finite_chunks(const pal_run *run) {
  return (run->in_rows[0] + PAL_FINITE_ROWS - 1) / PAL_FINITE_ROWS;
}

static size_t finite_scratch(const pal_run *run) {
  return (size_t)finite_chunks(run) * sizeof(int64_t);
}

/* Phase 0: for every chunk of rows, stores in scratch the index of its first bad element, or -1. */
static pal_status finite_scan(const pal_run *run) {
  const int64_t row = pal_type_row(&run->in_type[0]);
  int64_t *found = run->scratch;
  for (int64_t chunk = run->begin; chunk < run->end; chunk++) {
    const int64_t first = chunk * PAL_FINITE_ROWS, left = run->in_rows[0] - first;
    const int64_t rows = left < PAL_FINITE_ROWS ? left : PAL_FINITE_ROWS;
    const int64_t at = pal_kernels_of(run->isa)->elementwise.first_nonfinite(
        (const float *)run->in[0] + first * row, rows * row);
    found[chunk] = at < 0 ? -1 : first * row + at;
  }
  return PAL_OK;
}

static int64_t finite_one(const pal_run *run) {
  (void)run;
  return 1;
}

/* Phase 1: fails for the first of them. */
static pal_status finite_report(const pal_run *run) {
  const finite_attrs *a = run->attrs;
  const int64_t row = pal_type_row(&run->in_type[0]), *found = run->scratch;
  for (int64_t chunk = 0; chunk < finite_chunks(run); chunk++) {
    if (found[chunk] < 0) continue;
    const double value = (double)((const float *)run->in[0])[found[chunk]];
    const char *kind = isnan(value) ? "not a number" : value > 0.0 ? "infinite" : "minus infinite";
    if (run->in_type[0].rank == 0)
      return pal_fail(run->error, PAL_E_NONFINITE, "%s is %s", a->what, kind);
    return pal_fail(run->error, PAL_E_NONFINITE, "%s is %s at row %lld, element %lld", a->what,
                    kind, (long long)(found[chunk] / row), (long long)(found[chunk] % row));
  }
  return PAL_OK;
}

static pal_status finite_reference(const pal_reference *call) {
  const finite_attrs *a = call->attrs;
  const int64_t n = call->in_rows[0] * pal_type_row(&call->in_type[0]);
  for (int64_t i = 0; i < n; i++)
    if (!isfinite(call->in[0][i]))
      return pal_fail(call->error, PAL_E_NONFINITE, "%s is not finite at element %lld", a->what,
                      (long long)i);
  return PAL_OK;
}

/* Mostly finite, sometimes not: the plan and the reference must then both fail. */
static pal_value finite_sample(pal_case *random) {
  pal_type type;
  pal_sample_broadcast(random, PAL_F32, 1, &type);
  const double low = pal_case_int(random, 0, 1) ? 0.1 : -0.01;
  const pal_value x = pal_case_f32(random, type, low, 4);
  pal_check_finite(pal_case_graph(random), pal_log(pal_case_graph(random), x), "x");
  return PAL_NIL;
}

static const pal_op finite_op = {
    PAL_OP_HEAD("check_finite",
                "x f32, any shape. There is no output. If an active element of x is infinite or\n"
                "NaN, the run fails with PAL_E_NONFINITE; the message has `what` and the row and\n"
                "element of the first."),
    .min_in = 1,
    .max_in = 1,
    .flags = PAL_OP_NO_GRADIENT | PAL_OP_ROOT,
    .fields = finite_fields,
    .n_fields = 1,
    .attrs_size = sizeof(finite_attrs),
    .infer = finite_infer,
    .reference = finite_reference,
    .phase = {{.run = finite_scan, .tasks = finite_chunks},
              {.run = finite_report, .tasks = finite_one}},
    .scratch = finite_scratch,
    .sample = finite_sample};

void pal_check_finite(pal_graph *g, pal_value x, const char *what) {
  const finite_attrs a = {what};
  pal_apply(g, "check_finite", &x, 1, &a, NULL);
}

const pal_op *const pal_ops_finite[] = {&finite_op, NULL};
