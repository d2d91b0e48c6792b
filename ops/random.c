/* SPDX-License-Identifier: Apache-2.0 */
/* Ops that draw random numbers: dropout, uniform, gumbel, bernoulli (floor 2).
 *
 * Every draw is pal_rng_uniform(pal_rng_key(seed, path, step), sample, position, index), where
 * index is the place of the element in its row. So the numbers of a row depend on that row alone,
 * and a recomputation or a backward pass draws the same ones. Builders give every random op of a
 * graph a path of its own. */
#define PAL_NO_CALLER
#include "ops/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <palimpsest/rng.h>

#include "graph/internal.h"

/* ---- shared helpers ------------------------------------------------------------------ */

pal_status pal_want_random(const pal_infer *call, int at, int rows) {
  const pal_type *seed = &call->in_type[at];
  pal_status status;
  if (seed->dtype != PAL_I32 || seed->rank != 1 || seed->symbol.id || seed->dim[0] != 3)
    return pal_fail(call->error, PAL_E_SHAPE, "seed must be i32[3]: seed low, seed high, step");
  for (int i = at + 1; i <= at + 2; i++)
    if ((status = pal_want_dtype(call, i, PAL_I32, "sample and position")) ||
        (status = pal_want_rank(call, i, 1, "sample and position")) ||
        (status = pal_want_rows(call, rows, i, "sample, position and what they key")))
      return status;
  return PAL_OK;
}

uint64_t pal_random_key(const void *seed, const char *path) {
  const uint32_t *word = seed;
  return pal_rng_key(word[0] | (uint64_t)word[1] << 32, path, word[2]);
}

/* The 32 bits of an i32 input, which references get as double. */
static uint32_t word_of(double value) { return (uint32_t)(int32_t)value; }

double pal_reference_draw(const pal_reference *call, int at, const char *path, int64_t t,
                          int64_t index) {
  const double *seed = call->in[at];
  const uint64_t key =
      pal_rng_key(word_of(seed[0]) | (uint64_t)word_of(seed[1]) << 32, path, word_of(seed[2]));
  return (double)pal_rng_uniform(key, word_of(call->in[at + 1][t]), word_of(call->in[at + 2][t]),
                                 (uint32_t)index);
}

static bool path_taken(const pal_graph *graph, const char *path) {
  for (size_t i = 1; i < graph->node.n; i++) {
    const pal_node *node = &graph->node.at[i];
    if (node->kind != PAL_NODE_OP || !(node->op->flags & PAL_OP_RANDOM)) continue;
    for (size_t f = 0; f < node->op->n_fields; f++) {
      const pal_attr_field *field = &node->op->fields[f];
      if (strcmp(field->name, "path") != 0) continue;
      const char *const *other = (const void *)((const char *)node->attrs + field->offset);
      if (*other && strcmp(*other, path) == 0) return true;
    }
  }
  return false;
}

const char *pal_path_fresh(pal_graph *graph, const char *name) {
  const char *path = pal_path(graph, name);
  char numbered[64];
  for (unsigned i = 2; path_taken(graph, path); i++) {
    snprintf(numbered, sizeof numbered, "%s.%u", name, i);
    path = pal_path(graph, numbered);
  }
  return path;
}

pal_random pal_case_random(pal_case *random) {
  const pal_type rows = PAL_TYPE(PAL_I32, pal_case_rows(random), 1);
  pal_random r;
  r.seed = pal_case_whole(random, PAL_TYPE(PAL_I32, PAL_STATIC, 3), -100000, 100000);
  r.sample = pal_case_whole(random, rows, -1, 100000);
  r.position = pal_case_whole(random, rows, -1, 1000);
  return r;
}

/* ---- dropout ------------------------------------------------------------------------- */

typedef struct dropout_attrs {
  const char *path;
  double rate;
} dropout_attrs;

static const pal_attr_field dropout_fields[] = {
    PAL_FIELD(dropout_attrs, path, PAL_ATTR_STRING),
    PAL_FIELD(dropout_attrs, rate, PAL_ATTR_FLOAT),
};

