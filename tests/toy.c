/* SPDX-License-Identifier: Apache-2.0 */
/* The ops of toy.h, in plain C. */
#define PAL_NO_CALLER
#include "tests/toy.h"

#include <string.h>

#define HEAD(text)                                                     \
  .abi_size = sizeof(pal_op), .name = text, .version = 1, .doc = text, \
  .no_case = "a toy of the tests"

static int64_t first(const pal_run *r, const pal_type *t) {
  return r->begin * (t->symbol.id ? t->dim[0] : 1) * pal_type_row(t);
}
static int64_t last(const pal_run *r, const pal_type *t) {
  return r->end * (t->symbol.id ? t->dim[0] : 1) * pal_type_row(t);
}
static pal_status like_first(pal_infer *c) {
  c->n_out = 1;
  c->out_type[0] = c->in_type[0];
  return PAL_OK;
}

/* ---- toy_mul --------------------------------------------------------------------------- */
static pal_status mul_infer(pal_infer *c) {
  if (c->in_type[1].rank && !pal_type_equal(&c->in_type[0], &c->in_type[1]))
    return pal_fail(c->error, PAL_E_SHAPE, "operands differ");
  return like_first(c);
}
static pal_status mul_run(const pal_run *r) {
  const float *a = r->in[0], *b = r->in[1];
  float *y = r->out[0];
  bool scalar = r->in_type[1].rank == 0;
  for (int64_t i = first(r, &r->out_type[0]); i < last(r, &r->out_type[0]); i++)
    y[i] = a[i] * b[scalar ? 0 : i];
  return PAL_OK;
}
static pal_status mul_reference(const pal_reference *r) {
  int64_t n = r->in_rows[0] * pal_type_row(&r->in_type[0]);
  for (int64_t i = 0; i < n; i++) r->out[0][i] = r->in[0][i] * r->in[1][r->in_type[1].rank ? i : 0];
  return PAL_OK;
}
static pal_status mul_gradient(pal_gradient_call *c) {
  if (c->wanted & 1) c->in_grad[0] = toy_mul(c->graph, c->out_grad[0], c->in[1]);
  if (c->wanted & 2) c->in_grad[1] = toy_mul(c->graph, c->out_grad[0], c->in[0]);
  return PAL_OK;
}
static const pal_op mul_op = {HEAD("toy_mul"),
                              .min_in = 2,
                              .max_in = 2,
                              .in_place = 3,
                              .infer = mul_infer,
                              .gradient = mul_gradient,
                              .reference = mul_reference,
                              .phase = {{.run = mul_run}}};
pal_value toy_mul(pal_graph *g, pal_value a, pal_value b) {
  return pal_apply(g, "toy_mul", (pal_value[]){a, b}, 2, NULL, NULL);
}

/* ---- toy_neg --------------------------------------------------------------------------- */
static pal_status neg_run(const pal_run *r) {
  for (int64_t i = first(r, &r->out_type[0]); i < last(r, &r->out_type[0]); i++)
    ((float *)r->out[0])[i] = -((const float *)r->in[0])[i];
  return PAL_OK;
}
static pal_status neg_reference(const pal_reference *r) {
  for (int64_t i = 0; i < r->in_rows[0] * pal_type_row(&r->in_type[0]); i++)
    r->out[0][i] = -r->in[0][i];
  return PAL_OK;
}
static pal_status neg_gradient(pal_gradient_call *c) {
  c->in_grad[0] = toy_neg(c->graph, c->out_grad[0]);
  return PAL_OK;
}
static const pal_op neg_op = {HEAD("toy_neg"),
                              .min_in = 1,
                              .max_in = 1,
                              .in_place = 1,
                              .infer = like_first,
                              .gradient = neg_gradient,
                              .reference = neg_reference,
                              .phase = {{.run = neg_run}}};
pal_value toy_neg(pal_graph *g, pal_value a) { return pal_apply(g, "toy_neg", &a, 1, NULL, NULL); }

