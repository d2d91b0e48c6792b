/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of simd.h on AArch64 Advanced SIMD: four registers per vector (floor 0).
 *
 * The hardware's own min, max and float-to-int treat NaN and range unlike x86, so they are built
 * from comparisons here. */
#ifndef PAL_SRC_SIMD_NEON_H
#define PAL_SRC_SIMD_NEON_H

#include <arm_neon.h>

typedef struct vf {
  float32x4_t q[4];
} vf;
typedef struct vi {
  int32x4_t q[4];
} vi;
/* A mask: all bits of a lane are set or all are clear. */
typedef struct vm {
  uint32x4_t q[4];
} vm;

/* Defines a function of one or two vectors that works on each quarter alike. */
#define PAL_QUARTERS_1(result, name, operand, call)                            \
  static inline result name(operand a) {                                       \
    return (result){{call(a.q[0]), call(a.q[1]), call(a.q[2]), call(a.q[3])}}; \
  }
#define PAL_QUARTERS_2(result, name, operand, call)                                                \
  static inline result name(operand a, operand b) {                                                \
    return (result){                                                                               \
        {call(a.q[0], b.q[0]), call(a.q[1], b.q[1]), call(a.q[2], b.q[2]), call(a.q[3], b.q[3])}}; \
  }

static inline vi vi_set(int32_t x) {
  const int32x4_t q = vdupq_n_s32(x);
  return (vi){{q, q, q, q}};
}
static inline vf vf_set(float x) {
  const float32x4_t q = vdupq_n_f32(x);
  return (vf){{q, q, q, q}};
}
static inline vi vi_zero(void) { return vi_set(0); }
static inline vf vf_zero(void) { return vf_set(0.0f); }

