/* SPDX-License-Identifier: Apache-2.0 */
/* The ops accumulate, fill and after, which the gradient transformation uses (floor 3).
 *
 * Invariant: sums are added in one fixed order, so their bits do not depend on how a plan is
 * run. */
#define PAL_NO_CALLER
#include "autograd/accumulate.h"

#include <palimpsest/case.h>

#include <string.h>

#include "graph/internal.h"
#include "ops/kernels/kernels.h"
#include "ops/shape.h"

/* The elements [*first, *last) of output 0 in the rows of this call. */
static void element_range(const pal_run *run, int64_t *first, int64_t *last) {
  const pal_type *t = &run->out_type[0];
  int64_t unit = pal_type_row(t) * (t->symbol.id ? t->dim[0] : 1);
  *first = run->begin * unit;
  *last = run->end * unit;
}

static int64_t elements(const pal_reference *call) {
  return call->out_rows[0] * pal_type_row(&call->out_type[0]);
}

/* ---- accumulate ---------------------------------------------------------------------- */

enum { BLOCK = 512 };

static pal_status accumulate_infer(pal_infer *call) {
  for (int i = 0; i < call->n_in; i++) {
    if (call->in_type[i].dtype != PAL_F32)
      return pal_fail(call->error, PAL_E_SHAPE, "only f32 gradients can be summed");
    if (!pal_type_equal(&call->in_type[i], &call->in_type[0]))
      return pal_fail(call->error, PAL_E_SHAPE, "all inputs must have the same type");
  }
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  return PAL_OK;
}

static pal_status accumulate_gradient(pal_gradient_call *call) {
  for (int i = 0; i < call->n_in; i++)
    if (call->wanted >> i & 1) call->in_grad[i] = call->out_grad[0];
  return PAL_OK;
}

static pal_status accumulate_reference(const pal_reference *call) {
  int64_t n = elements(call);
  for (int64_t e = 0; e < n; e++) {
    double sum = call->in[0][e];
    for (int i = 1; i < call->n_in; i++) sum += call->in[i][e];
    call->out[0][e] = sum;
  }
  return PAL_OK;
}

/* Each block of elements is read from all inputs before it is written, so the result may overwrite
 * any of the inputs in place. */
static pal_status accumulate_run(const pal_run *run) {
  int64_t first, last;
  element_range(run, &first, &last);
  float sum[BLOCK];
  const pal_elementwise_kernels *k = &pal_kernels_of(run->isa)->elementwise;
  for (int64_t at = first; at < last; at += BLOCK) {
    const pal_plane plane = {.rows = 1, .n = last - at < BLOCK ? last - at : BLOCK, .step = {1, 1}};
    const float *x = (const float *)run->in[0] + at;
    float *out = (float *)run->out[0] + at;
    if (run->n_in == 1) memmove(out, x, (size_t)plane.n * sizeof *out);
    for (int i = 1; i < run->n_in; i++) {
      float *to = i == run->n_in - 1 ? out : sum;
      k->binary_f32(PAL_BINARY_ADD, &plane, to, x, (const float *)run->in[i] + at);
      x = to;
    }
  }
  return PAL_OK;
}

static pal_value accumulate_sample(pal_case *random) {
  pal_value in[5];
  pal_type type = pal_case_int(random, 0, 3) == 0
                      ? PAL_TYPE(PAL_F32, PAL_STATIC, pal_case_size(random), pal_case_size(random))
                      : PAL_TYPE(PAL_F32, pal_case_rows(random), pal_case_int(random, 1, 2),
                                 pal_case_size(random));
  int n = (int)pal_case_int(random, 1, 5);
  for (int i = 0; i < n; i++) in[i] = pal_case_f32(random, type, -2, 2);
  return pal_accumulate(pal_case_graph(random), in, n);
}

