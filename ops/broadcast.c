/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcasting of operands, the op broadcast_to, and the builder sum_to (floor 2).
 *
 * Invariants: an operand is never read outside its active elements, and row t of a result depends
 * on row t of symbolic operands only. sum_to is not an op; it builds a few sums. */
#define PAL_NO_CALLER
#include "ops/broadcast.h"

#include <string.h>

/* ---- types --------------------------------------------------------------------------- */

/* Broadcasts the shape `out`, of the rank of the result, with the shape `in`, of this or a lower
 * rank. */
static pal_status merge(pal_infer *call, const pal_type *in, pal_type *out) {
  const int shift = (int)out->rank - (int)in->rank;
  for (int axis = 0; axis < in->rank; axis++) {
    const bool symbolic = axis == 0 && in->symbol.id;
    int64_t *have = &out->dim[axis + shift];
    const bool have_symbol = axis + shift == 0 && out->symbol.id;
    if (symbolic && axis + shift != 0)
      return pal_fail(call->error, PAL_E_SHAPE,
                      "the symbolic axis 0 of a rank-%d operand would become axis %d", in->rank,
                      shift);
    if (symbolic && !have_symbol && *have == 1) {
      out->symbol = in->symbol;
      *have = in->dim[0];
    } else if (symbolic != have_symbol) {
      const int64_t fixed = symbolic ? *have : in->dim[axis];
      if (fixed != 1 || symbolic)
        return pal_fail(call->error, PAL_E_SHAPE,
                        "%lld static rows do not broadcast with a symbolic number of rows",
                        (long long)fixed);
    } else if (symbolic && (in->symbol.id != out->symbol.id || in->dim[0] != *have)) {
      return pal_fail(call->error, PAL_E_SHAPE,
                      "the rows of two operands have different symbols or multiples");
    } else if (!symbolic && *have == 1) {
      *have = in->dim[axis];
    } else if (!symbolic && in->dim[axis] != 1 && in->dim[axis] != *have) {
      return pal_fail(call->error, PAL_E_SHAPE, "extents %lld and %lld of axis %d do not broadcast",
                      (long long)in->dim[axis], (long long)*have, axis + shift);
    }
  }
  return PAL_OK;
}

pal_status pal_broadcast_infer(pal_infer *call) {
  pal_type out = pal_type_scalar(call->in_type[0].dtype);
  for (int i = 0; i < call->n_in; i++)
    if (call->in_type[i].rank > out.rank) out.rank = call->in_type[i].rank;
  for (int axis = 0; axis < out.rank; axis++) out.dim[axis] = 1;
  for (int i = 0; i < call->n_in; i++) {
    pal_status status = merge(call, &call->in_type[i], &out);
    if (status) return status;
  }
  call->n_out = 1;
  call->out_type[0] = out;
  return PAL_OK;
}

/* ---- loops --------------------------------------------------------------------------- */

/* The distance, in elements of `in`, of one step along an axis of `out`; 0 where `in` is
 * repeated. */
static int64_t step_of(const pal_type *out, const pal_type *in, int axis) {
  const int own = axis - ((int)out->rank - (int)in->rank);
  if (own < 0 || (in->dim[own] == 1 && !(own == 0 && in->symbol.id))) return 0;
  int64_t step = 1;
  for (int inner = own + 1; inner < in->rank; inner++) step *= in->dim[inner];
  return step;
}

/* Simplifies the axes of the output: drops those of extent 1 and merges neighbours that every
 * operand goes through as one. Fills dim and step, innermost axis first, and returns the number of
 * axes. */
static int collapse(const pal_run *run, int64_t rows, int64_t *dim,
                    int64_t step[PAL_OPERANDS][PAL_MAX_DIMS]) {
  const pal_type *out = &run->out_type[0];
  int n = 0;
  for (int axis = out->rank - 1; axis >= 0; axis--) {
    const int64_t extent = axis == 0 ? rows : out->dim[axis];
    if (extent == 1) continue;
    bool joins = n > 0;
    for (int k = 0; k < run->n_in; k++) {
      step[k][n] = step_of(out, &run->in_type[k], axis);
      if (n && step[k][n] != step[k][n - 1] * dim[n - 1]) joins = false;
    }
    if (joins) dim[n - 1] *= extent;
    else dim[n++] = extent;
  }
  return n;
}

