/* SPDX-License-Identifier: Apache-2.0 */
/* rotary_embedding in the rotate-half form (floor 2). Su et al., arXiv 2104.09864.
 *
 * A frequency is an integer, turns per position in units of 2^-64, fixed when the graph is built.
 * So the angle modulo a turn is exact integer arithmetic, at any position and on any machine. */
#define PAL_NO_CALLER
#include <math.h>
#include <string.h>

#include "ops/common.h"

typedef struct rotary_attrs {
  int64_t heads, inverse;
  pal_ints turn; /* [D / 2]: turns per position in units of 2^-64 */
} rotary_attrs;

static const pal_attr_field fields[] = {
    PAL_FIELD(rotary_attrs, heads, PAL_ATTR_INT),
    PAL_FIELD(rotary_attrs, inverse, PAL_ATTR_INT),
    PAL_FIELD(rotary_attrs, turn, PAL_ATTR_INTS),
};

static pal_status infer(pal_infer *call) {
  const rotary_attrs *a = call->attrs;
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "x");
  if (!status) status = pal_want_rank(call, 0, 2, "x");
  if (!status) status = pal_want_dtype(call, 1, PAL_I32, "position");
  if (!status) status = pal_want_rank(call, 1, 1, "position");
  if (!status) status = pal_want_rows(call, 0, 1, "x and position");
  if (status) return status;
  if (a->heads < 1 || a->turn.n < 1 ||
      call->in_type[0].dim[1] / (2 * (int64_t)a->turn.n) < a->heads)
    return pal_fail(
        call->error, PAL_E_SHAPE,
        "x must have at least heads * 2 * n columns, where n >= 1 is the number of frequencies");
  return pal_infer_same(call);
}

static pal_status rotate(const pal_run *run) {
  const rotary_attrs *a = run->attrs;
  const int64_t first = pal_first_row(run, &run->out_type[0]), row = run->out_type[0].dim[1];
  const float *x = (const float *)run->in[0] + first * row;
  float *out = (float *)run->out[0] + first * row;
  const pal_rotary_rows rows = {
      .rows = pal_last_row(run, &run->out_type[0]) - first,
      .row = row,
      .heads = a->heads,
      .half = (int64_t)a->turn.n,
      .position = (const int32_t *)run->in[1] + first,
      .turn = a->turn.at,
      .inverse = a->inverse != 0,
  };
  if (rows.rows <= 0) return PAL_OK;
  const int64_t turned = a->heads * 2 * rows.half;
  if (x != out && turned < row)
    for (int64_t r = 0; r < rows.rows; r++)
      memcpy(out + r * row + turned, x + r * row + turned, (size_t)(row - turned) * sizeof *x);
  pal_kernels_of(run->isa)->attention.rotary(&rows, x, out);
  return PAL_OK;
}

static pal_status gradient(pal_gradient_call *call) {
  rotary_attrs attrs = *(const rotary_attrs *)call->attrs;
  attrs.inverse = !attrs.inverse;
  const pal_value in[] = {call->out_grad[0], call->in[1]};
  if (call->wanted & 1)
    call->in_grad[0] = pal_apply(call->graph, "rotary_embedding", in, 2, &attrs, NULL);
  return PAL_OK;
}

static pal_status reference(const pal_reference *c) {
  const rotary_attrs *a = c->attrs;
  const int64_t half = (int64_t)a->turn.n, wide = c->out_type[0].dim[1];
  for (int64_t t = 0; t < c->out_rows[0]; t++) {
    for (int64_t e = a->heads * 2 * half; e < wide; e++)
      c->out[0][t * wide + e] = c->in[0][t * wide + e];
    for (int64_t e = 0; e < a->heads * 2 * half; e++) {
      const int64_t head = e / (2 * half) * 2 * half, i = e % half;
      const int64_t phase = (int64_t)((uint64_t)(int64_t)c->in[1][t] * (uint64_t)a->turn.at[i]);
      const double angle = (double)phase * 0x1.921fb54442d18p+2 * 0x1p-64;
      const double s = a->inverse ? -sin(angle) : sin(angle);
      const double x = c->in[0][t * wide + head + i], y = c->in[0][t * wide + head + half + i];
      c->out[0][t * wide + e] =
          e % (2 * half) < half ? x * cos(angle) - y * s : y * cos(angle) + x * s;
    }
  }
  return PAL_OK;
}

