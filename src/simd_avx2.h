/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of simd.h on AVX2 with FMA: two registers per vector (floor 0). */
#ifndef PAL_SRC_SIMD_AVX2_H
#define PAL_SRC_SIMD_AVX2_H

#include <immintrin.h>

typedef struct vf {
  __m256 lo, hi;
} vf;
typedef struct vi {
  __m256i lo, hi;
} vi;
/* A mask: all bits of a lane are set or all are clear. */
typedef struct vm {
  __m256 lo, hi;
} vm;

/* Defines a function of one or two vectors that works on each half alike. */
#define PAL_HALVES_1(result, name, operand, call) \
  static inline result name(operand a) { return (result){call(a.lo), call(a.hi)}; }
#define PAL_HALVES_2(result, name, operand, call)        \
  static inline result name(operand a, operand b) {      \
    return (result){call(a.lo, b.lo), call(a.hi, b.hi)}; \
  }
#define PAL_HALVES_CMP(name, predicate)                                                      \
  static inline vm name(vf a, vf b) {                                                        \
    return (vm){_mm256_cmp_ps(a.lo, b.lo, predicate), _mm256_cmp_ps(a.hi, b.hi, predicate)}; \
  }

static inline vm vm_first(int n) {
  const __m256i all = _mm256_set1_epi32(n);
  const __m256i lo = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i hi = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);
  return (vm){_mm256_castsi256_ps(_mm256_cmpgt_epi32(all, lo)),
              _mm256_castsi256_ps(_mm256_cmpgt_epi32(all, hi))};
}
PAL_HALVES_2(vm, vm_and, vm, _mm256_and_ps)
PAL_HALVES_2(vm, vm_or, vm, _mm256_or_ps)
static inline vm vm_not(vm a) {
  const __m256 ones = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
  return (vm){_mm256_xor_ps(a.lo, ones), _mm256_xor_ps(a.hi, ones)};
}
static inline uint32_t vm_bits(vm a) {
  return (uint32_t)_mm256_movemask_ps(a.lo) | (uint32_t)_mm256_movemask_ps(a.hi) << 8;
}
static inline bool vm_any(vm a) { return _mm256_movemask_ps(_mm256_or_ps(a.lo, a.hi)) != 0; }

