/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of pal_reduce_kernels, compiled once per instruction set (floor 2).
 *
 * Invariants: the result of a row depends on that row only; the result of a column depends on that
 * column only, never on how many columns are computed together. */
#include <math.h>

#include "ops/kernels/reduce.h"
#include "src/simd.h"

static inline int reduce_lanes(int64_t left) { return left < PAL_LANES ? (int)left : PAL_LANES; }

/* The first k elements; the other lanes are `other`. */
static inline vf reduce_load(const float *x, int k, vf other) {
  return k == PAL_LANES ? vf_load(x) : vf_select(vm_first(k), vf_load_n(x, k), other);
}

/* The larger of two numbers; NaN if either is NaN. */
static inline vf reduce_larger(vf best, vf x) {
  return vf_select(vm_or(vf_gt(x, best), vf_ne(x, x)), x, best);
}

static inline float reduce_sum_one(const float *x, int64_t n) {
  vf sum = vf_zero();
  int64_t i = 0;
  for (; i + PAL_LANES <= n; i += PAL_LANES) sum = vf_add(sum, vf_load(x + i));
  if (i < n) sum = vf_add(sum, vf_load_n(x + i, (int)(n - i)));
  return vf_sum(sum);
}

/* The largest number of a row, ignoring NaNs, as softmax needs it. */
static inline float reduce_max_one(const float *x, int64_t n) {
  const vf lowest = vf_set(-INFINITY);
  vf best = lowest;
  for (int64_t i = 0; i < n; i += PAL_LANES)
    best = vf_max(reduce_load(x + i, reduce_lanes(n - i), lowest), best);
  return vf_hmax(best);
}

static void reduce_row_sum(float *out, const float *x, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) out[r] = reduce_sum_one(x + r * n, n);
}

static void reduce_row_squares(float *out, const float *x, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) {
    vf sum = vf_zero();
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const vf v = vf_load_left(x + r * n + i, n - i);
      sum = vf_add(sum, vf_mul(v, v));
    }
    out[r] = vf_sum(sum);
  }
}

static void reduce_row_max(float *out, const float *x, int64_t rows, int64_t n) {
  const vf lowest = vf_set(-INFINITY);
  for (int64_t r = 0; r < rows; r++) {
    vf best = lowest;
    for (int64_t i = 0; i < n; i += PAL_LANES)
      best = reduce_larger(best, reduce_load(x + r * n + i, reduce_lanes(n - i), lowest));
    float lane[PAL_LANES], most = -INFINITY;
    vf_store(lane, best);
    for (int j = 0; j < PAL_LANES; j++)
      if (lane[j] > most || lane[j] != lane[j]) most = lane[j];
    out[r] = most;
  }
}

/* The index of the largest value among 16 lanes, the lowest index if several are equal. Lanes that
 * found nothing above -inf have index -1; gives -1 if all do. */
static inline int32_t reduce_first_best(const float *value, const int32_t *index) {
  int32_t best = -1;
  float most = -INFINITY;
  for (int j = 0; j < PAL_LANES; j++) {
    if (index[j] < 0) continue;
    if (best < 0 || value[j] > most || (!(value[j] < most) && index[j] < best)) {
      most = value[j];
      best = index[j];
    }
  }
  return best;
}

static void reduce_row_argmax(int32_t *out, const float *x, int64_t rows, int64_t n) {
  const vf lowest = vf_set(-INFINITY);
  for (int64_t r = 0; r < rows; r++) {
    vf best = lowest;
    vi where = vi_set(-1), at = vi_iota();
    for (int64_t i = 0; i < n; i += PAL_LANES, at = vi_add(at, vi_set(PAL_LANES))) {
      const vf v = reduce_load(x + r * n + i, reduce_lanes(n - i), lowest);
      const vm more = vf_gt(v, best);
      best = vf_select(more, v, best);
      where = vi_select(more, at, where);
    }
    float value[PAL_LANES];
    int32_t index[PAL_LANES];
    vf_store(value, best);
    vi_store(index, where);
    const int32_t found = reduce_first_best(value, index);
    out[r] = found < 0 ? 0 : found;
  }
}

/* ---- columns ------------------------------------------------------------------------ */

