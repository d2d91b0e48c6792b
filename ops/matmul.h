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

/* f32 with two axes. */
pal_status pal_matmul_want_matrix(const pal_infer *call, int i, const char *what);
/* Refuses an operand whose rows are symbolic where they would become an inner axis. */
pal_status pal_matmul_want_static(const pal_infer *call, int i, const char *what);
/* Both operands sum over as many elements. */
pal_status pal_matmul_want_depth(const pal_infer *call, int64_t a, int64_t b);
/* A pal_precision. */
pal_status pal_matmul_want_precision(const pal_infer *call, int64_t precision);
/* For references: x as an operand. */
double pal_matmul_rounded(double x, int64_t precision);
/* pal_matmul of a given precision: gradients have that of what they are gradients of. */
pal_value pal_matmul_of(pal_graph *g, pal_value a, pal_value b, bool transpose_a, bool transpose_b,
                        int64_t precision);
/* 2 m n k flops, and the bytes of all operands once. */
pal_cost pal_matmul_product_cost(const pal_run *run, double m, double n, double k);
/* Extents for cases: mostly small, now and then more than one cut or panel of the kernels. */
int64_t pal_matmul_sample_depth(pal_case *random);
int64_t pal_matmul_sample_width(pal_case *random);
/* Few, or so many that kernels for few of the other have whole stripes of them. */
int64_t pal_matmul_sample_few(pal_case *random);
int64_t pal_matmul_sample_many(pal_case *random);
/* Sets the precision of the case's graph; operands of a case, in [-1, 1). */
void pal_matmul_draw_precision(pal_case *random);
pal_value pal_matmul_case(pal_case *random, pal_type type);
#endif
