/* SPDX-License-Identifier: Apache-2.0 */
/* cross_entropy, forward (floor 2). Its gradients are in loss_backward.c; exclude and the binary
 * loss in loss_binary.c.
 *
 * A class is excluded by a logit of -inf: its probability is 0, and a soft target of 0 for it adds
 * nothing to the loss. All is row-local. */
#define PAL_NO_CALLER
#include "ops/loss.h"

#include <math.h>

/* ---- shared with loss_backward.c -------------------------------------------- */

pal_status pal_loss_want_rows(const pal_infer *call, int i, const char *what) {
  if (i >= call->n_in || !call->in_type[i].dtype) return PAL_OK;
  pal_status status = pal_want_dtype(call, i, PAL_F32, what);
  if (!status) status = pal_want_rank(call, i, 1, what);
  return status ? status : pal_want_rows(call, i, PAL_LOSS_LOGITS, what);
}

pal_status pal_loss_want(const pal_infer *call) {
  const pal_type *x = &call->in_type[PAL_LOSS_LOGITS], *target = &call->in_type[PAL_LOSS_TARGET];
  pal_status status = pal_want_dtype(call, PAL_LOSS_LOGITS, PAL_F32, "logits");
  if (!status) status = pal_want_rank(call, PAL_LOSS_LOGITS, 2, "logits");
  if (!status) status = pal_loss_want_rows(call, PAL_LOSS_WEIGHT, "weight");
  if (status) return status;
  if (x->dim[1] < 1 || x->dim[1] > PAL_MOST_CLASSES)
    return pal_fail(call->error, PAL_E_SHAPE, "logits must have 1 to %d classes", PAL_MOST_CLASSES);
  if (target->dtype == PAL_I32) {
    status = pal_want_rank(call, PAL_LOSS_TARGET, 1, "an i32 target");
    if (status) return status;
    return pal_want_rows(call, PAL_LOSS_TARGET, PAL_LOSS_LOGITS, "target and logits");
  }
  if (pal_type_equal(target, x)) return PAL_OK;
  return pal_fail(call->error, PAL_E_SHAPE,
                  "target must be i32 [T], or f32 and shaped as the logits");
}

const float *pal_loss_rows(const pal_run *run, int i) {
  if (i >= run->n_in || !run->in[i]) return NULL;
  const pal_type *type = &run->in_type[i];
  return (const float *)run->in[i] + pal_first_row(run, type) * pal_type_row(type);
}

pal_cross_entropy_rows pal_loss_range(const pal_run *run) {
  const pal_type *x = &run->in_type[PAL_LOSS_LOGITS];
  const int64_t first = pal_first_row(run, x);
  const bool hard = run->in_type[PAL_LOSS_TARGET].dtype == PAL_I32;
  return (pal_cross_entropy_rows){
      .rows = pal_last_row(run, x) - first,
      .width = x->dim[1],
      .logits = pal_loss_rows(run, PAL_LOSS_LOGITS),
      .hard = hard ? (const int32_t *)run->in[PAL_LOSS_TARGET] + first : NULL,
      .soft = hard ? NULL : pal_loss_rows(run, PAL_LOSS_TARGET),
      .weight = pal_loss_rows(run, PAL_LOSS_WEIGHT),
  };
}

void pal_loss_sample(pal_case *random, pal_value *in, bool soft) {
  const pal_symbol rows = pal_case_int(random, 0, 3) ? pal_case_rows(random) : PAL_STATIC;
  const int64_t first = rows.id ? 1 : pal_case_int(random, 1, 20);
  const int64_t width = pal_case_size(random);
  const pal_type matrix = PAL_TYPE(PAL_F32, rows, first, width);
  in[PAL_LOSS_LOGITS] = pal_case_f32(random, matrix, -4, 4);
  in[PAL_LOSS_TARGET] = soft
                            ? pal_case_f32(random, matrix, 0, 1)
                            : pal_case_whole(random, PAL_TYPE(PAL_I32, rows, first), -1, width - 1);
  in[PAL_LOSS_WEIGHT] = pal_case_int(random, 0, 1)
                            ? pal_case_f32(random, PAL_TYPE(PAL_F32, rows, first), 0, 2)
                            : PAL_NIL;
}

