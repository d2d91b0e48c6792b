/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products as plans of one op (floor 6); also linked into the drivers in bench/. */
#ifndef PAL_CLI_BENCH_PRODUCT_H
#define PAL_CLI_BENCH_PRODUCT_H

#include "cli/bench.h"

/* c [m, n], sums over k. The forms are those of training a layer y [T, O] = x [T, I] W [O, I]^T:
 * NT is y, NN dx = dy W, TN dW = dy^T x. Rows T are symbolic, as in models. */
typedef enum cli_form { CLI_NT, CLI_NN, CLI_TN, CLI_FORMS } cli_form;
extern const char *const cli_form_name[CLI_FORMS];

typedef struct cli_product {
  cli_form form;
  int64_t m, n, k;
  bool skinny; /* outside the shapes whose median counts */
} cli_product;

/* Product i of the list, in the forms' own m, n, k; false past the end. */
bool cli_product_at(int i, cli_product *product);
/* Its plan, with inputs "a" and "b" filled and output "c". */
pal_status cli_product_plan(pal_context *context, const cli_product *product, cli_plan *plan,
                            pal_error *error);
#endif
