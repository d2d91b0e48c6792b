/* SPDX-License-Identifier: Apache-2.0 */
/* The interface of gemm_compare.c to the matrix products of another library. */
#ifndef PAL_BENCH_GEMM_PEER_H
#define PAL_BENCH_GEMM_PEER_H

#include "bench/product.h"

/* A product c [m, n] = a b as in bench/product.h, all f32 and row-major. a is [m, k], in form TN
 * [k, m]; b is [k, n], in form NT [n, k]. */
typedef struct gemm_call {
  bench_product product;
  const float *a, *b;
  float *c;
} gemm_call;

/* One function of the library. */
typedef struct gemm_peer {
  const char *name;
  /* Prepares the product, untimed; NULL if the function cannot do it. */
  void *(*make)(const gemm_call *call);
  bool (*run)(void *made);  /* computes the product; false on failure */
  void (*drop)(void *made); /* frees what make has returned */
} gemm_peer;

/* The functions of the library; the list ends with a NULL name. */
extern const gemm_peer gemm_peers[];
/* Name and version of the library. */
const char *gemm_library(void);
void gemm_set_threads(int threads);
#endif
