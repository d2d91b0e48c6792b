/* SPDX-License-Identifier: Apache-2.0 */
/* categorical: one class per row, sampled with temperature, top-k and top-p (nucleus) (floor 2).
 *
 * Sampling is by the Gumbel-max trick over the classes that top-k and top-p leave. It is row-local.
 * Sums are in double precision and in a fixed order, so the class is the same on every instruction
 * set. */
#define PAL_NO_CALLER
#include "ops/heap.h"
#include "ops/random.h"

#include <float.h>
#include <math.h>

typedef struct categorical_attrs {
  const char *path;
  int64_t top_k;
  double top_p;
} categorical_attrs;

static const pal_attr_field fields[] = {
    PAL_FIELD(categorical_attrs, path, PAL_ATTR_STRING),
    PAL_FIELD(categorical_attrs, top_k, PAL_ATTR_INT),
    PAL_FIELD(categorical_attrs, top_p, PAL_ATTR_FLOAT),
};

enum { LOGITS, TEMPERATURE, SEED, SAMPLE, POSITION, N_IN };

static pal_status infer(pal_infer *call) {
  const categorical_attrs *a = call->attrs;
  const pal_type *logits = &call->in_type[LOGITS];
  pal_status status;
  if ((status = pal_want_dtype(call, LOGITS, PAL_F32, "logits")) ||
      (status = pal_want_rank(call, LOGITS, 2, "logits")) ||
      (status = pal_want_dtype(call, TEMPERATURE, PAL_F32, "temperature")) ||
      (status = pal_want_random(call, SEED, LOGITS)))
    return status;
  if (call->in_type[TEMPERATURE].rank != 0 &&
      ((status = pal_want_rank(call, TEMPERATURE, 1, "temperature")) ||
       (status = pal_want_rows(call, LOGITS, TEMPERATURE, "logits and temperature"))))
    return status;
  if (logits->dim[1] < 1) return pal_fail(call->error, PAL_E_SHAPE, "logits need classes");
  if (a->top_k < 0 || !(a->top_p > 0 && a->top_p <= 1))
    return pal_fail(call->error, PAL_E_ARGUMENT,
                    "top_k must not be negative and top_p must lie in (0, 1]");
  call->n_out = 1;
  call->out_type[0] = PAL_TYPE(PAL_I32, logits->symbol, logits->dim[0]);
  return PAL_OK;
}

/* The scratch of a row, [V] each: z = logits / temperature, weight = exp(z - max), Gumbel noise,
 * and a heap of classes. */
typedef struct row_scratch {
  float *z, *weight, *gumbel;
  int32_t *heap;
} row_scratch;

static size_t task_scratch(const pal_run *run) {
  return (size_t)run->in_type[LOGITS].dim[1] * (3 * sizeof(float) + sizeof(int32_t));
}

/* Removes the first class from a heap of n and puts it at heap[n - 1], behind the rest. */
static int32_t pop(const float *z, int32_t *heap, int64_t n) {
  const int32_t best = heap[0];
  heap[0] = heap[n - 1];
  heap[n - 1] = best;
  pal_heap_sink(z, heap, 0, n - 1, true);
  return best;
}

/* Selects the classes that top-k and top-p leave: sorts them to the end of s->heap, the
 * first-ranked last, and returns their number. */
static int64_t select_classes(const categorical_attrs *a, const row_scratch *s, int64_t classes) {
  const int64_t limit = a->top_k && a->top_k < classes ? a->top_k : classes;
  double total = 0, sum = 0;
  for (int64_t j = 0; j < classes; j++) s->heap[j] = (int32_t)j;
  for (int64_t i = classes / 2 - 1; i >= 0; i--) pal_heap_sink(s->z, s->heap, i, classes, true);
  int64_t kept = 0;
  if (limit < classes)
    while (kept < limit) total += (double)s->weight[pop(s->z, s->heap, classes - kept++)];
  else
    for (int64_t j = 0; j < classes; j++) total += (double)s->weight[j];
  if (a->top_p >= 1) return limit;
  for (int64_t n = 1; n <= limit; n++) {
    if (n > kept) pop(s->z, s->heap, classes - kept++);
    sum += (double)s->weight[s->heap[classes - n]];
    if (sum >= a->top_p * total) return n;
  }
  return limit;
}

