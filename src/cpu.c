/* SPDX-License-Identifier: Apache-2.0 */
/* Detection of instruction sets (floor 0).
 *
 * An instruction set is available only if the processor has it AND the operating system saves its
 * registers on a context switch (XCR0). This file, like all except ops/kernels/isa_*.c, is compiled
 * for the baseline processor. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include "src/cpu.h"

#include <stdatomic.h>

#if defined(__x86_64__) || defined(__i386__)
#define X86 1
#include <cpuid.h>
#endif

const char *pal_isa_name(pal_isa isa) {
  switch (isa) {
    case PAL_ISA_GENERIC: return "generic";
    case PAL_ISA_AVX2: return "avx2";
    case PAL_ISA_AVX512: return "avx512";
    case PAL_ISA_NEON: return "neon";
    case PAL_ISA_COUNT: break;
  }
  return "unknown";
}

#ifdef X86
/* Bit mask of the register states that the operating system saves (XCR0); 0 when unknown. */
static uint64_t saved_states(unsigned leaf1_ecx) {
  if (!(leaf1_ecx & bit_OSXSAVE)) return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static bool machine_has(pal_isa isa) {
  const uint64_t ymm = 0x06; /* bits of SSE and AVX registers */
  const uint64_t zmm = 0xe6; /* also of mask registers, upper zmm, zmm 16-31 */
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
  const uint64_t saved = saved_states(ecx);
  const bool fma = (ecx & bit_FMA) && (ecx & bit_AVX);
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  const bool avx2 = fma && (ebx & bit_AVX2) && (saved & ymm) == ymm;
  const unsigned wide = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  switch (isa) {
    case PAL_ISA_AVX2: return avx2;
    case PAL_ISA_AVX512: return avx2 && (ebx & wide) == wide && (saved & zmm) == zmm;
    default: return false;
  }
}

static bool machine_dots_bf16(void) {
  unsigned eax, ebx, ecx, edx;
  return machine_has(PAL_ISA_AVX512) && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) &&
         (eax >> 5 & 1);
}
#elif defined(__aarch64__)
/* Advanced SIMD is part of the base architecture. */
static bool machine_has(pal_isa isa) { return isa == PAL_ISA_NEON; }
static bool machine_dots_bf16(void) { return false; }
#else
static bool machine_has(pal_isa isa) {
  (void)isa;
  return false;
}
static bool machine_dots_bf16(void) { return false; }
#endif

static bool build_has(pal_isa isa) {
  switch (isa) {
#ifdef PAL_HAVE_AVX2
    case PAL_ISA_AVX2: return true;
#endif
#ifdef PAL_HAVE_AVX512
    case PAL_ISA_AVX512: return true;
#endif
#ifdef PAL_HAVE_NEON
    case PAL_ISA_NEON: return true;
#endif
    default: return false;
  }
}

enum { DOTS_BF16 = PAL_ISA_COUNT, KNOWN };

/* The available instruction sets: bit i for set i, bit DOTS_BF16 for AVX512-BF16. The result is
 * cached, since it is needed at every kernel call and cpuid is slow in virtual machines; bit KNOWN
 * says that the cache is filled. Threads that race compute the same result. */
static unsigned available(void) {
  static _Atomic unsigned cache;
  const unsigned known = 1u << KNOWN;
  unsigned sets = atomic_load_explicit(&cache, memory_order_relaxed);
  if (!(sets & known)) {
    sets = known | 1u << PAL_ISA_GENERIC;
    for (int i = PAL_ISA_GENERIC + 1; i < PAL_ISA_COUNT; i++)
      if (build_has((pal_isa)i) && machine_has((pal_isa)i)) sets |= 1u << i;
    if (machine_dots_bf16()) sets |= 1u << DOTS_BF16;
    atomic_store_explicit(&cache, sets, memory_order_relaxed);
  }
  return sets;
}

bool pal_isa_available(pal_isa isa) {
  return (unsigned)isa < PAL_ISA_COUNT && (available() >> isa & 1u);
}

bool pal_cpu_dots_bf16(void) { return available() >> DOTS_BF16 & 1u; }

pal_isa pal_cpu_best(void) {
  static const pal_isa widest_first[] = {PAL_ISA_AVX512, PAL_ISA_AVX2, PAL_ISA_NEON};
  for (size_t i = 0; i < sizeof widest_first / sizeof *widest_first; i++)
    if (pal_isa_available(widest_first[i])) return widest_first[i];
  return PAL_ISA_GENERIC;
}
