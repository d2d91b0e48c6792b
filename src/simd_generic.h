/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of simd.h in portable C: arrays of 16 (floor 0).
 *
 * Slow but portable; the other instruction sets are tested against it. fmaf is correctly rounded
 * with or without hardware. SLEEF's scalar "purecfma" functions, which give the bits of the vector
 * ones, are built with FMA instructions on x86; on an x86 machine without them their "purec"
 * siblings are called instead, and exp, log, tanh and erf may differ from other machines in the
 * last bits. */
#ifndef PAL_SRC_SIMD_GENERIC_H
#define PAL_SRC_SIMD_GENERIC_H

typedef struct vf {
  float v[PAL_LANES];
} vf;
typedef struct vi {
  int32_t v[PAL_LANES];
} vi;
/* A mask: -1 or 0 per lane. */
typedef struct vm {
  int32_t v[PAL_LANES];
} vm;

/* Defines a function of one or two vectors from an expression in lane i of a and b. */
#define PAL_LANES_1(result, name, operand, expression)         \
  static inline result name(operand a) {                       \
    result r;                                                  \
    for (int i = 0; i < PAL_LANES; i++) r.v[i] = (expression); \
    return r;                                                  \
  }
#define PAL_LANES_2(result, name, operand, expression)         \
  static inline result name(operand a, operand b) {            \
    result r;                                                  \
    for (int i = 0; i < PAL_LANES; i++) r.v[i] = (expression); \
    return r;                                                  \
  }
#define PAL_U(x) ((uint32_t)(x))

static inline vm vm_first(int n) {
  vm r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = -(i < n);
  return r;
}
PAL_LANES_2(vm, vm_and, vm, a.v[i] & b.v[i])
PAL_LANES_2(vm, vm_or, vm, a.v[i] | b.v[i])
PAL_LANES_1(vm, vm_not, vm, ~a.v[i])
static inline uint32_t vm_bits(vm a) {
  uint32_t bits = 0;
  for (int i = 0; i < PAL_LANES; i++) bits |= (PAL_U(a.v[i]) & 1u) << i;
  return bits;
}
static inline bool vm_any(vm a) { return vm_bits(a) != 0; }

static inline vf vf_load(const float *p) {
  vf r;
  memcpy(r.v, p, sizeof r.v);
  return r;
}
static inline void vf_store(float *p, vf v) { memcpy(p, v.v, sizeof v.v); }
static inline vf vf_load_n(const float *p, int n) {
  vf r = {{0}};
  for (int i = 0; i < n; i++) r.v[i] = p[i];
  return r;
}
static inline void vf_store_n(float *p, vf v, int n) {
  for (int i = 0; i < n; i++) p[i] = v.v[i];
}
static inline vi vi_load(const int32_t *p) {
  vi r;
  memcpy(r.v, p, sizeof r.v);
  return r;
}
static inline void vi_store(int32_t *p, vi v) { memcpy(p, v.v, sizeof v.v); }
static inline vi vi_load_n(const int32_t *p, int n) {
  vi r = {{0}};
  for (int i = 0; i < n; i++) r.v[i] = p[i];
  return r;
}
static inline void vi_store_n(int32_t *p, vi v, int n) {
  for (int i = 0; i < n; i++) p[i] = v.v[i];
}

static inline vf vf_set(float x) {
  vf r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = x;
  return r;
}
static inline vi vi_set(int32_t x) {
  vi r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = x;
  return r;
}
static inline vf vf_zero(void) { return vf_set(0.0f); }
static inline vi vi_zero(void) { return vi_set(0); }
static inline vi vi_iota(void) {
  vi r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = i;
  return r;
}

static inline vf vf_of_bits(vi v) {
  vf r;
  memcpy(r.v, v.v, sizeof r.v);
  return r;
}
static inline vi vf_bits(vf v) {
  vi r;
  memcpy(r.v, v.v, sizeof r.v);
  return r;
}