static int32_t first_largest(const float *z, int64_t classes) {
  int32_t best = 0;
  for (int64_t j = 1; j < classes; j++)
    if (z[j] > z[best]) best = (int32_t)j;
  return best;
}

/* Draws the class of one row with temperature t > 0. */
static int32_t draw(const pal_update_kernels *kernels, const categorical_attrs *a,
                    const row_scratch *s, const float *logits, int64_t classes, float t) {
  for (int64_t j = 0; j < classes; j++) s->z[j] = logits[j] / t;
  const bool all = a->top_p >= 1 && (a->top_k == 0 || a->top_k >= classes);
  if (all) {
    for (int64_t j = 0; j < classes; j++) s->z[j] += s->gumbel[j];
    return first_largest(s->z, classes);
  }
  kernels->exp_shifted(s->z, s->z[first_largest(s->z, classes)], classes, s->weight);
  const int64_t kept = select_classes(a, s, classes);
  int32_t best = s->heap[classes - 1];
  for (int64_t n = 1; n <= kept; n++) {
    const int32_t j = s->heap[classes - n];
    const float score = s->z[j] + s->gumbel[j], top = s->z[best] + s->gumbel[best];
    if (score > top || (!(top > score) && j < best)) best = j;
  }
  return best;
}

/* Whether no logit is +inf or NaN. A logit of -inf excludes its class. */
static bool can_choose(const float *logits, int64_t classes) {
  int bad = 0;
  for (int64_t j = 0; j < classes; j++) bad |= !(logits[j] <= FLT_MAX);
  return !bad;
}

static pal_status run_rows(const pal_run *run) {
  const categorical_attrs *a = run->attrs;
  const int64_t classes = run->in_type[LOGITS].dim[1];
  const bool per_row = run->in_type[TEMPERATURE].rank > 0;
  const uint64_t key = pal_random_key(run->in[SEED], a->path);
  const int32_t *sample = run->in[SAMPLE], *position = run->in[POSITION];
  const float *temperature = run->in[TEMPERATURE];
  float *room = run->task_scratch;
  const row_scratch s = {room, room + classes, room + 2 * classes, (int32_t *)(room + 3 * classes)};
  const pal_update_kernels *kernels = &pal_kernels_of(run->isa)->update;
  const int64_t last = pal_last_row(run, &run->out_type[0]);
  for (int64_t i = pal_first_row(run, &run->out_type[0]); i < last; i++) {
    const float *logits = (const float *)run->in[LOGITS] + i * classes;
    const float t = temperature[per_row ? i : 0];
    int32_t *out = (int32_t *)run->out[0] + i;
    if (!(t >= 0))
      return pal_fail(run->error, PAL_E_ARGUMENT,
                      "categorical: the temperature of row %lld is %g, it must be 0 or more",
                      (long long)i, (double)t);
    if (!can_choose(logits, classes))
      return pal_fail(run->error, PAL_E_NONFINITE,
                      "categorical: row %lld has a logit that is +inf or NaN", (long long)i);
    if (t > 0) {
      kernels->gumbel(key, (uint32_t)sample[i], (uint32_t)position[i], classes, s.gumbel);
      *out = draw(kernels, a, &s, logits, classes, t);
    } else {
      *out = first_largest(logits, classes);
    }
  }
  return PAL_OK;
}

/* Computes the rank of every class. A class is selected if fewer than top_k rank before it, and if
 * those before it have less than top_p of the probability mass of the top_k. */
static double reference_row(const pal_reference *call, int64_t i, double t) {
  const categorical_attrs *a = call->attrs;
  const int64_t classes = call->in_type[LOGITS].dim[1];
  const int64_t k = a->top_k && a->top_k < classes ? a->top_k : classes;
  const double *x = call->in[LOGITS] + i * classes;
  double largest = -INFINITY, total = 0, best_score = -INFINITY;
  int64_t best = -1;
  for (int64_t j = 0; j < classes; j++) largest = fmax(largest, x[j]);
  for (int pass = 0; pass < 2; pass++)
    for (int64_t j = 0; j < classes; j++) {
      int64_t rank = 0;
      double mass = 0;
      for (int64_t l = 0; l < classes; l++)
        if (x[l] > x[j] || (x[l] == x[j] && l < j)) {
          rank++;
          mass += t > 0 ? exp((x[l] - largest) / t) : 1;
        }
      if (rank >= k) continue;
      if (pass == 0) {
        total += t > 0 ? exp((x[j] - largest) / t) : 0;
        continue;
      }
      if (t == 0 ? rank > 0 : a->top_p < 1 && rank > 0 && mass >= a->top_p * total) continue;
      const double u = pal_reference_draw(call, SEED, a->path, i, j);
      const double score = t > 0 ? x[j] / t - log(-log(u)) : 0;
      if (best < 0 || score > best_score) {
        best = j;
        best_score = score;
      }
    }
  return (double)best;
}

