/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of cross_entropy with respect to logits and soft targets (floor 2). Both ops are
 * row-local and make one pass over a row. */
#define PAL_NO_CALLER
#include <math.h>

#include "ops/loss.h"

static pal_status backward_infer(pal_infer *call) {
  pal_status status = pal_loss_want(call);
  if (!status) status = pal_loss_want_rows(call, PAL_LOSS_LSE, "lse");
  if (!status) status = pal_loss_want_rows(call, PAL_LOSS_DLOSS, "dloss");
  if (!status) status = pal_loss_want_rows(call, PAL_LOSS_DLSE, "dlse");
  call->n_out = 1;
  call->out_type[0] = call->in_type[PAL_LOSS_LOGITS];
  return status;
}

static float *out_rows(const pal_run *run) {
  const pal_type *type = &run->out_type[0];
  return (float *)run->out[0] + pal_first_row(run, type) * pal_type_row(type);
}

static double reference_at(const pal_reference *call, int input, int64_t i, double absent) {
  return input < call->n_in && call->in[input] ? call->in[input][i] : absent;
}

/* The factor of a row in the gradient: dloss times weight. */
static double reference_scale(const pal_reference *call, int64_t t) {
  return reference_at(call, PAL_LOSS_DLOSS, t, 0) * reference_at(call, PAL_LOSS_WEIGHT, t, 1);
}

/* A random case of a backward op with n inputs. */
static pal_value sample(pal_case *random, const char *op, bool soft, int n) {
  pal_value in[PAL_LOSS_DLSE + 1];
  pal_loss_sample(random, in, soft);
  pal_graph *g = pal_case_graph(random);
  const pal_type x = pal_type_of(g, in[PAL_LOSS_LOGITS]);
  const pal_type rows = pal_type_make(PAL_F32, x.symbol, x.dim, 1);
  in[PAL_LOSS_LSE] = pal_case_f32(random, rows, 2, 5);
  in[PAL_LOSS_DLOSS] = pal_case_f32(random, rows, -1, 1);
  in[PAL_LOSS_DLSE] = pal_case_int(random, 0, 1) ? pal_case_f32(random, rows, -1, 1) : PAL_NIL;
  return pal_apply(g, op, in, n, NULL, NULL);
}

/* ---- cross_entropy_backward ---------------------------------------------------------------- */

static pal_status logits_run(const pal_run *run) {
  const pal_cross_entropy_rows rows = pal_loss_range(run);
  pal_kernels_of(run->isa)->norm.cross_entropy_backward(
      &rows, pal_loss_rows(run, PAL_LOSS_LSE), pal_loss_rows(run, PAL_LOSS_DLOSS),
      pal_loss_rows(run, PAL_LOSS_DLSE), out_rows(run));
  return PAL_OK;
}

static pal_status logits_reference(const pal_reference *call) {
  const int64_t width = call->in_type[PAL_LOSS_LOGITS].dim[1];
  const bool hard = call->in_type[PAL_LOSS_TARGET].dtype == PAL_I32;
  for (int64_t t = 0; t < call->in_rows[0]; t++) {
    const double *x = call->in[PAL_LOSS_LOGITS] + t * width, *y = call->in[PAL_LOSS_TARGET];
    const double scale = reference_scale(call, t), dlse = reference_at(call, PAL_LOSS_DLSE, t, 0);
    double total = hard ? y[t] >= 0 : 0;
    for (int64_t i = 0; i < width && !hard; i++) total += y[t * width + i];
    for (int64_t i = 0; i < width; i++) {
      const double p = exp(x[i] - call->in[PAL_LOSS_LSE][t]);
      const double target = hard ? (double)i == y[t] : y[t * width + i];
      call->out[0][t * width + i] = scale * (total * p - target) + dlse * p;
    }
  }
  return PAL_OK;
}

static pal_value logits_sample(pal_case *random) {
  return sample(random, "cross_entropy_backward", pal_case_int(random, 0, 1) != 0,
                PAL_LOSS_DLSE + 1);
}

const pal_op pal_op_cross_entropy_backward = {
    PAL_OP_HEAD("cross_entropy_backward",
                "The gradient of cross_entropy with respect to the logits, f32 [T, V]. Row-local.\n"
                "Inputs: logits, target, weight (optional), lse [T], dloss [T] and dlse [T] (each\n"
                "optional). With p = exp(logits - lse) and s = weight dloss:\n"
                "dlogits = p (s sum(target) + dlse) - s target. Hard targets count as one-hot;\n"
                "ignored rows are exactly 0 but for dlse. Excluded classes (-inf) are 0."),
    .min_in = 5,
    .max_in = 6,
    .optional = 1u << PAL_LOSS_WEIGHT | 1u << PAL_LOSS_DLOSS | 1u << PAL_LOSS_DLSE,
    .flags = PAL_OP_NO_GRADIENT,
    .in_place = 1u << PAL_LOSS_LOGITS | 1u << PAL_LOSS_TARGET,
    .infer = backward_infer,
    .reference = logits_reference,
    .phase = {{.run = logits_run}},
    .sample = logits_sample,
};

/* ---- cross_entropy_targets ----------------------------------------------------------------- */

static pal_status targets_infer(pal_infer *call) {
  const pal_status status = backward_infer(call);
  if (status || call->in_type[PAL_LOSS_TARGET].dtype == PAL_F32) return status;
  return pal_fail(call->error, PAL_E_SHAPE, "i32 targets have no gradient");
}

static pal_status targets_run(const pal_run *run) {
  const pal_cross_entropy_rows rows = pal_loss_range(run);
  pal_kernels_of(run->isa)->norm.cross_entropy_targets(
      &rows, pal_loss_rows(run, PAL_LOSS_LSE), pal_loss_rows(run, PAL_LOSS_DLOSS), out_rows(run));
  return PAL_OK;
}

static pal_status targets_reference(const pal_reference *call) {
  const int64_t width = call->in_type[PAL_LOSS_LOGITS].dim[1];
  for (int64_t i = 0; i < call->in_rows[0] * width; i++) {
    const double x = call->in[PAL_LOSS_LOGITS][i], lse = call->in[PAL_LOSS_LSE][i / width];
    call->out[0][i] = x == -INFINITY ? 0 : reference_scale(call, i / width) * (lse - x);
  }
  return PAL_OK;
}

static pal_value targets_sample(pal_case *random) {
  return sample(random, "cross_entropy_targets", true, PAL_LOSS_DLOSS + 1);
}

const pal_op pal_op_cross_entropy_targets = {
    PAL_OP_HEAD("cross_entropy_targets",
                "The gradient of cross_entropy with respect to soft targets [T, V]. Row-local.\n"
                "Inputs: logits, target, weight (optional), lse [T], dloss [T].\n"
                "dtarget = weight dloss (lse - logits), and 0 where a logit is -inf."),
    .min_in = 5,
    .max_in = 5,
    .optional = 1u << PAL_LOSS_WEIGHT,
    .flags = PAL_OP_NO_GRADIENT,
    .in_place = 1u << PAL_LOSS_LOGITS,
    .infer = targets_infer,
    .reference = targets_reference,
    .phase = {{.run = targets_run}},
    .sample = targets_sample,
};