/* ---- toy_total: partial sums of 4 rows, then their sum ------------------------------------- */
static pal_status total_infer(pal_infer *c) {
  c->n_out = 1;
  c->out_type[0] = pal_type_scalar(PAL_F32);
  return PAL_OK;
}
static int64_t total_parts(const pal_run *r) { return (r->in_rows[0] + 3) / 4; }
static int64_t one(const pal_run *r) {
  (void)r;
  return 1;
}
static pal_status total_part(const pal_run *r) {
  int64_t row = pal_type_row(&r->in_type[0]);
  for (int64_t p = r->begin; p < r->end; p++) {
    float sum = 0;
    for (int64_t i = p * 4 * row; i < (p * 4 + 4) * row && i < r->in_rows[0] * row; i++)
      sum += ((const float *)r->in[0])[i];
    ((float *)r->scratch)[p] = sum;
  }
  return PAL_OK;
}
static pal_status total_sum(const pal_run *r) {
  float sum = 0;
  for (int64_t p = 0; p < total_parts(r); p++) sum += ((const float *)r->scratch)[p];
  *(float *)r->out[0] = sum;
  return PAL_OK;
}
static size_t total_scratch(const pal_run *r) { return (size_t)total_parts(r) * sizeof(float); }
static pal_status total_reference(const pal_reference *r) {
  r->out[0][0] = 0;
  for (int64_t i = 0; i < r->in_rows[0] * pal_type_row(&r->in_type[0]); i++)
    r->out[0][0] += r->in[0][i];
  return PAL_OK;
}
static const pal_op total_op = {
    HEAD("toy_total"),
    .min_in = 1,
    .max_in = 1,
    .flags = PAL_OP_NO_GRADIENT,
    .infer = total_infer,
    .reference = total_reference,
    .scratch = total_scratch,
    .phase = {{.run = total_part, .tasks = total_parts}, {.run = total_sum, .tasks = one}}};
pal_value toy_total(pal_graph *g, pal_value a) {
  return pal_apply(g, "toy_total", &a, 1, NULL, NULL);
}

/* ---- toy_pick -------------------------------------------------------------------------------- */
static pal_status pick_infer(pal_infer *c) {
  c->n_out = 1;
  c->out_type[0] = c->in_type[0];
  c->out_type[0].symbol = c->in_type[1].symbol;
  c->out_type[0].dim[0] = c->in_type[1].dim[0];
  return PAL_OK;
}
static pal_status pick_run(const pal_run *r) {
  int64_t row = pal_type_row(&r->in_type[0]);
  for (int64_t i = first(r, &r->in_type[1]); i < last(r, &r->in_type[1]); i++)
    memcpy((float *)r->out[0] + i * row,
           (const float *)r->in[0] + ((const int32_t *)r->in[1])[i] * row,
           (size_t)row * sizeof(float));
  return PAL_OK;
}
static pal_status pick_reference(const pal_reference *r) {
  int64_t row = pal_type_row(&r->in_type[0]);
  for (int64_t i = 0; i < r->in_rows[1]; i++)
    for (int64_t k = 0; k < row; k++)
      r->out[0][i * row + k] = r->in[0][(int64_t)r->in[1][i] * row + k];
  return PAL_OK;
}
static const pal_op pick_op = {HEAD("toy_pick"),
                               .min_in = 2,
                               .max_in = 2,
                               .flags = PAL_OP_NO_GRADIENT,
                               .infer = pick_infer,
                               .reference = pick_reference,
                               .phase = {{.run = pick_run, .whole = 1}}};
pal_value toy_pick(pal_graph *g, pal_value a, pal_value index) {
  return pal_apply(g, "toy_pick", (pal_value[]){a, index}, 2, NULL, NULL);
}

/* ---- toy_keep ---------------------------------------------------------------------------- */
typedef struct keep_attrs {
  pal_symbol binds;
  int64_t capacity;
} keep_attrs;
static const pal_attr_field keep_fields[] = {PAL_FIELD(keep_attrs, binds, PAL_ATTR_SYMBOL),
                                             PAL_FIELD(keep_attrs, capacity, PAL_ATTR_INT)};
static pal_status keep_infer(pal_infer *c) {
  c->n_out = 1;
  c->out_type[0] = c->in_type[0];
  c->out_type[0].symbol = ((const keep_attrs *)c->attrs)->binds;
  return PAL_OK;
}
static pal_status keep_count(const pal_run *r) {
  int64_t row = pal_type_row(&r->in_type[0]), n = 0;
  for (int64_t i = 0; i < r->in_rows[0]; i++) n += ((const float *)r->in[0])[i * row] > 0;
  if (n > ((const keep_attrs *)r->attrs)->capacity) {
    r->error->needed = n;
    return pal_fail(r->error, PAL_E_CAPACITY, "%lld rows are kept", (long long)n);
  }
  *r->bound = n;
  return PAL_OK;
}
static pal_status keep_copy(const pal_run *r) {
  int64_t row = pal_type_row(&r->in_type[0]), n = 0;
  for (int64_t i = 0; i < r->in_rows[0]; i++)
    if (((const float *)r->in[0])[i * row] > 0)
      memcpy((float *)r->out[0] + n++ * row, (const float *)r->in[0] + i * row,
             (size_t)row * sizeof(float));
  return PAL_OK;
}
static pal_status keep_reference(const pal_reference *r) {
  int64_t row = pal_type_row(&r->in_type[0]), n = 0;
  for (int64_t i = 0; i < r->in_rows[0]; i++)
    if (r->in[0][i * row] > 0)
      memcpy(r->out[0] + n++ * row, r->in[0] + i * row, (size_t)row * sizeof(double));
  *r->bound = n;
  return PAL_OK;
}
static const pal_op keep_op = {
    HEAD("toy_keep"),
    .min_in = 1,
    .max_in = 1,
    .flags = PAL_OP_NO_GRADIENT | PAL_OP_BINDS,
    .fields = keep_fields,
    .n_fields = 2,
    .attrs_size = sizeof(keep_attrs),
    .infer = keep_infer,
    .reference = keep_reference,
    .phase = {{.run = keep_count, .tasks = one}, {.run = keep_copy, .tasks = one}}};