static pal_status reference(const pal_reference *call) {
  const bool per_row = call->in_type[TEMPERATURE].rank > 0;
  for (int64_t i = 0; i < call->out_rows[0]; i++) {
    const double t = call->in[TEMPERATURE][per_row ? i : 0];
    if (!(t >= 0))
      return pal_fail(call->error, PAL_E_ARGUMENT,
                      "the temperature of row %lld is %g, it must be 0 or more", (long long)i, t);
    const int64_t classes = call->in_type[LOGITS].dim[1];
    for (int64_t j = 0; j < classes; j++)
      if (!(call->in[LOGITS][i * classes + j] < INFINITY))
        return pal_fail(call->error, PAL_E_NONFINITE, "row %lld has a logit that is +inf or NaN",
                        (long long)i);
    call->out[0][i] = reference_row(call, i, t);
  }
  return PAL_OK;
}

static pal_value sample(pal_case *random) {
  const pal_symbol rows = pal_case_rows(random);
  const int64_t classes = pal_case_size(random);
  const pal_type one =
      pal_case_int(random, 0, 1) ? pal_type_scalar(PAL_F32) : PAL_TYPE(PAL_F32, rows, 1);
  const double coldest = pal_case_int(random, 0, 4) ? 0.1 : 0;
  const pal_value logits = pal_case_fixed(random, PAL_TYPE(PAL_F32, rows, 1, classes), -4, 4);
  const pal_value temperature = pal_case_fixed(random, one, coldest, coldest > 0 ? 2 : 0);
  const int64_t top_k = pal_case_int(random, 0, 1) ? pal_case_int(random, 0, classes + 1) : 0;
  const double top_p = pal_case_int(random, 0, 1) ? pal_case_real(random, 0.05, 1) : 1;
  return pal_categorical(pal_case_graph(random), logits, temperature, top_k, top_p,
                         pal_case_random(random));
}

static const pal_op categorical_op = {
    PAL_OP_HEAD(
        "categorical",
        "Inputs: logits f32 [T, V]; temperature f32 [T] or scalar; seed i32 [3]; sample,\n"
        "position i32 [T]. Output: i32 [T], a class of each row drawn from softmax(logits /\n"
        "temperature) by the Gumbel-max trick: the class j with the largest logits[j] /\n"
        "temperature - log(-log u_j), the first of equals, where u_j is draw j of the row.\n"
        "top_k > 0 first restricts the classes to the top_k largest logits. top_p < 1 then\n"
        "restricts them to the smallest set, largest first, that has at least top_p of their\n"
        "softmax mass (nucleus sampling, Holtzman et al., ICLR 2020). Ties go to the smaller\n"
        "class. With temperature 0 it is the first of the largest logits. A class whose logit\n"
        "is -inf is never drawn, unless all are -inf (then class 0). A negative temperature:\n"
        "PAL_E_ARGUMENT; a logit that is +inf or NaN: PAL_E_NONFINITE. Row-local. There is no\n"
        "gradient, since the result is a discrete choice."),
    .min_in = N_IN,
    .max_in = N_IN,
    .flags = PAL_OP_RANDOM | PAL_OP_NO_GRADIENT,
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .attrs_size = sizeof(categorical_attrs),
    .infer = infer,
    .reference = reference,
    .phase = {{.run = run_rows}},
    .task_scratch = task_scratch,
    .sample = sample,
};

pal_value pal_categorical(pal_graph *g, pal_value logits, pal_value temperature, int64_t top_k,
                          double top_p, pal_random random) {
  const pal_value in[N_IN] = {logits, temperature, random.seed, random.sample, random.position};
  const categorical_attrs attrs = {pal_path_fresh(g, "categorical"), top_k, top_p};
  return pal_apply(g, categorical_op.name, in, N_IN, &attrs, NULL);
}

const pal_op *const pal_ops_categorical[] = {&categorical_op, NULL};
