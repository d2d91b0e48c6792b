/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of simd.h on AVX-512 F, BW, DQ, VL: one register per vector (floor 0). */
#ifndef PAL_SRC_SIMD_AVX512_H
#define PAL_SRC_SIMD_AVX512_H

#include <immintrin.h>

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

static inline vm vm_first(int n) { return (vm)_cvtu32_mask16((1u << n) - 1u); }
static inline vm vm_and(vm a, vm b) { return _kand_mask16(a, b); }
static inline vm vm_or(vm a, vm b) { return _kor_mask16(a, b); }
static inline vm vm_not(vm a) { return _knot_mask16(a); }
static inline bool vm_any(vm a) { return a != 0; }
static inline uint32_t vm_bits(vm a) { return a; }

static inline vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
static inline vf vf_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps(vm_first(n), p); }
static inline void vf_store_n(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, vm_first(n), v); }
static inline vi vi_load(const int32_t *p) { return _mm512_loadu_si512(p); }
static inline void vi_store(int32_t *p, vi v) { _mm512_storeu_si512(p, v); }
static inline vi vi_load_n(const int32_t *p, int n) {
  return _mm512_maskz_loadu_epi32(vm_first(n), p);
}
static inline void vi_store_n(int32_t *p, vi v, int n) {
  _mm512_mask_storeu_epi32(p, vm_first(n), v);
}

static inline vf vf_zero(void) { return _mm512_setzero_ps(); }
static inline vf vf_set(float x) { return _mm512_set1_ps(x); }
static inline vi vi_zero(void) { return _mm512_setzero_si512(); }
static inline vi vi_set(int32_t x) { return _mm512_set1_epi32(x); }
static inline vi vi_iota(void) {
  return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

static inline vf vf_of_bits(vi v) { return _mm512_castsi512_ps(v); }
static inline vi vf_bits(vf v) { return _mm512_castps_si512(v); }

static inline vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
static inline vf vf_neg(vf a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
static inline vf vf_abs(vf a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a); }
/* The masked forms of sqrt, min and max keep gcc 12 from warning about its own headers. */
static inline vf vf_sqrt(vf a) { return _mm512_maskz_sqrt_ps(0xffff, a); }
static inline vf vf_min(vf a, vf b) { return _mm512_maskz_min_ps(0xffff, a, b); }
static inline vf vf_max(vf a, vf b) { return _mm512_maskz_max_ps(0xffff, a, b); }

static inline vm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vm vf_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vm vf_gt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline vm vf_ge(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
static inline vm vf_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vm vf_ne(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ); }
static inline vm vi_eq(vi a, vi b) { return _mm512_cmpeq_epi32_mask(a, b); }
static inline vm vi_lt(vi a, vi b) { return _mm512_cmplt_epi32_mask(a, b); }
static inline vm vi_gt(vi a, vi b) { return _mm512_cmpgt_epi32_mask(a, b); }

static inline vf vf_select(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }
static inline vi vi_select(vm m, vi a, vi b) { return _mm512_mask_blend_epi32(m, b, a); }

static inline vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
static inline vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
static inline vi vi_mul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }
static inline vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
static inline vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
static inline vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
static inline vi vi_min(vi a, vi b) { return _mm512_maskz_min_epi32(0xffff, a, b); }
static inline vi vi_max(vi a, vi b) { return _mm512_maskz_max_epi32(0xffff, a, b); }
/* Macros, since the shift count must be a compile-time constant, also without optimisation. */
#define vi_shl(v, k) _mm512_maskz_slli_epi32(0xffff, (v), (k))
#define vi_shr(v, k) _mm512_maskz_srli_epi32(0xffff, (v), (k))
static inline vi vi_mulhi(vi a, vi b) {
  const vi even = _mm512_maskz_mul_epu32(0xff, a, b);
  const vi odd = _mm512_maskz_mul_epu32(0xff, _mm512_maskz_srli_epi64(0xff, a, 32),
                                        _mm512_maskz_srli_epi64(0xff, b, 32));
  return _mm512_mask_blend_epi32(0xaaaa, _mm512_maskz_srli_epi64(0xff, even, 32), odd);
}

static inline vf vf_from_vi(vi v) { return _mm512_maskz_cvtepi32_ps(0xffff, v); }
static inline vi vi_from_vf(vf v) { return _mm512_maskz_cvttps_epi32(0xffff, v); }

