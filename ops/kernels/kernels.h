/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel tables: one constant table per instruction set (floor 2).
 *
 * Each family has <family>.h with a struct pal_<family>_kernels of function pointers and
 * <family>.inc.c with the bodies, written once in the vocabulary of src/simd.h. isa_<name>.c includes every
 * .inc.c under that set's flags. Every .inc.c ends by defining a macro PAL_<FAMILY>_KERNELS, the
 * initialiser of its struct. Kernels take pointers and counts only. */
#ifndef PAL_OPS_KERNELS_H
#define PAL_OPS_KERNELS_H

#include <palimpsest/context.h>

#include "ops/kernels/attention.h"
#include "ops/kernels/elementwise.h"
#include "ops/kernels/gemm.h"
#include "ops/kernels/gemm_bf16.h"
#include "ops/kernels/norm.h"
#include "ops/kernels/reduce.h"
#include "ops/kernels/rows.h"
#include "ops/kernels/update.h"

typedef struct pal_kernels {
  pal_elementwise_kernels elementwise; /* unary, binary, where */
  pal_gemm_kernels gemm;
  pal_gemm_bf16_kernels gemm_bf16; /* without AVX512-BF16 */
  pal_reduce_kernels reduce;       /* reductions over rows and columns, softmax */
  pal_norm_kernels norm;           /* layer_norm, rms_norm, losses */
  pal_rows_kernels rows;           /* gather, scatter, segments */
  pal_attention_kernels attention; /* attention, rotary */
  pal_update_kernels update;       /* optimizer updates, random fills */
} pal_kernels;

/* The table of an available instruction set; the generic one for any other. */
const pal_kernels *pal_kernels_of(pal_isa isa);
/* Its bfloat16 products: with AVX512-BF16 where that comes with the set. */
const pal_gemm_bf16_kernels *pal_gemm_bf16_of(pal_isa isa);
#endif
