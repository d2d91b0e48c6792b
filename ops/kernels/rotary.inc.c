/* The rotary embedding kernel (floor 2). Included by attention.inc.c. */

/* Sine and cosine of phase * 2 pi / 2^32: to the nearest quarter turn, then Taylor's series, whose
 * next terms at pi / 4 are below 3e-9. */
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

static void attention_rotary(const pal_rotary_rows *w, const float *x, float *out) {
  const int64_t half = w->half, row = w->heads * 2 * half;
  for (int64_t i = 0; i < half; i += PAL_LANES) {
    const int lanes = attention_lanes(half - i);
    int32_t high[PAL_LANES] = {0}, low[PAL_LANES] = {0};
    for (int l = 0; l < lanes; l++) {
      high[l] = (int32_t)((uint64_t)w->turn[i + l] >> 32);
      low[l] = (int32_t)((uint64_t)w->turn[i + l] & 0xffffffffu);
    }
    const vi turn_high = vi_load(high), turn_low = vi_load(low);
    for (int64_t r = 0; r < w->rows; r++) {
      const int32_t position = w->position[r];
      const vi steps = vi_set((int32_t)(position < 0 ? 0u - (uint32_t)position
                                                     : (uint32_t)position));
      vf s, c;
      attention_sincos(vi_add(vi_mul(steps, turn_high), vi_mulhi(steps, turn_low)), &s, &c);
      if ((position < 0) != w->inverse) s = vf_neg(s);
      for (int64_t at = r * row + i; at < (r + 1) * row; at += 2 * half) {
        const vf a = vf_load_n(x + at, lanes), b = vf_load_n(x + at + half, lanes);
        vf_store_n(out + at, vf_fnma(b, s, vf_mul(a, c)), lanes);
        vf_store_n(out + at + half, vf_fma(a, s, vf_mul(b, c)), lanes);
      }
    }
  }
}
