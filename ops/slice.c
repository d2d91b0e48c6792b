/* SPDX-License-Identifier: Apache-2.0 */
/* slice, pad and concat along an axis, for every dtype (floor 2).
 *
 * They are row-local phases. Axis 0 can be sliced, padded or concatenated in static tensors only:
 * these are complete before a row-local phase starts, so any of their rows may be read. */
#define PAL_NO_CALLER
#include "ops/shape.h"

#include <string.h>

static pal_status want_axis(const pal_infer *call, int64_t axis) {
  const pal_type *x = &call->in_type[0];
  if (axis < 0 || axis >= x->rank)
    return pal_fail(call->error, PAL_E_ARGUMENT, "there is no axis %lld", (long long)axis);
  if (axis == 0 && x->symbol.id)
    return pal_fail(call->error, PAL_E_SHAPE,
                    "axis 0 is symbolic and cannot be sliced, padded or concatenated");
  return PAL_OK;
}

static int sample_axis(pal_case *random, const pal_type *type) {
  return (int)pal_case_int(random, type->symbol.id ? 1 : 0, type->rank - 1);
}

/* A row as lines of contiguous bytes, where a line is the given axis > 0 and all axes behind it. */
typedef struct pieces {
  int64_t lines; /* lines per row */
  size_t bytes;  /* bytes of a line */
  size_t unit;   /* bytes of one step along the axis */
} pieces;

static pieces pieces_of(const pal_type *type, int axis) {
  pieces p = {.lines = pal_shape_extent(type, 1, axis),
              .unit = (size_t)pal_shape_extent(type, axis + 1, type->rank) *
                      pal_dtype_size(type->dtype)};
  p.bytes = p.unit * (size_t)type->dim[axis];
  return p;
}

/* memcpy, but of nothing if size is 0: an empty tensor may have no address. */
static void copy(void *to, const void *from, size_t size) {
  if (size > 0) memcpy(to, from, size);
}

/* Copies n lines of `size` bytes, which are to_line and from_line bytes apart. Short lines are
 * copied inline, since calling memcpy would take longer than copying. */
static void copy_lines(char *to, size_t to_line, const char *from, size_t from_line, size_t size,
                       int64_t n) {
  const bool inlined = size % PAL_COPY_VECTOR == 0 && size <= PAL_COPY_SHORT;
  for (int64_t l = 0; l < n; l++, to += to_line, from += from_line) {
    if (!inlined) copy(to, from, size);
    else
      for (size_t at = 0; at < size; at += PAL_COPY_VECTOR)
        memcpy(to + at, from + at, PAL_COPY_VECTOR);
  }
}

static void clear(void *to, size_t size) {
  if (size > 0) memset(to, 0, size);
}

/* ---- slice ---------------------------------------------------------------------------------- */

typedef struct slice_attrs {
  int64_t axis, begin, end;
} slice_attrs;

static const pal_attr_field slice_fields[] = {
    PAL_FIELD(slice_attrs, axis, PAL_ATTR_INT),
    PAL_FIELD(slice_attrs, begin, PAL_ATTR_INT),
    PAL_FIELD(slice_attrs, end, PAL_ATTR_INT),
};

static pal_status slice_infer(pal_infer *call) {
  const slice_attrs *a = call->attrs;
  const pal_status status = want_axis(call, a->axis);
  if (status) return status;
  if (a->begin < 0 || a->end < a->begin || a->end > call->in_type[0].dim[a->axis])
    return pal_fail(call->error, PAL_E_ARGUMENT,
                    "the range %lld..%lld does not lie within axis %lld", (long long)a->begin,
                    (long long)a->end, (long long)a->axis);
  pal_infer_same(call);
  call->out_type[0].dim[a->axis] = a->end - a->begin;
  return PAL_OK;
}

