/* SPDX-License-Identifier: Apache-2.0 */
/* The instruction sets that kernels are compiled for. */
#ifndef PAL_ISA_H
#define PAL_ISA_H

#include <palimpsest/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pal_isa {
  PAL_ISA_GENERIC = 0, /* portable C with fmaf; the same bits as the others */
  PAL_ISA_AVX2,        /* x86-64 AVX2 + FMA */
  PAL_ISA_AVX512,      /* x86-64 AVX-512 F, BW, DQ, VL */
  PAL_ISA_NEON,        /* AArch64 Advanced SIMD */
  PAL_ISA_COUNT
} pal_isa;

/* "generic", "avx2", "avx512", "neon". */
PAL_API const char *pal_isa_name(pal_isa isa);
/* Whether this machine and this build can run it. */
PAL_API bool pal_isa_available(pal_isa isa);

#ifdef __cplusplus
}
#endif
#endif