static pal_status dropout_infer(pal_infer *call) {
  const dropout_attrs *a = call->attrs;
  pal_status status;
  if ((status = pal_want_dtype(call, 0, PAL_F32, "x")) || (status = pal_want_random(call, 1, 0)))
    return status;
  if (!(a->rate >= 0 && a->rate < 1))
    return pal_fail(call->error, PAL_E_ARGUMENT, "rate must lie in [0, 1), not %g", a->rate);
  return pal_infer_same(call);
}

/* The gradient is the same op with the same path, which draws the same numbers. */
static pal_status dropout_gradient(pal_gradient_call *call) {
  const pal_value in[] = {call->out_grad[0], call->in[1], call->in[2], call->in[3]};
  if (call->wanted & 1)
    call->in_grad[0] = pal_apply(call->graph, "dropout", in, 4, call->attrs, NULL);
  return PAL_OK;
}

static pal_status dropout_run(const pal_run *run) {
  const dropout_attrs *a = run->attrs;
  const int64_t width = pal_type_row(&run->out_type[0]);
  const uint64_t key = pal_random_key(run->in[1], a->path);
  const int32_t *sample = run->in[2], *position = run->in[3];
  const float *x = run->in[0];
  float *y = run->out[0];
  const pal_update_kernels *kernels = &pal_kernels_of(run->isa)->update;
  const int64_t last = pal_last_row(run, &run->out_type[0]);
  for (int64_t t = pal_first_row(run, &run->out_type[0]); t < last; t++)
    kernels->dropout(key, (uint32_t)sample[t], (uint32_t)position[t], x + t * width, width,
                     (float)a->rate, (float)(1.0 / (1.0 - a->rate)), y + t * width);
  return PAL_OK;
}

static pal_status dropout_reference(const pal_reference *call) {
  const dropout_attrs *a = call->attrs;
  const int64_t width = pal_type_row(&call->in_type[0]);
  for (int64_t t = 0; t < call->in_rows[0]; t++)
    for (int64_t j = 0; j < width; j++) {
      const bool keep = pal_reference_draw(call, 1, a->path, t, j) >= (double)(float)a->rate;
      call->out[0][t * width + j] = keep ? call->in[0][t * width + j] / (1 - a->rate) : 0;
    }
  return PAL_OK;
}

static pal_value dropout_sample(pal_case *random) {
  const pal_symbol rows = pal_case_rows(random);
  const int64_t size = pal_case_size(random), heads = pal_case_int(random, 1, 3);
  const pal_type type = pal_case_int(random, 0, 1) ? PAL_TYPE(PAL_F32, rows, 1, size)
                                                   : PAL_TYPE(PAL_F32, rows, 1, heads, size);
  return pal_dropout(pal_case_graph(random), pal_case_f32(random, type, -2, 2),
                     pal_case_real(random, 0.01, 0.99), pal_case_random(random));
}

static const pal_op dropout_op = {
    PAL_OP_HEAD("dropout",
                "x f32 [T, ...], seed i32 [3], sample, position i32 [T] -> f32 [T, ...]: x / (1 -\n"
                "rate) where u >= rate, else 0 (Srivastava et al., JMLR 2014), where u is the\n"
                "draw whose index is the element's place in its row. Gradient: dropout of dy,\n"
                "same draws. Row-local."),
    .min_in = 4,
    .max_in = 4,
    .flags = PAL_OP_RANDOM,
    .in_place = 1,
    .fields = dropout_fields,
    .n_fields = sizeof dropout_fields / sizeof *dropout_fields,
    .attrs_size = sizeof(dropout_attrs),
    .infer = dropout_infer,
    .gradient = dropout_gradient,
    .reference = dropout_reference,
    .phase = {{.run = dropout_run}},
    .sample = dropout_sample,
};

pal_value pal_dropout(pal_graph *g, pal_value x, double rate, pal_random random) {
  const pal_value in[] = {x, random.seed, random.sample, random.position};
  if (rate == 0) return x;
  const dropout_attrs attrs = {pal_path_fresh(g, "dropout"), rate};
  return pal_apply(g, dropout_op.name, in, 4, &attrs, NULL);
}