static inline float vf_sum(vf v) {
  const __m256 a =
      _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_maskz_extractf32x8_ps(0xff, v, 1));
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}
static inline float vf_hmax(vf v) {
  const __m256 a =
      _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_maskz_extractf32x8_ps(0xff, v, 1));
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

typedef __m256 vh;
static inline vh vh_zero(void) { return _mm256_setzero_ps(); }
static inline vh vh_set(float x) { return _mm256_set1_ps(x); }
static inline vh vh_load(const float *p) { return _mm256_loadu_ps(p); }
static inline vh vh_add(vh a, vh b) { return _mm256_add_ps(a, b); }
static inline vh vh_fma(vh a, vh b, vh c) { return _mm256_fmadd_ps(a, b, c); }
static inline void vh_store_n(float *p, vh v, int n) {
  _mm256_mask_storeu_ps(p, (__mmask8)((1u << n) - 1u), v);
}

static inline vf vf_gather(const float *base, vi index) {
  return _mm512_i32gather_ps(index, base, 4);
}
static inline vi vi_gather(const int32_t *base, vi index) {
  return _mm512_i32gather_epi32(index, base, 4);
}

/* Transposition of 16 x 16 elements, 8 columns at a time. It is unrolled by macros, since gcc -O2
 * does not unroll loops over arrays of vectors and keeps those in memory. A vector is loaded with 8
 * columns of row i in its lower half and of row i + 4 in its upper half, which saves shuffles; the
 * following steps interleave rows until a vector holds one column of all 16. */
#define PAL_SIMD_TRANSPOSE
/* clang-format off */
#define PAL_TURN_ROW(h, i, upper, lower, r) \
  const vf row##i = _mm512_insertf32x8( \
      _mm512_castps256_ps512(_mm256_loadu_ps(upper + 8 * h + r * stride)), \
      _mm256_loadu_ps(lower + 8 * h + r * stride), 1);
#define PAL_TURN_TWO(i, j) \
  const vf low##i = _mm512_unpacklo_ps(row##i, row##j), high##i = _mm512_unpackhi_ps(row##i, row##j);
#define PAL_TURN_FOUR(i, j) \
  const vf four##i##_0 = _mm512_shuffle_ps(low##i, low##j, 0x44), \
           four##i##_1 = _mm512_shuffle_ps(low##i, low##j, 0xee), \
           four##i##_2 = _mm512_shuffle_ps(high##i, high##j, 0x44), \
           four##i##_3 = _mm512_shuffle_ps(high##i, high##j, 0xee);
