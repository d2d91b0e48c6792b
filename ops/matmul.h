/* What matmul, linear and matmul_transposed share (floor 2). */
#ifndef PAL_OPS_MATMUL_H
#define PAL_OPS_MATMUL_H

#include "ops/common.h"

typedef struct pal_matmul_attrs {
  int64_t transpose_b;
} pal_matmul_attrs;
extern const pal_attr_field pal_matmul_fields[1];
extern const pal_op pal_op_matmul_transposed;

/* f32 with two axes. */
pal_status pal_matmul_want_matrix(const pal_infer *call, int i, const char *what);
/* Refuses an operand whose rows are symbolic where they would become an inner axis. */
pal_status pal_matmul_want_static(const pal_infer *call, int i, const char *what);
/* Both operands sum over as many elements. */
pal_status pal_matmul_want_depth(const pal_infer *call, int64_t a, int64_t b);
/* 2 m n k flops, and the bytes of all operands once. */
pal_cost pal_matmul_product_cost(const pal_run *run, double m, double n, double k);
/* Extents for cases: mostly small, now and then more than one cut or panel of the kernels. */
int64_t pal_matmul_sample_depth(pal_case *random);
int64_t pal_matmul_sample_width(pal_case *random);
#endif
