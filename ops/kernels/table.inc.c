/* SPDX-License-Identifier: Apache-2.0 */
/* All kernels for one instruction set and their table, named PAL_TABLE (floor 2). Included only by
 * isa_<name>.c, which first defines PAL_TABLE and the macro that selects the instruction set in
 * src/simd.h. */
#include "ops/kernels/kernels.h"

#include "ops/kernels/elementwise.inc.c"
#include "ops/kernels/gemm.inc.c"
#include "ops/kernels/gemm_rows.inc.c"
#include "ops/kernels/gemm_transposed.inc.c"
#include "ops/kernels/gemm_narrow.inc.c"
#include "ops/kernels/gemm_dispatch.inc.c"
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
