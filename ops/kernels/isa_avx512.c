/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels for AVX-512 F, BW, DQ, VL (floor 2). */
#define PAL_SIMD_AVX512
#define PAL_TABLE pal_kernels_avx512
#include "ops/kernels/table.inc.c"
