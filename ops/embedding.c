/* SPDX-License-Identifier: Apache-2.0 */
/* embedding and one_hot (floor 2). */
#define PAL_NO_CALLER
#include <string.h>

#include "ops/common.h"

static pal_status bad_id(const pal_run *run, int64_t row, int64_t id, int64_t low, int64_t n,
                         const char *what) {
  return pal_fail(run->error, PAL_E_ARGUMENT, "%s: id %lld of row %lld is not in %lld..%lld", what,
                  (long long)id, (long long)row, (long long)low, (long long)n - 1);
}

static pal_status want_ids(const pal_infer *call, int i) {
  const pal_status status = pal_want_dtype(call, i, PAL_I32, "ids");
  return status ? status : pal_want_rank(call, i, 1, "ids");
}

/* ---- embedding ------------------------------------------------------------------------------ */

static pal_status embedding_infer(pal_infer *call) {
  const pal_type *table = &call->in_type[0];
  pal_status status = pal_want_dtype(call, 0, PAL_F32, "table");
  if (!status) status = pal_want_rank(call, 0, 2, "table");
  if (!status) status = want_ids(call, 1);
  if (status) return status;
  if (table->symbol.id) return pal_fail(call->error, PAL_E_SHAPE, "table must be static");
  call->n_out = 1;
  call->out_type[0] = call->in_type[1];
  call->out_type[0].dtype = PAL_F32;
  call->out_type[0].rank = 2;
  call->out_type[0].dim[1] = table->dim[1];
  return PAL_OK;
}

static pal_status embedding_run(const pal_run *run) {
  const size_t wide = (size_t)run->out_type[0].dim[1];
  const int32_t *id = run->in[1];
  const float *table = run->in[0];
  float *out = run->out[0];
  const int64_t end = pal_last_row(run, &run->out_type[0]);
  for (int64_t t = pal_first_row(run, &run->out_type[0]); t < end; t++) {
    if (id[t] < 0 || id[t] >= run->in_rows[0])
      return bad_id(run, t, id[t], 0, run->in_rows[0], "embedding");
    if (wide > 0) memcpy(out + (size_t)t * wide, table + (size_t)id[t] * wide, wide * sizeof *out);
  }
  return PAL_OK;
}

static pal_status embedding_gradient(pal_gradient_call *call) {
  if (call->wanted & 1)
    call->in_grad[0] =
        pal_scatter_add_rows(call->graph, call->out_grad[0], call->in[1], call->in[0]);
  return PAL_OK;
}

static pal_status embedding_reference(const pal_reference *c) {
  const int64_t wide = c->out_type[0].dim[1];
  const pal_status status = pal_reference_indices(c, 1, 0, c->in_rows[0]);
  if (status) return status;
  for (int64_t t = 0; t < c->out_rows[0]; t++)
    for (int64_t e = 0; e < wide; e++)
      c->out[0][t * wide + e] = c->in[0][(int64_t)c->in[1][t] * wide + e];
  return PAL_OK;
}

static pal_value embedding_sample(pal_case *random) {
  const int64_t v = pal_case_size(random), d = pal_case_size(random);
  const pal_value table = pal_case_f32(random, PAL_TYPE(PAL_F32, PAL_STATIC, v, d), -1.0, 1.0);
  const pal_value ids =
      pal_case_whole(random, PAL_TYPE(PAL_I32, pal_case_rows(random), 1), 0, v - 1);
  return pal_embedding(pal_case_graph(random), table, ids);
}

pal_value pal_embedding(pal_graph *g, pal_value table, pal_value ids) {
  const pal_value in[] = {table, ids};
  return pal_apply(g, "embedding", in, 2, NULL, NULL);
}

static const pal_op embedding = {
    PAL_OP_HEAD("embedding",
                "table f32 [V, D], static; ids i32 [T] -> f32 [T, D]: row t is table[ids[t]].\n"
                "Gradient of table: scatter_add_rows(dout, ids, table).\n"
                "PAL_E_ARGUMENT: an id outside 0..V-1."),
    .min_in = 2,
    .max_in = 2,
    .infer = embedding_infer,
    .gradient = embedding_gradient,
    .reference = embedding_reference,
    .phase = {{.run = embedding_run}},
    .sample = embedding_sample,
};

/* ---- one_hot --------------------------------------------------------------------------------- */

typedef struct one_hot_attrs {
  int64_t classes;
} one_hot_attrs;

static const pal_attr_field one_hot_fields[] = {PAL_FIELD(one_hot_attrs, classes, PAL_ATTR_INT)};

static pal_status one_hot_infer(pal_infer *call) {
  const one_hot_attrs *a = call->attrs;
  const pal_status status = want_ids(call, 0);
  if (status) return status;
  if (a->classes < 1) return pal_fail(call->error, PAL_E_ARGUMENT, "classes must be 1 or more");
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].dtype = PAL_F32;
  call->out_type[0].rank = 2;
  call->out_type[0].dim[1] = a->classes;
  return PAL_OK;
}

static pal_status one_hot_run(const pal_run *run) {
  const int64_t classes = run->out_type[0].dim[1];
  const int32_t *id = run->in[0];
  float *out = run->out[0];
  const int64_t end = pal_last_row(run, &run->out_type[0]);
  for (int64_t t = pal_first_row(run, &run->out_type[0]); t < end; t++) {
    if (id[t] < -1 || id[t] >= classes) return bad_id(run, t, id[t], -1, classes, "one_hot");
    memset(out + t * classes, 0, (size_t)classes * sizeof *out);
    if (id[t] >= 0) out[t * classes + id[t]] = 1.0f;
  }
  return PAL_OK;
}

static pal_status one_hot_reference(const pal_reference *c) {
  const int64_t classes = c->out_type[0].dim[1];
  const pal_status status = pal_reference_indices(c, 0, -1, classes);
  if (status) return status;
  for (int64_t t = 0; t < c->out_rows[0]; t++)
    for (int64_t v = 0; v < classes; v++)
      c->out[0][t * classes + v] = (double)v == c->in[0][t] ? 1.0 : 0.0;
  return PAL_OK;
}

static pal_value one_hot_sample(pal_case *random) {
  const int64_t classes = pal_case_size(random);
  const pal_value ids =
      pal_case_whole(random, PAL_TYPE(PAL_I32, pal_case_rows(random), 1), -1, classes - 1);
  return pal_one_hot(pal_case_graph(random), ids, classes);
}

pal_value pal_one_hot(pal_graph *g, pal_value ids, int64_t classes) {
  const one_hot_attrs attrs = {classes};
  return pal_apply(g, "one_hot", &ids, 1, &attrs, NULL);
}

static const pal_op one_hot = {
    PAL_OP_HEAD("one_hot",
                "ids i32 [T] -> f32 [T, classes]: 1 in column ids[t], else 0; a row of zeros for\n"
                "-1. PAL_E_ARGUMENT: an id outside -1..classes-1."),
    .min_in = 1,
    .max_in = 1,
    .flags = PAL_OP_NO_GRADIENT,
    .fields = one_hot_fields,
    .n_fields = 1,
    .attrs_size = sizeof(one_hot_attrs),
    .infer = one_hot_infer,
    .reference = one_hot_reference,
    .phase = {{.run = one_hot_run}},
    .sample = one_hot_sample,
};

const pal_op *const pal_ops_embedding[] = {&embedding, &one_hot, NULL};