/* ---- cross_entropy ------------------------------------------------------------------------- */

static pal_status loss_infer(pal_infer *call) {
  const pal_status status = pal_loss_want(call);
  if (status) return status;
  const pal_type *x = &call->in_type[PAL_LOSS_LOGITS];
  call->n_out = 2;
  call->out_type[0] = call->out_type[1] = pal_type_make(PAL_F32, x->symbol, x->dim, 1);
  return PAL_OK;
}

/* What is wrong with a target, for the message; NULL if nothing is. */
static const char *target_fault(int64_t target, int64_t classes) {
  if (target < -1) return "is negative (only -1 is allowed, to ignore a row)";
  return target >= classes ? "is not a class of the logits" : NULL;
}

static pal_status refuse(pal_error *error, int64_t row, int64_t target, const char *fault) {
  return pal_fail(error, PAL_E_ARGUMENT, "the target of row %lld, %lld, %s", (long long)row,
                  (long long)target, fault);
}

/* Whether a target is wrong. It has no branches, because the processor could not predict them:
 * which rows have a target is random. */
static bool has_fault(const pal_cross_entropy_rows *rows) {
  bool fault = false;
  for (int64_t t = 0; t < rows->rows; t++) {
    const int64_t target = rows->hard[t];
    const bool is_class = (target >= 0) & (target < rows->width);
    const float x = rows->logits[t * rows->width + (is_class ? target : 0)];
    fault |= ((target != -1) & !is_class) | (is_class & (x == -INFINITY));
  }
  return fault;
}

/* Fails for the first wrong target. */
static pal_status check_targets(const pal_run *run, const pal_cross_entropy_rows *rows) {
  if (!has_fault(rows)) return PAL_OK;
  for (int64_t t = 0; t < rows->rows; t++) {
    const int32_t target = rows->hard[t];
    const char *fault = target_fault(target, rows->width);
    if (!fault && target >= 0 && rows->logits[t * rows->width + target] == -INFINITY)
      fault = "is an excluded class (its logit is -inf)";
    if (fault) return refuse(run->error, pal_first_row(run, &run->in_type[0]) + t, target, fault);
  }
  return PAL_OK;
}

static pal_status loss_run(const pal_run *run) {
  const pal_cross_entropy_rows rows = pal_loss_range(run);
  const pal_status status = rows.hard ? check_targets(run, &rows) : PAL_OK;
  if (status) return status;
  const int64_t first = pal_first_row(run, &run->in_type[PAL_LOSS_LOGITS]);
  pal_kernels_of(run->isa)->norm.cross_entropy(&rows, (float *)run->out[0] + first,
                                               (float *)run->out[1] + first);
  return PAL_OK;
}

static double reference_lse(const double *x, int64_t width) {
  double largest = -INFINITY, sum = 0;
  for (int64_t i = 0; i < width; i++)
    if (x[i] > largest) largest = x[i];
  for (int64_t i = 0; i < width; i++) sum += exp(x[i] - largest);
  return largest + log(sum);
}

static pal_status loss_reference(const pal_reference *call) {
  const int64_t width = call->in_type[0].dim[1];
  const bool hard = call->in_type[PAL_LOSS_TARGET].dtype == PAL_I32;
  const double *target = call->in[PAL_LOSS_TARGET];
  const double *weight = call->n_in > PAL_LOSS_WEIGHT ? call->in[PAL_LOSS_WEIGHT] : NULL;
  for (int64_t t = 0; t < call->in_rows[0]; t++) {
    const double *x = call->in[PAL_LOSS_LOGITS] + t * width, lse = reference_lse(x, width);
    double loss = 0;
    if (hard) {
      const char *fault = target_fault((int64_t)target[t], width);
      if (!fault && target[t] >= 0 && x[(int64_t)target[t]] == -INFINITY)
        fault = "is an excluded class (its logit is -inf)";
      if (fault) return refuse(call->error, t, (int64_t)target[t], fault);
      if (target[t] >= 0) loss = lse - x[(int64_t)target[t]];
    } else {
      for (int64_t i = 0; i < width; i++)
        if (target[t * width + i] != 0) loss += target[t * width + i] * (lse - x[i]);
    }
    call->out[0][t] = weight ? loss * weight[t] : loss;
    call->out[1][t] = lse;
  }
  return PAL_OK;
}

