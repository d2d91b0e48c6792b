/* SPDX-License-Identifier: Apache-2.0 */
/* factored_logits and its backward op: the logit of a token is the sum of the logits of its factors
 * (floor 2); see factored.h.
 *
 * Forward and backward are the same computation with different lists: output j is the sum of the
 * inputs in the list of j. Phase 0 builds the lists, interleaved for 16 outputs at a time (see
 * gather_sum in ops/kernels/update.h); phase 1 is row-local. Lists are padded to the longest of
 * their group of 16, so they never take more than 16 V F entries. Sums are in list order: f
 * ascending, or tokens and then f ascending. */
#define PAL_NO_CALLER
#include <string.h>

#include "ops/factored.h"

/* The lists in the op's scratch. */
typedef struct lists {
  int32_t *depth;  /* [groups]: length of the longest list of each group */
  int32_t *fill;   /* [groups * 16]: length of each list so far */
  int64_t *offset; /* [groups]: sum of the depths of the groups before */
  int32_t *packed; /* [sum of depths, 16]: inputs, -1 where a list has ended */
} lists;

static size_t lists_bytes(int64_t outputs, const pal_type *factor) {
  const size_t groups = (size_t)(outputs + PAL_FACTORED_GROUP - 1) / PAL_FACTORED_GROUP;
  const size_t entries = (size_t)(factor->dim[0] * factor->dim[1]);
  return groups * (sizeof(int64_t) + sizeof(int32_t) * (1 + PAL_FACTORED_GROUP)) +
         entries * PAL_FACTORED_GROUP * sizeof(int32_t);
}

static lists lists_at(void *scratch, int64_t outputs) {
  const int64_t groups = (outputs + PAL_FACTORED_GROUP - 1) / PAL_FACTORED_GROUP;
  lists l;
  l.offset = scratch;
  l.depth = (int32_t *)(l.offset + groups);
  l.fill = l.depth + groups;
  l.packed = l.fill + groups * PAL_FACTORED_GROUP;
  return l;
}

/* Appends input `from` to the list of output `to`; with `count` it only counts it. */
static void append(const lists *l, int64_t to, int64_t from, bool count) {
  const int64_t place = l->fill[to]++;
  if (!count)
    l->packed[(l->offset[to / PAL_FACTORED_GROUP] + place) * PAL_FACTORED_GROUP +
              to % PAL_FACTORED_GROUP] = (int32_t)from;
}

/* Goes through the factor table and appends or counts all entries. Outputs are tokens and inputs
 * are factors; with `transposed` it is the other way round. */
static void walk(const lists *l, const int32_t *factor, const pal_type *type, int64_t outputs,
                 bool transposed, bool count) {
  memset(l->fill, 0,
         sizeof *l->fill * (size_t)((outputs + PAL_FACTORED_GROUP - 1) / PAL_FACTORED_GROUP *
                                    PAL_FACTORED_GROUP));
  for (int64_t v = 0; v < type->dim[0]; v++)
    for (int64_t f = 0; f < type->dim[1]; f++) {
      const int64_t r = factor[v * type->dim[1] + f];
      if (r >= 0) append(l, transposed ? r : v, transposed ? v : r, count);
    }
}

/* Builds the lists: counts, sets depths and offsets, then fills them. */
static void pack(const lists *l, const int32_t *factor, const pal_type *type, int64_t outputs,
                 bool transposed) {
  int64_t slices = 0;
  walk(l, factor, type, outputs, transposed, true);
  for (int64_t g = 0; g * PAL_FACTORED_GROUP < outputs; g++) {
    l->offset[g] = slices;
    l->depth[g] = 0;
    for (int64_t j = g * PAL_FACTORED_GROUP; j < (g + 1) * PAL_FACTORED_GROUP; j++)
      if (l->fill[j] > l->depth[g]) l->depth[g] = l->fill[j];
    slices += l->depth[g];
  }
  for (int64_t i = 0; i < slices * PAL_FACTORED_GROUP; i++) l->packed[i] = -1;
  walk(l, factor, type, outputs, transposed, false);
}

