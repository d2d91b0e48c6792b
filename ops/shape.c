/* SPDX-License-Identifier: Apache-2.0 */
/* reshape and transpose, for every dtype (floor 2).
 *
 * reshape is a view: it copies nothing. transpose is a row-local phase. A static operand is
 * complete before a row-local phase starts, so the phase may read any of its rows; hence axis 0 may
 * be moved in static tensors. */
#define PAL_NO_CALLER
#include "ops/shape.h"

#include <string.h>

int64_t pal_shape_extent(const pal_type *type, int first, int last) {
  int64_t n = 1;
  for (int d = first; d < last; d++) n *= type->dim[d];
  return n;
}

pal_type pal_shape_sample(pal_case *random) {
  const bool symbolic = pal_case_int(random, 0, 1) != 0;
  int64_t dim[4];
  const int rank = (int)pal_case_int(random, 2, 4);
  for (int d = 0; d < rank; d++) dim[d] = pal_case_int(random, 1, 5);
  if (rank == 2) dim[1] = pal_case_size(random);
  return pal_type_make(PAL_F32, symbolic ? pal_case_rows(random) : PAL_STATIC, dim, rank);
}

/* ---- reshape --------------------------------------------------------------------------------- */

typedef struct reshape_attrs {
  pal_ints dims;
} reshape_attrs;

static const pal_attr_field reshape_fields[] = {PAL_FIELD(reshape_attrs, dims, PAL_ATTR_INTS)};

static pal_status reshape_infer(pal_infer *call) {
  const reshape_attrs *a = call->attrs;
  const pal_type *x = &call->in_type[0];
  if (a->dims.n > PAL_MAX_DIMS || (x->symbol.id && a->dims.n == 0))
    return pal_fail(call->error, PAL_E_SHAPE,
                    "the result has too many axes, or none although x has symbolic rows");
  call->n_out = 1;
  call->out_type[0] = pal_type_make(x->dtype, x->symbol, a->dims.at, (int)a->dims.n);
  int64_t elements = 1;
  for (size_t d = 0; d < a->dims.n; d++) {
    if (a->dims.at[d] < 0) return pal_fail(call->error, PAL_E_SHAPE, "an extent is negative");
    if (__builtin_mul_overflow(elements, a->dims.at[d], &elements))
      return pal_fail(call->error, PAL_E_SHAPE, "the extents are too large");
  }
  if (pal_shape_extent(x, 0, x->rank) != elements)
    return pal_fail(call->error, PAL_E_SHAPE,
                    "the result must have as many elements%s: %lld, not %lld",
                    x->symbol.id ? " per row of the symbol" : "",
                    (long long)pal_shape_extent(x, 0, x->rank), (long long)elements);
  return PAL_OK;
}

static pal_status reshape_gradient(pal_gradient_call *call) {
  if (call->wanted & 1)
    call->in_grad[0] =
        pal_reshape(call->graph, call->out_grad[0], pal_type_of(call->graph, call->in[0]));
  return PAL_OK;
}

static pal_status reshape_reference(const pal_reference *c) {
  memcpy(c->out[0], c->in[0], (size_t)pal_active(&c->out_type[0], c->out_rows[0]) * sizeof(double));
  return PAL_OK;
}

static pal_value reshape_sample(pal_case *random) {
  const pal_type from = pal_shape_sample(random);
  pal_type to = from;
  to.rank = 2;
  to.dim[0] = pal_case_int(random, 0, 1) ? from.dim[0] * from.dim[1] : 1;
  to.dim[1] = pal_shape_extent(&from, 0, from.rank) / to.dim[0];
  return pal_reshape(pal_case_graph(random), pal_case_f32(random, from, -1.0, 1.0), to);
}

pal_value pal_reshape(pal_graph *g, pal_value x, pal_type type) {
  const pal_type from = pal_type_of(g, x);
  const reshape_attrs attrs = {{type.dim, type.rank}};
  if (!pal_graph_error(g)->code && (from.dtype != type.dtype || from.symbol.id != type.symbol.id))
    return pal_graph_fail(g, PAL_E_SHAPE, "reshape cannot change dtype or symbol");
  return pal_apply(g, "reshape", &x, 1, &attrs, NULL);
}

static const pal_op reshape = {
    PAL_OP_HEAD("reshape",
                "x [...] of any dtype -> the same elements in the same order, with other dims. In\n"
                "a symbolic tensor dims[0] is the multiplier of the symbol, and the product of\n"
                "all dims must not change. Gradient: dy reshaped to the shape of x."),
    .min_in = 1,
    .max_in = 1,
    .flags = PAL_OP_VIEW,
    .fields = reshape_fields,
    .n_fields = 1,
    .attrs_size = sizeof(reshape_attrs),
    .infer = reshape_infer,
    .gradient = reshape_gradient,
    .reference = reshape_reference,
    .sample = reshape_sample,
};

/* ---- transpose ------------------------------------------------------------------------------- */

typedef struct transpose_attrs {
  pal_ints order; /* axis d of the result is axis order[d] of x */
} transpose_attrs;

static const pal_attr_field transpose_fields[] = {PAL_FIELD(transpose_attrs, order, PAL_ATTR_INTS)};

