/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_elementwise_kernels, compiled once per instruction set (floor 2).
 *
 * Invariant: the arithmetic of an element does not depend on its place, so a range may be split
 * anywhere. The last elements, fewer than a vector, use masked loads and stores and the same
 * arithmetic. */
#include "ops/kernels/elementwise.h"
#include "src/simd.h"

/* One row of n elements of a map with two operands. F is the function and W the vector type of the
 * result (vf or vi). X and Y are expressions for the operands at index i, XN and YN for those of
 * the last k elements. */
#define ELEMENTWISE_LOOP(W, F, X, Y, XN, YN)                              \
  do {                                                                    \
    int64_t i = 0;                                                        \
    for (; i + PAL_LANES <= n; i += PAL_LANES) W##_store(o + i, F(X, Y)); \
    if (i < n) {                                                          \
      const int k = (int)(n - i);                                         \
      W##_store_n(o + i, F(XN, YN), k);                                   \
    }                                                                     \
  } while (0)

/* All rows of a plane: V is the vector type of the operands. An operand with step 0 is
 * broadcast. */
#define ELEMENTWISE_MAP2(V, W, F)                                                      \
  do {                                                                                 \
    const int64_t n = plane->n;                                                        \
    for (int64_t r = 0; r < plane->rows && n > 0; r++) {                               \
      const V##_lane *x = a + r * plane->row[0], *y = b + r * plane->row[1];           \
      W##_lane *o = out + r * n;                                                       \
      const V xs = V##_set(x[0]), ys = V##_set(y[0]);                                  \
      if (plane->step[0] && plane->step[1])                                            \
        ELEMENTWISE_LOOP(W, F, V##_load(x + i), V##_load(y + i), V##_load_n(x + i, k), \
                         V##_load_n(y + i, k));                                        \
      else if (plane->step[0])                                                         \
        ELEMENTWISE_LOOP(W, F, V##_load(x + i), ys, V##_load_n(x + i, k), ys);         \
      else if (plane->step[1])                                                         \
        ELEMENTWISE_LOOP(W, F, xs, V##_load(y + i), xs, V##_load_n(y + i, k));         \
      else ELEMENTWISE_LOOP(W, F, xs, ys, xs, ys);                                     \
    }                                                                                  \
  } while (0)

typedef float vf_lane;
typedef int32_t vi_lane;

/* vf_min and vf_max give b if either operand is NaN; here a NaN in a is to be the result as
 * well. */
static inline vf elementwise_min(vf a, vf b) { return vf_select(vf_ne(a, a), a, vf_min(a, b)); }
static inline vf elementwise_max(vf a, vf b) { return vf_select(vf_ne(a, a), a, vf_max(a, b)); }
static inline vi elementwise_flag(vm m) { return vi_select(m, vi_set(1), vi_zero()); }
static inline vi elementwise_and(vi a, vi b) {
  const vm none = vm_or(vi_eq(a, vi_zero()), vi_eq(b, vi_zero()));
  return vi_select(none, vi_zero(), vi_set(1));
}
static inline vi elementwise_or(vi a, vi b) {
  return vi_select(vi_eq(vi_or(a, b), vi_zero()), vi_zero(), vi_set(1));
}

static void elementwise_binary_f32(pal_binary_kind kind, const pal_plane *plane, float *out,
                                   const float *a, const float *b) {
  switch (kind) {
    case PAL_BINARY_ADD: ELEMENTWISE_MAP2(vf, vf, vf_add); break;
    case PAL_BINARY_SUB: ELEMENTWISE_MAP2(vf, vf, vf_sub); break;
    case PAL_BINARY_MUL: ELEMENTWISE_MAP2(vf, vf, vf_mul); break;
    case PAL_BINARY_DIV: ELEMENTWISE_MAP2(vf, vf, vf_div); break;
    case PAL_BINARY_MIN: ELEMENTWISE_MAP2(vf, vf, elementwise_min); break;
    case PAL_BINARY_MAX: ELEMENTWISE_MAP2(vf, vf, elementwise_max); break;
    case PAL_BINARY_AND:
    case PAL_BINARY_OR: break;
  }
}

static void elementwise_binary_i32(pal_binary_kind kind, const pal_plane *plane, int32_t *out,
                                   const int32_t *a, const int32_t *b) {
  switch (kind) {
    case PAL_BINARY_ADD: ELEMENTWISE_MAP2(vi, vi, vi_add); break;
    case PAL_BINARY_SUB: ELEMENTWISE_MAP2(vi, vi, vi_sub); break;
    case PAL_BINARY_MUL: ELEMENTWISE_MAP2(vi, vi, vi_mul); break;
    case PAL_BINARY_MIN: ELEMENTWISE_MAP2(vi, vi, vi_min); break;
    case PAL_BINARY_MAX: ELEMENTWISE_MAP2(vi, vi, vi_max); break;
    case PAL_BINARY_AND: ELEMENTWISE_MAP2(vi, vi, elementwise_and); break;
    case PAL_BINARY_OR: ELEMENTWISE_MAP2(vi, vi, elementwise_or); break;
    case PAL_BINARY_DIV: break;
  }
}

static inline vi elementwise_f32_eq(vf a, vf b) { return elementwise_flag(vf_eq(a, b)); }
static inline vi elementwise_f32_ne(vf a, vf b) { return elementwise_flag(vf_ne(a, b)); }
static inline vi elementwise_f32_lt(vf a, vf b) { return elementwise_flag(vf_lt(a, b)); }
static inline vi elementwise_f32_le(vf a, vf b) { return elementwise_flag(vf_le(a, b)); }
static inline vi elementwise_f32_gt(vf a, vf b) { return elementwise_flag(vf_gt(a, b)); }
static inline vi elementwise_f32_ge(vf a, vf b) { return elementwise_flag(vf_ge(a, b)); }

static void elementwise_compare_f32(pal_compare_kind kind, const pal_plane *plane, int32_t *out,
                                    const float *a, const float *b) {
  switch (kind) {
    case PAL_COMPARE_EQ: ELEMENTWISE_MAP2(vf, vi, elementwise_f32_eq); break;
    case PAL_COMPARE_NE: ELEMENTWISE_MAP2(vf, vi, elementwise_f32_ne); break;
    case PAL_COMPARE_LT: ELEMENTWISE_MAP2(vf, vi, elementwise_f32_lt); break;
    case PAL_COMPARE_LE: ELEMENTWISE_MAP2(vf, vi, elementwise_f32_le); break;
    case PAL_COMPARE_GT: ELEMENTWISE_MAP2(vf, vi, elementwise_f32_gt); break;
    case PAL_COMPARE_GE: ELEMENTWISE_MAP2(vf, vi, elementwise_f32_ge); break;
  }
}

static inline vi elementwise_i32_eq(vi a, vi b) { return elementwise_flag(vi_eq(a, b)); }
static inline vi elementwise_i32_ne(vi a, vi b) { return elementwise_flag(vm_not(vi_eq(a, b))); }
static inline vi elementwise_i32_lt(vi a, vi b) { return elementwise_flag(vi_lt(a, b)); }
static inline vi elementwise_i32_le(vi a, vi b) { return elementwise_flag(vm_not(vi_gt(a, b))); }
static inline vi elementwise_i32_gt(vi a, vi b) { return elementwise_flag(vi_gt(a, b)); }
static inline vi elementwise_i32_ge(vi a, vi b) { return elementwise_flag(vm_not(vi_lt(a, b))); }

static void elementwise_compare_i32(pal_compare_kind kind, const pal_plane *plane, int32_t *out,
                                    const int32_t *a, const int32_t *b) {
  switch (kind) {
    case PAL_COMPARE_EQ: ELEMENTWISE_MAP2(vi, vi, elementwise_i32_eq); break;
    case PAL_COMPARE_NE: ELEMENTWISE_MAP2(vi, vi, elementwise_i32_ne); break;
    case PAL_COMPARE_LT: ELEMENTWISE_MAP2(vi, vi, elementwise_i32_lt); break;
    case PAL_COMPARE_LE: ELEMENTWISE_MAP2(vi, vi, elementwise_i32_le); break;
    case PAL_COMPARE_GT: ELEMENTWISE_MAP2(vi, vi, elementwise_i32_gt); break;
    case PAL_COMPARE_GE: ELEMENTWISE_MAP2(vi, vi, elementwise_i32_ge); break;
  }
}

#define ELEMENTWISE_WHERE(V)                                                                   \
  do {                                                                                         \
    const int64_t n = plane->n, cs = plane->step[0], as = plane->step[1], bs = plane->step[2]; \
    for (int64_t r = 0; r < plane->rows && n > 0; r++) {                                       \
      const int32_t *c = condition + r * plane->row[0];                                        \
      const V##_lane *x = a + r * plane->row[1], *y = b + r * plane->row[2];                   \
      const vi c0 = vi_set(c[0]);                                                              \
      const V x0 = V##_set(x[0]), y0 = V##_set(y[0]);                                          \
      for (int64_t i = 0; i < n; i += PAL_LANES) {                                             \
        const int k = n - i < PAL_LANES ? (int)(n - i) : PAL_LANES;                            \
        const vi flag = cs ? vi_load_n(c + i, k) : c0;                                         \
        const V u = as ? V##_load_n(x + i, k) : x0, w = bs ? V##_load_n(y + i, k) : y0;        \
        V##_store_n(out + r * n + i, V##_select(vi_eq(flag, vi_zero()), w, u), k);             \
      }                                                                                        \
    }                                                                                          \
  } while (0)

static void elementwise_where_f32(const pal_plane *plane, float *out, const int32_t *condition,
                                  const float *a, const float *b) {
  ELEMENTWISE_WHERE(vf);
}

static void elementwise_where_i32(const pal_plane *plane, int32_t *out, const int32_t *condition,
                                  const int32_t *a, const int32_t *b) {
  ELEMENTWISE_WHERE(vi);
}

/* ---- one operand ------------------------------------------------------------------- */

/* sqrt(1/2); 1/sqrt(2 pi); 2 sqrt(2/pi), and that times 0.044715: constants of GELU (Hendrycks and
 * Gimpel, arXiv 1606.08415). */
#define ELEMENTWISE_ROOT_HALF 0.70710678118654752f
#define ELEMENTWISE_DENSITY 0.39894228040143268f
#define ELEMENTWISE_TANH_1 1.59576912160573071f
#define ELEMENTWISE_TANH_3 0.07135481627267251f

static inline vf elementwise_relu(vf x) { return vf_select(vf_lt(x, vf_zero()), vf_zero(), x); }
static inline vf elementwise_silu(vf x) { return vf_mul(x, vf_sigmoid(x)); }
/* Phi(x), the distribution function of the standard normal distribution, computed from erf. */
static inline vf elementwise_phi(vf x) {
  const vf half = vf_set(0.5f);
  return vf_fma(half, vf_erf(vf_mul(x, vf_set(ELEMENTWISE_ROOT_HALF))), half);
}
static inline vf elementwise_gelu_erf(vf x) { return vf_mul(x, elementwise_phi(x)); }
static inline vf elementwise_clamp(vf x, vf low, vf high) {
  return vf_select(vf_lt(x, low), low, vf_select(vf_gt(x, high), high, x));
}

/* (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3), computed as sigmoid(2 u), which does not
 * cancel where the value is small. */
static inline vf elementwise_gelu_gate(vf x) {
  const vf slope = vf_fma(vf_mul(x, x), vf_set(ELEMENTWISE_TANH_3), vf_set(ELEMENTWISE_TANH_1));
  const vf one = vf_set(1.0f), down = vf_mul(vf_neg(x), slope);
  const vf held = elementwise_clamp(down, vf_set(-87.0f), vf_set(87.0f));
  const vf gate = vf_div(one, vf_add(one, vf_exp_normal(held)));
  return vf_select(vf_gt(down, vf_set(87.0f)), vf_zero(),
                   gate); /* 0 also after it is multiplied by x */
}
static inline vf elementwise_gelu_tanh(vf x) { return vf_mul(x, elementwise_gelu_gate(x)); }

#define ELEMENTWISE_MAP1(F)                                                          \
  do {                                                                               \
    int64_t i = 0;                                                                   \
    for (; i + PAL_LANES <= n; i += PAL_LANES) vf_store(out + i, F(vf_load(x + i))); \
    if (i < n) vf_store_n(out + i, F(vf_load_n(x + i, (int)(n - i))), (int)(n - i)); \
  } while (0)
#define ELEMENTWISE_AFFINE(x) vf_fma((x), vp, vq)
#define ELEMENTWISE_CLAMP(x) elementwise_clamp((x), vp, vq)

static void elementwise_unary(pal_unary_kind kind, float p, float q, float *out, const float *x,
                              int64_t n) {
  const vf vp = vf_set(p), vq = vf_set(q);
  switch (kind) {
    case PAL_UNARY_AFFINE: ELEMENTWISE_MAP1(ELEMENTWISE_AFFINE); break;
    case PAL_UNARY_EXP: ELEMENTWISE_MAP1(vf_exp); break;
    case PAL_UNARY_LOG: ELEMENTWISE_MAP1(vf_log); break;
    case PAL_UNARY_TANH: ELEMENTWISE_MAP1(vf_tanh); break;
    case PAL_UNARY_SIGMOID: ELEMENTWISE_MAP1(vf_sigmoid); break;
    case PAL_UNARY_ERF: ELEMENTWISE_MAP1(vf_erf); break;
    case PAL_UNARY_SQRT: ELEMENTWISE_MAP1(vf_sqrt); break;
    case PAL_UNARY_RELU: ELEMENTWISE_MAP1(elementwise_relu); break;
    case PAL_UNARY_SILU: ELEMENTWISE_MAP1(elementwise_silu); break;
    case PAL_UNARY_GELU_ERF: ELEMENTWISE_MAP1(elementwise_gelu_erf); break;
    case PAL_UNARY_GELU_TANH: ELEMENTWISE_MAP1(elementwise_gelu_tanh); break;
    case PAL_UNARY_CLAMP: ELEMENTWISE_MAP1(ELEMENTWISE_CLAMP); break;
  }
}

/* The derivative of SiLU: s (1 + x (1 - s)), s = sigmoid(x). */
static inline vf elementwise_silu_slope(vf x) {
  const vf one = vf_set(1.0f), s = vf_sigmoid(x);
  return vf_mul(s, vf_fma(x, vf_sub(one, s), one));
}

/* The derivative of GELU with erf: Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi). */
static inline vf elementwise_gelu_erf_slope(vf x) {
  const vf density =
      vf_mul(vf_set(ELEMENTWISE_DENSITY), vf_exp(vf_mul(vf_mul(x, x), vf_set(-0.5f))));
  return vf_fma(x, density, elementwise_phi(x));
}

/* The derivative of GELU with tanh: s (1 + x (1 - s) (c1 + 3 c3 x^2)), where s is the gate above
 * and c1, c3 are ELEMENTWISE_TANH_1 and _3. */
static inline vf elementwise_gelu_tanh_slope(vf x) {
  const vf one = vf_set(1.0f), s = elementwise_gelu_gate(x);
  const vf inner =
      vf_fma(vf_mul(x, x), vf_set(3.0f * ELEMENTWISE_TANH_3), vf_set(ELEMENTWISE_TANH_1));
  return vf_mul(s, vf_fma(vf_mul(x, vf_sub(one, s)), inner, one));
}

#define ELEMENTWISE_BACKWARD(SLOPE)                                   \
  for (int64_t i = 0; i < n; i += PAL_LANES) {                        \
    const int k = n - i < PAL_LANES ? (int)(n - i) : PAL_LANES;       \
    const vf slope = SLOPE(vf_load_left(x + i, k));                   \
    vf_store_left(dx + i, vf_mul(vf_load_left(dy + i, k), slope), k); \
  }

/* Selects instead of multiplying by 0 or 1, since an infinite dy times 0 would be NaN. */
static void elementwise_relu_backward(float *dx, const float *y, const float *dy, int64_t n) {
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const vm up = vf_gt(vf_load_left(y + i, n - i), vf_zero());
    vf_store_left(dx + i, vf_select(up, vf_load_left(dy + i, n - i), vf_zero()), n - i);
  }
}

static void elementwise_unary_backward(pal_unary_kind kind, float *dx, const float *x,
                                       const float *dy, int64_t n) {
  if (kind == PAL_UNARY_SILU) ELEMENTWISE_BACKWARD(elementwise_silu_slope)
  else if (kind == PAL_UNARY_GELU_ERF) ELEMENTWISE_BACKWARD(elementwise_gelu_erf_slope)
  else if (kind == PAL_UNARY_GELU_TANH) ELEMENTWISE_BACKWARD(elementwise_gelu_tanh_slope)
  else if (kind == PAL_UNARY_RELU) elementwise_relu_backward(dx, x, dy, n);
}

/* Infinities and NaNs are the numbers whose exponent bits are all ones. */
static int64_t elementwise_first_nonfinite(const float *x, int64_t n) {
  const vi magnitude = vi_set(0x7fffffff), largest = vi_set(0x7f7fffff);
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = n - i < PAL_LANES ? (int)(n - i) : PAL_LANES;
    const vm bad = vi_gt(vi_and(vf_bits(vf_load_n(x + i, k)), magnitude), largest);
    if (!vm_any(bad)) continue;
    int32_t flag[PAL_LANES];
    vi_store(flag, elementwise_flag(bad));
    int first = 0;
    while (!flag[first]) first++;
    return i + first;
  }
  return -1;
}

#define PAL_ELEMENTWISE_KERNELS                                                                   \
  {                                                                                               \
    elementwise_binary_f32, elementwise_binary_i32, elementwise_compare_f32,                      \
        elementwise_compare_i32, elementwise_where_f32, elementwise_where_i32, elementwise_unary, \
        elementwise_unary_backward, elementwise_first_nonfinite                                   \
  }