/* ---- uniform and gumbel -------------------------------------------------------------- */

typedef struct fill_attrs {
  const char *path;
  int64_t n;
} fill_attrs;

static const pal_attr_field fill_fields[] = {
    PAL_FIELD(fill_attrs, path, PAL_ATTR_STRING),
    PAL_FIELD(fill_attrs, n, PAL_ATTR_INT),
};

static pal_status fill_infer(pal_infer *call) {
  const fill_attrs *a = call->attrs;
  const pal_type *sample = &call->in_type[1];
  const pal_status status = pal_want_random(call, 0, 1);
  if (status) return status;
  if (a->n < 1) return pal_fail(call->error, PAL_E_ARGUMENT, "n must be at least 1");
  call->n_out = 1;
  call->out_type[0] = PAL_TYPE(PAL_F32, sample->symbol, sample->dim[0], a->n);
  return PAL_OK;
}

static pal_status fill_rows(const pal_run *run,
                            void (*fill)(uint64_t, uint64_t, uint32_t, int64_t, float *)) {
  const fill_attrs *a = run->attrs;
  const uint64_t key = pal_random_key(run->in[0], a->path);
  const int32_t *sample = run->in[1], *position = run->in[2];
  const int64_t last = pal_last_row(run, &run->out_type[0]);
  for (int64_t t = pal_first_row(run, &run->out_type[0]); t < last; t++)
    fill(key, (uint32_t)sample[t], (uint32_t)position[t], a->n, (float *)run->out[0] + t * a->n);
  return PAL_OK;
}

static pal_status uniform_run(const pal_run *run) {
  return fill_rows(run, pal_kernels_of(run->isa)->update.uniform);
}

static pal_status gumbel_run(const pal_run *run) {
  return fill_rows(run, pal_kernels_of(run->isa)->update.gumbel);
}

static pal_status uniform_reference(const pal_reference *call) {
  const fill_attrs *a = call->attrs;
  for (int64_t i = 0; i < call->out_rows[0] * a->n; i++)
    call->out[0][i] = pal_reference_draw(call, 0, a->path, i / a->n, i % a->n);
  return PAL_OK;
}

static pal_status gumbel_reference(const pal_reference *call) {
  const fill_attrs *a = call->attrs;
  for (int64_t i = 0; i < call->out_rows[0] * a->n; i++)
    call->out[0][i] = -log(-log(pal_reference_draw(call, 0, a->path, i / a->n, i % a->n)));
  return PAL_OK;
}

static pal_value uniform_sample(pal_case *random) {
  return pal_uniform(pal_case_graph(random), pal_case_random(random), pal_case_size(random));
}

static pal_value gumbel_sample(pal_case *random) {
  return pal_gumbel(pal_case_graph(random), pal_case_random(random), pal_case_size(random));
}

#define FILL_OP                                                                                 \
  .min_in = 3, .max_in = 3, .flags = PAL_OP_RANDOM | PAL_OP_NO_GRADIENT, .fields = fill_fields, \
  .n_fields = sizeof fill_fields / sizeof *fill_fields, .attrs_size = sizeof(fill_attrs),       \
  .infer = fill_infer

static const pal_op uniform_op = {
    PAL_OP_HEAD("uniform",
                "seed i32 [3], sample, position i32 [T] -> f32 [T, n], uniform in (0, 1): draws\n"
                "0 .. n - 1 of the row. There is no gradient, since the inputs are integers."),
    FILL_OP,
    .reference = uniform_reference,
    .phase = {{.run = uniform_run}},
    .sample = uniform_sample,
};

static const pal_op gumbel_op = {
    PAL_OP_HEAD("gumbel",
                "seed i32 [3], sample, position i32 [T] -> f32 [T, n]: Gumbel noise, -log(-log u)\n"
                "of draws 0 .. n - 1 of the row. There is no gradient, since the inputs are\n"
                "integers."),
    FILL_OP,
    .reference = gumbel_reference,
    .phase = {{.run = gumbel_run}},
    .sample = gumbel_sample,
};