static const pal_op accumulate_op = {
    .abi_size = sizeof(pal_op),
    .name = "accumulate",
    .version = 1,
    .doc = "x1, x2, ... [...], f32 of one type -> x1 + x2 + ..., added from left to right.\n"
           "Gradient: the same for every input. Row-local.",
    .min_in = 1,
    .max_in = PAL_MAX_INPUTS,
    .in_place = (1u << PAL_MAX_INPUTS) - 1,
    .infer = accumulate_infer,
    .gradient = accumulate_gradient,
    .reference = accumulate_reference,
    .phase = {{.run = accumulate_run}},
    .sample = accumulate_sample,
};

/* ---- fill ---------------------------------------------------------------------------- */

typedef struct fill_attrs {
  double value;
} fill_attrs;

static const pal_attr_field fill_fields[] = {PAL_FIELD(fill_attrs, value, PAL_ATTR_FLOAT)};

static pal_status fill_infer(pal_infer *call) {
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].dtype = PAL_F32;
  return PAL_OK;
}

static pal_status fill_reference(const pal_reference *call) {
  int64_t n = elements(call);
  for (int64_t e = 0; e < n; e++) call->out[0][e] = ((const fill_attrs *)call->attrs)->value;
  return PAL_OK;
}

static pal_status fill_run(const pal_run *run) {
  int64_t first, last;
  element_range(run, &first, &last);
  float value = (float)((const fill_attrs *)run->attrs)->value;
  float *out = run->out[0];
  for (int64_t e = first; e < last; e++) out[e] = value;
  return PAL_OK;
}

static pal_value fill_sample(pal_case *random) {
  pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, pal_case_size(random));
  pal_value like = pal_case_fixed(random, type, -1, 1);
  return pal_fill_like(pal_case_graph(random), like, (double)pal_case_int(random, -3, 3));
}

static const pal_op fill_op = {
    .abi_size = sizeof(pal_op),
    .name = "fill",
    .version = 1,
    .doc = "like [...] -> f32 of that shape, `value` everywhere; no element of `like` is read.",
    .min_in = 1,
    .max_in = 1,
    .flags = PAL_OP_NO_GRADIENT,
    .fields = fill_fields,
    .n_fields = 1,
    .attrs_size = sizeof(fill_attrs),
    .infer = fill_infer,
    .reference = fill_reference,
    .phase = {{.run = fill_run}},
    .sample = fill_sample,
};

/* ---- after --------------------------------------------------------------------------- */

static pal_status after_infer(pal_infer *call) {
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  return PAL_OK;
}

static pal_status after_gradient(pal_gradient_call *call) {
  if (call->wanted & 1) call->in_grad[0] = call->out_grad[0];
  return PAL_OK;
}

static pal_status after_reference(const pal_reference *call) {
  memcpy(call->out[0], call->in[0], sizeof(double) * (size_t)elements(call));
  return PAL_OK;
}

static pal_value after_sample(pal_case *random) {
  pal_type type = PAL_TYPE(PAL_F32, pal_case_rows(random), 1, pal_case_size(random));
  pal_value x = pal_case_f32(random, type, -1, 1), y = pal_case_f32(random, type, -1, 1);
  pal_graph *g = pal_case_graph(random);
  return pal_after(g, x, pal_accumulate(g, (pal_value[]){x, y}, 2));
}

static const pal_op after_op = {
    .abi_size = sizeof(pal_op),
    .name = "after",
    .version = 1,
    .doc = "x, first -> x, but not before `first` has been computed. It keeps values that are\n"
           "recomputed for the backward pass from being computed in the forward pass.\n"
           "Gradient: that of x passes; first has none.",
    .min_in = 2,
    .max_in = 2,
    .flags = PAL_OP_VIEW,
    .infer = after_infer,
    .gradient = after_gradient,
    .reference = after_reference,
    .sample = after_sample,
};

/* ---- into a context ------------------------------------------------------------------ */