/* Four vectors of columns at a time, to hide the latency of the additions. */
static void reduce_column_sum(float *out, const float *x, int64_t rows, int64_t n, int64_t stride) {
  int64_t c = 0;
  for (; c + 4 * PAL_LANES <= n; c += 4 * PAL_LANES) {
    vf s0 = vf_zero(), s1 = s0, s2 = s0, s3 = s0;
    for (int64_t r = 0; r < rows; r++) {
      const float *p = x + r * stride + c;
      s0 = vf_add(s0, vf_load(p));
      s1 = vf_add(s1, vf_load(p + PAL_LANES));
      s2 = vf_add(s2, vf_load(p + 2 * PAL_LANES));
      s3 = vf_add(s3, vf_load(p + 3 * PAL_LANES));
    }
    vf_store(out + c, s0);
    vf_store(out + c + PAL_LANES, s1);
    vf_store(out + c + 2 * PAL_LANES, s2);
    vf_store(out + c + 3 * PAL_LANES, s3);
  }
  for (; c < n; c += PAL_LANES) {
    const int k = reduce_lanes(n - c);
    vf sum = vf_zero();
    for (int64_t r = 0; r < rows; r++) sum = vf_add(sum, vf_load_n(x + r * stride + c, k));
    vf_store_n(out + c, sum, k);
  }
}

static void reduce_column_max(float *out, const float *x, int64_t rows, int64_t n, int64_t stride) {
  for (int64_t c = 0; c < n; c += PAL_LANES) {
    const int k = reduce_lanes(n - c);
    vf best = vf_set(-INFINITY);
    for (int64_t r = 0; r < rows; r++) best = reduce_larger(best, vf_load_n(x + r * stride + c, k));
    vf_store_n(out + c, best, k);
  }
}

static void reduce_column_argmax(int32_t *out, float *best, const float *x, int64_t rows, int64_t n,
                                 int64_t stride, int32_t first) {
  for (int64_t c = 0; c < n; c += PAL_LANES) {
    const int k = reduce_lanes(n - c);
    vf most = vf_set(-INFINITY);
    vi where = vi_set(first), at = where;
    for (int64_t r = 0; r < rows; r++, at = vi_add(at, vi_set(1))) {
      const vf v = vf_load_n(x + r * stride + c, k);
      const vm more = vf_gt(v, most);
      most = vf_select(more, v, most);
      where = vi_select(more, at, where);
    }
    vf_store_n(best + c, most, k);
    vi_store_n(out + c, where, k);
  }
}

static void reduce_accumulate(float *a, const float *b, int64_t n) {
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = reduce_lanes(n - i);
    vf_store_n(a + i, vf_add(vf_load_n(a + i, k), vf_load_n(b + i, k)), k);
  }
}

static void reduce_column_cumsum(float *out, const float *x, int64_t rows, int64_t n,
                                 int64_t stride, int reverse) {
  for (int64_t c = 0; c < n; c += PAL_LANES) {
    const int k = reduce_lanes(n - c);
    vf sum = vf_zero();
    for (int64_t i = 0; i < rows; i++) {
      const int64_t at = (reverse ? rows - 1 - i : i) * stride + c;
      sum = vf_add(sum, vf_load_n(x + at, k));
      vf_store_n(out + at, sum, k);
    }
  }
}

static void reduce_column_i32(pal_reduce_kind kind, int32_t *out, int32_t *best, const int32_t *x,
                              int64_t rows, int64_t n, int64_t stride, int32_t first) {
  for (int64_t c = 0; c < n; c += PAL_LANES) {
    const int k = reduce_lanes(n - c);
    vi most = vi_set(kind == PAL_REDUCE_SUM ? 0 : INT32_MIN), where = vi_set(first), at = where;
    for (int64_t r = 0; r < rows; r++, at = vi_add(at, vi_set(1))) {
      const vi v = vi_load_n(x + r * stride + c, k);
      if (kind == PAL_REDUCE_ARGMAX) where = vi_select(vi_gt(v, most), at, where);
      most = kind == PAL_REDUCE_SUM ? vi_add(most, v) : vi_max(most, v);
    }
    vi_store_n(kind == PAL_REDUCE_ARGMAX ? best + c : out + c, most, k);
    if (kind == PAL_REDUCE_ARGMAX) vi_store_n(out + c, where, k);
  }
}

/* ---- softmax ------------------------------------------------------------------------- */

/* The sum over a row of exp(x - most). */
static inline float reduce_exp_sum(const float *x, int64_t n, float most) {
  const vf shift = vf_set(most);
  vf sum = vf_zero();
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = reduce_lanes(n - i);
    const vf e = vf_exp(vf_sub(vf_load_n(x + i, k), shift));
    sum = vf_add(sum, k == PAL_LANES ? e : vf_select(vm_first(k), e, vf_zero()));
  }
  return vf_sum(sum);
}

