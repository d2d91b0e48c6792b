/* SPDX-License-Identifier: Apache-2.0 */
/* Casts between the element types (floor 2).
 *
 * Invariants: the result of an element depends on that element alone. Numbers outside the range of
 * the new type become its nearest number, so that no cast is undefined behaviour. Conversions are
 * exact or to nearest even, the same on every machine, so plain loops suffice. */
#define PAL_NO_CALLER
#include <math.h>
#include <string.h>

#include "ops/broadcast.h"

typedef struct cast_attrs {
  int64_t to;
} cast_attrs;

static const pal_attr_field cast_fields[] = {PAL_FIELD(cast_attrs, to, PAL_ATTR_INT)};

static pal_status cast_infer(pal_infer *call) {
  const cast_attrs *a = call->attrs;
  if (a->to <= PAL_NONE || a->to > PAL_U8)
    return pal_fail(call->error, PAL_E_ARGUMENT, "%lld is not a dtype", (long long)a->to);
  if (a->to == (int64_t)call->in_type[0].dtype)
    return pal_fail(call->error, PAL_E_ARGUMENT, "x is %s already",
                    pal_dtype_name((pal_dtype)a->to));
  call->n_out = 1;
  call->out_type[0] = call->in_type[0];
  call->out_type[0].dtype = (pal_dtype)a->to;
  return PAL_OK;
}

static bool is_real(pal_dtype dtype) { return dtype == PAL_F32 || dtype == PAL_BF16; }

static pal_status cast_gradient(pal_gradient_call *call) {
  const pal_dtype from = pal_type_of(call->graph, call->in[0]).dtype;
  const pal_dtype to = pal_type_of(call->graph, call->out[0]).dtype;
  if (is_real(from) && is_real(to) && !pal_is_nil(call->out_grad[0]))
    call->in_grad[0] = pal_cast(call->graph, call->out_grad[0], from);
  return PAL_OK;
}

/* ---- one element --------------------------------------------------------------------- */

