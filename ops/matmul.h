/* SPDX-License-Identifier: Apache-2.0 */
/* What matmul, linear and matmul_transposed share (floor 2). */
#ifndef PAL_OPS_MATMUL_H
#define PAL_OPS_MATMUL_H

#include "ops/common.h"

typedef struct pal_matmul_attrs {
  int64_t transpose_b;
  int64_t precision; /* a pal_precision */
} pal_matmul_attrs;
extern const pal_attr_field pal_matmul_fields[2];
extern const pal_op pal_op_matmul_transposed;

/* Checks of infer functions. Each fails with PAL_E_SHAPE (the last with PAL_E_ARGUMENT) and a
 * message that names the operand as `what`.
 *
 * Input i must be f32 with two axes. */
pal_status pal_matmul_want_matrix(const pal_infer *call, int i, const char *what);
/* Input i must not have symbolic rows, because they would become an inner axis of the result. */
pal_status pal_matmul_want_static(const pal_infer *call, int i, const char *what);
/* The lengths a and b of the axes that are summed over must be equal. */
pal_status pal_matmul_want_depth(const pal_infer *call, int64_t a, int64_t b);
/* `precision` must be a pal_precision. */
pal_status pal_matmul_want_precision(const pal_infer *call, int64_t precision);
/* For reference functions: x as a product of this precision sees it, that is, rounded to bfloat16
 * with subnormal numbers as 0 if it is PAL_PRECISION_BF16. */
double pal_matmul_rounded(double x, int64_t precision);
/* pal_matmul with a given precision instead of the graph's. A gradient is computed with the
 * precision of its forward op. */
pal_value pal_matmul_of(pal_graph *g, pal_value a, pal_value b, bool transpose_a, bool transpose_b,
                        int64_t precision);
/* The cost of a product [m, k] [k, n]: 2 m n k flops, and the bytes of all operands once. */
pal_cost pal_matmul_product_cost(const pal_run *run, double m, double n, double k);
/* Random extents for the op checker: mostly small, now and then more than one slice of k (depth) or
 * panel of columns (width) of the kernels. */
int64_t pal_matmul_sample_depth(pal_case *random);
int64_t pal_matmul_sample_width(pal_case *random);
/* Random extents that reach the kernels for thin products: few rows or columns, and so many of the
 * other that the widest register tiles are used. */
int64_t pal_matmul_sample_few(pal_case *random);
int64_t pal_matmul_sample_many(pal_case *random);
/* Draws the precision of the case's graph; then makes an operand of the case with values in [-1,
 * 1). */
void pal_matmul_draw_precision(pal_case *random);
pal_value pal_matmul_case(pal_case *random, pal_type type);
#endif
