/* SPDX-License-Identifier: Apache-2.0 */
/* The peer OpenBLAS for gemm_compare.c: cblas_sgemm. */
#include <cblas.h>
#include <stdlib.h>

#include "bench/gemm_peer.h"

static void *make(const gemm_call *call) {
  gemm_call *made = malloc(sizeof *made);
  if (made) *made = *call;
  return made;
}

static bool run(void *data) {
  const gemm_call *call = data;
  const bench_product *p = &call->product;
  const int m = (int)p->m, n = (int)p->n, k = (int)p->k;
  cblas_sgemm(CblasRowMajor, p->form == BENCH_TN ? CblasTrans : CblasNoTrans,
              p->form == BENCH_NT ? CblasTrans : CblasNoTrans, m, n, k, 1, call->a,
              p->form == BENCH_TN ? m : k, call->b, p->form == BENCH_NT ? k : n, 0, call->c, n);
  return true;
}

const gemm_peer gemm_peers[] = {{"cblas_sgemm", make, run, free}, {NULL, NULL, NULL, NULL}};

const char *gemm_library(void) { return openblas_get_config(); }
void gemm_set_threads(int threads) { openblas_set_num_threads(threads); }