void pal_nest_make(const pal_run *run, pal_nest *nest) {
  const pal_type *out = &run->out_type[0];
  const int64_t first = pal_first_row(run, out), rows = pal_last_row(run, out) - first;
  int64_t dim[PAL_MAX_DIMS] = {0}, step[PAL_OPERANDS][PAL_MAX_DIMS] = {{0}};
  memset(nest, 0, sizeof *nest);
  const int n = collapse(run, rows, dim, step);
  nest->plane.n = n > 0 ? dim[0] : 1;
  nest->plane.rows = n > 1 ? dim[1] : 1;
  nest->planes = 1;
  for (int axis = 2; axis < n; axis++) {
    nest->dim[nest->outer] = dim[axis];
    for (int k = 0; k < run->n_in; k++) nest->step[k][nest->outer] = step[k][axis];
    nest->planes *= dim[axis];
    nest->outer++;
  }
  nest->out_first = first * pal_type_row(out);
  for (int k = 0; k < run->n_in; k++) {
    nest->plane.step[k] = step[k][0];
    nest->plane.row[k] = n > 1 ? step[k][1] : 0;
    nest->first[k] = out->rank ? first * step_of(out, &run->in_type[k], 0) : 0;
  }
}

int64_t pal_nest_at(const pal_nest *nest, int64_t p, int64_t at[PAL_OPERANDS]) {
  const int64_t out = nest->out_first + p * nest->plane.rows * nest->plane.n;
  for (int k = 0; k < PAL_OPERANDS; k++) at[k] = nest->first[k];
  for (int axis = 0; axis < nest->outer; axis++) {
    const int64_t i = p % nest->dim[axis];
    p /= nest->dim[axis];
    for (int k = 0; k < PAL_OPERANDS; k++) at[k] += i * nest->step[k][axis];
  }
  return out;
}

int64_t pal_broadcast_index(const pal_type *out, const pal_type *in, int64_t i) {
  int64_t index = 0, scale = 1;
  for (int axis = out->rank - 1; axis >= 0; axis--) {
    const int own = axis - ((int)out->rank - (int)in->rank);
    const int64_t along = axis == 0 ? i : i % out->dim[axis];
    if (axis) i /= out->dim[axis];
    if (own < 0) continue;
    if (in->dim[own] != 1 || (own == 0 && in->symbol.id)) index += along * scale;
    scale *= in->dim[own];
  }
  return index;
}

void pal_sample_broadcast(pal_case *random, pal_dtype dtype, int n, pal_type *type) {
  const bool symbolic = pal_case_int(random, 0, 3) > 0;
  const int rank = (int)pal_case_int(random, symbolic, 4);
  int64_t dim[PAL_MAX_DIMS];
  for (int axis = 0; axis < rank; axis++)
    dim[axis] = axis == rank - 1 && axis > 0 ? pal_case_size(random) : pal_case_int(random, 1, 4);
  for (int k = 0; k < n; k++) {
    int own = pal_case_int(random, 0, 2) ? rank : (int)pal_case_int(random, 0, rank);
    int64_t part[PAL_MAX_DIMS];
    pal_symbol symbol = PAL_STATIC;
    if (own == rank && symbolic && (k == 0 || pal_case_int(random, 0, 2)))
      symbol = pal_case_rows(random);
    for (int axis = 0; axis < own; axis++) {
      const int64_t whole = dim[axis + rank - own];
      part[axis] = pal_case_int(random, 0, 3) ? whole : 1;
      if (axis + rank - own == 0 && symbolic) part[axis] = symbol.id ? whole : 1;
    }
    type[k] = pal_type_make(dtype, symbol, part, own);
  }
}

/* ---- broadcast_to -------------------------------------------------------------------- */

typedef struct broadcast_attrs {
  pal_symbol symbol;
  pal_ints dims;
  int64_t divide;
} broadcast_attrs;

static const pal_attr_field broadcast_fields[] = {
    PAL_FIELD(broadcast_attrs, symbol, PAL_ATTR_SYMBOL),
    PAL_FIELD(broadcast_attrs, dims, PAL_ATTR_INTS),
    PAL_FIELD(broadcast_attrs, divide, PAL_ATTR_INT)};