/* The output type of both ops: input 0 is f32 [T, n], the result f32 [T, outputs]. */
static pal_status infer_rows(pal_infer *call, int64_t outputs, const char *what) {
  pal_status status;
  if ((status = pal_want_dtype(call, 0, PAL_F32, what)) ||
      (status = pal_want_rank(call, 0, 2, what)))
    return status;
  if (call->in_type[0].dim[1] < 1)
    return pal_fail(call->error, PAL_E_SHAPE, "%s must have columns", what);
  call->n_out = 1;
  call->out_type[0] = PAL_TYPE(PAL_F32, call->in_type[0].symbol, call->in_type[0].dim[0], outputs);
  return PAL_OK;
}

static int64_t one(const pal_run *run) {
  (void)run;
  return 1;
}

static size_t scratch(const pal_run *run) {
  return lists_bytes(run->out_type[0].dim[1], &run->in_type[1]);
}

static pal_status run_rows(const pal_run *run) {
  const int64_t n_in = run->in_type[0].dim[1], n_out = run->out_type[0].dim[1];
  const lists l = lists_at(run->scratch, n_out);
  const int64_t last = pal_last_row(run, &run->out_type[0]);
  for (int64_t t = pal_first_row(run, &run->out_type[0]); t < last; t++)
    pal_kernels_of(run->isa)->update.gather_sum((const float *)run->in[0] + t * n_in, l.packed,
                                                l.depth, n_out, (float *)run->out[0] + t * n_out);
  return PAL_OK;
}

/* ---- factored_logits ----------------------------------------------------------------- */

static pal_status logits_infer(pal_infer *call) {
  const pal_status status = pal_want_factor(call, 1);
  return status ? status : infer_rows(call, call->in_type[1].dim[0], "z");
}

static pal_status logits_gradient(pal_gradient_call *call) {
  const pal_value in[] = {call->out_grad[0], call->in[1]};
  const pal_factored_attrs attrs = {pal_type_of(call->graph, call->in[0]).dim[1]};
  if (call->wanted & 1)
    call->in_grad[0] = pal_apply(call->graph, "factored_logits_backward", in, 2, &attrs, NULL);
  return PAL_OK;
}

static pal_status logits_pack(const pal_run *run) {
  const int64_t n_out = run->out_type[0].dim[1];
  const lists l = lists_at(run->scratch, n_out);
  const pal_status status =
      pal_check_factor(run->error, run->in[1], &run->in_type[1], run->in_type[0].dim[1]);
  if (!status) pack(&l, run->in[1], &run->in_type[1], n_out, false);
  return status;
}

static pal_status logits_reference(const pal_reference *call) {
  const int64_t R = call->in_type[0].dim[1], V = call->in_type[1].dim[0];
  const int64_t F = call->in_type[1].dim[1];
  const pal_status status = pal_reference_indices(call, 1, -1, R);
  if (status) return status;
  for (int64_t i = 0; i < call->out_rows[0] * V; i++) {
    double sum = 0;
    for (int64_t f = 0; f < F; f++) {
      const int64_t r = (int64_t)call->in[1][i % V * F + f];
      if (r >= 0) sum += call->in[0][i / V * R + r];
    }
    call->out[0][i] = sum;
  }
  return PAL_OK;
}

static pal_value logits_sample(pal_case *random) {
  const int64_t tokens = pal_case_size(random), rows = pal_case_int(random, 1, 20);
  const pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, rows);
  const pal_value z = pal_case_f32(random, type, -1, 1);
  const pal_value factor = pal_case_factor(random, tokens, pal_case_int(random, 1, 4), rows);
  return pal_factored_logits(pal_case_graph(random), z, factor);
}

static const pal_op logits_op = {
    PAL_OP_HEAD("factored_logits",
                "z f32 [T, R], factor i32 [V, F] -> f32 [T, V]: y[t, v] = sum over f of\n"
                "z[t, factor[v, f]], skipping entries of -1. Gradient of z:\n"
                "factored_logits_backward. An entry out of range: PAL_E_ARGUMENT. Row-local."),
    .min_in = 2,
    .max_in = 2,
    .infer = logits_infer,
    .gradient = logits_gradient,
    .reference = logits_reference,
    .phase = {{.run = logits_pack, .tasks = one, .reads = 2}, {.run = run_rows, .reads = 1}},
    .scratch = scratch,
    .sample = logits_sample,
};

