/* SPDX-License-Identifier: Apache-2.0 */
/* The peer oneDNN for gemm_compare.c: dnnl_sgemm, and the matmul primitive with row-major operands
 * (C API of versions 2 and 3). */
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "bench/gemm_peer.h"

/* ---- dnnl_sgemm ------------------------------------------------------------------------- */

static void *make_sgemm(const gemm_call *call) {
  gemm_call *made = malloc(sizeof *made);
  if (made) *made = *call;
  return made;
}

static bool run_sgemm(void *data) {
  const gemm_call *call = data;
  const bench_product *p = &call->product;
  return dnnl_sgemm(p->form == BENCH_TN ? 'T' : 'N', p->form == BENCH_NT ? 'T' : 'N', p->m, p->n,
                    p->k, 1, call->a, p->form == BENCH_TN ? p->m : p->k, call->b,
                    p->form == BENCH_NT ? p->k : p->n, 0, call->c, p->n) == dnnl_success;
}

/* ---- the matmul primitive --------------------------------------------------------------- */

typedef struct matmul {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_t primitive;
  dnnl_memory_t memory[3];
} matmul;

static void drop_matmul(void *data) {
  matmul *made = data;
  if (!made) return;
  for (int i = 0; i < 3; i++)
    if (made->memory[i]) dnnl_memory_destroy(made->memory[i]);
  if (made->primitive) dnnl_primitive_destroy(made->primitive);
  if (made->stream) dnnl_stream_destroy(made->stream);
  if (made->engine) dnnl_engine_destroy(made->engine);
  free(made);
}

/* Sizes and strides of a [m, k], b [k, n] and c [m, n]; strides express the transpositions. */
static void layout(const bench_product *p, dnnl_dims_t dim[3], dnnl_dims_t stride[3]) {
  const dnnl_dim_t dims[3][2] = {{p->m, p->k}, {p->k, p->n}, {p->m, p->n}};
  const bool across[3] = {p->form == BENCH_TN, p->form == BENCH_NT, false};
  for (int i = 0; i < 3; i++) {
    dim[i][0] = dims[i][0];
    dim[i][1] = dims[i][1];
    stride[i][0] = across[i] ? 1 : dims[i][1];
    stride[i][1] = across[i] ? dims[i][0] : 1;
  }
}

#if DNNL_VERSION_MAJOR >= 3
static bool make_primitive(matmul *made, const bench_product *p, void *const data[3]) {
  dnnl_dims_t dim[3], stride[3];
  dnnl_memory_desc_t type[3] = {NULL, NULL, NULL};
  dnnl_primitive_desc_t description = NULL;
  bool good = true;
  layout(p, dim, stride);
  for (int i = 0; i < 3 && good; i++)
    good = !dnnl_memory_desc_create_with_strides(&type[i], 2, dim[i], dnnl_f32, stride[i]);
  good = good && !dnnl_matmul_primitive_desc_create(&description, made->engine, type[0], type[1],
                                                    NULL, type[2], NULL);
  good = good && !dnnl_primitive_create(&made->primitive, description);
  for (int i = 0; i < 3 && good; i++)
    good = !dnnl_memory_create(&made->memory[i], type[i], made->engine, data[i]);
  if (description) dnnl_primitive_desc_destroy(description);
  for (int i = 0; i < 3; i++)
    if (type[i]) dnnl_memory_desc_destroy(type[i]);
  return good;
}
#else
static bool make_primitive(matmul *made, const bench_product *p, void *const data[3]) {
  dnnl_dims_t dim[3], stride[3];
  dnnl_memory_desc_t type[3];
  dnnl_matmul_desc_t wanted;
  dnnl_primitive_desc_t description = NULL;
  bool good = true;
  layout(p, dim, stride);
  for (int i = 0; i < 3 && good; i++)
    good = !dnnl_memory_desc_init_by_strides(&type[i], 2, dim[i], dnnl_f32, stride[i]);
  good = good && !dnnl_matmul_desc_init(&wanted, &type[0], &type[1], NULL, &type[2]);
  good = good && !dnnl_primitive_desc_create(&description, &wanted, NULL, made->engine, NULL);
  good = good && !dnnl_primitive_create(&made->primitive, description);
  for (int i = 0; i < 3 && good; i++)
    good = !dnnl_memory_create(&made->memory[i], &type[i], made->engine, data[i]);
  if (description) dnnl_primitive_desc_destroy(description);
  return good;
}
#endif

static void *make_matmul(const gemm_call *call) {
  matmul *made = calloc(1, sizeof *made);
  void *data[3] = {NULL, NULL, call->c};
  memcpy(&data[0], &call->a, sizeof call->a); /* oneDNN's pointers to inputs are not const */
  memcpy(&data[1], &call->b, sizeof call->b);
  if (made && !dnnl_engine_create(&made->engine, dnnl_cpu, 0) &&
      !dnnl_stream_create(&made->stream, made->engine, dnnl_stream_default_flags) &&
      make_primitive(made, &call->product, data))
    return made;
  drop_matmul(made);
  return NULL;
}

static bool run_matmul(void *data) {
  matmul *made = data;
  const dnnl_exec_arg_t argument[3] = {{DNNL_ARG_SRC, made->memory[0]},
                                       {DNNL_ARG_WEIGHTS, made->memory[1]},
                                       {DNNL_ARG_DST, made->memory[2]}};
  return !dnnl_primitive_execute(made->primitive, made->stream, 3, argument) &&
         !dnnl_stream_wait(made->stream);
}

const gemm_peer gemm_peers[] = {{"dnnl_sgemm", make_sgemm, run_sgemm, free},
                                {"dnnl matmul", make_matmul, run_matmul, drop_matmul},
                                {NULL, NULL, NULL, NULL}};

const char *gemm_library(void) {
  static char text[64];
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  return text;
}

void gemm_set_threads(int threads) {
#ifdef _OPENMP
  omp_set_num_threads(threads);
#else
  (void)threads;
#endif
}