pal_value toy_keep(pal_graph *g, pal_value a, const char *symbol, int64_t capacity) {
  keep_attrs attrs = {pal_symbol_new(g, symbol, capacity), capacity};
  return pal_apply(g, "toy_keep", &a, 1, &attrs, NULL);
}

/* ---- toy_put ----------------------------------------------------------------------------- */
static pal_status put_infer(pal_infer *c) {
  c->n_out = 2;
  c->out_type[0] = c->in_type[0];
  c->out_type[1] = c->in_type[2];
  return PAL_OK;
}
static void move_rows(const pal_run *r, bool save, bool restore) {
  int64_t row = pal_type_row(&r->in_type[0]);
  for (int64_t i = 0; i < r->in_rows[1]; i++) {
    float *place = (float *)r->out[0] + ((const int32_t *)r->in[1])[i] * row;
    float *saved = (float *)r->out[1] + i * row;
    const float *from = restore ? saved : (const float *)r->in[2] + i * row;
    memcpy(save ? saved : place, save ? place : from, (size_t)row * sizeof(float));
  }
}
static pal_status put_save(const pal_run *r) {
  move_rows(r, true, false);
  return PAL_OK;
}
static pal_status put_write(const pal_run *r) {
  move_rows(r, false, false);
  return PAL_OK;
}
static pal_status put_undo(const pal_run *r) {
  move_rows(r, false, true);
  return PAL_OK;
}
static pal_status put_reference(const pal_reference *r) {
  int64_t row = pal_type_row(&r->in_type[0]);
  memcpy(r->out[0], r->in[0], (size_t)(r->in_rows[0] * row) * sizeof(double));
  for (int64_t i = 0; i < r->in_rows[1]; i++)
    memcpy(r->out[0] + (int64_t)r->in[1][i] * row, r->in[2] + i * row,
           (size_t)row * sizeof(double));
  return PAL_OK;
}
static const pal_op put_op = {
    HEAD("toy_put"),
    .min_in = 3,
    .max_in = 3,
    .flags = PAL_OP_NO_GRADIENT,
    .writes = 1,
    .infer = put_infer,
    .reference = put_reference,
    .undo = put_undo,
    .phase = {{.run = put_save, .tasks = one}, {.run = put_write, .tasks = one}}};
pal_value toy_put(pal_graph *g, pal_value variable, pal_value index, pal_value x) {
  return pal_apply(g, "toy_put", (pal_value[]){variable, index, x}, 3, NULL, NULL);
}

/* ---- toy_refuse -------------------------------------------------------------------------- */
static pal_status refuse_infer(pal_infer *c) {
  c->n_out = 0;
  return PAL_OK;
}
static pal_status refuse_run(const pal_run *r) {
  for (int64_t i = first(r, &r->in_type[0]); i < last(r, &r->in_type[0]); i++)
    if (((const float *)r->in[0])[i] < 0)
      return pal_fail(r->error, PAL_E_NONFINITE, "element %lld is negative", (long long)i);
  return PAL_OK;
}
static pal_status refuse_reference(const pal_reference *r) {
  (void)r;
  return PAL_OK;
}
static const pal_op refuse_op = {HEAD("toy_refuse"),
                                 .min_in = 1,
                                 .max_in = 1,
                                 .flags = PAL_OP_NO_GRADIENT | PAL_OP_ROOT,
                                 .infer = refuse_infer,
                                 .reference = refuse_reference,
                                 .phase = {{.run = refuse_run}}};
void toy_refuse(pal_graph *g, pal_value a) { pal_apply(g, "toy_refuse", &a, 1, NULL, NULL); }

pal_status toy_define(pal_context *context, pal_error *error) {
  const pal_op *all[] = {&mul_op, &neg_op, &total_op, &pick_op, &keep_op, &put_op, &refuse_op};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    pal_status status = pal_define_op(context, all[i], error);
    if (status) return status;
  }
  return PAL_OK;
}
