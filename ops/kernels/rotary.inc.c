/* SPDX-License-Identifier: Apache-2.0 */
/* The rotary embedding kernel (floor 2). Included by attention.inc.c. */

/* Sine and cosine of phase * 2 pi / 2^32. The angle is reduced to the distance from the nearest
 * quarter turn, at most pi / 4, where the terms that the Taylor series omit are below 3e-9. */
static void attention_sincos(vi phase, vf *sine, vf *cosine) {
  const vi eighth = vi_set(0x20000000);
  const vi turned = vi_add(phase, eighth), quarter = vi_shr(turned, 30);
  const vi rest = vi_sub(vi_and(turned, vi_set(0x3fffffff)), eighth);
  const vf t = vf_mul(vf_from_vi(rest), vf_set(0x1.921fb6p-30f)), z = vf_mul(t, t);
  vf s = vf_fma(z, vf_set(1.0f / 362880), vf_set(-1.0f / 5040));
  s = vf_fma(z, s, vf_set(1.0f / 120));
  s = vf_fma(z, s, vf_set(-1.0f / 6));
  s = vf_fma(vf_mul(z, s), t, t);
  vf c = vf_fma(z, vf_set(-1.0f / 3628800), vf_set(1.0f / 40320));
  c = vf_fma(z, c, vf_set(-1.0f / 720));
  c = vf_fma(z, c, vf_set(1.0f / 24));
  c = vf_fma(z, c, vf_set(-0.5f));
  c = vf_fma(z, c, vf_set(1.0f));
  const vi one = vi_set(1), two = vi_set(2);
  const vm swap = vi_eq(vi_and(quarter, one), one);
  const vm down = vi_eq(vi_and(quarter, two), two);
  const vm left = vi_eq(vi_and(vi_add(quarter, one), two), two);
  const vf a = vf_select(swap, c, s), b = vf_select(swap, s, c);
  *sine = vf_select(down, vf_neg(a), a);
  *cosine = vf_select(left, vf_neg(b), b);
}

/* Sines and cosines of 16 angles, position times frequency; turn_high and turn_low are the halves
 * of the 64-bit frequencies. The sine is negated for a negative position, and once more with
 * `inverse`. */
static inline void attention_angles(vi position, vi turn_high, vi turn_low, bool inverse, vf *sine,
                                    vf *cosine) {
  const vm back = vi_lt(position, vi_zero());
  const vi steps = vi_select(back, vi_sub(vi_zero(), position), position);
  attention_sincos(vi_add(vi_mul(steps, turn_high), vi_mulhi(steps, turn_low)), sine, cosine);
  *sine = vf_select(inverse ? vm_not(back) : back, vf_neg(*sine), *sine);
}

/* The halves of n frequencies from `first` on, repeated from frequency 0 behind the last. */
static void attention_frequencies(const pal_rotary_rows *w, int64_t first, int32_t *high,
                                  int32_t *low, int n) {
  for (int l = 0; l < n; l++) {
    const uint64_t turn = (uint64_t)w->turn[(first + l) % w->half];
    high[l] = (int32_t)(turn >> 32);
    low[l] = (int32_t)(turn & 0xffffffffu);
  }
}

/* With fewer than 16 frequencies: angles of several rows share a vector. The elements are rotated
 * one by one, because in place a vector load that overlaps a preceding shorter store would have to
 * wait until that has reached the cache. */