/* The natural logarithm of one number, by the vector function, so that its bits are the same
 * everywhere. */
static inline float reduce_log(float x) {
  float lane[PAL_LANES];
  vf_store(lane, vf_log(vf_set(x)));
  return lane[0];
}

static void reduce_softmax(float *y, const float *x, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
    const vf most = vf_set(reduce_max_one(x, n));
    vf sum = vf_zero();
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const int k = reduce_lanes(n - i);
      const vf e = vf_exp(vf_sub(vf_load_n(x + i, k), most));
      sum = vf_add(sum, k == PAL_LANES ? e : vf_select(vm_first(k), e, vf_zero()));
      vf_store_n(y + i, e, k);
    }
    const vf scale = vf_set(1.0f / vf_sum(sum));
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const int k = reduce_lanes(n - i);
      vf_store_n(y + i, vf_mul(vf_load_n(y + i, k), scale), k);
    }
  }
}

static void reduce_log_softmax(float *y, const float *x, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
    const float most = reduce_max_one(x, n);
    const vf shift = vf_set(most), log_sum = vf_set(reduce_log(reduce_exp_sum(x, n, most)));
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const int k = reduce_lanes(n - i);
      vf_store_n(y + i, vf_sub(vf_sub(vf_load_n(x + i, k), shift), log_sum), k);
    }
  }
}

static void reduce_softmax_backward(float *dx, const float *y, const float *dy, int64_t rows,
                                    int64_t n) {
  for (int64_t r = 0; r < rows; r++, dx += n, y += n, dy += n) {
    vf dot = vf_zero();
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const int k = reduce_lanes(n - i);
      dot = vf_fma(vf_load_n(y + i, k), vf_load_n(dy + i, k), dot);
    }
    const vf mean = vf_set(vf_sum(dot));
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const int k = reduce_lanes(n - i);
      const vf d = vf_mul(vf_load_n(y + i, k), vf_sub(vf_load_n(dy + i, k), mean));
      vf_store_n(dx + i, d, k);
    }
  }
}

static void reduce_log_softmax_backward(float *dx, const float *y, const float *dy, int64_t rows,
                                        int64_t n) {
  for (int64_t r = 0; r < rows; r++, dx += n, y += n, dy += n) {
    const vf sum = vf_set(reduce_sum_one(dy, n));
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const int k = reduce_lanes(n - i);
      vf_store_n(dx + i, vf_fnma(vf_exp(vf_load_n(y + i, k)), sum, vf_load_n(dy + i, k)), k);
    }
  }
}

/* For the entropy of a row: sum = sum of e and moment = sum of e (x - most), with e = exp(x -
 * most). A class of probability 0 adds nothing, even if x is -inf. */
static inline void reduce_moments(const float *x, int64_t n, float most, float *sum,
                                  float *moment) {
  const vf shift = vf_set(most);
  vf s = vf_zero(), m = s;
  for (int64_t i = 0; i < n; i += PAL_LANES) {
    const int k = reduce_lanes(n - i);
    const vf z = vf_sub(vf_load_n(x + i, k), shift);
    const vf e = vf_select(vm_first(k), vf_exp(z), vf_zero());
    s = vf_add(s, e);
    m = vf_select(vf_eq(e, vf_zero()), m, vf_fma(e, z, m));
  }
  *sum = vf_sum(s);
  *moment = vf_sum(m);
}

static void reduce_entropy(float *out, const float *x, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) {
    float sum, moment;
    reduce_moments(x + r * n, n, reduce_max_one(x + r * n, n), &sum, &moment);
    out[r] = reduce_log(sum) - moment / sum;
  }
}

/* dx = -dout p (log p + H), where H is the entropy. */
static void reduce_entropy_backward(float *dx, const float *x, const float *dout, int64_t rows,
                                    int64_t n) {
  for (int64_t r = 0; r < rows; r++, dx += n, x += n) {
    const float most = reduce_max_one(x, n);
    float sum, moment;
    reduce_moments(x, n, most, &sum, &moment);
    /* log p + H = (x - most) - moment / sum, since the logarithms of the sum cancel. */
    const vf shift = vf_set(most), mean = vf_set(moment / sum), scale = vf_set(-dout[r] / sum);
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const int k = reduce_lanes(n - i);
      const vf z = vf_sub(vf_load_n(x + i, k), shift), e = vf_exp(z);
      const vf d = vf_mul(vf_mul(scale, e), vf_sub(z, mean));
      vf_store_n(dx + i, vf_select(vf_eq(e, vf_zero()), vf_zero(), d), k);
    }
  }
}