static pal_status slice_run(const pal_run *run) {
  const slice_attrs *a = run->attrs;
  const pal_type *type = &run->out_type[0];
  const int64_t first = pal_first_row(run, type), last = pal_last_row(run, type);
  const size_t row = pal_shape_row_bytes(type);
  if (a->axis == 0) {
    if (last > first)
      copy((char *)run->out[0] + (size_t)first * row,
           (const char *)run->in[0] + (size_t)(a->begin + first) * row,
           (size_t)(last - first) * row);
    return PAL_OK;
  }
  const pieces from = pieces_of(&run->in_type[0], (int)a->axis);
  const pieces to = pieces_of(type, (int)a->axis);
  const size_t begin = (size_t)(first * to.lines);
  copy_lines((char *)run->out[0] + begin * to.bytes, to.bytes,
             (const char *)run->in[0] + begin * from.bytes + (size_t)a->begin * from.unit,
             from.bytes, to.bytes, (last - first) * to.lines);
  return PAL_OK;
}

static pal_status slice_gradient(pal_gradient_call *call) {
  const slice_attrs *a = call->attrs;
  const int64_t n = pal_type_of(call->graph, call->in[0]).dim[a->axis];
  const pal_pad_attrs attrs = {a->axis, a->begin, n - a->end};
  if (call->wanted & 1)
    call->in_grad[0] = pal_apply(call->graph, "pad", &call->out_grad[0], 1, &attrs, NULL);
  return PAL_OK;
}

/* For references: element i of a tensor of `type` in a tensor that has `extent` instead along the
 * axis. Gives its index there when it is moved by `shift` along the axis, and in *place its old
 * position along the axis. */
static int64_t moved(const pal_type *type, int64_t i, int64_t axis, int64_t extent, int64_t shift,
                     int64_t *place) {
  const int64_t inner = pal_shape_extent(type, (int)axis + 1, type->rank);
  const int64_t n = type->dim[axis];
  *place = i / inner % n;
  return (i / inner / n * extent + *place + shift) * inner + i % inner;
}

static pal_status slice_reference(const pal_reference *c) {
  const slice_attrs *a = c->attrs;
  const int64_t n = pal_active(&c->out_type[0], c->out_rows[0]);
  for (int64_t i = 0; i < n; i++) {
    int64_t place;
    c->out[0][i] =
        c->in[0][moved(&c->out_type[0], i, a->axis, c->in_type[0].dim[a->axis], a->begin, &place)];
  }
  return PAL_OK;
}

static pal_value slice_sample(pal_case *random) {
  const pal_type type = pal_shape_sample(random);
  const int axis = sample_axis(random, &type);
  const int64_t begin = pal_case_int(random, 0, type.dim[axis]);
  const pal_value x = pal_case_f32(random, type, -1.0, 1.0);
  return pal_slice(pal_case_graph(random), x, axis, begin,
                   pal_case_int(random, begin, type.dim[axis]));
}

pal_value pal_slice(pal_graph *g, pal_value x, int axis, int64_t begin, int64_t end) {
  const slice_attrs attrs = {axis, begin, end};
  return pal_apply(g, "slice", &x, 1, &attrs, NULL);
}

const pal_op pal_op_slice = {
    PAL_OP_HEAD("slice",
                "x [...] of any dtype -> positions begin .. end - 1 of an axis; of axis 0 only if\n"
                "x is static. Gradient: dy padded with zeros."),
    .min_in = 1,
    .max_in = 1,
    .fields = slice_fields,
    .n_fields = 3,
    .attrs_size = sizeof(slice_attrs),
    .infer = slice_infer,
    .gradient = slice_gradient,
    .reference = slice_reference,
    .phase = {{.run = slice_run}},
    .sample = slice_sample,
};

/* ---- pad ------------------------------------------------------------------------------------- */

static const pal_attr_field pad_fields[] = {
    PAL_FIELD(pal_pad_attrs, axis, PAL_ATTR_INT),
    PAL_FIELD(pal_pad_attrs, before, PAL_ATTR_INT),
    PAL_FIELD(pal_pad_attrs, after, PAL_ATTR_INT),
};

static pal_status pad_infer(pal_infer *call) {
  const pal_pad_attrs *a = call->attrs;
  const pal_status status = want_axis(call, a->axis);
  if (status) return status;
  if (a->before < 0 || a->after < 0 || a->before > INT32_MAX || a->after > INT32_MAX)
    return pal_fail(call->error, PAL_E_ARGUMENT, "before and after must lie in 0..2^31-1");
  pal_infer_same(call);
  call->out_type[0].dim[a->axis] += a->before + a->after;
  return PAL_OK;
}