static void attention_rotary_narrow(const pal_rotary_rows *w, const float *x, float *out) {
  enum { ANGLES = 16 * PAL_LANES };
  const int64_t half = w->half, wide = w->heads * 2 * half, most = ANGLES / half;
  int32_t high[2 * PAL_LANES], low[2 * PAL_LANES], position[ANGLES] = {0};
  float sine[ANGLES], cosine[ANGLES];
  attention_frequencies(w, 0, high, low, 2 * PAL_LANES);
  for (int64_t first = 0; first < w->rows; first += most) {
    const int64_t rows = w->rows - first < most ? w->rows - first : most;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t i = 0; i < half; i++) position[r * half + i] = w->position[first + r];
    for (int64_t n = 0; n < rows * half; n += PAL_LANES) {
      vf s, c;
      attention_angles(vi_load(position + n), vi_load(high + n % half), vi_load(low + n % half),
                       w->inverse, &s, &c);
      vf_store(sine + n, s);
      vf_store(cosine + n, c);
    }
    for (int64_t r = 0; r < rows; r++) {
      const float *s = sine + r * half, *c = cosine + r * half;
      for (int64_t at = (first + r) * w->row, end = at + wide; at < end; at += 2 * half)
        for (int64_t i = 0; i < half; i++) {
          const float a = x[at + i], b = x[at + half + i];
          out[at + i] = fmaf(-b, s[i], a * c[i]);
          out[at + half + i] = fmaf(a, s[i], b * c[i]);
        }
    }
  }
}

/* With two frequencies, heads of 4 columns: 16 rows are loaded column by column, one row in each
 * lane, and every head is rotated by the same angles. */
static void attention_rotary_four(const pal_rotary_rows *w, const float *x, float *out) {
  int32_t high[2], low[2];
  attention_frequencies(w, 0, high, low, 2);
  for (int64_t first = 0; first < w->rows; first += PAL_LANES) {
    const int n = attention_lanes(w->rows - first);
    int32_t position[PAL_LANES] = {0};
    float last[4 * PAL_LANES] = {0};
    vf sine[2], cosine[2], column[4];
    memcpy(position, w->position + first, (size_t)n * sizeof *position);
    for (int i = 0; i < 2; i++)
      attention_angles(vi_load(position), vi_set(high[i]), vi_set(low[i]), w->inverse, &sine[i],
                       &cosine[i]);
    for (int64_t at = first * w->row, end = at + 4 * w->heads; at < end; at += 4) {
      const bool whole = n == PAL_LANES;
      for (int k = 0; !whole && k < n; k++)
        memcpy(last + 4 * k, x + at + k * w->row, 4 * sizeof *x);
      vf_load_columns4(whole ? x + at : last, whole ? w->row : 4, column);
      for (int i = 0; i < 2; i++) {
        const vf a = column[i], b = column[i + 2];
        column[i] = vf_fnma(b, sine[i], vf_mul(a, cosine[i]));
        column[i + 2] = vf_fma(a, sine[i], vf_mul(b, cosine[i]));
      }
      vf_store_columns4(whole ? out + at : last, whole ? w->row : 4, column);
      for (int k = 0; !whole && k < n; k++)
        memcpy(out + at + k * w->row, last + 4 * k, 4 * sizeof *x);
    }
  }
}

/* With 16 frequencies or more: the columns of one row are in the lanes. */
static void attention_rotary(const pal_rotary_rows *w, const float *x, float *out) {
  const int64_t half = w->half, wide = w->heads * 2 * half;
  if (half == 2) {
    attention_rotary_four(w, x, out);
    return;
  }
  if (half < PAL_LANES) {
    attention_rotary_narrow(w, x, out);
    return;
  }
  for (int64_t i = 0; i < half; i += PAL_LANES) {
    const int lanes = attention_lanes(half - i);
    int32_t high[PAL_LANES], low[PAL_LANES];
    attention_frequencies(w, i, high, low, PAL_LANES);
    for (int64_t r = 0; r < w->rows; r++) {
      vf s, c;
      attention_angles(vi_set(w->position[r]), vi_load(high), vi_load(low), w->inverse, &s, &c);
      for (int64_t at = r * w->row + i, end = at + wide; at < end; at += 2 * half) {
        const vf a = vf_load_n(x + at, lanes), b = vf_load_n(x + at + half, lanes);
        vf_store_n(out + at, vf_fnma(b, s, vf_mul(a, c)), lanes);
        vf_store_n(out + at + half, vf_fma(a, s, vf_mul(b, c)), lanes);
      }
    }
  }
}
