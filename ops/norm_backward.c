/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of layer_norm and rms_norm (floor 2).
 *
 * The gradient of x is row-local. Those of gain and bias are sums over all rows: in order within
 * chunks of PAL_CHUNK_ROWS, then over the chunks by a fixed binary tree. */
#define PAL_NO_CALLER
#include <string.h>

#include "ops/norm.h"

static const pal_norm_kernels *kernels(const pal_run *run) {
  return &pal_kernels_of(run->isa)->norm;
}

static const void *input(const pal_run *run, int i) { return i < run->n_in ? run->in[i] : NULL; }

/* An operand from its n-th element on; NULL if it is not given. */
static const float *offset(const void *p, int64_t n) { return p ? (const float *)p + n : NULL; }

/* Checks that an optional input, if given, has this type. */
static pal_status want_type(const pal_infer *call, int i, const pal_type *type, const char *what) {
  if (i >= call->n_in || !call->in_type[i].dtype || pal_type_equal(&call->in_type[i], type))
    return PAL_OK;
  char text[64];
  return pal_fail(call->error, PAL_E_SHAPE, "%s must be %s", what,
                  pal_type_print_named(type, "rows of x", text, sizeof text));
}

/* ---- norm_backward ------------------------------------------------------------------------- */

/* The inputs. Those of norm_backward_parameters are X, RSTD, MEAN and PARAMETERS_DY. */
enum { X, RSTD, MEAN, GAIN, DY, DRSTD, DMEAN };

static pal_status backward_infer(pal_infer *call) {
  pal_status status = pal_norm_want_x(call, X, "x");
  if (status) return status;
  const pal_type *x = &call->in_type[X], statistic = pal_norm_statistic(x);
  call->n_out = 1;
  call->out_type[0] = *x;
  status = want_type(call, RSTD, &statistic, "rstd");
  if (!status) status = want_type(call, MEAN, &statistic, "mean");
  if (!status) status = pal_norm_want_parameter(call, GAIN, pal_norm_width(x), "gain");
  if (!status) status = want_type(call, DY, x, "dy");
  if (!status) status = want_type(call, DRSTD, &statistic, "drstd");
  if (!status) status = want_type(call, DMEAN, &statistic, "dmean");
  if (!status && call->n_in > DMEAN && call->in_type[DMEAN].dtype && !call->in_type[MEAN].dtype)
    status = pal_fail(call->error, PAL_E_ARGUMENT, "dmean is given, so mean must be too");
  return status;
}

static pal_status backward_run(const pal_run *run) {
  const int64_t width = pal_norm_width(&run->in_type[X]);
  const pal_norm_span s = pal_norm_span_of(run, &run->in_type[X]);
  const pal_norm_backward call = {
      .rows = s.count,
      .width = width,
      .x = offset(run->in[X], s.first * width),
      .rstd = offset(run->in[RSTD], s.first),
      .mean = offset(input(run, MEAN), s.first),
      .gain = input(run, GAIN),
      .dy = offset(input(run, DY), s.first * width),
      .drstd = offset(input(run, DRSTD), s.first),
      .dmean = offset(input(run, DMEAN), s.first),
      .dx = (float *)run->out[0] + s.first * width,
  };
  kernels(run)->backward(&call);
  return PAL_OK;
}

static double reference_at(const pal_reference *call, int input, int64_t i, double absent) {
  return input < call->n_in && call->in[input] ? call->in[input][i] : absent;
}

/* Differentiates through the statistics term by term, unlike the kernel, which uses the closed
 * form. */
static pal_status backward_reference(const pal_reference *call) {
  const int64_t width = pal_norm_width(&call->in_type[X]);
  const int64_t rows = pal_active(&call->in_type[X], call->in_rows[X]) / width;
  for (int64_t t = 0; t < rows; t++) {
    const double *x = call->in[X] + t * width, rstd = call->in[RSTD][t];
    const double mean = reference_at(call, MEAN, t, 0);
    double drstd = reference_at(call, DRSTD, t, 0), dmean = reference_at(call, DMEAN, t, 0);
    for (int64_t i = 0; i < width; i++) {
      const double w = reference_at(call, DY, t * width + i, 0) * reference_at(call, GAIN, i, 1);
      drstd += w * (x[i] - mean);
      dmean -= w * rstd;
    }
    if (call->n_in <= MEAN || !call->in[MEAN]) dmean = 0;
    for (int64_t i = 0; i < width; i++) {
      const double w = reference_at(call, DY, t * width + i, 0) * reference_at(call, GAIN, i, 1);
      call->out[0][t * width + i] =
          w * rstd + (dmean - drstd * rstd * rstd * rstd * (x[i] - mean)) / (double)width;
    }
  }
  return PAL_OK;
}

