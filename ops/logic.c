/* SPDX-License-Identifier: Apache-2.0 */
/* compare, where, and logic on i32 flags (floor 2).
 *
 * Flags that ops produce are 0 or 1; a flag that an op reads is true if it is not 0. */
#define PAL_NO_CALLER
#include <math.h>

#include "ops/broadcast.h"

/* ---- compare ------------------------------------------------------------------------- */

typedef struct compare_attrs {
  int64_t relation;
} compare_attrs;

static const pal_attr_field compare_fields[] = {PAL_FIELD(compare_attrs, relation, PAL_ATTR_INT)};

static pal_status compare_infer(pal_infer *call) {
  const compare_attrs *a = call->attrs;
  const pal_dtype dtype = call->in_type[0].dtype;
  if (a->relation < PAL_EQ || a->relation > PAL_GE)
    return pal_fail(call->error, PAL_E_ARGUMENT, "%lld is not a pal_relation",
                    (long long)a->relation);
  if (dtype != PAL_F32 && dtype != PAL_I32)
    return pal_fail(call->error, PAL_E_SHAPE, "comparisons are of f32 or i32, not %s",
                    pal_dtype_name(dtype));
  pal_status status = pal_want_dtype(call, 1, dtype, "the second operand");
  if (!status) status = pal_broadcast_infer(call);
  call->out_type[0].dtype = PAL_I32;
  return status;
}

static pal_status compare_run(const pal_run *run) {
  const compare_attrs *a = run->attrs;
  const pal_elementwise_kernels *k = &pal_kernels_of(run->isa)->elementwise;
  const pal_compare_kind kind = (pal_compare_kind)a->relation;
  pal_nest nest;
  pal_nest_make(run, &nest);
  for (int64_t p = 0; p < nest.planes; p++) {
    int64_t at[PAL_OPERANDS];
    int32_t *out = (int32_t *)run->out[0] + pal_nest_at(&nest, p, at);
    if (run->in_type[0].dtype == PAL_F32)
      k->compare_f32(kind, &nest.plane, out, (const float *)run->in[0] + at[0],
                     (const float *)run->in[1] + at[1]);
    else
      k->compare_i32(kind, &nest.plane, out, (const int32_t *)run->in[0] + at[0],
                     (const int32_t *)run->in[1] + at[1]);
  }
  return PAL_OK;
}

static bool relation_holds(int64_t relation, double a, double b) {
  switch ((pal_relation)relation) {
    case PAL_EQ: return a <= b && a >= b;
    case PAL_NE: return !(a <= b && a >= b);
    case PAL_LT: return a < b;
    case PAL_LE: return a <= b;
    case PAL_GT: return a > b;
    case PAL_GE: return a >= b;
  }
  return false;
}

static pal_status compare_reference(const pal_reference *call) {
  const compare_attrs *a = call->attrs;
  const pal_type *out = &call->out_type[0];
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] =
        relation_holds(a->relation, call->in[0][pal_broadcast_index(out, &call->in_type[0], i)],
                       call->in[1][pal_broadcast_index(out, &call->in_type[1], i)]);
  return PAL_OK;
}

static pal_value compare_sample(pal_case *random) {
  const compare_attrs a = {pal_case_int(random, PAL_EQ, PAL_GE)};
  pal_graph *g = pal_case_graph(random);
  pal_type type[2];
  pal_sample_broadcast(random, PAL_I32, 2, type);
  pal_value in[2];
  for (int k = 0; k < 2; k++) in[k] = pal_case_whole(random, type[k], -3, 3);
  if (pal_case_int(random, 0, 1)) /* f32 numbers, some of them equal */
    for (int k = 0; k < 2; k++) in[k] = pal_affine(g, pal_cast(g, in[k], PAL_F32), 0.25, 0.0);
  return pal_apply(g, "compare", in, 2, &a, NULL);
}

