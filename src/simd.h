/* SPDX-License-Identifier: Apache-2.0 */
/* The SIMD vocabulary: vectors of 16 lanes on every instruction set (floor 0).
 *
 * Included only by the files of ops/kernels that are compiled once per instruction set; the macro
 * PAL_SIMD_AVX512, PAL_SIMD_AVX2 or PAL_SIMD_NEON (none: generic) says which. Everything is `static
 * inline`, so that no function compiled for a large set can be linked into another.
 *
 *   vf  16 x f32      vi  16 x i32      vm  a mask of 16 lanes
 *
 * Given by the file of each set:
 *   vf_load vf_store vi_load vi_store            unaligned, 16 elements
 *   vf_load_n vf_store_n vi_load_n vi_store_n    the first n elements, 0 <= n <= 16; nothing beyond
 *                                                is touched, and lanes beyond load as 0
 *   vf_zero vf_set vi_zero vi_set vi_iota        vi_iota is 0, 1, ... 15
 *   vf_add vf_sub vf_mul vf_div vf_sqrt          IEEE, to nearest even
 *   vf_fma(a, b, c) = a*b + c, vf_fnma = c - a*b fused: one rounding
 *   vf_neg vf_abs                                of the sign bit only
 *   vf_min(a, b) = a < b ? a : b, vf_max = a > b ? a : b    hence b when unordered
 *   vf_lt vf_le vf_gt vf_ge vf_eq                false when unordered; vf_ne is true
 *   vi_add vi_sub vi_mul                         modulo 2^32
 *   vi_mulhi(a, b)                               high half of the UNSIGNED product
 *   vi_and vi_or vi_xor vi_min vi_max vi_eq vi_lt vi_gt     min, max, lt, gt are signed
 *   vi_shl(v, k) vi_shr(v, k)                    k a constant 0..31; vi_shr brings in zeros
 *   vf_from_vi vi_from_vf                        to nearest; truncating, INT32_MIN out of range
 *   vf_bits vf_of_bits                           the same 32 bits, seen otherwise
 *   vm_first(n) vm_and vm_or vm_not vm_any vm_bits    vm_bits: lane i is bit i
 *   vf_select(m, a, b) vi_select                 m ? a : b
 *   vf_sum vf_hmax                               fixed tree: lanes i and i+8, then i and i+4,
 *                                                i and i+2, i and i+1
 *   vf_gather(base, index) vi_gather             base[index], every lane is read
 *   vf_exp vf_log vf_tanh vf_erf                 SLEEF "finz", at most 1 ulp
 *   vh_zero vh_set vh_load vh_store_n vh_add vh_fma         vh: half a vector, 8 x f32
 *
 * Promise: every function gives the same bits on every set, except signs and payloads of NaNs. The
 * only exceptions are vf_exp, vf_log, vf_tanh and vf_erf of the generic set on an x86 machine
 * without FMA, see simd_generic.h. */
#ifndef PAL_SRC_SIMD_H
#define PAL_SRC_SIMD_H

#if defined __FAST_MATH__ || __FINITE_MATH_ONLY__ + 0
#error "-Ofast and -ffast-math change the numbers; configure refuses them, and so must make"
#endif

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sleef.h>

enum { PAL_LANES = 16 };

#if defined(PAL_SIMD_AVX512)
#include "src/simd_avx512.h"
#elif defined(PAL_SIMD_AVX2)
#include "src/simd_avx2.h"
#elif defined(PAL_SIMD_NEON)
#include "src/simd_neon.h"
#else
#include "src/simd_generic.h"
#endif

/* Transposes 16 x 16 elements: to[c, r] = from[r, c], where rows are from_row and to_row elements
 * apart. If the result goes to a local array and is read at once, the inline form keeps it in
 * registers. */
#ifndef PAL_SIMD_TRANSPOSE
static inline void vf_transpose(const float *from, int64_t from_row, float *to, int64_t to_row) {
  for (int i = 0; i < PAL_LANES; i++)
    for (int c = 0; c < PAL_LANES; c++) to[c * to_row + i] = from[i * from_row + c];
}
#define vf_transpose_inline vf_transpose
#endif

/* Loads or stores four columns of 16 rows that are `row` elements apart: lane r of column[c] is
 * element c of row r. */
#ifndef PAL_SIMD_COLUMNS4
static inline void vf_load_columns4(const float *from, int64_t row, vf column[4]) {
  float lane[PAL_LANES];
  for (int c = 0; c < 4; c++) {
    for (int r = 0; r < PAL_LANES; r++) lane[r] = from[row * r + c];
    column[c] = vf_load(lane);
  }
}
static inline void vf_store_columns4(float *to, int64_t row, const vf column[4]) {
  float lane[PAL_LANES];
  for (int c = 0; c < 4; c++) {
    vf_store(lane, column[c]);
    for (int r = 0; r < PAL_LANES; r++) to[row * r + c] = lane[r];
  }
}
#endif

/* Loads or stores the first min(left, 16) elements, left >= 1. Full vectors avoid the masked forms,
 * which are slow on some machines. */
static inline vf vf_load_left(const float *p, int64_t left) {
  return left < PAL_LANES ? vf_load_n(p, (int)left) : vf_load(p);
}
static inline void vf_store_left(float *p, vf v, int64_t left) {
  if (left < PAL_LANES) vf_store_n(p, v, (int)left);
  else vf_store(p, v);
}

/* exp(x) for -87 <= x <= 88, inline and faster than vf_exp: x = n ln 2 + r, then a polynomial in r
 * times 2^n. The relative error is below 1.2e-7 + 2e-9 |x|. NaN gives NaN. */
static inline vf vf_exp_normal(vf x) {
  const vf ahead = vf_set(0x1.8000fep+23f); /* adding it rounds to an integer; low bits: n + 127 */
  const vf t = vf_fma(x, vf_set(0x1.715476p+0f), ahead);
  const vf r = vf_fnma(vf_sub(t, ahead), vf_set(0x1.62e43p-1f), x);
  vf p = vf_fma(r, vf_set(0x1.6d1254p-10f), vf_set(0x1.120cbap-7f));
  p = vf_fma(r, p, vf_set(0x1.555518p-5f));
  p = vf_fma(r, p, vf_set(0x1.5554dcp-3f));
  p = vf_fma(r, p, vf_set(0.5f));
  p = vf_fma(vf_mul(r, r), p, vf_add(r, vf_set(1.0f)));
  return vf_mul(p, vf_of_bits(vi_shl(vf_bits(t), 23)));
}

/* 1 / (1 + exp(-x)). */
static inline vf vf_sigmoid(vf x) {
  const vf one = vf_set(1.0f);
  return vf_div(one, vf_add(one, vf_exp(vf_neg(x))));
}

/* Rounds to bfloat16, to nearest even. Subnormal numbers become zeros of the same sign; NaN stays
 * NaN. */
static inline vf vf_round_bf16(vf v) {
  const vi bits = vf_bits(v), sign = vi_set(INT32_MIN), quiet = vi_or(bits, vi_set(0x400000));
  const vi odd = vi_and(vi_shr(bits, 16), vi_set(1));
  const vi rounded = vi_select(vf_ne(v, v), quiet, vi_add(bits, vi_add(vi_set(0x7fff), odd)));
  const vm normal = vi_gt(vi_and(bits, vi_set(0x7f800000)), vi_zero());
  const vi upper = vi_set((int32_t)0xffff0000u);
  return vf_of_bits(vi_and(vi_select(normal, rounded, vi_and(bits, sign)), upper));
}

#endif