/* Defines an op unless the context has it already. */
static pal_status define(pal_context *context, const pal_op *op, pal_error *error) {
  const pal_op *there = pal_lookup(context, "op", op->name);
  if (there == op) return PAL_OK;
  if (there)
    return pal_fail(error, PAL_E_DUPLICATE,
                    "an op named \"%s\" is defined, but autograd needs the name for its own op; "
                    "rename yours",
                    op->name);
  return pal_define_op(context, op, error);
}

pal_status pal_register_autograd(pal_context *context, pal_error *error) {
  pal_status status = define(context, &accumulate_op, error);
  if (!status) status = define(context, &fill_op, error);
  if (!status) status = define(context, &after_op, error);
  return status;
}

static pal_value apply(pal_graph *graph, const pal_op *op, const pal_value *in, int n,
                       const void *attrs) {
  pal_error error = {0};
  if (!graph->error.code && pal_register_autograd(graph->context, &error))
    return pal_graph_fail(graph, error.code, "%s", error.text);
  return pal_apply_op(graph, op, in, n, attrs, NULL);
}

/* If x is the output of op `pad`: the value that is padded, and how in *attrs; else nil. */
static pal_value padded(const pal_graph *graph, pal_value x, pal_pad_attrs *attrs) {
  const pal_node *node = &graph->node.at[graph->value.at[x.id].node];
  if (node->kind != PAL_NODE_OP || node->op != &pal_op_pad) return PAL_NIL;
  *attrs = *(const pal_pad_attrs *)node->attrs;
  return node->in[0];
}

/* The gradient of a slice is padded with zeros to the size of what was sliced. If the n summands
 * are the gradients of slices that together cover an axis without overlap, their concatenation is
 * the same sum and cheaper. Nil if they are not. */
static pal_value join(pal_graph *graph, const pal_value *x, int n) {
  pal_value part[PAL_MAX_INPUTS];
  pal_pad_attrs at = {0};
  int64_t axis = -1, end = 0;
  if (n > PAL_MAX_INPUTS || pal_lookup(graph->context, "op", "concat") != &pal_op_concat)
    return PAL_NIL;
  for (int k = 0; k < n; k++) {
    part[k] = PAL_NIL;
    for (int i = 0; i < n && pal_is_nil(part[k]); i++) {
      const pal_value from = padded(graph, x[i], &at);
      if (pal_is_nil(from) || (axis >= 0 && at.axis != axis)) return PAL_NIL;
      if (at.before == end && pal_type_of(graph, from).dim[at.axis] > 0) part[k] = from;
    }
    if (pal_is_nil(part[k])) return PAL_NIL;
    axis = at.axis;
    end += pal_type_of(graph, part[k]).dim[axis];
  }
  return at.after == 0 ? pal_concat(graph, part, n, (int)axis) : PAL_NIL;
}

pal_value pal_accumulate(pal_graph *graph, const pal_value *x, int n) {
  const pal_value joined = n > 1 && !graph->error.code ? join(graph, x, n) : PAL_NIL;
  if (!pal_is_nil(joined)) return joined;
  if (n <= PAL_MAX_INPUTS) return apply(graph, &accumulate_op, x, n, NULL);
  pal_value in[PAL_MAX_INPUTS];
  pal_value sum = apply(graph, &accumulate_op, x, PAL_MAX_INPUTS, NULL);
  for (int at = PAL_MAX_INPUTS; at < n; at += PAL_MAX_INPUTS - 1) {
    int more = n - at < PAL_MAX_INPUTS - 1 ? n - at : PAL_MAX_INPUTS - 1;
    in[0] = sum;
    memcpy(in + 1, x + at, sizeof *x * (size_t)more);
    sum = apply(graph, &accumulate_op, in, more + 1, NULL);
  }
  return sum;
}

pal_value pal_fill_like(pal_graph *graph, pal_value like, double value) {
  return apply(graph, &fill_op, &like, 1, &(fill_attrs){value});
}

pal_value pal_after(pal_graph *graph, pal_value value, pal_value first) {
  return apply(graph, &after_op, (pal_value[]){value, first}, 2, NULL);
}
