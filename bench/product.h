/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products as plans of one op (floor 6); also linked into the drivers in bench/. */
#ifndef PAL_BENCH_PRODUCT_H
#define PAL_BENCH_PRODUCT_H

#include "bench/bench.h"

/* c [m, n], sums over k. The forms are those of training a layer y [T, O] = x [T, I] W [O, I]^T:
 * NT is y, NN dx = dy W, TN dW = dy^T x. Rows T are symbolic, as in models. */
typedef enum bench_form { BENCH_NT, BENCH_NN, BENCH_TN, BENCH_FORMS } bench_form;
extern const char *const bench_form_name[BENCH_FORMS];

typedef struct bench_product {
  bench_form form;
  int64_t m, n, k;
  bool skinny; /* outside the shapes whose median counts */
} bench_product;

/* Product i of the list, in the forms' own m, n, k; false past the end. */
bool bench_product_at(int i, bench_product *product);
/* Its plan, with inputs "a" and "b" filled and output "c". */
pal_status bench_product_plan(pal_context *context, const bench_product *product,
                              bench_compiled *plan, pal_error *error);
#endif
