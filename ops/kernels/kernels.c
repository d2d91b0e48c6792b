/* SPDX-License-Identifier: Apache-2.0 */
/* Picks the kernel table of an instruction set (floor 2). configure decides which tables are
 * built. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include "ops/kernels/kernels.h"

#include "src/cpu.h"

extern const pal_kernels pal_kernels_generic, pal_kernels_avx2, pal_kernels_avx512,
    pal_kernels_neon;

const pal_kernels *pal_kernels_of(pal_isa isa) {
  if (!pal_isa_available(isa)) return &pal_kernels_generic;
  switch (isa) {
#ifdef PAL_HAVE_AVX2
    case PAL_ISA_AVX2: return &pal_kernels_avx2;
#endif
#ifdef PAL_HAVE_AVX512
    case PAL_ISA_AVX512: return &pal_kernels_avx512;
#endif
#ifdef PAL_HAVE_NEON
    case PAL_ISA_NEON: return &pal_kernels_neon;
#endif
    default: return &pal_kernels_generic;
  }
}

#ifdef PAL_HAVE_AVX512BF16
extern const pal_gemm_bf16_kernels pal_gemm_avx512bf16;
#endif

const pal_gemm_bf16_kernels *pal_gemm_bf16_of(pal_isa isa) {
#ifdef PAL_HAVE_AVX512BF16
  if (isa == PAL_ISA_AVX512 && pal_cpu_dots_bf16()) return &pal_gemm_avx512bf16;
#endif
  return &pal_kernels_of(isa)->gemm_bf16;
}