static float of_bf16(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

/* To nearest even; a NaN stays a NaN and becomes a quiet one. */
static uint16_t to_bf16(float f) {
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static int32_t to_i32(float f) {
  if (f >= 2147483648.0f) return INT32_MAX;
  if (f < -2147483648.0f) return INT32_MIN;
  return f >= -2147483648.0f ? (int32_t)f : 0; /* NaN: 0 */
}

static uint8_t to_u8(int32_t i) { return (uint8_t)(i < 0 ? 0 : i > 255 ? 255 : i); }

/* ---- run ----------------------------------------------------------------------------- */

#define CAST_LOOP(FROM, TO, EXPRESSION)                  \
  do {                                                   \
    const FROM *x = (const FROM *)run->in[0] + first;    \
    TO *y = (TO *)run->out[0] + first;                   \
    for (int64_t i = 0; i < n; i++) y[i] = (EXPRESSION); \
    return PAL_OK;                                       \
  } while (0)
#define CAST_PAIR(from, to) ((int)(from)*8 + (int)(to))

static pal_status cast_run(const pal_run *run) {
  const pal_type *type = &run->out_type[0];
  const int64_t row = pal_type_row(type), first = pal_first_row(run, type) * row;
  const int64_t n = pal_last_row(run, type) * row - first;
  switch (CAST_PAIR(run->in_type[0].dtype, type->dtype)) {
    case CAST_PAIR(PAL_F32, PAL_BF16): CAST_LOOP(float, uint16_t, to_bf16(x[i]));
    case CAST_PAIR(PAL_F32, PAL_I32): CAST_LOOP(float, int32_t, to_i32(x[i]));
    case CAST_PAIR(PAL_F32, PAL_U8): CAST_LOOP(float, uint8_t, to_u8(to_i32(x[i])));
    case CAST_PAIR(PAL_BF16, PAL_F32): CAST_LOOP(uint16_t, float, of_bf16(x[i]));
    case CAST_PAIR(PAL_BF16, PAL_I32): CAST_LOOP(uint16_t, int32_t, to_i32(of_bf16(x[i])));
    case CAST_PAIR(PAL_BF16, PAL_U8): CAST_LOOP(uint16_t, uint8_t, to_u8(to_i32(of_bf16(x[i]))));
    case CAST_PAIR(PAL_I32, PAL_F32): CAST_LOOP(int32_t, float, (float)x[i]);
    case CAST_PAIR(PAL_I32, PAL_BF16): CAST_LOOP(int32_t, uint16_t, to_bf16((float)x[i]));
    case CAST_PAIR(PAL_I32, PAL_U8): CAST_LOOP(int32_t, uint8_t, to_u8(x[i]));
    case CAST_PAIR(PAL_U8, PAL_F32): CAST_LOOP(uint8_t, float, (float)x[i]);
    case CAST_PAIR(PAL_U8, PAL_BF16): CAST_LOOP(uint8_t, uint16_t, to_bf16((float)x[i]));
    case CAST_PAIR(PAL_U8, PAL_I32): CAST_LOOP(uint8_t, int32_t, x[i]);
    default: return pal_fail(run->error, PAL_E_INTERNAL, "cast: no such pair of types");
  }
}

/* ---- reference and sample ------------------------------------------------------------ */

/* References do not round: in double precision a cast between f32 and bf16 is the identity. */
static pal_status cast_reference(const pal_reference *call) {
  const pal_dtype to = call->out_type[0].dtype;
  const double low = to == PAL_U8 ? 0.0 : (double)INT32_MIN;
  const double high = to == PAL_U8 ? 255.0 : (double)INT32_MAX;
  for (int64_t i = 0, n = pal_reference_count(call); i < n; i++) {
    const double x = call->in[0][i];
    call->out[0][i] = is_real(to) ? x : isnan(x) ? 0.0 : fmin(fmax(trunc(x), low), high);
  }
  return PAL_OK;
}

/* Integers to any type, f32 to integers, and f32 to bf16 and back. */
static pal_value cast_sample(pal_case *random) {
  pal_graph *g = pal_case_graph(random);
  pal_type type;
  const int64_t form = pal_case_int(random, 0, 4);
  pal_sample_broadcast(random, form < 2 ? PAL_F32 : form == 2 ? PAL_I32 : PAL_U8, 1, &type);
  if (form == 0) { /* bf16 has 8 bits: the error is 2^-8 of the magnitude */
    pal_case_tolerance(random, 65536.0);
    return pal_cast(g, pal_cast(g, pal_case_f32(random, type, -3, 3), PAL_BF16), PAL_F32);
  }
  if (form == 1)
    return pal_cast(g, pal_case_fixed(random, type, -5, 300),
                    pal_case_int(random, 0, 1) ? PAL_I32 : PAL_U8);
  if (form == 2)
    return pal_cast(g, pal_case_whole(random, type, -70000, 70000),
                    pal_case_int(random, 0, 1) ? PAL_F32 : PAL_U8);
  return pal_cast(g, pal_case_whole(random, type, 0, 255), form == 3 ? PAL_I32 : PAL_F32);
}

static const pal_op cast_op = {
    PAL_OP_HEAD("cast",
                "x converted to the dtype `to` (1 f32, 2 bf16, 3 i32, 4 u8), any shape.\n"
                "f32 to bf16 and i32 to f32 round to nearest even. To i32 and u8 the number is\n"
                "truncated, then limited to the range of the type; NaN becomes 0.\n"
                "Gradient: dy cast back, for casts between f32 and bf16 only. Row-local."),
    .min_in = 1,
    .max_in = 1,
    .fields = cast_fields,
    .n_fields = 1,
    .attrs_size = sizeof(cast_attrs),
    .infer = cast_infer,
    .gradient = cast_gradient,
    .reference = cast_reference,
    .phase = {{.run = cast_run}},
    .sample = cast_sample};

pal_value pal_cast(pal_graph *g, pal_value x, pal_dtype to) {
  const cast_attrs a = {(int64_t)to};
  if (pal_type_of(g, x).dtype == to) return x;
  return pal_apply(g, "cast", &x, 1, &a, NULL);
}

const pal_op *const pal_ops_cast[] = {&cast_op, NULL};
