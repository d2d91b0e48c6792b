/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions over an inner axis: sum, max, argmax (floor 2). The builders at the end choose between
 * these ops and those over axis 0, which are in reduce_rows.c.
 *
 * All are row-local. The last axis is summed in 16 lanes and then by a fixed tree over the lanes,
 * any other axis in order. */
#define PAL_NO_CALLER
#include "ops/reduce.h"

#include <math.h>

typedef struct reduce_attrs {
  int64_t axis, keep; /* keep = 1: the axis stays, with extent 1 */
} reduce_attrs;

static const pal_attr_field reduce_fields[] = {PAL_FIELD(reduce_attrs, axis, PAL_ATTR_INT),
                                               PAL_FIELD(reduce_attrs, keep, PAL_ATTR_INT)};

pal_type pal_reduced_type(const pal_type *x, int axis, bool keep) {
  pal_type out = *x;
  if (axis == 0) out.symbol = PAL_STATIC;
  out.dim[axis] = 1;
  if (keep) return out;
  for (int d = axis; d + 1 < x->rank; d++) out.dim[d] = x->dim[d + 1];
  out.dim[--out.rank] = 0;
  return out;
}

pal_folding pal_folding_of(const pal_type *x, int64_t rows, int axis) {
  pal_folding f = {1, 1, 1};
  for (int d = 0; d < x->rank; d++) {
    const int64_t extent = d ? x->dim[d] : rows;
    *(d < axis ? &f.outer : d == axis ? &f.extent : &f.inner) *= extent;
  }
  return f;
}

static pal_status reduce_infer(pal_infer *call) {
  const reduce_attrs *a = call->attrs;
  const pal_type *x = &call->in_type[0];
  if (x->dtype != PAL_F32 && x->dtype != PAL_I32)
    return pal_fail(call->error, PAL_E_SHAPE, "reductions are of f32 or i32, not %s",
                    pal_dtype_name(x->dtype));
  if (a->axis < 1 || a->axis >= x->rank)
    return pal_fail(call->error, PAL_E_SHAPE, "axis %lld is not an inner axis, the rank is %d",
                    (long long)a->axis, x->rank);
  call->n_out = 1;
  call->out_type[0] = pal_reduced_type(x, (int)a->axis, a->keep);
  return PAL_OK;
}

static pal_status max_infer(pal_infer *call) {
  const reduce_attrs *a = call->attrs;
  pal_status status = reduce_infer(call);
  if (status || call->in_type[0].dim[a->axis] > 0) return status;
  return pal_fail(call->error, PAL_E_SHAPE, "an axis of extent 0 has no largest element");
}

static pal_status argmax_infer(pal_infer *call) {
  pal_status status = max_infer(call);
  call->out_type[0].dtype = PAL_I32;
  return status;
}

/* ---- run ----------------------------------------------------------------------------- */

static void reduce_f32(const pal_run *run, pal_reduce_kind kind, const pal_folding *f,
                       const float *x, void *to) {
  const pal_reduce_kernels *k = &pal_kernels_of(run->isa)->reduce;
  float *out = to;
  int32_t *index = to;
  if (f->inner == 1) {
    if (kind == PAL_REDUCE_SUM) k->row_sum(out, x, f->outer, f->extent);
    if (kind == PAL_REDUCE_MAX) k->row_max(out, x, f->outer, f->extent);
    if (kind == PAL_REDUCE_ARGMAX) k->row_argmax(index, x, f->outer, f->extent);
    return;
  }
  for (int64_t o = 0; o < f->outer; o++, x += f->extent * f->inner) {
    const int64_t at = o * f->inner;
    if (kind == PAL_REDUCE_SUM) k->column_sum(out + at, x, f->extent, f->inner, f->inner);
    if (kind == PAL_REDUCE_MAX) k->column_max(out + at, x, f->extent, f->inner, f->inner);
    if (kind == PAL_REDUCE_ARGMAX)
      k->column_argmax(index + at, run->task_scratch, x, f->extent, f->inner, f->inner, 0);
  }
}

static pal_status reduce_run(const pal_run *run, pal_reduce_kind kind) {
  const reduce_attrs *a = run->attrs;
  const pal_type *type = &run->in_type[0];
  const int64_t first = pal_first_row(run, type);
  const pal_folding f = pal_folding_of(type, pal_last_row(run, type) - first, (int)a->axis);
  const int64_t from = first * pal_type_row(type), to = first * pal_type_row(&run->out_type[0]);
  if (type->dtype == PAL_F32) {
    reduce_f32(run, kind, &f, (const float *)run->in[0] + from, (float *)run->out[0] + to);
    return PAL_OK;
  }
  const int32_t *x = (const int32_t *)run->in[0] + from;
  int32_t *out = (int32_t *)run->out[0] + to;
  for (int64_t o = 0; o < f.outer; o++, x += f.extent * f.inner, out += f.inner)
    pal_kernels_of(run->isa)->reduce.column_i32(kind, out, run->task_scratch, x, f.extent, f.inner,
                                                f.inner, 0);
  return PAL_OK;
}

