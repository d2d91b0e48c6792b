/* layer_norm, rms_norm and the gradient of x for rows of one vector at most (floor 2). Included by
 * norm.inc.c.
 *
 * Up to 16 rows at a time: what a row has one of is computed for all of them in one vector, and all
 * are read before the first is written, since out may be the input and a load behind a store of part
 * of a vector waits for it. Terms and their order are those of wider rows. */

static void norm_forward_narrow(const pal_norm_forward *c) {
  const int n = (int)c->width;
  const vm inside = vm_first(n);
  const vf divisor = vf_set((float)n), epsilon = vf_set(c->epsilon), one = vf_set(1.0f);
  const vf gain = norm_load_or(c->gain, 0, n, one), bias = norm_load_or(c->bias, 0, n, vf_zero());
  for (int64_t t = 0; t < c->rows; t += PAL_LANES) {
    const int rows = norm_lanes(c->rows - t);
    float mean[PAL_LANES] = {0}, rstd[PAL_LANES] = {0};
    vf row[PAL_LANES];
    for (int k = 0; k < rows; k++) {
      row[k] = vf_load_n(c->x + (t + k) * n, n);
      if (c->mean) mean[k] = vf_sum(row[k]);
    }
    vf_store(mean, vf_div(vf_load(mean), divisor));
    for (int k = 0; k < rows; k++) {
      row[k] = vf_select(inside, vf_sub(row[k], vf_set(mean[k])), vf_zero());
      rstd[k] = vf_sum(vf_mul(row[k], row[k]));
    }
    vf_store(rstd, vf_div(one, vf_sqrt(vf_add(vf_div(vf_load(rstd), divisor), epsilon))));
    if (c->mean) norm_store(c->mean + t, vf_load(mean), rows);
    norm_store(c->rstd + t, vf_load(rstd), rows);
    for (int k = 0; k < rows; k++)
      vf_store_n(c->y + (t + k) * n, vf_fma(vf_mul(row[k], vf_set(rstd[k])), gain, bias), n);
  }
}

static void norm_backward_narrow(const pal_norm_backward *c) {
  const int n = (int)c->width;
  const vf divisor = vf_set((float)n), gain = norm_load_or(c->gain, 0, n, vf_set(1.0f));
  for (int64_t t = 0; t < c->rows; t += PAL_LANES) {
    const int rows = norm_lanes(c->rows - t);
    float along[PAL_LANES] = {0}, level[PAL_LANES] = {0};
    vf w[PAL_LANES], h[PAL_LANES];
    for (int k = 0; k < rows; k++) {
      const vf mean = vf_set(c->mean ? c->mean[t + k] : 0.0f);
      w[k] = vf_mul(c->dy ? vf_load_n(c->dy + (t + k) * n, n) : vf_zero(), gain);
      h[k] = vf_mul(vf_sub(vf_load_n(c->x + (t + k) * n, n), mean), vf_set(c->rstd[t + k]));
      along[k] = vf_sum(vf_mul(w[k], h[k]));
      if (c->mean) level[k] = vf_sum(w[k]);
    }
    const vf rstd = norm_load(c->rstd + t, rows);
    vf a = vf_div(vf_load(along), divisor), l = vf_div(vf_load(level), divisor);
    if (c->drstd) a = vf_add(a, vf_div(vf_mul(norm_load(c->drstd + t, rows), rstd), divisor));
    if (c->dmean) l = vf_sub(l, vf_div(norm_load(c->dmean + t, rows), vf_mul(divisor, rstd)));
    vf_store(along, a);
    vf_store(level, l);
    for (int k = 0; k < rows; k++) {
      const vf d = vf_sub(vf_fnma(h[k], vf_set(along[k]), w[k]), vf_set(level[k]));
      vf_store_n(c->dx + (t + k) * n, vf_mul(d, vf_set(c->rstd[t + k])), n);
    }
  }
}