static pal_status loss_gradient(pal_gradient_call *call) {
  pal_graph *g = call->graph;
  const pal_value logits = call->in[PAL_LOSS_LOGITS], target = call->in[PAL_LOSS_TARGET];
  const pal_value weight = call->n_in > PAL_LOSS_WEIGHT ? call->in[PAL_LOSS_WEIGHT] : PAL_NIL;
  const pal_value dloss = call->out_grad[0];
  const pal_value in[] = {logits, target, weight, call->out[1], dloss, call->out_grad[1]};
  if (call->wanted & 1u << PAL_LOSS_LOGITS)
    call->in_grad[PAL_LOSS_LOGITS] = pal_apply(g, "cross_entropy_backward", in, 6, NULL, NULL);
  if (pal_is_nil(dloss)) return PAL_OK;
  if (call->wanted & 1u << PAL_LOSS_TARGET && pal_type_of(g, target).dtype == PAL_F32)
    call->in_grad[PAL_LOSS_TARGET] = pal_apply(g, "cross_entropy_targets", in, 5, NULL, NULL);
  if (call->wanted & 1u << PAL_LOSS_WEIGHT) {
    const pal_value plain = pal_cross_entropy(g, logits, target, PAL_NIL, (pal_ints){0});
    call->in_grad[PAL_LOSS_WEIGHT] = pal_mul(g, dloss, plain);
  }
  return PAL_OK;
}

static pal_value loss_case(pal_case *random) {
  pal_value in[3];
  pal_loss_sample(random, in, pal_case_int(random, 0, 1) != 0);
  return pal_cross_entropy(pal_case_graph(random), in[0], in[1], in[2], (pal_ints){0});
}

static const pal_op cross_entropy = {
    PAL_OP_HEAD("cross_entropy",
                "Inputs: logits f32 [T, V]; target i32 [T] (a class, or -1 to ignore the row,\n"
                "whose loss is 0) or f32 [T, V] (soft); weight f32 [T], optional.\n"
                "Outputs: loss [T] in nats, and lse [T], the log-sum-exp of each row:\n"
                "loss[t] = weight[t] sum over v of target[t, v] (lse[t] - logits[t, v]), where a\n"
                "hard target counts as one-hot. A logit of -inf excludes its class. Row-local.\n"
                "PAL_E_ARGUMENT: a hard target that is not a class, or is an excluded one.\n"
                "Gradients: cross_entropy_backward, cross_entropy_targets; dweight = dloss times\n"
                "the loss without weight."),
    .min_in = 2,
    .max_in = 3,
    .optional = 1u << PAL_LOSS_WEIGHT,
    .infer = loss_infer,
    .gradient = loss_gradient,
    .reference = loss_reference,
    .phase = {{.run = loss_run}},
    .sample = loss_case,
};

pal_value pal_cross_entropy(pal_graph *g, pal_value logits, pal_value target, pal_value weight,
                            pal_ints excluded) {
  if (excluded.n) logits = pal_exclude(g, logits, excluded);
  return pal_apply(g, "cross_entropy", (const pal_value[]){logits, target, weight}, 3, NULL, NULL);
}

const pal_op *const pal_ops_loss[] = {
    &cross_entropy,  &pal_op_cross_entropy_backward, &pal_op_cross_entropy_targets,
    &pal_op_exclude, &pal_op_binary_cross_entropy,   NULL};
