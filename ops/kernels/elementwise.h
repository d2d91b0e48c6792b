/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of the elementwise ops (floor 2).
 *
 * They work on planes. A plane is `rows` rows of n elements. The result is contiguous; operand k
 * moves by row[k] elements from one row to the next and by step[k], 0 or 1, within a row, so that 0
 * repeats an element. Every broadcast is one plane or a few (ops/broadcast.h). The result may be
 * written over an operand that has the same layout. */
#ifndef PAL_OPS_KERNELS_ELEMENTWISE_H
#define PAL_OPS_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

enum { PAL_OPERANDS = 3 };

typedef struct pal_plane {
  int64_t rows, n;
  int64_t row[PAL_OPERANDS], step[PAL_OPERANDS];
} pal_plane;

typedef enum pal_binary_kind {
  PAL_BINARY_ADD,
  PAL_BINARY_SUB,
  PAL_BINARY_MUL,
  PAL_BINARY_DIV, /* f32 only */
  PAL_BINARY_MIN, /* b if a equals b (-0 and 0); NaN if either is NaN */
  PAL_BINARY_MAX,
  PAL_BINARY_AND, /* i32 only: 1 where both are nonzero, or for OR any, else 0 */
  PAL_BINARY_OR
} pal_binary_kind;

/* The numbers are those of pal_relation. */
typedef enum pal_compare_kind {
  PAL_COMPARE_EQ,
  PAL_COMPARE_NE,
  PAL_COMPARE_LT,
  PAL_COMPARE_LE,
  PAL_COMPARE_GT,
  PAL_COMPARE_GE
} pal_compare_kind;

typedef enum pal_unary_kind {
  PAL_UNARY_AFFINE, /* fma(x, p, q) */
  PAL_UNARY_EXP,
  PAL_UNARY_LOG,
  PAL_UNARY_TANH,
  PAL_UNARY_SIGMOID,
  PAL_UNARY_ERF,
  PAL_UNARY_SQRT,
  PAL_UNARY_RELU, /* x < 0 ? 0 : x, so NaN gives NaN */
  PAL_UNARY_SILU,
  PAL_UNARY_GELU_ERF,
  PAL_UNARY_GELU_TANH,
  PAL_UNARY_CLAMP /* x < p ? p : x > q ? q : x */
} pal_unary_kind;

typedef struct pal_elementwise_kernels {
  void (*binary_f32)(pal_binary_kind kind, const pal_plane *plane, float *out, const float *a,
                     const float *b);
  /* Sums and products wrap around, modulo 2^32. */
  void (*binary_i32)(pal_binary_kind kind, const pal_plane *plane, int32_t *out, const int32_t *a,
                     const int32_t *b);
  /* 1 where the relation holds, else 0; with a NaN only NE holds. */
  void (*compare_f32)(pal_compare_kind kind, const pal_plane *plane, int32_t *out, const float *a,
                      const float *b);
  void (*compare_i32)(pal_compare_kind kind, const pal_plane *plane, int32_t *out, const int32_t *a,
                      const int32_t *b);
  /* a where the condition (operand 0) is nonzero, else b. */
  void (*where_f32)(const pal_plane *plane, float *out, const int32_t *condition, const float *a,
                    const float *b);
  void (*where_i32)(const pal_plane *plane, int32_t *out, const int32_t *condition,
                    const int32_t *a, const int32_t *b);
  /* out [n] of x [n]; p and q are the parameters of PAL_UNARY_AFFINE and _CLAMP. out may be x. */
  void (*unary)(pal_unary_kind kind, float p, float q, float *out, const float *x, int64_t n);
  /* dx = dy times the derivative at x, for SILU, GELU_ERF, GELU_TANH and RELU (dy where x > 0, else
   * 0). */
  void (*unary_backward)(pal_unary_kind kind, float *dx, const float *x, const float *dy,
                         int64_t n);
  /* The index of the first infinity or NaN among n elements, or -1. */
  int64_t (*first_nonfinite)(const float *x, int64_t n);
} pal_elementwise_kernels;
#endif