static inline vi vi_load(const int32_t *p) {
  return (vi){{vld1q_s32(p), vld1q_s32(p + 4), vld1q_s32(p + 8), vld1q_s32(p + 12)}};
}
static inline void vi_store(int32_t *p, vi v) {
  for (int i = 0; i < 4; i++) vst1q_s32(p + 4 * i, v.q[i]);
}
static inline vf vf_load(const float *p) {
  return (vf){{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}
static inline void vf_store(float *p, vf v) {
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, v.q[i]);
}
/* NEON has no masked loads and stores: a partial vector goes through a buffer. */
static inline vi vi_load_n(const int32_t *p, int n) {
  int32_t lane[PAL_LANES] = {0};
  for (int i = 0; i < n; i++) lane[i] = p[i];
  return vi_load(lane);
}
static inline void vi_store_n(int32_t *p, vi v, int n) {
  int32_t lane[PAL_LANES];
  vi_store(lane, v);
  for (int i = 0; i < n; i++) p[i] = lane[i];
}
static inline vf vf_load_n(const float *p, int n) {
  float lane[PAL_LANES] = {0};
  for (int i = 0; i < n; i++) lane[i] = p[i];
  return vf_load(lane);
}
static inline void vf_store_n(float *p, vf v, int n) {
  float lane[PAL_LANES];
  vf_store(lane, v);
  for (int i = 0; i < n; i++) p[i] = lane[i];
}
static inline vi vi_iota(void) {
  static const int32_t lane[PAL_LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return vi_load(lane);
}

PAL_QUARTERS_1(vf, vf_of_bits, vi, vreinterpretq_f32_s32)
PAL_QUARTERS_1(vi, vf_bits, vf, vreinterpretq_s32_f32)

PAL_QUARTERS_2(vm, vm_and, vm, vandq_u32)
PAL_QUARTERS_2(vm, vm_or, vm, vorrq_u32)
PAL_QUARTERS_1(vm, vm_not, vm, vmvnq_u32)
PAL_QUARTERS_2(vm, vf_lt, vf, vcltq_f32)
PAL_QUARTERS_2(vm, vf_le, vf, vcleq_f32)
PAL_QUARTERS_2(vm, vf_gt, vf, vcgtq_f32)
PAL_QUARTERS_2(vm, vf_ge, vf, vcgeq_f32)
PAL_QUARTERS_2(vm, vf_eq, vf, vceqq_f32)
static inline vm vf_ne(vf a, vf b) { return vm_not(vf_eq(a, b)); }
PAL_QUARTERS_2(vm, vi_eq, vi, vceqq_s32)
PAL_QUARTERS_2(vm, vi_lt, vi, vcltq_s32)
PAL_QUARTERS_2(vm, vi_gt, vi, vcgtq_s32)
static inline vm vm_first(int n) { return vi_lt(vi_iota(), vi_set(n)); }
static inline bool vm_any(vm m) {
  return vmaxvq_u32(vorrq_u32(vorrq_u32(m.q[0], m.q[1]), vorrq_u32(m.q[2], m.q[3]))) != 0;
}
static inline uint32_t vm_bits(vm m) {
  static const uint32_t weight[4] = {1, 2, 4, 8};
  uint32_t bits = 0;
  for (int i = 0; i < 4; i++) bits |= vaddvq_u32(vandq_u32(m.q[i], vld1q_u32(weight))) << (4 * i);
  return bits;
}

static inline vf vf_select(vm m, vf a, vf b) {
  vf r;
  for (int i = 0; i < 4; i++) r.q[i] = vbslq_f32(m.q[i], a.q[i], b.q[i]);
  return r;
}
static inline vi vi_select(vm m, vi a, vi b) {
  vi r;
  for (int i = 0; i < 4; i++) r.q[i] = vbslq_s32(m.q[i], a.q[i], b.q[i]);
  return r;
}

PAL_QUARTERS_2(vf, vf_add, vf, vaddq_f32)
PAL_QUARTERS_2(vf, vf_sub, vf, vsubq_f32)
PAL_QUARTERS_2(vf, vf_mul, vf, vmulq_f32)
PAL_QUARTERS_2(vf, vf_div, vf, vdivq_f32)
PAL_QUARTERS_1(vf, vf_neg, vf, vnegq_f32)
PAL_QUARTERS_1(vf, vf_abs, vf, vabsq_f32)
PAL_QUARTERS_1(vf, vf_sqrt, vf, vsqrtq_f32)
static inline vf vf_fma(vf a, vf b, vf c) {
  vf r;
  for (int i = 0; i < 4; i++) r.q[i] = vfmaq_f32(c.q[i], a.q[i], b.q[i]);
  return r;
}
static inline vf vf_fnma(vf a, vf b, vf c) {
  vf r;
  for (int i = 0; i < 4; i++) r.q[i] = vfmsq_f32(c.q[i], a.q[i], b.q[i]);
  return r;
}
static inline float32x4_t min_quarter(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}
static inline float32x4_t max_quarter(float32x4_t a, float32x4_t b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
PAL_QUARTERS_2(vf, vf_min, vf, min_quarter)
PAL_QUARTERS_2(vf, vf_max, vf, max_quarter)

PAL_QUARTERS_2(vi, vi_add, vi, vaddq_s32)
PAL_QUARTERS_2(vi, vi_sub, vi, vsubq_s32)
PAL_QUARTERS_2(vi, vi_mul, vi, vmulq_s32)
PAL_QUARTERS_2(vi, vi_and, vi, vandq_s32)
PAL_QUARTERS_2(vi, vi_or, vi, vorrq_s32)
PAL_QUARTERS_2(vi, vi_xor, vi, veorq_s32)
PAL_QUARTERS_2(vi, vi_min, vi, vminq_s32)
PAL_QUARTERS_2(vi, vi_max, vi, vmaxq_s32)
static inline vi vi_shl(vi v, int k) {
  for (int i = 0; i < 4; i++) v.q[i] = vshlq_s32(v.q[i], vdupq_n_s32(k));
  return v;
}
/* A logical shift right is a shift left by a negative count. */
static inline vi vi_shr(vi v, int k) {
  for (int i = 0; i < 4; i++)
    v.q[i] = vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(v.q[i]), vdupq_n_s32(-k)));
  return v;
}
static inline int32x4_t mulhi_quarter(int32x4_t a, int32x4_t b) {
  const uint32x4_t x = vreinterpretq_u32_s32(a), y = vreinterpretq_u32_s32(b);
  const uint64x2_t lo = vmull_u32(vget_low_u32(x), vget_low_u32(y));
  const uint64x2_t hi = vmull_u32(vget_high_u32(x), vget_high_u32(y));
  return vreinterpretq_s32_u32(vcombine_u32(vshrn_n_u64(lo, 32), vshrn_n_u64(hi, 32)));
}
PAL_QUARTERS_2(vi, vi_mulhi, vi, mulhi_quarter)

PAL_QUARTERS_1(vf, vf_from_vi, vi, vcvtq_f32_s32)
static inline int32x4_t truncate_quarter(float32x4_t x) {
  const float32x4_t limit = vdupq_n_f32(2147483648.0f);
  const uint32x4_t inside = vandq_u32(vcgeq_f32(x, vnegq_f32(limit)), vcltq_f32(x, limit));
  return vbslq_s32(inside, vcvtq_s32_f32(x), vdupq_n_s32(INT32_MIN));
}
PAL_QUARTERS_1(vi, vi_from_vf, vf, truncate_quarter)

static inline float vf_sum(vf v) {
  const float32x4_t a = vaddq_f32(v.q[0], v.q[2]), b = vaddq_f32(v.q[1], v.q[3]);
  const float32x4_t c = vaddq_f32(a, b);
  const float32x2_t d = vadd_f32(vget_low_f32(c), vget_high_f32(c));
  return vget_lane_f32(d, 0) + vget_lane_f32(d, 1);
}
static inline float vf_hmax(vf v) {
  const float32x4_t a = max_quarter(v.q[0], v.q[2]), b = max_quarter(v.q[1], v.q[3]);
  float lane[4];
  vst1q_f32(lane, max_quarter(a, b));
  const float even = lane[0] > lane[2] ? lane[0] : lane[2];
  const float odd = lane[1] > lane[3] ? lane[1] : lane[3];
  return even > odd ? even : odd;
}

typedef struct vh {
  float32x4_t q[2];
} vh;
static inline vh vh_set(float x) { return (vh){{vdupq_n_f32(x), vdupq_n_f32(x)}}; }
static inline vh vh_zero(void) { return vh_set(0.0f); }
static inline vh vh_load(const float *p) { return (vh){{vld1q_f32(p), vld1q_f32(p + 4)}}; }
static inline vh vh_add(vh a, vh b) {
  return (vh){{vaddq_f32(a.q[0], b.q[0]), vaddq_f32(a.q[1], b.q[1])}};
}
static inline vh vh_fma(vh a, vh b, vh c) {
  return (vh){{vfmaq_f32(c.q[0], a.q[0], b.q[0]), vfmaq_f32(c.q[1], a.q[1], b.q[1])}};
}
static inline void vh_store_n(float *p, vh v, int n) {
  float lane[PAL_LANES / 2];
  vst1q_f32(lane, v.q[0]);
  vst1q_f32(lane + 4, v.q[1]);
  for (int i = 0; i < n; i++) p[i] = lane[i];
}

static inline vf vf_gather(const float *base, vi index) {
  int32_t at[PAL_LANES];
  float lane[PAL_LANES];
  vi_store(at, index);
  for (int i = 0; i < PAL_LANES; i++) lane[i] = base[at[i]];
  return vf_load(lane);
}
static inline vi vi_gather(const int32_t *base, vi index) {
  int32_t at[PAL_LANES], lane[PAL_LANES];
  vi_store(at, index);
  for (int i = 0; i < PAL_LANES; i++) lane[i] = base[at[i]];
  return vi_load(lane);
}

PAL_QUARTERS_1(vf, vf_exp, vf, Sleef_finz_expf4_u10advsimd)
PAL_QUARTERS_1(vf, vf_log, vf, Sleef_finz_logf4_u10advsimd)
PAL_QUARTERS_1(vf, vf_tanh, vf, Sleef_finz_tanhf4_u10advsimd)
PAL_QUARTERS_1(vf, vf_erf, vf, Sleef_finz_erff4_u10advsimd)

#undef PAL_QUARTERS_1
#undef PAL_QUARTERS_2
#endif