pal_value pal_factored_logits(pal_graph *g, pal_value z, pal_value factor) {
  const pal_value in[] = {z, factor};
  return pal_apply(g, logits_op.name, in, 2, NULL, NULL);
}

/* ---- factored_logits_backward -------------------------------------------------------- */

static const pal_attr_field backward_fields[] = {PAL_FIELD(pal_factored_attrs, rows, PAL_ATTR_INT)};

static pal_status backward_infer(pal_infer *call) {
  const pal_factored_attrs *a = call->attrs;
  const pal_status status = pal_want_factor(call, 1);
  if (status) return status;
  if (call->in_type[0].rank == 2 && call->in_type[0].dim[1] != call->in_type[1].dim[0])
    return pal_fail(call->error, PAL_E_SHAPE, "dy must have a column for each token of factor");
  if (a->rows < 1) return pal_fail(call->error, PAL_E_ARGUMENT, "rows must be at least 1");
  return infer_rows(call, a->rows, "dy");
}

static pal_status backward_gradient(pal_gradient_call *call) {
  if (call->wanted & 1)
    call->in_grad[0] = pal_factored_logits(call->graph, call->out_grad[0], call->in[1]);
  return PAL_OK;
}

static pal_status backward_pack(const pal_run *run) {
  const int64_t n_out = run->out_type[0].dim[1];
  const lists l = lists_at(run->scratch, n_out);
  const pal_status status = pal_check_factor(run->error, run->in[1], &run->in_type[1], n_out);
  if (!status) pack(&l, run->in[1], &run->in_type[1], n_out, true);
  return status;
}

static pal_status backward_reference(const pal_reference *call) {
  const int64_t R = call->out_type[0].dim[1], V = call->in_type[1].dim[0];
  const int64_t F = call->in_type[1].dim[1];
  const pal_status status = pal_reference_indices(call, 1, -1, R);
  if (status) return status;
  for (int64_t i = 0; i < call->out_rows[0] * R; i++) {
    double sum = 0;
    for (int64_t e = 0; e < V * F; e++)
      if (call->in[1][e] == (double)(i % R)) sum += call->in[0][i / R * V + e / F];
    call->out[0][i] = sum;
  }
  return PAL_OK;
}

static pal_value backward_sample(pal_case *random) {
  const int64_t tokens = pal_case_size(random);
  const pal_factored_attrs attrs = {pal_case_int(random, 1, 40)};
  const pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, tokens);
  const pal_value dy = pal_case_f32(random, type, -1, 1);
  const pal_value factor = pal_case_factor(random, tokens, pal_case_int(random, 1, 4), attrs.rows);
  const pal_value in[] = {dy, factor};
  return pal_apply(pal_case_graph(random), "factored_logits_backward", in, 2, &attrs, NULL);
}

static const pal_op backward_op = {
    PAL_OP_HEAD("factored_logits_backward",
                "dy f32 [T, V], factor i32 [V, F] -> dz f32 [T, R] with R = `rows`: dz[t, r] is\n"
                "the sum of dy[t, v] over all (v, f) with factor[v, f] = r, in that order. The\n"
                "transposed of factored_logits, which is its gradient. Row-local."),
    .min_in = 2,
    .max_in = 2,
    .fields = backward_fields,
    .n_fields = 1,
    .attrs_size = sizeof(pal_factored_attrs),
    .infer = backward_infer,
    .gradient = backward_gradient,
    .reference = backward_reference,
    .phase = {{.run = backward_pack, .tasks = one, .reads = 2}, {.run = run_rows, .reads = 1}},
    .scratch = scratch,
    .sample = backward_sample,
};

const pal_op *const pal_ops_factored_logits[] = {&logits_op, &backward_op, NULL};