/* Task scratch of argmax: the values of the maxima, [inner]. */
static size_t argmax_scratch(const pal_run *run) {
  const reduce_attrs *a = run->attrs;
  return (size_t)pal_folding_of(&run->in_type[0], 1, (int)a->axis).inner * sizeof(float);
}

/* ---- reference ----------------------------------------------------------------------- */

double pal_reference_fold(pal_reduce_kind kind, const double *x, int64_t n, int64_t stride) {
  double sum = 0.0, most = -INFINITY;
  int64_t where = 0;
  for (int64_t i = 0; i < n; i++) {
    const double v = x[i * stride];
    sum += v;
    if (v > most) where = i;
    if (v > most || isnan(v)) most = v;
  }
  return kind == PAL_REDUCE_SUM ? sum : kind == PAL_REDUCE_MAX ? most : (double)where;
}

static pal_status reduce_reference(const pal_reference *call, pal_reduce_kind kind) {
  const reduce_attrs *a = call->attrs;
  const pal_folding f = pal_folding_of(&call->in_type[0], call->in_rows[0], (int)a->axis);
  for (int64_t o = 0; o < f.outer; o++)
    for (int64_t i = 0; i < f.inner; i++)
      call->out[0][o * f.inner + i] =
          pal_reference_fold(kind, call->in[0] + o * f.extent * f.inner + i, f.extent, f.inner);
  return PAL_OK;
}

/* ---- gradients ----------------------------------------------------------------------- */

/* dy with the reduced axis put back, with extent 1. */
static pal_value with_axis(pal_graph *g, pal_value dy, pal_value x, int64_t axis) {
  pal_type type = pal_type_of(g, x);
  if (pal_type_of(g, dy).rank == type.rank) return dy;
  type.dim[axis] = 1;
  return pal_reshape(g, dy, type);
}

static pal_status sum_gradient(pal_gradient_call *call) {
  const reduce_attrs *a = call->attrs;
  pal_graph *g = call->graph;
  if (!pal_is_nil(call->out_grad[0]))
    call->in_grad[0] =
        pal_broadcast_to(g, with_axis(g, call->out_grad[0], call->in[0], a->axis), call->in[0]);
  return PAL_OK;
}

static pal_status max_gradient(pal_gradient_call *call) {
  const reduce_attrs *a = call->attrs;
  pal_graph *g = call->graph;
  if (pal_is_nil(call->out_grad[0])) return PAL_OK;
  const pal_value index = pal_argmax(g, call->in[0], (int)a->axis, a->keep);
  call->in_grad[0] = pal_max_backward(g, index, call->out_grad[0], call->in[0], (int)a->axis);
  return PAL_OK;
}

/* ---- samples ------------------------------------------------------------------------- */

pal_type pal_sample_tensor(pal_case *random, pal_dtype dtype, int least) {
  const bool symbolic = pal_case_int(random, 0, 3) > 0;
  const int rank = (int)pal_case_int(random, least, 4);
  int64_t dim[PAL_MAX_DIMS];
  for (int axis = 0; axis < rank; axis++)
    dim[axis] = axis && axis == rank - 1 ? pal_case_size(random) : pal_case_int(random, 1, 4);
  return pal_type_make(dtype, symbolic ? pal_case_rows(random) : PAL_STATIC, dim, rank);
}

static pal_value apply_reduce(pal_case *random, const char *name, pal_value x) {
  const int rank = pal_type_of(pal_case_graph(random), x).rank;
  const reduce_attrs a = {pal_case_int(random, 1, rank - 1), pal_case_int(random, 0, 1)};
  return pal_apply(pal_case_graph(random), name, &x, 1, &a, NULL);
}

static pal_value sum_sample(pal_case *random) {
  const bool whole = pal_case_int(random, 0, 3) == 0;
  const pal_type type = pal_sample_tensor(random, whole ? PAL_I32 : PAL_F32, 2);
  return apply_reduce(random, "sum",
                      whole ? pal_case_whole(random, type, -9, 9)
                            : pal_case_f32(random, type, -1, 2));
}

/* f32 elements are a permutation of integers along the inner axes, plus noise below 0.4. So no two
 * are nearly equal, where the gradient jumps. */
static pal_value max_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  if (pal_case_int(random, 0, 3) == 0)
    return apply_reduce(random, "max",
                        pal_case_whole(random, pal_sample_tensor(random, PAL_I32, 2), -9, 9));
  const pal_type type = pal_sample_tensor(random, PAL_F32, 2);
  const pal_type inner = pal_type_make(PAL_F32, PAL_STATIC, type.dim + 1, type.rank - 1);
  float step[4 * 4 * 64] = {0}; /* as many elements as the largest row of a case */
  const int64_t n = pal_type_row(&type);
  for (int64_t i = 0; i < n; i++) {
    const int64_t other = pal_case_int(random, 0, i);
    step[i] = step[other];
    step[other] = (float)i;
  }
  const pal_value x = pal_case_f32(random, type, 0, 0.4);
  return apply_reduce(random, "max", pal_add(g, x, pal_constant(g, inner, step)));
}