static pal_value fill(pal_graph *g, const char *name, pal_random random, int64_t n) {
  const pal_value in[] = {random.seed, random.sample, random.position};
  const fill_attrs attrs = {pal_path_fresh(g, name), n};
  return pal_apply(g, name, in, 3, &attrs, NULL);
}

pal_value pal_uniform(pal_graph *g, pal_random random, int64_t n) {
  return fill(g, "uniform", random, n);
}

pal_value pal_gumbel(pal_graph *g, pal_random random, int64_t n) {
  return fill(g, "gumbel", random, n);
}

/* ---- bernoulli ----------------------------------------------------------------------- */

typedef struct bernoulli_attrs {
  const char *path;
} bernoulli_attrs;

static const pal_attr_field bernoulli_fields[] = {
    PAL_FIELD(bernoulli_attrs, path, PAL_ATTR_STRING),
};

static pal_status bernoulli_infer(pal_infer *call) {
  pal_status status;
  if ((status = pal_want_dtype(call, 0, PAL_F32, "p")) || (status = pal_want_random(call, 1, 0)))
    return status;
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].dtype = PAL_I32;
  return PAL_OK;
}

static pal_status bernoulli_run(const pal_run *run) {
  const bernoulli_attrs *a = run->attrs;
  const int64_t width = pal_type_row(&run->out_type[0]);
  const uint64_t key = pal_random_key(run->in[1], a->path);
  const int32_t *sample = run->in[2], *position = run->in[3];
  const float *p = run->in[0];
  int32_t *flag = run->out[0];
  const int64_t last = pal_last_row(run, &run->out_type[0]);
  for (int64_t t = pal_first_row(run, &run->out_type[0]); t < last; t++)
    for (int64_t j = 0; j < width; j++)
      flag[t * width + j] = pal_rng_uniform(key, (uint32_t)sample[t], (uint32_t)position[t],
                                            (uint32_t)j) < p[t * width + j];
  return PAL_OK;
}

static pal_status bernoulli_reference(const pal_reference *call) {
  const bernoulli_attrs *a = call->attrs;
  const int64_t width = pal_type_row(&call->in_type[0]);
  for (int64_t i = 0; i < call->in_rows[0] * width; i++)
    call->out[0][i] = pal_reference_draw(call, 1, a->path, i / width, i % width) < call->in[0][i];
  return PAL_OK;
}

static pal_value bernoulli_sample(pal_case *random) {
  const pal_symbol rows = pal_case_rows(random);
  const int64_t size = pal_case_size(random);
  const pal_type type =
      pal_case_int(random, 0, 1) ? PAL_TYPE(PAL_F32, rows, 1) : PAL_TYPE(PAL_F32, rows, 1, size);
  return pal_bernoulli(pal_case_graph(random), pal_case_fixed(random, type, -0.1, 1.1),
                       pal_case_random(random));
}

static const pal_op bernoulli_op = {
    PAL_OP_HEAD("bernoulli",
                "p f32 [T, ...], seed i32 [3], sample, position i32 [T] -> i32 [T, ...]: 1 where\n"
                "the draw whose index is the element's place in its row is < p, else 0.\n"
                "There is no gradient, since the result is a discrete choice."),
    .min_in = 4,
    .max_in = 4,
    .flags = PAL_OP_RANDOM | PAL_OP_NO_GRADIENT,
    .fields = bernoulli_fields,
    .n_fields = 1,
    .attrs_size = sizeof(bernoulli_attrs),
    .infer = bernoulli_infer,
    .reference = bernoulli_reference,
    .phase = {{.run = bernoulli_run}},
    .sample = bernoulli_sample,
};

pal_value pal_bernoulli(pal_graph *g, pal_value p, pal_random random) {
  const pal_value in[] = {p, random.seed, random.sample, random.position};
  const bernoulli_attrs attrs = {pal_path_fresh(g, "bernoulli")};
  return pal_apply(g, bernoulli_op.name, in, 4, &attrs, NULL);
}

const pal_op *const pal_ops_random[] = {&dropout_op, &uniform_op, &gumbel_op, &bernoulli_op, NULL};