static pal_status broadcast_infer(pal_infer *call) {
  const broadcast_attrs *a = call->attrs;
  const pal_type *x = &call->in_type[0];
  if (x->dtype != PAL_F32 && (x->dtype != PAL_I32 || a->divide))
    return pal_fail(call->error, PAL_E_SHAPE,
                    "broadcast_to takes f32 or i32, and only f32 if it divides, not %s",
                    pal_dtype_name(x->dtype));
  if (a->dims.n > PAL_MAX_DIMS || a->dims.n < x->rank)
    return pal_fail(call->error, PAL_E_SHAPE, "rank %d does not broadcast to rank %d", x->rank,
                    (int)a->dims.n);
  const pal_type to = pal_type_make(x->dtype, a->symbol, a->dims.at, (int)a->dims.n);
  const bool own_rows = x->rank == to.rank && x->rank > 0 && (x->symbol.id || x->dim[0] != 1);
  if (a->divide && (to.rank == 0 || own_rows))
    return pal_fail(call->error, PAL_E_SHAPE, "divide needs an x that is copied along axis 0");
  const pal_type both[2] = {*x, to};
  pal_infer merged = {.n_in = 2, .in_type = both, .out_type = call->out_type, .error = call->error};
  pal_status status = pal_broadcast_infer(&merged);
  if (status) return status;
  call->n_out = 1;
  if (pal_type_equal(&call->out_type[0], &to)) return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE, "x is larger than the result in some axis");
}

static pal_status broadcast_gradient(pal_gradient_call *call) {
  const broadcast_attrs *a = call->attrs;
  pal_value d = call->out_grad[0];
  if (pal_is_nil(d)) return PAL_OK;
  if (a->divide) d = pal_mean(call->graph, d, 0, true);
  call->in_grad[0] = pal_sum_to(call->graph, d, call->in[0]);
  return PAL_OK;
}

static pal_status broadcast_reference(const pal_reference *call) {
  const broadcast_attrs *a = call->attrs;
  const double count = a->divide && call->out_rows[0] > 0 ? (double)call->out_rows[0] : 1.0;
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++)
    call->out[0][i] =
        call->in[0][pal_broadcast_index(&call->out_type[0], &call->in_type[0], i)] / count;
  return PAL_OK;
}

static void copy_plane_i32(const pal_plane *p, int32_t *out, const int32_t *x) {
  for (int64_t r = 0; r < p->rows; r++, out += p->n, x += p->row[0]) {
    if (p->step[0]) memcpy(out, x, (size_t)p->n * sizeof *out);
    else
      for (int64_t i = 0; i < p->n; i++) out[i] = x[0];
  }
}

static void copy_plane_f32(const pal_plane *p, float *out, const float *x) {
  for (int64_t r = 0; r < p->rows; r++, out += p->n, x += p->row[0]) {
    if (p->step[0]) memcpy(out, x, (size_t)p->n * sizeof *out);
    else
      for (int64_t i = 0; i < p->n; i++) out[i] = x[0];
  }
}

static pal_status broadcast_run(const pal_run *run) {
  const broadcast_attrs *a = run->attrs;
  const pal_elementwise_kernels *k = &pal_kernels_of(run->isa)->elementwise;
  const float count = (float)run->out_rows[0];
  pal_nest nest;
  pal_nest_make(run, &nest);
  for (int64_t p = 0; p < nest.planes; p++) {
    int64_t at[PAL_OPERANDS];
    const int64_t to = pal_nest_at(&nest, p, at);
    if (run->out_type[0].dtype == PAL_I32)
      copy_plane_i32(&nest.plane, (int32_t *)run->out[0] + to, (const int32_t *)run->in[0] + at[0]);
    else if (a->divide) /* operand 1 is `count`, with steps of 0 */
      k->binary_f32(PAL_BINARY_DIV, &nest.plane, (float *)run->out[0] + to,
                    (const float *)run->in[0] + at[0], &count);
    else copy_plane_f32(&nest.plane, (float *)run->out[0] + to, (const float *)run->in[0] + at[0]);
  }
  return PAL_OK;
}