static pal_value argmax_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  const pal_value x = pal_case_whole(random, pal_sample_tensor(random, PAL_I32, 2), -3, 3);
  return apply_reduce(random, "argmax", pal_case_int(random, 0, 1) ? pal_cast(g, x, PAL_F32) : x);
}

/* ---- descriptors --------------------------------------------------------------------- */

#define REDUCE(op, kind)                                                           \
  static pal_status op##_run(const pal_run *run) { return reduce_run(run, kind); } \
  static pal_status op##_reference(const pal_reference *call) {                    \
    return reduce_reference(call, kind);                                           \
  }
#define REDUCE_OP                                                   \
  .min_in = 1, .max_in = 1, .fields = reduce_fields, .n_fields = 2, \
  .attrs_size = sizeof(reduce_attrs)

REDUCE(sum, PAL_REDUCE_SUM)
REDUCE(max, PAL_REDUCE_MAX)
REDUCE(argmax, PAL_REDUCE_ARGMAX)

static const pal_op sum_op = {
    PAL_OP_HEAD("sum",
                "Sum over an inner axis (1 or more). With keep = 1 the axis stays, with extent 1.\n"
                "f32 or i32 (wraps around). Gradient: dy copied along the axis. Row-local."),
    REDUCE_OP,
    .infer = reduce_infer,
    .gradient = sum_gradient,
    .reference = sum_reference,
    .phase = {{.run = sum_run}},
    .sample = sum_sample};
static const pal_op max_op = {
    PAL_OP_HEAD(
        "max",
        "The largest element along an inner axis; NaN if one is NaN. keep as in sum. f32 or i32.\n"
        "Gradient: dy to the first of the largest. Row-local."),
    REDUCE_OP,
    .infer = max_infer,
    .gradient = max_gradient,
    .reference = max_reference,
    .phase = {{.run = max_run}},
    .sample = max_sample};
static const pal_op argmax_op = {
    PAL_OP_HEAD("argmax",
                "The position, i32, along an inner axis of the first of the largest elements. A\n"
                "NaN is never the largest; 0 if nothing exceeds -inf. keep as in sum. f32 or i32.\n"
                "Row-local."),
    REDUCE_OP,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = argmax_infer,
    .reference = argmax_reference,
    .phase = {{.run = argmax_run}},
    .task_scratch = argmax_scratch,
    .sample = argmax_sample};
/* ---- builders ------------------------------------------------------------------------ */

/* Applies op `name` for an inner axis or `name_rows` for axis 0. A negative axis counts from the
 * end. */
static pal_value reduce(pal_graph *g, const char *name, const char *name_rows, pal_value x,
                        int axis, bool keep) {
  if (axis < 0) axis += pal_type_of(g, x).rank;
  if (axis == 0) return pal_apply(g, name_rows, &x, 1, &(const pal_rows_attrs){keep}, NULL);
  const reduce_attrs a = {axis, keep};
  return pal_apply(g, name, &x, 1, &a, NULL);
}

pal_value pal_sum(pal_graph *g, pal_value x, int axis, bool keep) {
  return reduce(g, "sum", "sum_rows", x, axis, keep);
}
pal_value pal_max(pal_graph *g, pal_value x, int axis, bool keep) {
  return reduce(g, "max", "max_rows", x, axis, keep);
}
pal_value pal_argmax(pal_graph *g, pal_value x, int axis, bool keep) {
  return reduce(g, "argmax", "argmax_rows", x, axis, keep);
}

pal_value pal_mean(pal_graph *g, pal_value x, int axis, bool keep) {
  const pal_type type = pal_type_of(g, x);
  if (axis < 0) axis += type.rank;
  if (axis == 0) return pal_apply(g, "mean_rows", &x, 1, &(const pal_rows_attrs){keep}, NULL);
  const pal_value sum = pal_sum(g, x, axis, keep);
  const int64_t n = axis > 0 && axis < type.rank ? type.dim[axis] : 1;
  return pal_affine(g, sum, n ? 1.0 / (double)n : 0.0, 0.0);
}

pal_value pal_sum_all(pal_graph *g, pal_value x) {
  pal_type type = pal_type_of(g, x);
  if (pal_is_nil(x)) return pal_graph_fail(g, PAL_E_ARGUMENT, "sum_all: the value is nil");
  if (type.rank == 0) return x;
  if (type.rank > 2) {
    type.dim[1] = pal_type_row(&type);
    x = pal_reshape(g, x, pal_type_make(type.dtype, type.symbol, type.dim, 2));
  }
  if (type.rank > 1) x = pal_sum(g, x, 1, false);
  return pal_sum(g, x, 0, false);
}

const pal_op *const pal_ops_reduce[] = {&sum_op, &max_op, &argmax_op, NULL};
