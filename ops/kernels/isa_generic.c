/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels in portable C (floor 2). */
#define PAL_TABLE pal_kernels_generic
#include "ops/kernels/table.inc.c"
