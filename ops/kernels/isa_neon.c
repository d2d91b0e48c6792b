/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels for AArch64 Advanced SIMD (floor 2). */
#define PAL_SIMD_NEON
#define PAL_TABLE pal_kernels_neon
#include "ops/kernels/table.inc.c"
