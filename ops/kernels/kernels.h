/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel tables: one constant table of function pointers per instruction set (floor 2).
 *
 * Each family of kernels has a header <family>.h, with a struct pal_<family>_kernels of function
 * pointers, and a file <family>.inc.c with the bodies. The bodies are written once, in the vector
 * functions of src/simd.h. isa_<name>.c includes every .inc.c and is compiled with the flags of
 * that instruction set. Every .inc.c ends by defining the macro PAL_<FAMILY>_KERNELS, the
 * initialiser of its struct. Kernels take pointers and counts only; they know nothing of graphs or
 * ops.
 *
 * Conventions of all kernels: `x_row` or `x_stride` is the distance from a row of x to the next and
 * `x_col` the distance from a column to the next, both in elements and not in bytes. */
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
  pal_gemm_bf16_kernels gemm_bf16; /* for machines without AVX512-BF16; see pal_gemm_bf16_of */
  pal_reduce_kernels reduce;       /* reductions over rows and columns, softmax */
  pal_norm_kernels norm;           /* layer_norm, rms_norm, losses */
  pal_rows_kernels rows;           /* gather, scatter, segments */
  pal_attention_kernels attention; /* attention, rotary */
  pal_update_kernels update;       /* optimizer updates, random fills */
} pal_kernels;

/* The table of an instruction set. Gives the generic table if this build or this machine does not
 * have that set. */
const pal_kernels *pal_kernels_of(pal_isa isa);
/* The bfloat16 products for an instruction set: those that use the instruction vdpbf16ps if `isa`
 * is AVX-512 and the machine has AVX512-BF16, else those of the table above. The bits are the
 * same. */
const pal_gemm_bf16_kernels *pal_gemm_bf16_of(pal_isa isa);
#endif