static pal_value backward_sample(pal_case *random) {
  pal_value in[DMEAN + 1];
  in[X] = pal_norm_sample_rows(random, &in[GAIN], 1);
  pal_graph *g = pal_case_graph(random);
  const pal_type x = pal_type_of(g, in[X]), statistic = pal_norm_statistic(&x);
  const bool layer = pal_case_int(random, 0, 1) != 0;
  in[RSTD] = pal_case_f32(random, statistic, 0.5, 2);
  in[MEAN] = layer ? pal_case_f32(random, statistic, -1, 1) : PAL_NIL;
  in[DY] = pal_case_f32(random, x, -1, 1);
  in[DRSTD] = pal_case_int(random, 0, 1) ? pal_case_f32(random, statistic, -1, 1) : PAL_NIL;
  in[DMEAN] =
      layer && pal_case_int(random, 0, 1) ? pal_case_f32(random, statistic, -1, 1) : PAL_NIL;
  return pal_apply(g, "norm_backward", in, DMEAN + 1, NULL, NULL);
}

const pal_op pal_op_norm_backward = {
    PAL_OP_HEAD("norm_backward",
                "The gradient of x in layer_norm and (without mean) rms_norm. Row-local.\n"
                "Inputs: x [T, ..., D], rstd [T, ...]; optional mean [T, ...], gain [D]; dy,\n"
                "drstd, dmean, each optional. With h = (x - mean) rstd, w = dy gain:\n"
                "dx = rstd (w - mean(w) - h (mean(w h) + drstd rstd / D)) + dmean / D."),
    .min_in = 5,
    .max_in = 7,
    .optional = 1u << MEAN | 1u << GAIN | 1u << DY | 1u << DRSTD | 1u << DMEAN,
    .flags = PAL_OP_NO_GRADIENT,
    .in_place = 1u << X | 1u << DY,
    .infer = backward_infer,
    .reference = backward_reference,
    .phase = {{.run = backward_run}},
    .sample = backward_sample,
};

/* ---- norm_backward_parameters -------------------------------------------------------------- */

enum { PARAMETERS_DY = 3 };

static pal_status parameters_infer(pal_infer *call) {
  pal_status status = pal_norm_want_x(call, X, "x");
  if (status) return status;
  const pal_type *x = &call->in_type[X], statistic = pal_norm_statistic(x);
  call->n_out = 2;
  call->out_type[0] = call->out_type[1] = PAL_TYPE(PAL_F32, PAL_STATIC, pal_norm_width(x));
  status = want_type(call, RSTD, &statistic, "rstd");
  if (!status) status = want_type(call, MEAN, &statistic, "mean");
  if (!status) status = want_type(call, PARAMETERS_DY, x, "dy");
  return status;
}

static int64_t rows_of(const pal_run *run) {
  return pal_active(&run->in_type[X], run->in_rows[X]) / pal_norm_width(&run->in_type[X]);
}

static int64_t chunks_of(const pal_run *run) {
  return (rows_of(run) + PAL_CHUNK_ROWS - 1) / PAL_CHUNK_ROWS;
}

static size_t parameters_scratch(const pal_run *run) {
  return (size_t)(chunks_of(run) * 2 * pal_norm_width(&run->in_type[X])) * sizeof(float);
}

