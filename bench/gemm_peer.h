/* SPDX-License-Identifier: Apache-2.0 */
/* A matrix product of another library, as the driver in gemm_compare.c calls it. */
#ifndef PAL_BENCH_GEMM_PEER_H
#define PAL_BENCH_GEMM_PEER_H

#include "bench/product.h"

/* c [m, n] of bench/product.h, all row-major: a is [m, k] or, in TN, [k, m]; b is [k, n] or, in
 * NT, [n, k]. */
typedef struct gemm_call {
  bench_product product;
  const float *a, *b;
  float *c;
} gemm_call;

/* One way to call it. */
typedef struct gemm_peer {
  const char *name;
  /* Whatever can be done before the first product; NULL when it cannot do this one. */
  void *(*make)(const gemm_call *call);
  bool (*run)(void *made);
  void (*drop)(void *made);
} gemm_peer;

/* Ends with a NULL name. */
extern const gemm_peer gemm_peers[];
/* Library and version. */
const char *gemm_library(void);
void gemm_set_threads(int threads);
#endif
