/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels for AVX2 with FMA (floor 2). */
#define PAL_SIMD_AVX2
#define PAL_TABLE pal_kernels_avx2
#include "ops/kernels/table.inc.c"