#define PAL_TURN_COLUMN(h, q) \
  vf_store(to + (8 * h + q) * to_row, _mm512_shuffle_f32x4(four0_##q, four8_##q, 0x88)); \
  vf_store(to + (8 * h + q + 4) * to_row, _mm512_shuffle_f32x4(four0_##q, four8_##q, 0xdd));
#define PAL_TURN_COLUMNS(h) \
  { \
    PAL_TURN_ROW(h, 0, from, from4, 0) PAL_TURN_ROW(h, 1, from, from4, 1) \
    PAL_TURN_ROW(h, 2, from, from4, 2) PAL_TURN_ROW(h, 3, from, from4, 3) \
    PAL_TURN_ROW(h, 8, from8, from12, 0) PAL_TURN_ROW(h, 9, from8, from12, 1) \
    PAL_TURN_ROW(h, 10, from8, from12, 2) PAL_TURN_ROW(h, 11, from8, from12, 3) \
    PAL_TURN_TWO(0, 1) PAL_TURN_TWO(2, 3) PAL_TURN_TWO(8, 9) PAL_TURN_TWO(10, 11) \
    PAL_TURN_FOUR(0, 2) PAL_TURN_FOUR(8, 10) \
    PAL_TURN_COLUMN(h, 0) PAL_TURN_COLUMN(h, 1) PAL_TURN_COLUMN(h, 2) PAL_TURN_COLUMN(h, 3) \
  }
/* clang-format on */
static inline __attribute__((always_inline)) void
vf_transpose_inline(const float *from, int64_t stride, float *to, int64_t to_row) {
  const float *from4 = from + 4 * stride, *from8 = from + 8 * stride, *from12 = from + 12 * stride;
  /* Makes the compiler keep these addresses; else it computes 16, more than there are registers. */
  __asm__("" : "+r"(from4), "+r"(from8), "+r"(from12));
  PAL_TURN_COLUMNS(0)
  PAL_TURN_COLUMNS(1)
}
static inline void vf_transpose(const float *from, int64_t from_row, float *to, int64_t to_row) {
  vf_transpose_inline(from, from_row, to, to_row);
}
#undef PAL_TURN_ROW
#undef PAL_TURN_TWO
#undef PAL_TURN_FOUR
#undef PAL_TURN_COLUMN
#undef PAL_TURN_COLUMNS

/* One vector from 4 rows that are `row` elements apart: the first 4 elements of each. */
static inline vf vf_load_four(const float *from, int64_t row) {
  if (row == 4) return vf_load(from);
  const __m256 low =
      _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from)), _mm_loadu_ps(from + row), 1);
  const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from + 2 * row)),
                                           _mm_loadu_ps(from + 3 * row), 1);
  return _mm512_castpd_ps(
      _mm512_insertf64x4(_mm512_castps_pd(_mm512_castps256_ps512(low)), _mm256_castps_pd(high), 1));
}
static inline void vf_store_four(float *to, int64_t row, vf x) {
  if (row == 4) {
    vf_store(to, x);
    return;
  }
  _mm_storeu_ps(to, _mm512_castps512_ps128(x));
  _mm_storeu_ps(to + row, _mm512_extractf32x4_ps(x, 1));
  _mm_storeu_ps(to + 2 * row, _mm512_extractf32x4_ps(x, 2));
  _mm_storeu_ps(to + 3 * row, _mm512_extractf32x4_ps(x, 3));
}

/* Via vectors that hold columns 0 and 1, or 2 and 3, of eight rows. */
#define PAL_SIMD_COLUMNS4
static inline void vf_load_columns4(const float *from, int64_t row, vf column[4]) {
  const vi first = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const vi second = _mm512_add_epi32(first, _mm512_set1_epi32(2));
  const vf a = vf_load_four(from, row), b = vf_load_four(from + 4 * row, row);
  const vf c = vf_load_four(from + 8 * row, row), d = vf_load_four(from + 12 * row, row);
  const vf ab0 = _mm512_permutex2var_ps(a, first, b), ab2 = _mm512_permutex2var_ps(a, second, b);
  const vf cd0 = _mm512_permutex2var_ps(c, first, d), cd2 = _mm512_permutex2var_ps(c, second, d);
  column[0] = _mm512_shuffle_f32x4(ab0, cd0, 0x44);
  column[1] = _mm512_shuffle_f32x4(ab0, cd0, 0xee);
  column[2] = _mm512_shuffle_f32x4(ab2, cd2, 0x44);
  column[3] = _mm512_shuffle_f32x4(ab2, cd2, 0xee);
}
static inline void vf_store_columns4(float *to, int64_t row, const vf column[4]) {
  const vi low = _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
  const vi high = _mm512_add_epi32(low, _mm512_set1_epi32(4));
  const vf ab0 = _mm512_shuffle_f32x4(column[0], column[1], 0x44);
  const vf ab8 = _mm512_shuffle_f32x4(column[0], column[1], 0xee);
  const vf cd0 = _mm512_shuffle_f32x4(column[2], column[3], 0x44);
  const vf cd8 = _mm512_shuffle_f32x4(column[2], column[3], 0xee);
  vf_store_four(to, row, _mm512_permutex2var_ps(ab0, low, cd0));
  vf_store_four(to + 4 * row, row, _mm512_permutex2var_ps(ab0, high, cd0));
  vf_store_four(to + 8 * row, row, _mm512_permutex2var_ps(ab8, low, cd8));
  vf_store_four(to + 12 * row, row, _mm512_permutex2var_ps(ab8, high, cd8));
}

static inline vf vf_exp(vf x) { return Sleef_finz_expf16_u10avx512f(x); }
static inline vf vf_log(vf x) { return Sleef_finz_logf16_u10avx512f(x); }
static inline vf vf_tanh(vf x) { return Sleef_finz_tanhf16_u10avx512f(x); }
static inline vf vf_erf(vf x) { return Sleef_finz_erff16_u10avx512f(x); }

#endif
