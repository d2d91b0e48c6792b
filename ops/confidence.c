/* SPDX-License-Identifier: Apache-2.0 */
/* entropy and top2_margin of rows of logits: two measures of how certain a prediction is (floor 2).
 *
 * Invariants: both are row-local; a class whose logit is -inf adds nothing; equal logits rank by
 * class. The backward ops compute the probabilities again instead of storing [T, V] of them. */
#define PAL_NO_CALLER
#include <math.h>

#include "ops/broadcast.h"

static pal_status logits_infer(pal_infer *call) {
  const pal_type *x = &call->in_type[0];
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "the logits");
  if (status) return status;
  if (x->rank < 2 || x->dim[x->rank - 1] == 0)
    return pal_fail(call->error, PAL_E_SHAPE, "logits must be rows of at least one class");
  call->n_out = 1;
  call->out_type[0] = *x;
  call->out_type[0].dim[--call->out_type[0].rank] = 0;
  return PAL_OK;
}

static pal_status backward_infer(pal_infer *call) {
  pal_status status = logits_infer(call);
  if (status) return status;
  if (!pal_type_equal(&call->in_type[1], &call->out_type[0]))
    return pal_fail(call->error, PAL_E_SHAPE, "dy must have one element for each row of classes");
  return pal_infer_same(call);
}

/* ---- run ----------------------------------------------------------------------------- */

/* Rows first .. first + rows - 1, of n classes each, that a call works on. */
typedef struct classes {
  int64_t first, rows, n;
} classes;

static classes classes_of(const pal_run *run) {
  const pal_type *type = &run->in_type[0];
  const int64_t n = type->dim[type->rank - 1], per = pal_type_row(type) / n;
  const int64_t first = pal_first_row(run, type), rows = pal_last_row(run, type) - first;
  return (classes){first * per, rows * per, n};
}

typedef void forward_kernel(float *out, const float *x, int64_t rows, int64_t n);
typedef void backward_kernel(float *dx, const float *x, const float *dout, int64_t rows, int64_t n);

static pal_status run_forward(const pal_run *run, forward_kernel *kernel) {
  const classes c = classes_of(run);
  kernel((float *)run->out[0] + c.first, (const float *)run->in[0] + c.first * c.n, c.rows, c.n);
  return PAL_OK;
}

static pal_status run_backward(const pal_run *run, backward_kernel *kernel) {
  const classes c = classes_of(run);
  kernel((float *)run->out[0] + c.first * c.n, (const float *)run->in[0] + c.first * c.n,
         (const float *)run->in[1] + c.first, c.rows, c.n);
  return PAL_OK;
}

static pal_status entropy_run(const pal_run *run) {
  return run_forward(run, pal_kernels_of(run->isa)->reduce.entropy);
}
static pal_status margin_run(const pal_run *run) {
  return run_forward(run, pal_kernels_of(run->isa)->reduce.top2_margin);
}
static pal_status entropy_backward_run(const pal_run *run) {
  return run_backward(run, pal_kernels_of(run->isa)->reduce.entropy_backward);
}
static pal_status margin_backward_run(const pal_run *run) {
  return run_backward(run, pal_kernels_of(run->isa)->reduce.top2_margin_backward);
}

/* ---- reference ----------------------------------------------------------------------- */

typedef struct row_reference {
  double most, sum;      /* the probability of class i is exp(x[i] - most) / sum */
  double entropy;        /* in nats */
  int64_t first, second; /* the two most probable classes; second is -1 if there is one class */
} row_reference;

static double probability(const row_reference *r, const double *x, int64_t i) {
  return i < 0 ? 0.0 : exp(x[i] - r->most) / r->sum;
}

