/* SPDX-License-Identifier: Apache-2.0 */
/* All kernels for one instruction set, and the table PAL_TABLE of them (floor 2). Included by
 * isa_<name>.c only, after the macro that src/simd.h asks for. */
#include "ops/kernels/kernels.h"

#include "ops/kernels/elementwise.inc.c"
#include "ops/kernels/gemm.inc.c"
#include "ops/kernels/gemm_rows.inc.c"
#include "ops/kernels/gemm_turned.inc.c"
#include "ops/kernels/gemm_narrow.inc.c"
#include "ops/kernels/gemm_thin.inc.c"
#include "ops/kernels/gemm_bf16.inc.c"
#include "ops/kernels/attention.inc.c"
#include "ops/kernels/norm.inc.c"
#include "ops/kernels/reduce.inc.c"
#include "ops/kernels/rows.inc.c"
#include "ops/kernels/update.inc.c"

extern const pal_kernels PAL_TABLE;
const pal_kernels PAL_TABLE = {
    .elementwise = PAL_ELEMENTWISE_KERNELS,
    .gemm = PAL_GEMM_KERNELS,
    .gemm_bf16 = PAL_GEMM_BF16_KERNELS,
    .reduce = PAL_REDUCE_KERNELS,
    .norm = PAL_NORM_KERNELS,
    .rows = PAL_ROWS_KERNELS,
    .attention = PAL_ATTENTION_KERNELS,
    .update = PAL_UPDATE_KERNELS,
};