/* The n-th root of y > 0 by Newton's method from above. It does not use pow, whose bits differ
 * between C libraries. */
static double root(double y, int64_t n) {
  double r = y > 1.0 ? y : 1.0;
  for (int round = 0; round < 10000; round++) {
    double power = 1.0;
    for (int64_t i = 1; i < n; i++) power *= r;
    const double next = ((double)(n - 1) * r + y / power) / (double)n;
    if (!(next < r)) break;
    r = next;
  }
  return r;
}

enum { MOST_FREQUENCIES = 1024 };

pal_value pal_rotary_embedding(pal_graph *g, pal_value x, pal_value position, int heads,
                               int64_t width, double base) {
  if (pal_graph_error(g)->code) return PAL_NIL;
  if (!(base >= 1.0 && base < 1e30) || width < 2 || width % 2 || width / 2 > MOST_FREQUENCIES)
    return pal_graph_fail(g, PAL_E_ARGUMENT,
                          "rotary_embedding: base must lie in 1..1e30, the width of a head be even "
                          "and at most %d",
                          2 * MOST_FREQUENCIES);
  int64_t turn[MOST_FREQUENCIES];
  const double ratio = root(1.0 / base, width / 2);
  double each = 0x1.45f306dc9c883p-3; /* 1 / (2 pi) */
  for (int64_t i = 0; i < width / 2; i++, each *= ratio) turn[i] = (int64_t)(each * 0x1p+64);
  const rotary_attrs attrs = {heads, 0, {turn, (size_t)(width / 2)}};
  const pal_value in[] = {x, position};
  return pal_apply(g, "rotary_embedding", in, 2, &attrs, NULL);
}

static pal_value sample(pal_case *random) {
  const pal_symbol t = pal_case_rows(random);
  const int64_t heads = pal_case_int(random, 1, 3), half = pal_case_size(random);
  const int64_t others = pal_case_int(random, 0, 1) ? pal_case_size(random) : 0;
  const pal_type type = PAL_TYPE(PAL_F32, t, 1, heads * 2 * half + others);
  const pal_value x = pal_case_f32(random, type, -1.0, 1.0);
  const int64_t far = pal_case_int(random, 0, 1) ? 100 : 1000000;
  const pal_value position = pal_case_whole(random, PAL_TYPE(PAL_I32, t, 1), -3, far);
  return pal_rotary_embedding(pal_case_graph(random), x, position, (int)heads, 2 * half,
                              pal_case_int(random, 0, 1) ? 10000.0 : 100.0);
}

static const pal_op rotary = {
    PAL_OP_HEAD(
        "rotary_embedding",
        "x f32 [T, C], position i32 [T], which may be negative. The first H heads of D = 2n\n"
        "columns, C >= H*D, are rotated; the columns behind them are copied. In each head, for i\n"
        "< n: out_i = x_i cos a_i - x_{i+n} sin a_i and out_{i+n} = x_{i+n} cos a_i + x_i sin\n"
        "a_i, with a_i = 2 pi position turn_i 2^-64, negated if inverse. The\n"
        "builder takes turn_i 2^-64 = base^(-i/n) / (2 pi). The error of an angle is at most\n"
        "2e-9 rad + position * 1e-14, of a sine or cosine 1.2e-7. Gradient: the inverse\n"
        "rotation."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 1u << 0,
    .fields = fields,
    .n_fields = 3,
    .attrs_size = sizeof(rotary_attrs),
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .phase = {{.run = rotate}},
    .sample = sample,
};

const pal_op *const pal_ops_rotary[] = {&rotary, NULL};
