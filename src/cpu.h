/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction sets that this machine and this build can run (floor 0).
 *
 * Implements pal_isa_name and pal_isa_available of <palimpsest/isa.h>. PAL_HAVE_AVX2,
 * PAL_HAVE_AVX512 and PAL_HAVE_NEON, given by the build, say which kernel tables exist. */
#ifndef PAL_SRC_CPU_H
#define PAL_SRC_CPU_H

#include <palimpsest/isa.h>

/* The widest available instruction set, at least PAL_ISA_GENERIC. */
pal_isa pal_cpu_best(void);
/* Whether the machine has AVX-512 and the bf16 dot products of AVX512-BF16. */
bool pal_cpu_dots_bf16(void);
#endif