/* Phase 0: the sums of each chunk, dgain [D] and then dbias [D]. */
static pal_status parameters_partial(const pal_run *run) {
  const int64_t width = pal_norm_width(&run->in_type[X]), rows = rows_of(run);
  for (int64_t chunk = run->begin; chunk < run->end; chunk++) {
    const int64_t first = chunk * PAL_CHUNK_ROWS;
    const pal_norm_backward call = {
        .rows = rows - first < PAL_CHUNK_ROWS ? rows - first : PAL_CHUNK_ROWS,
        .width = width,
        .x = offset(run->in[X], first * width),
        .rstd = offset(run->in[RSTD], first),
        .mean = offset(run->in[MEAN], first),
        .dy = offset(run->in[PARAMETERS_DY], first * width),
    };
    float *partial = (float *)run->scratch + chunk * 2 * width;
    kernels(run)->parameters(&call, partial, partial + width);
  }
  return PAL_OK;
}

static int64_t column_tasks(const pal_run *run) {
  return (pal_norm_width(&run->in_type[X]) + PAL_NORM_COLUMNS - 1) / PAL_NORM_COLUMNS;
}

/* Phase 1: adds the chunks by a binary tree, a block of columns per task. */
static pal_status parameters_combine(const pal_run *run) {
  const int64_t width = pal_norm_width(&run->in_type[X]), chunks = chunks_of(run);
  for (int64_t task = run->begin; task < run->end; task++) {
    const int64_t first = task * PAL_NORM_COLUMNS;
    const int64_t n = width - first < PAL_NORM_COLUMNS ? width - first : PAL_NORM_COLUMNS;
    for (int which = 0; which < 2; which++) {
      float *partial = (float *)run->scratch + which * width + first;
      for (int64_t step = 1; step < chunks; step *= 2)
        for (int64_t i = 0; i + step < chunks; i += 2 * step)
          kernels(run)->add(partial + i * 2 * width, partial + (i + step) * 2 * width, n);
      float *out = (float *)run->out[which] + first;
      if (chunks) memcpy(out, partial, (size_t)n * sizeof *out);
      else memset(out, 0, (size_t)n * sizeof *out);
    }
  }
  return PAL_OK;
}

static pal_status parameters_reference(const pal_reference *call) {
  const int64_t width = pal_norm_width(&call->in_type[X]);
  const int64_t rows = pal_active(&call->in_type[X], call->in_rows[X]) / width;
  for (int64_t i = 0; i < width; i++) {
    double gain = 0, bias = 0;
    for (int64_t t = 0; t < rows; t++) {
      const double dy = call->in[PARAMETERS_DY][t * width + i];
      const double d = call->in[X][t * width + i] - reference_at(call, MEAN, t, 0);
      gain += dy * d * call->in[RSTD][t];
      bias += dy;
    }
    call->out[0][i] = gain;
    call->out[1][i] = bias;
  }
  return PAL_OK;
}

static pal_value parameters_sample(pal_case *random) {
  pal_value in[4];
  in[X] = pal_norm_sample_rows(random, NULL, 0);
  pal_graph *g = pal_case_graph(random);
  const pal_type x = pal_type_of(g, in[X]), statistic = pal_norm_statistic(&x);
  in[RSTD] = pal_case_f32(random, statistic, 0.5, 2);
  in[MEAN] = pal_case_int(random, 0, 1) ? pal_case_f32(random, statistic, -1, 1) : PAL_NIL;
  in[PARAMETERS_DY] = pal_case_f32(random, x, -1, 1);
  return pal_apply(g, "norm_backward_parameters", in, 4, NULL, NULL);
}

const pal_op pal_op_norm_backward_parameters = {
    PAL_OP_HEAD("norm_backward_parameters",
                "The gradients of gain and bias [D] in layer_norm and (without mean) rms_norm.\n"
                "Inputs: x [T, ..., D], rstd [T, ...], mean [T, ...] (optional), dy [T, ..., D].\n"
                "dgain = sum over rows of dy (x - mean) rstd; dbias = sum over rows of dy: in\n"
                "order within chunks of 256 rows, then by a fixed tree over the chunks."),
    .min_in = 4,
    .max_in = 4,
    .optional = 1u << MEAN,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = parameters_infer,
    .reference = parameters_reference,
    .phase = {{.run = parameters_partial, .tasks = chunks_of},
              {.run = parameters_combine, .tasks = column_tasks}},
    .scratch = parameters_scratch,
    .sample = parameters_sample,
};