static pal_status pad_run(const pal_run *run) {
  const pal_pad_attrs *a = run->attrs;
  const pal_type *type = &run->out_type[0];
  const int64_t first = pal_first_row(run, type), last = pal_last_row(run, type);
  const size_t row = pal_shape_row_bytes(type);
  if (a->axis == 0) {
    for (int64_t r = first; r < last; r++) {
      const int64_t from = r - a->before;
      char *to = (char *)run->out[0] + (size_t)r * row;
      if (from < 0 || from >= run->in_rows[0]) clear(to, row);
      else copy(to, (const char *)run->in[0] + (size_t)from * row, row);
    }
    return PAL_OK;
  }
  const pieces from = pieces_of(&run->in_type[0], (int)a->axis);
  const pieces to = pieces_of(type, (int)a->axis);
  const size_t before = (size_t)a->before * to.unit, after = (size_t)a->after * to.unit;
  for (int64_t l = first * to.lines; l < last * to.lines; l++) {
    char *line = (char *)run->out[0] + (size_t)l * to.bytes;
    clear(line, before);
    copy(line + before, (const char *)run->in[0] + (size_t)l * from.bytes, from.bytes);
    clear(line + before + from.bytes, after);
  }
  return PAL_OK;
}

static pal_status pad_gradient(pal_gradient_call *call) {
  const pal_pad_attrs *a = call->attrs;
  const int64_t n = pal_type_of(call->graph, call->in[0]).dim[a->axis];
  if (call->wanted & 1)
    call->in_grad[0] =
        pal_slice(call->graph, call->out_grad[0], (int)a->axis, a->before, a->before + n);
  return PAL_OK;
}

static pal_status pad_reference(const pal_reference *c) {
  const pal_pad_attrs *a = c->attrs;
  const int64_t n = pal_active(&c->in_type[0], c->in_rows[0]);
  clear(c->out[0], (size_t)pal_active(&c->out_type[0], c->out_rows[0]) * sizeof(double));
  for (int64_t i = 0; i < n; i++) {
    int64_t place;
    c->out[0][moved(&c->in_type[0], i, a->axis, c->out_type[0].dim[a->axis], a->before, &place)] =
        c->in[0][i];
  }
  return PAL_OK;
}

static pal_value pad_sample(pal_case *random) {
  const pal_type type = pal_shape_sample(random);
  const pal_pad_attrs attrs = {sample_axis(random, &type), pal_case_int(random, 0, 3),
                               pal_case_int(random, 0, 3)};
  const pal_value x = pal_case_f32(random, type, -1.0, 1.0);
  return pal_apply(pal_case_graph(random), "pad", &x, 1, &attrs, NULL);
}

const pal_op pal_op_pad = {
    PAL_OP_HEAD("pad",
                "x [...] of any dtype -> x with `before` zeros before it and `after` behind it\n"
                "along an axis; along axis 0 only if x is static. Gradient: the slice of dy."),
    .min_in = 1,
    .max_in = 1,
    .fields = pad_fields,
    .n_fields = 3,
    .attrs_size = sizeof(pal_pad_attrs),
    .infer = pad_infer,
    .gradient = pad_gradient,
    .reference = pad_reference,
    .phase = {{.run = pad_run}},
    .sample = pad_sample,
};

/* ---- concat ---------------------------------------------------------------------------------- */

typedef struct concat_attrs {
  int64_t axis;
} concat_attrs;

static const pal_attr_field concat_fields[] = {PAL_FIELD(concat_attrs, axis, PAL_ATTR_INT)};

static pal_status concat_infer(pal_infer *call) {
  const concat_attrs *a = call->attrs;
  const pal_status status = want_axis(call, a->axis);
  if (status) return status;
  pal_infer_same(call);
  for (int i = 1; i < call->n_in; i++) {
    pal_type other = call->in_type[i];
    if (other.rank == call->in_type[0].rank) {
      call->out_type[0].dim[a->axis] += other.dim[a->axis];
      other.dim[a->axis] = call->in_type[0].dim[a->axis];
    }
    if (!pal_type_equal(&other, &call->in_type[0]))
      return pal_fail(call->error, PAL_E_SHAPE,
                      "inputs 0 and %d may differ in the extent of axis %lld only", i,
                      (long long)a->axis);
  }
  return PAL_OK;
}