static const pal_op compare_op = {
    PAL_OP_HEAD("compare",
                "a and b, both f32 or both i32 -> i32: 1 where `a relation b` holds, else 0. The\n"
                "relation is 0 ==, 1 !=, 2 <, 3 <=, 4 >, 5 >=. With a NaN only != holds. Operands\n"
                "broadcast. Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .fields = compare_fields,
    .n_fields = 1,
    .attrs_size = sizeof(compare_attrs),
    .infer = compare_infer,
    .reference = compare_reference,
    .phase = {{.run = compare_run}},
    .sample = compare_sample};

pal_value pal_compare(pal_graph *g, pal_value a, pal_value b, pal_relation relation) {
  const compare_attrs attrs = {(int64_t)relation};
  return pal_apply(g, "compare", (const pal_value[]){a, b}, 2, &attrs, NULL);
}

/* ---- where --------------------------------------------------------------------------- */

static pal_status where_infer(pal_infer *call) {
  const pal_dtype dtype = call->in_type[1].dtype;
  pal_status status = pal_want_dtype(call, 0, PAL_I32, "the condition");
  if (status) return status;
  if (dtype != PAL_F32 && dtype != PAL_I32)
    return pal_fail(call->error, PAL_E_SHAPE, "where selects between f32 or i32 values, not %s",
                    pal_dtype_name(dtype));
  status = pal_want_dtype(call, 2, dtype, "the second choice");
  if (!status) status = pal_broadcast_infer(call);
  call->out_type[0].dtype = dtype;
  return status;
}

static pal_status where_gradient(pal_gradient_call *call) {
  pal_graph *g = call->graph;
  const pal_value condition = call->in[0], d = call->out_grad[0];
  if (pal_is_nil(d)) return PAL_OK;
  const pal_value none = pal_scalar(g, 0.0);
  if (call->wanted >> 1 & 1)
    call->in_grad[1] = pal_sum_to(g, pal_where(g, condition, d, none), call->in[1]);
  if (call->wanted >> 2 & 1)
    call->in_grad[2] = pal_sum_to(g, pal_where(g, condition, none, d), call->in[2]);
  return PAL_OK;
}

static pal_status where_run(const pal_run *run) {
  const pal_elementwise_kernels *k = &pal_kernels_of(run->isa)->elementwise;
  pal_nest nest;
  pal_nest_make(run, &nest);
  for (int64_t p = 0; p < nest.planes; p++) {
    int64_t at[PAL_OPERANDS];
    const int64_t to = pal_nest_at(&nest, p, at);
    const int32_t *condition = (const int32_t *)run->in[0] + at[0];
    if (run->out_type[0].dtype == PAL_F32)
      k->where_f32(&nest.plane, (float *)run->out[0] + to, condition,
                   (const float *)run->in[1] + at[1], (const float *)run->in[2] + at[2]);
    else
      k->where_i32(&nest.plane, (int32_t *)run->out[0] + to, condition,
                   (const int32_t *)run->in[1] + at[1], (const int32_t *)run->in[2] + at[2]);
  }
  return PAL_OK;
}

static pal_status where_reference(const pal_reference *call) {
  const pal_type *out = &call->out_type[0];
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++) {
    const double c = call->in[0][pal_broadcast_index(out, &call->in_type[0], i)];
    const int from = c < 0.0 || c > 0.0 ? 1 : 2;
    call->out[0][i] = call->in[from][pal_broadcast_index(out, &call->in_type[from], i)];
  }
  return PAL_OK;
}

static pal_value where_sample(pal_case *random) {
  const bool whole = pal_case_int(random, 0, 3) == 0;
  pal_type type[3];
  pal_value in[3];
  pal_sample_broadcast(random, PAL_I32, 3, type);
  in[0] = pal_case_whole(random, type[0], -1, 1);
  for (int k = 1; k < 3; k++) {
    type[k].dtype = whole ? PAL_I32 : PAL_F32;
    in[k] = whole ? pal_case_whole(random, type[k], -9, 9) : pal_case_f32(random, type[k], -2, 2);
  }
  return pal_apply(pal_case_graph(random), "where", in, 3, NULL, NULL);
}

static const pal_op where_op = {
    PAL_OP_HEAD("where",
                "a where the i32 condition is nonzero, else b; a and b f32 or i32. All three\n"
                "broadcast. Gradient: dy to the one chosen. Row-local."),
    .min_in = 3,
    .max_in = 3,
    .in_place = 7,
    .infer = where_infer,
    .gradient = where_gradient,
    .reference = where_reference,
    .phase = {{.run = where_run}},
    .sample = where_sample};

pal_value pal_where(pal_graph *g, pal_value condition, pal_value a, pal_value b) {
  return pal_apply(g, "where", (const pal_value[]){condition, a, b}, 3, NULL, NULL);
}

/* ---- and, or, not -------------------------------------------------------------------- */