static inline vf vf_load(const float *p) {
  return (vf){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline void vf_store(float *p, vf v) {
  _mm256_storeu_ps(p, v.lo);
  _mm256_storeu_ps(p + 8, v.hi);
}
static inline vi vi_load(const int32_t *p) {
  return (vi){_mm256_loadu_si256((const __m256i *)(const void *)p),
              _mm256_loadu_si256((const __m256i *)(const void *)(p + 8))};
}
static inline void vi_store(int32_t *p, vi v) {
  _mm256_storeu_si256((__m256i *)(void *)p, v.lo);
  _mm256_storeu_si256((__m256i *)(void *)(p + 8), v.hi);
}
/* p + 8 is computed only if n > 8: else it may lie outside the array. */
static inline vf vf_load_n(const float *p, int n) {
  const vm m = vm_first(n);
  return (vf){_mm256_maskload_ps(p, _mm256_castps_si256(m.lo)),
              n > 8 ? _mm256_maskload_ps(p + 8, _mm256_castps_si256(m.hi)) : _mm256_setzero_ps()};
}
static inline void vf_store_n(float *p, vf v, int n) {
  const vm m = vm_first(n);
  _mm256_maskstore_ps(p, _mm256_castps_si256(m.lo), v.lo);
  if (n > 8) _mm256_maskstore_ps(p + 8, _mm256_castps_si256(m.hi), v.hi);
}
static inline vi vi_load_n(const int32_t *p, int n) {
  const vm m = vm_first(n);
  return (vi){_mm256_maskload_epi32(p, _mm256_castps_si256(m.lo)),
              n > 8 ? _mm256_maskload_epi32(p + 8, _mm256_castps_si256(m.hi))
                    : _mm256_setzero_si256()};
}
static inline void vi_store_n(int32_t *p, vi v, int n) {
  const vm m = vm_first(n);
  _mm256_maskstore_epi32(p, _mm256_castps_si256(m.lo), v.lo);
  if (n > 8) _mm256_maskstore_epi32(p + 8, _mm256_castps_si256(m.hi), v.hi);
}

static inline vf vf_zero(void) { return (vf){_mm256_setzero_ps(), _mm256_setzero_ps()}; }
static inline vf vf_set(float x) { return (vf){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
static inline vi vi_zero(void) { return (vi){_mm256_setzero_si256(), _mm256_setzero_si256()}; }
static inline vi vi_set(int32_t x) { return (vi){_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
static inline vi vi_iota(void) {
  return (vi){_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
              _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)};
}

PAL_HALVES_1(vf, vf_of_bits, vi, _mm256_castsi256_ps)
PAL_HALVES_1(vi, vf_bits, vf, _mm256_castps_si256)

PAL_HALVES_2(vf, vf_add, vf, _mm256_add_ps)
PAL_HALVES_2(vf, vf_sub, vf, _mm256_sub_ps)
PAL_HALVES_2(vf, vf_mul, vf, _mm256_mul_ps)
PAL_HALVES_2(vf, vf_div, vf, _mm256_div_ps)
PAL_HALVES_2(vf, vf_min, vf, _mm256_min_ps)
PAL_HALVES_2(vf, vf_max, vf, _mm256_max_ps)
PAL_HALVES_1(vf, vf_sqrt, vf, _mm256_sqrt_ps)
static inline vf vf_fma(vf a, vf b, vf c) {
  return (vf){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
static inline vf vf_fnma(vf a, vf b, vf c) {
  return (vf){_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}
static inline vf vf_neg(vf a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return (vf){_mm256_xor_ps(a.lo, sign), _mm256_xor_ps(a.hi, sign)};
}
static inline vf vf_abs(vf a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return (vf){_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}

PAL_HALVES_CMP(vf_lt, _CMP_LT_OQ)
PAL_HALVES_CMP(vf_le, _CMP_LE_OQ)
PAL_HALVES_CMP(vf_gt, _CMP_GT_OQ)
PAL_HALVES_CMP(vf_ge, _CMP_GE_OQ)
PAL_HALVES_CMP(vf_eq, _CMP_EQ_OQ)
PAL_HALVES_CMP(vf_ne, _CMP_NEQ_UQ)

static inline vm vi_eq(vi a, vi b) {
  return (vm){_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.lo, b.lo)),
              _mm256_castsi256_ps(_mm256_cmpeq_epi32(a.hi, b.hi))};
}
static inline vm vi_gt(vi a, vi b) {
  return (vm){_mm256_castsi256_ps(_mm256_cmpgt_epi32(a.lo, b.lo)),
              _mm256_castsi256_ps(_mm256_cmpgt_epi32(a.hi, b.hi))};
}
static inline vm vi_lt(vi a, vi b) { return vi_gt(b, a); }

static inline vf vf_select(vm m, vf a, vf b) {
  return (vf){_mm256_blendv_ps(b.lo, a.lo, m.lo), _mm256_blendv_ps(b.hi, a.hi, m.hi)};
}
static inline vi vi_select(vm m, vi a, vi b) {
  return vf_bits(vf_select(m, vf_of_bits(a), vf_of_bits(b)));
}

PAL_HALVES_2(vi, vi_add, vi, _mm256_add_epi32)
PAL_HALVES_2(vi, vi_sub, vi, _mm256_sub_epi32)
PAL_HALVES_2(vi, vi_mul, vi, _mm256_mullo_epi32)
PAL_HALVES_2(vi, vi_and, vi, _mm256_and_si256)
PAL_HALVES_2(vi, vi_or, vi, _mm256_or_si256)
PAL_HALVES_2(vi, vi_xor, vi, _mm256_xor_si256)
PAL_HALVES_2(vi, vi_min, vi, _mm256_min_epi32)
PAL_HALVES_2(vi, vi_max, vi, _mm256_max_epi32)
static inline vi vi_shl(vi v, int k) {
  return (vi){_mm256_slli_epi32(v.lo, k), _mm256_slli_epi32(v.hi, k)};
}
static inline vi vi_shr(vi v, int k) {
  return (vi){_mm256_srli_epi32(v.lo, k), _mm256_srli_epi32(v.hi, k)};
}
static inline __m256i mulhi_half(__m256i a, __m256i b) {
  const __m256i even = _mm256_mul_epu32(a, b);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
  return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}
PAL_HALVES_2(vi, vi_mulhi, vi, mulhi_half)

PAL_HALVES_1(vf, vf_from_vi, vi, _mm256_cvtepi32_ps)
PAL_HALVES_1(vi, vi_from_vf, vf, _mm256_cvttps_epi32)

static inline float vf_sum(vf v) {
  const __m256 a = _mm256_add_ps(v.lo, v.hi);
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
static inline float vf_hmax(vf v) {
  const __m256 a = _mm256_max_ps(v.lo, v.hi);
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

/* 8 x 8 elements at a time. The standard transposition in three steps: interleave pairs of rows,
 * then pairs of those, then exchange 128-bit halves. */
#define PAL_SIMD_TRANSPOSE
/* clang-format off */
#define PAL_TURN_ROW(i) const __m256 row##i = _mm256_loadu_ps(from + i * stride);
#define PAL_TURN_TWO(i, j) \
  const __m256 low##i = _mm256_unpacklo_ps(row##i, row##j), \
               high##i = _mm256_unpackhi_ps(row##i, row##j);
#define PAL_TURN_FOUR(i, j) \
  const __m256 four##i##_0 = _mm256_shuffle_ps(low##i, low##j, 0x44), \
               four##i##_1 = _mm256_shuffle_ps(low##i, low##j, 0xee), \
               four##i##_2 = _mm256_shuffle_ps(high##i, high##j, 0x44), \
               four##i##_3 = _mm256_shuffle_ps(high##i, high##j, 0xee);
#define PAL_TURN_COLUMN(q) \
  _mm256_storeu_ps(to + q * to_row, _mm256_permute2f128_ps(four0_##q, four4_##q, 0x20)); \
  _mm256_storeu_ps(to + (q + 4) * to_row, _mm256_permute2f128_ps(four0_##q, four4_##q, 0x31));
static inline void vf_transpose_8(const float *from, int64_t stride, float *to, int64_t to_row) {
  PAL_TURN_ROW(0) PAL_TURN_ROW(1) PAL_TURN_ROW(2) PAL_TURN_ROW(3)
  PAL_TURN_ROW(4) PAL_TURN_ROW(5) PAL_TURN_ROW(6) PAL_TURN_ROW(7)
  PAL_TURN_TWO(0, 1) PAL_TURN_TWO(2, 3) PAL_TURN_TWO(4, 5) PAL_TURN_TWO(6, 7)
  PAL_TURN_FOUR(0, 2) PAL_TURN_FOUR(4, 6)
  PAL_TURN_COLUMN(0) PAL_TURN_COLUMN(1) PAL_TURN_COLUMN(2) PAL_TURN_COLUMN(3)
}
/* clang-format on */
static inline void vf_transpose(const float *from, int64_t from_row, float *to, int64_t to_row) {
  vf_transpose_8(from, from_row, to, to_row);
  vf_transpose_8(from + 8, from_row, to + 8 * to_row, to_row);
  vf_transpose_8(from + 8 * from_row, from_row, to + 8, to_row);
  vf_transpose_8(from + 8 * from_row + 8, from_row, to + 8 * to_row + 8, to_row);
}
#define vf_transpose_inline vf_transpose
#undef PAL_TURN_ROW
#undef PAL_TURN_TWO
#undef PAL_TURN_FOUR
#undef PAL_TURN_COLUMN

typedef __m256 vh;
static inline vh vh_zero(void) { return _mm256_setzero_ps(); }
static inline vh vh_set(float x) { return _mm256_set1_ps(x); }
static inline vh vh_load(const float *p) { return _mm256_loadu_ps(p); }
static inline vh vh_add(vh a, vh b) { return _mm256_add_ps(a, b); }
static inline vh vh_fma(vh a, vh b, vh c) { return _mm256_fmadd_ps(a, b, c); }
static inline void vh_store_n(float *p, vh v, int n) {
  _mm256_maskstore_ps(p, _mm256_castps_si256(vm_first(n).lo), v);
}

static inline vf vf_gather(const float *base, vi index) {
  return (vf){_mm256_i32gather_ps(base, index.lo, 4), _mm256_i32gather_ps(base, index.hi, 4)};
}
static inline vi vi_gather(const int32_t *base, vi index) {
  return (vi){_mm256_i32gather_epi32(base, index.lo, 4), _mm256_i32gather_epi32(base, index.hi, 4)};
}

PAL_HALVES_1(vf, vf_exp, vf, Sleef_finz_expf8_u10avx2)
PAL_HALVES_1(vf, vf_log, vf, Sleef_finz_logf8_u10avx2)
PAL_HALVES_1(vf, vf_tanh, vf, Sleef_finz_tanhf8_u10avx2)
PAL_HALVES_1(vf, vf_erf, vf, Sleef_finz_erff8_u10avx2)

#undef PAL_HALVES_1
#undef PAL_HALVES_2
#undef PAL_HALVES_CMP
#endif