/* The two largest elements of a row. */
typedef struct reduce_top2 {
  float value[2];   /* -inf where there is none */
  int32_t index[2]; /* -1 where there is none */
} reduce_top2;

/* Finds the two largest elements of a row; equal ones are taken in order of index. */
static inline reduce_top2 reduce_top2_of(const float *x, int64_t n) {
  const vf lowest = vf_set(-INFINITY);
  vf v1 = lowest, v2 = lowest;
  vi i1 = vi_set(-1), i2 = i1, at = vi_iota();
  for (int64_t i = 0; i < n; i += PAL_LANES, at = vi_add(at, vi_set(PAL_LANES))) {
    const vf v = reduce_load(x + i, reduce_lanes(n - i), lowest);
    const vm above1 = vf_gt(v, v1), above2 = vf_gt(v, v2);
    v2 = vf_select(above1, v1, vf_select(above2, v, v2));
    i2 = vi_select(above1, i1, vi_select(above2, at, i2));
    v1 = vf_select(above1, v, v1);
    i1 = vi_select(above1, at, i1);
  }
  float value[2][PAL_LANES];
  int32_t index[2][PAL_LANES];
  vf_store(value[0], v1);
  vf_store(value[1], v2);
  vi_store(index[0], i1);
  vi_store(index[1], i2);
  reduce_top2 top = {{-INFINITY, -INFINITY}, {-1, -1}};
  for (int rank = 0; rank < 2; rank++) {
    /* The lane that had the largest offers its own second largest next. */
    const int32_t best = reduce_first_best(value[0], index[0]);
    if (best < 0) break;
    const int lane = (int)(best % PAL_LANES);
    top.value[rank] = value[0][lane];
    top.index[rank] = best;
    value[0][lane] = value[1][lane];
    index[0][lane] = index[1][lane];
  }
  return top;
}

/* The probabilities of the two largest, and the sum of exp(x - largest). */
static inline void reduce_top2_probabilities(const float *x, int64_t n, const reduce_top2 *top,
                                             float *sum, float p[2]) {
  float lane[PAL_LANES] = {0.0f, top->value[1] - top->value[0]};
  vf_store(lane, vf_exp(vf_load(lane)));
  *sum = reduce_exp_sum(x, n, top->value[0]);
  p[0] = 1.0f / *sum;
  p[1] = top->index[1] < 0 ? 0.0f : lane[1] / *sum;
}

static void reduce_top2_margin(float *out, const float *x, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) {
    const reduce_top2 top = reduce_top2_of(x + r * n, n);
    float sum, p[2];
    reduce_top2_probabilities(x + r * n, n, &top, &sum, p);
    out[r] = p[0] - p[1];
  }
}

/* dx = dout times: p1 at the largest, -p2 at the second largest, minus p (p1 - p2) everywhere. */
static void reduce_top2_margin_backward(float *dx, const float *x, const float *dout, int64_t rows,
                                        int64_t n) {
  for (int64_t r = 0; r < rows; r++, dx += n, x += n) {
    const float d = dout[r]; /* read before dx is written */
    const reduce_top2 top = reduce_top2_of(x, n);
    float sum, p[2];
    reduce_top2_probabilities(x, n, &top, &sum, p);
    const vf shift = vf_set(top.value[0]), scale = vf_set(-d * (p[0] - p[1]) / sum);
    for (int64_t i = 0; i < n; i += PAL_LANES) {
      const int k = reduce_lanes(n - i);
      vf_store_n(dx + i, vf_mul(scale, vf_exp(vf_sub(vf_load_n(x + i, k), shift))), k);
    }
    if (top.index[0] >= 0) dx[top.index[0]] += d * p[0];
    if (top.index[1] >= 0) dx[top.index[1]] -= d * p[1];
  }
}

#define PAL_REDUCE_KERNELS                                                                        \
  {                                                                                               \
    reduce_row_sum, reduce_row_squares, reduce_row_max, reduce_row_argmax, reduce_column_sum,     \
        reduce_column_max, reduce_column_argmax, reduce_accumulate, reduce_column_cumsum,         \
        reduce_column_i32, reduce_softmax, reduce_log_softmax, reduce_softmax_backward,           \
        reduce_log_softmax_backward, reduce_entropy, reduce_entropy_backward, reduce_top2_margin, \
        reduce_top2_margin_backward                                                               \
  }