static pal_value broadcast_sample(pal_case *random) {
  pal_type type[2];
  const pal_dtype dtype = pal_case_int(random, 0, 3) ? PAL_F32 : PAL_I32;
  pal_sample_broadcast(random, dtype, 2, type);
  pal_infer merged = {.n_in = 2, .in_type = type, .out_type = &(pal_type){0}};
  pal_broadcast_infer(&merged);
  const pal_type to = merged.out_type[0];
  const bool stretched =
      type[1].rank < to.rank || (to.rank && !type[1].symbol.id && type[1].dim[0] == 1);
  const bool divide = stretched && dtype == PAL_F32 && pal_case_int(random, 0, 1);
  const broadcast_attrs a = {to.symbol, {to.dim, to.rank}, divide};
  pal_value x = dtype == PAL_F32 ? pal_case_f32(random, type[1], -2, 2)
                                 : pal_case_whole(random, type[1], -9, 9);
  return pal_apply(pal_case_graph(random), "broadcast_to", &x, 1, &a, NULL);
}

static const pal_op broadcast_op = {
    PAL_OP_HEAD("broadcast_to",
                "x broadcast to the shape [dims], with dims[0] times `symbol` rows: x is copied\n"
                "along axes that it lacks or has with extent 1. With divide = 1 it is also\n"
                "divided by the active number of rows (the gradient of mean_rows). f32 or i32.\n"
                "Gradient: the sum over the axes along which x was copied. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .fields = broadcast_fields,
    .n_fields = 3,
    .attrs_size = sizeof(broadcast_attrs),
    .infer = broadcast_infer,
    .gradient = broadcast_gradient,
    .reference = broadcast_reference,
    .phase = {{.run = broadcast_run}},
    .sample = broadcast_sample};

pal_value pal_broadcast_to(pal_graph *g, pal_value x, pal_value like) {
  const pal_type from = pal_type_of(g, x), to = pal_type_of(g, like);
  if (pal_is_nil(x) || pal_is_nil(like))
    return pal_graph_fail(g, PAL_E_ARGUMENT, "broadcast_to: a value is nil");
  if (pal_shape_equal(&from, &to)) return x;
  const broadcast_attrs a = {to.symbol, {to.dim, to.rank}, 0};
  return pal_apply(g, "broadcast_to", &x, 1, &a, NULL);
}

pal_value pal_spread_rows(pal_graph *g, pal_value x, pal_value like) {
  const pal_type to = pal_type_of(g, like);
  const broadcast_attrs a = {to.symbol, {to.dim, to.rank}, 1};
  return pal_apply(g, "broadcast_to", &x, 1, &a, NULL);
}

/* ---- sum_to -------------------------------------------------------------------------- */

/* Records the error that a shape cannot be summed to another. */
static pal_value no_sum(pal_graph *g, const pal_type *from, const pal_type *to) {
  char a[96], b[96];
  return pal_graph_fail(g, PAL_E_SHAPE, "sum_to: %s does not sum to %s",
                        pal_graph_type_print(g, from, a, sizeof a),
                        pal_graph_type_print(g, to, b, sizeof b));
}

pal_value pal_sum_to(pal_graph *g, pal_value x, pal_value like) {
  const pal_type from = pal_type_of(g, x), to = pal_type_of(g, like);
  if (pal_is_nil(x) || pal_is_nil(like))
    return pal_graph_fail(g, PAL_E_ARGUMENT, "sum_to: a value is nil");
  if (pal_shape_equal(&from, &to)) return x;
  const int extra = (int)from.rank - (int)to.rank;
  if (extra < 0) return no_sum(g, &from, &to);
  if (to.rank == 0) return pal_sum_all(g, x);
  pal_value sum = x;
  for (int axis = (int)from.rank - 1; axis >= 0; axis--) {
    const int own = axis - extra;
    const bool same =
        own >= 0 && from.dim[axis] == to.dim[own] && (axis > 0 || from.symbol.id == to.symbol.id);
    if (same) continue;
    if (own >= 0 && (to.dim[own] != 1 || (own == 0 && to.symbol.id))) return no_sum(g, &from, &to);
    sum = pal_sum(g, sum, axis, own >= 0);
  }
  return sum;
}

const pal_op *const pal_ops_broadcast[] = {&broadcast_op, NULL};