static row_reference row_of(const double *x, int64_t n) {
  row_reference r = {.first = 0, .second = n > 1 ? 1 : -1};
  for (int64_t i = 1; i < n; i++) {
    if (x[i] > x[r.first]) {
      r.second = r.first;
      r.first = i;
    } else if (i > 1 && x[i] > x[r.second]) {
      r.second = i;
    }
  }
  r.most = x[r.first];
  for (int64_t i = 0; i < n; i++) r.sum += exp(x[i] - r.most);
  for (int64_t i = 0; i < n; i++) {
    const double p = probability(&r, x, i);
    if (p > 0.0) r.entropy -= p * (x[i] - r.most - log(r.sum));
  }
  return r;
}

static int64_t reference_rows(const pal_reference *call, int64_t *n) {
  const pal_type *type = &call->in_type[0];
  *n = type->dim[type->rank - 1];
  return call->in_rows[0] * (pal_type_row(type) / *n);
}

static pal_status entropy_reference(const pal_reference *call) {
  int64_t n;
  for (int64_t i = 0, rows = reference_rows(call, &n); i < rows; i++)
    call->out[0][i] = row_of(call->in[0] + i * n, n).entropy;
  return PAL_OK;
}

static pal_status margin_reference(const pal_reference *call) {
  int64_t n;
  for (int64_t i = 0, rows = reference_rows(call, &n); i < rows; i++) {
    const double *x = call->in[0] + i * n;
    const row_reference r = row_of(x, n);
    call->out[0][i] = probability(&r, x, r.first) - probability(&r, x, r.second);
  }
  return PAL_OK;
}

static pal_status entropy_backward_reference(const pal_reference *call) {
  int64_t n;
  for (int64_t k = 0, rows = reference_rows(call, &n); k < rows; k++) {
    const double *x = call->in[0] + k * n;
    const row_reference r = row_of(x, n);
    for (int64_t i = 0; i < n; i++) {
      const double p = probability(&r, x, i);
      call->out[0][k * n + i] =
          p > 0.0 ? -call->in[1][k] * p * (x[i] - r.most - log(r.sum) + r.entropy) : 0.0;
    }
  }
  return PAL_OK;
}

static pal_status margin_backward_reference(const pal_reference *call) {
  int64_t n;
  for (int64_t k = 0, rows = reference_rows(call, &n); k < rows; k++) {
    const double *x = call->in[0] + k * n;
    const row_reference r = row_of(x, n);
    const double p1 = probability(&r, x, r.first), p2 = probability(&r, x, r.second);
    for (int64_t i = 0; i < n; i++) {
      const double own = i == r.first ? p1 : i == r.second ? -p2 : 0.0;
      call->out[0][k * n + i] = call->in[1][k] * (own - probability(&r, x, i) * (p1 - p2));
    }
  }
  return PAL_OK;
}

/* ---- gradients ----------------------------------------------------------------------- */

static pal_status gradient_by(pal_gradient_call *call, const char *backward) {
  const pal_value in[2] = {call->in[0], call->out_grad[0]};
  if (!pal_is_nil(in[1])) call->in_grad[0] = pal_apply(call->graph, backward, in, 2, NULL, NULL);
  return PAL_OK;
}
static pal_status entropy_gradient(pal_gradient_call *call) {
  return gradient_by(call, "entropy_backward");
}
static pal_status margin_gradient(pal_gradient_call *call) {
  return gradient_by(call, "top2_margin_backward");
}

/* ---- samples ------------------------------------------------------------------------- */

/* Logits that are a permutation of multiples of 0.25 plus noise below 0.15, so that no two are
 * nearly equal, where the gradient of the margin jumps. Sometimes one class is -inf. */
