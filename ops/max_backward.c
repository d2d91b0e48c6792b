/* SPDX-License-Identifier: Apache-2.0 */
/* max_backward: the gradient of max and max_rows, over any axis (floor 2).
 *
 * Every element of the result is a copy of an element of dy, or 0. A row depends on the same row of
 * index and dy; if the maximum was over axis 0, on all of them, which are static then. */
#define PAL_NO_CALLER
#include "ops/reduce.h"

typedef struct place_attrs {
  pal_symbol symbol;
  pal_ints dims;
  int64_t axis;
} place_attrs;

static const pal_attr_field place_fields[] = {PAL_FIELD(place_attrs, symbol, PAL_ATTR_SYMBOL),
                                              PAL_FIELD(place_attrs, dims, PAL_ATTR_INTS),
                                              PAL_FIELD(place_attrs, axis, PAL_ATTR_INT)};

static pal_status place_infer(pal_infer *call) {
  const place_attrs *a = call->attrs;
  const pal_type *dy = &call->in_type[1];
  pal_status status = pal_want_dtype(call, 0, PAL_I32, "the index");
  if (!status) status = pal_want_dtype(call, 1, PAL_F32, "dy");
  if (status) return status;
  if (a->dims.n > PAL_MAX_DIMS || a->axis < 0 || a->axis >= (int64_t)a->dims.n)
    return pal_fail(call->error, PAL_E_ARGUMENT, "axis %lld does not exist, the rank is %d",
                    (long long)a->axis, (int)a->dims.n);
  const pal_type to = pal_type_make(PAL_F32, a->symbol, a->dims.at, (int)a->dims.n);
  const pal_type reduced = pal_reduced_type(&to, (int)a->axis, dy->rank == to.rank);
  if (!pal_shape_equal(&call->in_type[0], dy) || !pal_shape_equal(dy, &reduced))
    return pal_fail(call->error, PAL_E_SHAPE, "index and dy must be shaped like the maxima");
  call->n_out = 1;
  call->out_type[0] = to;
  return PAL_OK;
}

static pal_status place_run(const pal_run *run) {
  const place_attrs *a = run->attrs;
  const pal_type *type = &run->out_type[0];
  const int64_t first = pal_first_row(run, type), rows = pal_last_row(run, type) - first;
  const pal_folding f = pal_folding_of(type, rows, (int)a->axis);
  /* the number of maxima before those of row `first`, and the position of that row in axis 0 */
  const int64_t before = a->axis ? first * (f.outer * f.inner) / (rows ? rows : 1) : 0;
  const int32_t from = a->axis ? 0 : (int32_t)first;
  const int32_t *index = (const int32_t *)run->in[0] + before;
  const float *dy = (const float *)run->in[1] + before;
  float *dx = (float *)run->out[0] + first * pal_type_row(type);
  for (int64_t o = 0; o < f.outer; o++, index += f.inner, dy += f.inner)
    for (int64_t e = 0; e < f.extent; e++, dx += f.inner)
      for (int64_t i = 0; i < f.inner; i++) dx[i] = index[i] - from == e ? dy[i] : 0.0f;
  return PAL_OK;
}

static pal_status place_reference(const pal_reference *call) {
  const place_attrs *a = call->attrs;
  const pal_type *type = &call->out_type[0];
  const int64_t extent = a->axis ? type->dim[a->axis] : call->out_rows[0];
  int64_t inner = 1, n = call->out_rows[0] * pal_type_row(type);
  for (int axis = (int)a->axis + 1; axis < type->rank; axis++) inner *= type->dim[axis];
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = i / (extent * inner) * inner + i % inner;
    call->out[0][i] = (int64_t)call->in[0][at] == i / inner % extent ? call->in[1][at] : 0.0;
  }
  return PAL_OK;
}

/* The gradient of dy gathers the output gradient at the positions: a mask with ones there, times
 * the output gradient, summed over the axis. */
static pal_status place_gradient(pal_gradient_call *call) {
  const place_attrs *a = call->attrs;
  pal_graph *g = call->graph;
  if (pal_is_nil(call->out_grad[0]) || !(call->wanted >> 1 & 1)) return PAL_OK;
  const pal_value in[2] = {call->in[0], pal_broadcast_to(g, pal_scalar(g, 1.0), call->in[1])};
  const pal_value mask = pal_apply(g, "max_backward", in, 2, a, NULL);
  const bool keep = pal_type_of(g, call->in[1]).rank == a->dims.n;
  call->in_grad[1] = pal_sum(g, pal_mul(g, mask, call->out_grad[0]), (int)a->axis, keep);
  return PAL_OK;
}

static pal_value place_sample(pal_case *random) {
  const pal_type type = pal_sample_tensor(random, PAL_F32, 1);
  const int axis = (int)pal_case_int(random, 0, type.rank - 1);
  const place_attrs a = {type.symbol, {type.dim, type.rank}, axis};
  pal_type part = pal_reduced_type(&type, axis, pal_case_int(random, 0, 1));
  const pal_value dy = pal_case_f32(random, part, -1, 1);
  part.dtype = PAL_I32;
  const pal_value index = pal_case_whole(random, part, -1, axis ? type.dim[axis] - 1 : 2);
  return pal_apply(pal_case_graph(random), "max_backward", (const pal_value[]){index, dy}, 2, &a,
                   NULL);
}

static const pal_op place_op = {
    PAL_OP_HEAD("max_backward",
                "index i32, the positions of the maxima of a tensor along `axis` (-1: none), and\n"
                "dy f32, both of the shape of the maxima -> dx f32 [dims], with dims[0] times\n"
                "`symbol` rows: dy at these positions, zeros elsewhere.\n"
                "Gradient of dy: the elements at the positions. Row-local; over axis 0 it reads\n"
                "all of dy."),
    .min_in = 2,
    .max_in = 2,
    .fields = place_fields,
    .n_fields = 3,
    .attrs_size = sizeof(place_attrs),
    .infer = place_infer,
    .gradient = place_gradient,
    .reference = place_reference,
    .phase = {{.run = place_run}},
    .sample = place_sample};

pal_value pal_max_backward(pal_graph *g, pal_value index, pal_value dy, pal_value x, int axis) {
  const pal_type type = pal_type_of(g, x);
  const place_attrs a = {type.symbol, {type.dim, type.rank}, axis};
  return pal_apply(g, "max_backward", (const pal_value[]){index, dy}, 2, &a, NULL);
}

const pal_op *const pal_ops_max_backward[] = {&place_op, NULL};