/* Along axis 0: copies the rows of input i, which begins at row `start` of the result. */
static void concat_rows(const pal_run *run, int i, int64_t start) {
  const size_t row = pal_shape_row_bytes(&run->out_type[0]);
  const int64_t end = start + run->in_rows[i];
  const int64_t first = run->begin > start ? run->begin : start;
  const int64_t last = run->end < end ? run->end : end;
  if (last > first)
    copy((char *)run->out[0] + (size_t)first * row,
         (const char *)run->in[i] + (size_t)(first - start) * row, (size_t)(last - first) * row);
}

static pal_status concat_run(const pal_run *run) {
  const concat_attrs *a = run->attrs;
  const pal_type *type = &run->out_type[0];
  const int64_t first = pal_first_row(run, type), last = pal_last_row(run, type);
  int64_t start = 0;
  size_t offset = 0;
  for (int i = 0; i < run->n_in; i++) {
    if (a->axis == 0) {
      concat_rows(run, i, start);
      start += run->in_rows[i];
      continue;
    }
    const pieces from = pieces_of(&run->in_type[i], (int)a->axis);
    const pieces to = pieces_of(type, (int)a->axis);
    const size_t begin = (size_t)(first * to.lines);
    copy_lines((char *)run->out[0] + begin * to.bytes + offset, to.bytes,
               (const char *)run->in[i] + begin * from.bytes, from.bytes, from.bytes,
               (last - first) * to.lines);
    offset += from.bytes;
  }
  return PAL_OK;
}

static pal_status concat_gradient(pal_gradient_call *call) {
  const concat_attrs *a = call->attrs;
  int64_t start = 0;
  for (int i = 0; i < call->n_in; i++) {
    const int64_t n = pal_type_of(call->graph, call->in[i]).dim[a->axis];
    if (call->wanted >> i & 1)
      call->in_grad[i] = pal_slice(call->graph, call->out_grad[0], (int)a->axis, start, start + n);
    start += n;
  }
  return PAL_OK;
}

static pal_status concat_reference(const pal_reference *c) {
  const concat_attrs *a = c->attrs;
  int64_t start = 0;
  for (int i = 0; i < c->n_in; i++) {
    const int64_t n = pal_active(&c->in_type[i], c->in_rows[i]);
    for (int64_t e = 0; e < n; e++) {
      int64_t place;
      c->out[0][moved(&c->in_type[i], e, a->axis, c->out_type[0].dim[a->axis], start, &place)] =
          c->in[i][e];
    }
    start += c->in_type[i].dim[a->axis];
  }
  return PAL_OK;
}

static pal_value concat_sample(pal_case *random) {
  pal_type type = pal_shape_sample(random);
  const int axis = sample_axis(random, &type), n = (int)pal_case_int(random, 1, 4);
  pal_value in[4];
  for (int i = 0; i < n; i++) {
    type.dim[axis] = pal_case_int(random, 0, 3) ? pal_case_size(random) : 0;
    in[i] = pal_case_f32(random, type, -1.0, 1.0);
  }
  return pal_concat(pal_case_graph(random), in, n, axis);
}

pal_value pal_concat(pal_graph *g, const pal_value *x, int n, int axis) {
  const concat_attrs attrs = {axis};
  return pal_apply(g, "concat", x, n, &attrs, NULL);
}

const pal_op pal_op_concat = {
    PAL_OP_HEAD("concat",
                "1 to 24 tensors of the same dtype that differ in the extent of one axis only,\n"
                "concatenated along it in order; along axis 0 only if they are static. Gradient:\n"
                "slices of dy."),
    .min_in = 1,
    .max_in = PAL_MAX_INPUTS,
    .fields = concat_fields,
    .n_fields = 1,
    .attrs_size = sizeof(concat_attrs),
    .infer = concat_infer,
    .gradient = concat_gradient,
    .reference = concat_reference,
    .phase = {{.run = concat_run}},
    .sample = concat_sample,
};