static pal_value sample_logits(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  const bool symbolic = pal_case_int(random, 0, 3) > 0, middle = pal_case_int(random, 0, 3) == 0;
  const int64_t n = pal_case_size(random), rows = pal_case_int(random, 1, symbolic ? 2 : 5);
  const int64_t dim[3] = {rows, middle ? 3 : n, n};
  const pal_type type =
      pal_type_make(PAL_F32, symbolic ? pal_case_rows(random) : PAL_STATIC, dim, 2 + middle);
  const bool excluded = n > 3 && pal_case_int(random, 0, 3) == 0;
  float step[64] = {0};
  for (int64_t i = 0; i < n && i < 64; i++) {
    const int64_t other = pal_case_int(random, 0, i);
    step[i] = step[other];
    step[other] = 0.25f * (float)i;
  }
  if (excluded) step[pal_case_int(random, 0, n - 1)] = -INFINITY;
  const pal_value x = pal_case_f32(random, type, 0, 0.15);
  return pal_add(g, x, pal_constant(g, PAL_TYPE(PAL_F32, PAL_STATIC, n), step));
}

static pal_value sample_backward(pal_case *random, const char *name) {
  pal_graph *g = pal_case_graph(random);
  const pal_value x = sample_logits(random);
  pal_type type = pal_type_of(g, x);
  type.dim[--type.rank] = 0;
  const pal_value in[2] = {x, pal_case_fixed(random, type, -1, 1)};
  return pal_apply(g, name, in, 2, NULL, NULL);
}

static pal_value entropy_sample(pal_case *random) {
  return pal_entropy(pal_case_graph(random), sample_logits(random));
}
static pal_value margin_sample(pal_case *random) {
  return pal_top2_margin(pal_case_graph(random), sample_logits(random));
}
static pal_value entropy_backward_sample(pal_case *random) {
  return sample_backward(random, "entropy_backward");
}
static pal_value margin_backward_sample(pal_case *random) {
  return sample_backward(random, "top2_margin_backward");
}

/* ---- descriptors --------------------------------------------------------------------- */

static const pal_op entropy_op = {
    PAL_OP_HEAD("entropy",
                "Logits f32 [T, ..., V] -> f32 [T, ...]: the entropy -sum p log p, in nats, of p\n"
                "= softmax(logits).\n"
                "Gradient: entropy_backward. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .infer = logits_infer,
    .gradient = entropy_gradient,
    .reference = entropy_reference,
    .phase = {{.run = entropy_run}},
    .sample = entropy_sample};
static const pal_op margin_op = {
    PAL_OP_HEAD("top2_margin",
                "Logits f32 [T, ..., V] -> f32 [T, ...]: p1 - p2, the difference of the two\n"
                "largest of p = softmax(logits). p2 is 0 if there is one class. Equal logits rank\n"
                "by class. Gradient: top2_margin_backward. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .infer = logits_infer,
    .gradient = margin_gradient,
    .reference = margin_reference,
    .phase = {{.run = margin_run}},
    .sample = margin_sample};
static const pal_op entropy_backward_op = {
    PAL_OP_HEAD("entropy_backward",
                "Logits and dy -> -dy p (log p + H), where H is the entropy. Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 1,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = backward_infer,
    .reference = entropy_backward_reference,
    .phase = {{.run = entropy_backward_run}},
    .sample = entropy_backward_sample};
static const pal_op margin_backward_op = {
    PAL_OP_HEAD("top2_margin_backward",
                "Logits and dy -> dy (p1 [i is the largest] - p2 [i is the second] - p_i (p1 -\n"
                "p2)). Row-local."),
    .min_in = 2,
    .max_in = 2,
    .in_place = 1,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = backward_infer,
    .reference = margin_backward_reference,
    .phase = {{.run = margin_backward_run}},
    .sample = margin_backward_sample};

pal_value pal_entropy(pal_graph *g, pal_value logits) {
  return pal_apply(g, "entropy", &logits, 1, NULL, NULL);
}
pal_value pal_top2_margin(pal_graph *g, pal_value logits) {
  return pal_apply(g, "top2_margin", &logits, 1, NULL, NULL);
}

const pal_op *const pal_ops_confidence[] = {&entropy_op, &margin_op, &entropy_backward_op,
                                            &margin_backward_op, NULL};
