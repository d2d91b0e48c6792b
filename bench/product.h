/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products as plans of one op (floor 7); gemm_compare.c uses them too. */
#ifndef PAL_BENCH_PRODUCT_H
#define PAL_BENCH_PRODUCT_H

#include "bench/bench.h"

/* Products c [m, n] that sum over k. The three forms occur in training a layer y [T, O] = x [T, I]
 * W [O, I]^T: NT in y, NN in dx = dy W, TN in dW = dy^T x. The number of rows T is symbolic, as in
 * models. */
typedef enum bench_form { BENCH_NT, BENCH_NN, BENCH_TN, BENCH_FORMS } bench_form;
extern const char *const bench_form_name[BENCH_FORMS];

typedef struct bench_product {
  bench_form form;
  int64_t m, n, k;
  bool skinny; /* a shape with one small side, not counted in the medians */
} bench_product;

/* Product i of the list; false past the end. */
bool bench_product_at(int i, bench_product *product);
/* The plan of a product with inputs "a" and "b", which are filled, and output "c". */
pal_status bench_product_plan(pal_context *context, const bench_product *product,
                              bench_compiled *plan, pal_error *error);
#endif