static pal_status flags_infer(pal_infer *call) {
  for (int i = 0; i < call->n_in; i++) {
    pal_status status = pal_want_dtype(call, i, PAL_I32, "a flag");
    if (status) return status;
  }
  return pal_broadcast_infer(call);
}

static pal_status flags_run(const pal_run *run, pal_binary_kind kind) {
  pal_nest nest;
  pal_nest_make(run, &nest);
  for (int64_t p = 0; p < nest.planes; p++) {
    int64_t at[PAL_OPERANDS];
    int32_t *out = (int32_t *)run->out[0] + pal_nest_at(&nest, p, at);
    pal_kernels_of(run->isa)->elementwise.binary_i32(kind, &nest.plane, out,
                                                     (const int32_t *)run->in[0] + at[0],
                                                     (const int32_t *)run->in[1] + at[1]);
  }
  return PAL_OK;
}

static pal_status flags_reference(const pal_reference *call, bool both) {
  const pal_type *out = &call->out_type[0];
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++) {
    const bool a = fabs(call->in[0][pal_broadcast_index(out, &call->in_type[0], i)]) > 0.0;
    const bool b = fabs(call->in[1][pal_broadcast_index(out, &call->in_type[1], i)]) > 0.0;
    call->out[0][i] = both ? a && b : a || b;
  }
  return PAL_OK;
}

static pal_value flags_sample(pal_case *random, const char *name, int n) {
  pal_type type[2];
  pal_value in[2];
  pal_sample_broadcast(random, PAL_I32, n, type);
  for (int k = 0; k < n; k++) in[k] = pal_case_whole(random, type[k], -1, 2);
  return pal_apply(pal_case_graph(random), name, in, n, NULL, NULL);
}

static pal_status and_run(const pal_run *run) { return flags_run(run, PAL_BINARY_AND); }
static pal_status or_run(const pal_run *run) { return flags_run(run, PAL_BINARY_OR); }
static pal_status and_reference(const pal_reference *call) { return flags_reference(call, true); }
static pal_status or_reference(const pal_reference *call) { return flags_reference(call, false); }
static pal_value and_sample(pal_case *random) { return flags_sample(random, "and", 2); }
static pal_value or_sample(pal_case *random) { return flags_sample(random, "or", 2); }
static pal_value not_sample(pal_case *random) { return flags_sample(random, "not", 1); }

static pal_status not_run(const pal_run *run) {
  const pal_type *type = &run->out_type[0];
  const int64_t row = pal_type_row(type), last = pal_last_row(run, type) * row;
  const int32_t *x = run->in[0];
  int32_t *out = run->out[0];
  for (int64_t i = pal_first_row(run, type) * row; i < last; i++) out[i] = x[i] == 0;
  return PAL_OK;
}

static pal_status not_reference(const pal_reference *call) {
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] = fabs(call->in[0][i]) > 0.0 ? 0.0 : 1.0;
  return PAL_OK;
}

static const pal_op and_op = {
    PAL_OP_HEAD("and",
                "1 where the i32 flags a and b are both nonzero, else 0. Operands broadcast.\n"
                "Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = flags_infer,
    .reference = and_reference,
    .phase = {{.run = and_run}},
    .sample = and_sample};
static const pal_op or_op = {
    PAL_OP_HEAD("or",
                "1 where any of the i32 flags a and b is nonzero, else 0. Operands broadcast.\n"
                "Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = flags_infer,
    .reference = or_reference,
    .phase = {{.run = or_run}},
    .sample = or_sample};
static const pal_op not_op = {PAL_OP_HEAD("not", "1 where the i32 flag is 0, else 0. Row-local."),
                              .min_in = 1,
                              .max_in = 1,
                              .in_place = 1,
                              .flags = PAL_OP_NO_GRADIENT,
                              .infer = flags_infer,
                              .reference = not_reference,
                              .phase = {{.run = not_run}},
                              .sample = not_sample};

pal_value pal_and(pal_graph *g, pal_value a, pal_value b) {
  return pal_apply(g, "and", (const pal_value[]){a, b}, 2, NULL, NULL);
}
pal_value pal_or(pal_graph *g, pal_value a, pal_value b) {
  return pal_apply(g, "or", (const pal_value[]){a, b}, 2, NULL, NULL);
}
pal_value pal_not(pal_graph *g, pal_value a) { return pal_apply(g, "not", &a, 1, NULL, NULL); }

const pal_op *const pal_ops_logic[] = {&compare_op, &where_op, &and_op, &or_op, &not_op, NULL};
