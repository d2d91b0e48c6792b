/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of the elementwise ops (floor 2).
 *
 * A plane is `rows` rows of n elements: the result is dense, operand k moves by row[k] elements
 * from row to row and by step[k], 0 or 1, within a row. Every broadcast is a few planes. The
 * result may be the buffer of an operand that is as dense as it is. */
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
  PAL_BINARY_MIN, /* the second of equals; NaN if either is */
  PAL_BINARY_MAX,
  PAL_BINARY_AND, /* i32 only: 1 where both, or any, are nonzero */
  PAL_BINARY_OR
} pal_binary_kind;

/* Numbered as pal_relation is. */
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
  PAL_UNARY_RELU, /* x < 0 ? 0 : x, so NaN stays */
  PAL_UNARY_SILU,
  PAL_UNARY_GELU_ERF,
  PAL_UNARY_GELU_TANH,
  PAL_UNARY_CLAMP /* x < p ? p : x > q ? q : x */
} pal_unary_kind;

typedef struct pal_elementwise_kernels {
  void (*binary_f32)(pal_binary_kind kind, const pal_plane *plane, float *out, const float *a,
                     const float *b);
  /* Wraps around. */
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
  /* n elements; p and q as the kind says. */
  void (*unary)(pal_unary_kind kind, float p, float q, float *out, const float *x, int64_t n);
  /* dy times the derivative at x of SILU, GELU_ERF or GELU_TANH; RELU: dy where x > 0, else 0. */
  void (*unary_backward)(pal_unary_kind kind, float *dx, const float *x, const float *dy,
                         int64_t n);
  /* Index of the first infinity or NaN of n elements, or -1. */
  int64_t (*first_nonfinite)(const float *x, int64_t n);
} pal_elementwise_kernels;
#endif