static pal_status transpose_infer(pal_infer *call) {
  const transpose_attrs *a = call->attrs;
  const pal_type *x = &call->in_type[0];
  uint32_t seen = 0;
  call->n_out = 1;
  call->out_type[0] = *x;
  for (size_t d = 0; d < a->order.n && a->order.n == x->rank; d++) {
    const int64_t from = a->order.at[d];
    if (from < 0 || from >= x->rank) break;
    seen |= 1u << from;
    call->out_type[0].dim[d] = x->dim[from];
  }
  if (a->order.n != x->rank || seen != (1u << x->rank) - 1)
    return pal_fail(call->error, PAL_E_ARGUMENT, "order must name each axis once");
  if (x->symbol.id && a->order.at[0] != 0)
    return pal_fail(call->error, PAL_E_SHAPE, "the symbolic axis 0 cannot move inward");
  return PAL_OK;
}

/* stride[d]: the distance in x, in elements, of one step along axis d of the result. */
static void transpose_strides(const transpose_attrs *a, const pal_type *in, int64_t *stride) {
  for (size_t d = 0; d < a->order.n; d++)
    stride[d] = pal_shape_extent(in, (int)a->order.at[d] + 1, in->rank);
}

static void copy_element(char *to, const char *from, size_t size) {
  if (size == 4) memcpy(to, from, 4);
  else if (size == 2) memcpy(to, from, 2);
  else *to = *from;
}

static pal_status transpose_run(const pal_run *run) {
  const pal_type *type = &run->out_type[0];
  const size_t size = pal_dtype_size(type->dtype);
  const int rank = type->rank, inner = rank - 1;
  int64_t stride[PAL_MAX_DIMS] = {0}, at[PAL_MAX_DIMS] = {0};
  transpose_strides(run->attrs, &run->in_type[0], stride);
  if (rank < 2) { /* a plain copy */
    const int64_t first = pal_first_row(run, type), n = pal_last_row(run, type) - first;
    if (n > 0) /* an empty tensor has no address */
      memcpy((char *)run->out[0] + (size_t)first * size,
             (const char *)run->in[0] + (size_t)first * size, (size_t)n * size);
    return PAL_OK;
  }
  const int64_t n = type->dim[inner], lines = pal_type_row(type) / (n ? n : 1);
  const char *source = run->in[0];
  char *to = (char *)run->out[0] + (size_t)pal_first_row(run, type) * pal_shape_row_bytes(type);
  for (int64_t r = pal_first_row(run, type); r < pal_last_row(run, type); r++) {
    memset(at, 0, sizeof at);
    for (int64_t line = 0; line < lines; line++) {
      int64_t from = r * stride[0];
      for (int d = 1; d < inner; d++) from += at[d] * stride[d];
      for (int64_t e = 0; e < n; e++, to += size)
        copy_element(to, source + (size_t)(from + e * stride[inner]) * size, size);
      for (int d = inner - 1; d > 0 && ++at[d] == type->dim[d]; d--) at[d] = 0;
    }
  }
  return PAL_OK;
}

static pal_status transpose_gradient(pal_gradient_call *call) {
  const transpose_attrs *a = call->attrs;
  int back[PAL_MAX_DIMS];
  for (size_t d = 0; d < a->order.n; d++) back[a->order.at[d]] = (int)d;
  if (call->wanted & 1) call->in_grad[0] = pal_transpose(call->graph, call->out_grad[0], back);
  return PAL_OK;
}

/* Goes through the elements of x and computes the place of each in the result. */
static pal_status transpose_reference(const pal_reference *c) {
  const transpose_attrs *a = c->attrs;
  const int64_t n = pal_active(&c->in_type[0], c->in_rows[0]);
  for (int64_t i = 0; i < n; i++) {
    int64_t rest = i, place[PAL_MAX_DIMS] = {0}, to = 0;
    for (int d = c->in_type[0].rank - 1; d > 0; d--) {
      place[d] = rest % c->in_type[0].dim[d];
      rest /= c->in_type[0].dim[d];
    }
    place[0] = rest;
    for (size_t d = 0; d < a->order.n; d++)
      to = to * (d ? c->out_type[0].dim[d] : 0) + place[a->order.at[d]];
    c->out[0][to] = c->in[0][i];
  }
  return PAL_OK;
}

static pal_value transpose_sample(pal_case *random) {
  const pal_type type = pal_shape_sample(random);
  int order[PAL_MAX_DIMS];
  for (int d = 0; d < type.rank; d++) order[d] = d;
  for (int d = type.rank - 1; d > 0; d--) {
    const int other = (int)pal_case_int(random, type.symbol.id ? 1 : 0, d), kept = order[d];
    order[d] = order[other];
    order[other] = kept;
  }
  return pal_transpose(pal_case_graph(random), pal_case_f32(random, type, -1.0, 1.0), order);
}

pal_value pal_transpose(pal_graph *g, pal_value x, const int *order) {
  int64_t at[PAL_MAX_DIMS];
  const size_t rank = pal_type_of(g, x).rank;
  for (size_t d = 0; d < rank; d++) at[d] = order[d];
  const transpose_attrs attrs = {{at, rank}};
  return pal_apply(g, "transpose", &x, 1, &attrs, NULL);
}

static const pal_op transpose = {
    PAL_OP_HEAD("transpose",
                "x [...] of any dtype with its axes permuted: axis d of the result is axis\n"
                "order[d] of x. A symbolic axis 0 cannot move. Gradient: the inverse permutation\n"
                "of dy."),
    .min_in = 1,
    .max_in = 1,
    .fields = transpose_fields,
    .n_fields = 1,
    .attrs_size = sizeof(transpose_attrs),
    .infer = transpose_infer,
    .gradient = transpose_gradient,
    .reference = transpose_reference,
    .phase = {{.run = transpose_run}},
    .sample = transpose_sample,
};

const pal_op *const pal_ops_shape[] = {&reshape,    &transpose,     &pal_op_slice,
                                       &pal_op_pad, &pal_op_concat, NULL};