PAL_LANES_2(vf, vf_add, vf, a.v[i] + b.v[i])
PAL_LANES_2(vf, vf_sub, vf, a.v[i] - b.v[i])
PAL_LANES_2(vf, vf_mul, vf, a.v[i] * b.v[i])
PAL_LANES_2(vf, vf_div, vf, a.v[i] / b.v[i])
PAL_LANES_2(vf, vf_min, vf, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
PAL_LANES_2(vf, vf_max, vf, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
PAL_LANES_1(vf, vf_neg, vf, -a.v[i])
PAL_LANES_1(vf, vf_abs, vf, fabsf(a.v[i]))
PAL_LANES_1(vf, vf_sqrt, vf, sqrtf(a.v[i]))
static inline vf vf_fma(vf a, vf b, vf c) {
  vf r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = fmaf(a.v[i], b.v[i], c.v[i]);
  return r;
}
static inline vf vf_fnma(vf a, vf b, vf c) {
  vf r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = fmaf(-a.v[i], b.v[i], c.v[i]);
  return r;
}

PAL_LANES_2(vm, vf_lt, vf, -(a.v[i] < b.v[i]))
PAL_LANES_2(vm, vf_le, vf, -(a.v[i] <= b.v[i]))
PAL_LANES_2(vm, vf_gt, vf, -(a.v[i] > b.v[i]))
PAL_LANES_2(vm, vf_ge, vf, -(a.v[i] >= b.v[i]))
PAL_LANES_2(vm, vf_eq, vf, -(a.v[i] == b.v[i]))
PAL_LANES_2(vm, vf_ne, vf, -(a.v[i] != b.v[i]))
PAL_LANES_2(vm, vi_eq, vi, -(a.v[i] == b.v[i]))
PAL_LANES_2(vm, vi_lt, vi, -(a.v[i] < b.v[i]))
PAL_LANES_2(vm, vi_gt, vi, -(a.v[i] > b.v[i]))

static inline vi vi_select(vm m, vi a, vi b) {
  vi r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = (a.v[i] & m.v[i]) | (b.v[i] & ~m.v[i]);
  return r;
}
static inline vf vf_select(vm m, vf a, vf b) {
  return vf_of_bits(vi_select(m, vf_bits(a), vf_bits(b)));
}

/* In unsigned arithmetic, where wrapping is defined. */
PAL_LANES_2(vi, vi_add, vi, (int32_t)(PAL_U(a.v[i]) + PAL_U(b.v[i])))
PAL_LANES_2(vi, vi_sub, vi, (int32_t)(PAL_U(a.v[i]) - PAL_U(b.v[i])))
PAL_LANES_2(vi, vi_mul, vi, (int32_t)(PAL_U(a.v[i]) * PAL_U(b.v[i])))
PAL_LANES_2(vi, vi_mulhi, vi, (int32_t)((uint64_t)PAL_U(a.v[i]) * PAL_U(b.v[i]) >> 32))
PAL_LANES_2(vi, vi_and, vi, a.v[i] & b.v[i])
PAL_LANES_2(vi, vi_or, vi, a.v[i] | b.v[i])
PAL_LANES_2(vi, vi_xor, vi, a.v[i] ^ b.v[i])
PAL_LANES_2(vi, vi_min, vi, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
PAL_LANES_2(vi, vi_max, vi, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
static inline vi vi_shl(vi v, int k) {
  for (int i = 0; i < PAL_LANES; i++) v.v[i] = (int32_t)(PAL_U(v.v[i]) << k);
  return v;
}
static inline vi vi_shr(vi v, int k) {
  for (int i = 0; i < PAL_LANES; i++) v.v[i] = (int32_t)(PAL_U(v.v[i]) >> k);
  return v;
}

PAL_LANES_1(vf, vf_from_vi, vi, (float)a.v[i])
static inline int32_t truncate_lane(float x) {
  return x >= -2147483648.0f && x < 2147483648.0f ? (int32_t)x : INT32_MIN;
}
PAL_LANES_1(vi, vi_from_vf, vf, truncate_lane(a.v[i]))

static inline float vf_sum(vf v) {
  for (int half = PAL_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) v.v[i] = v.v[i] + v.v[i + half];
  return v.v[0];
}
static inline float vf_hmax(vf v) {
  for (int half = PAL_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) v.v[i] = v.v[i] > v.v[i + half] ? v.v[i] : v.v[i + half];
  return v.v[0];
}

typedef struct vh {
  float v[PAL_LANES / 2];
} vh;
static inline vh vh_set(float x) { return (vh){{x, x, x, x, x, x, x, x}}; }
static inline vh vh_zero(void) { return vh_set(0.0f); }
static inline vh vh_load(const float *p) {
  vh r;
  memcpy(r.v, p, sizeof r.v);
  return r;
}
static inline vh vh_add(vh a, vh b) {
  for (int i = 0; i < PAL_LANES / 2; i++) a.v[i] += b.v[i];
  return a;
}
static inline vh vh_fma(vh a, vh b, vh c) {
  for (int i = 0; i < PAL_LANES / 2; i++) c.v[i] = fmaf(a.v[i], b.v[i], c.v[i]);
  return c;
}
static inline void vh_store_n(float *p, vh v, int n) {
  for (int i = 0; i < n; i++) p[i] = v.v[i];
}

static inline vf vf_gather(const float *base, vi index) {
  vf r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = base[index.v[i]];
  return r;
}
static inline vi vi_gather(const int32_t *base, vi index) {
  vi r;
  for (int i = 0; i < PAL_LANES; i++) r.v[i] = base[index.v[i]];
  return r;
}

/* sleef.h hides these from a compilation without FMA flags, though the library has them. */
float Sleef_finz_expf1_u10purecfma(float), Sleef_finz_logf1_u10purecfma(float),
    Sleef_finz_tanhf1_u10purecfma(float), Sleef_finz_erff1_u10purecfma(float);

#if defined(__x86_64__) || defined(__i386__)
static inline bool sleef_fma(void) { return __builtin_cpu_supports("fma") != 0; }
#else
static inline bool sleef_fma(void) { return true; }
#endif
#define PAL_LANES_SLEEF(name, function)                           \
  static inline vf name(vf a) {                                   \
    const bool fma = sleef_fma();                                 \
    for (int i = 0; i < PAL_LANES; i++)                           \
      a.v[i] = fma ? Sleef_finz_##function##1_u10purecfma(a.v[i]) \
                   : Sleef_cinz_##function##1_u10purec(a.v[i]);   \
    return a;                                                     \
  }
PAL_LANES_SLEEF(vf_exp, expf)
PAL_LANES_SLEEF(vf_log, logf)
PAL_LANES_SLEEF(vf_tanh, tanhf)
PAL_LANES_SLEEF(vf_erf, erff)

#undef PAL_LANES_1
#undef PAL_LANES_2
#undef PAL_LANES_SLEEF
#undef PAL_U
#endif
