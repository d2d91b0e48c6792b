/* SPDX-License-Identifier: Apache-2.0 */
/* Norms and cross-entropy with hard targets for rows of at most 16 elements, 16 rows at a time
 * (floor 2). Included by norm.inc.c.
 *
 * The 16 rows are transposed, so that lane k of column[i] is element i of row k, and computed
 * together. Terms and their order are those of wider rows, so the bits are the same as if a row
 * were computed alone. All rows are read before the first is written, since the result may be
 * written over the input. */
#include <string.h>

enum { NORM_BLOCK = PAL_LANES * PAL_LANES };

/* Loads up to 16 rows as columns. `after` elements may be read from x on, these rows and what
 * follows; if a transposition would read more, the rows are copied first. */
static void norm_columns(const float *x, int rows, int width, int64_t after, vf *column) {
  float copy[NORM_BLOCK + PAL_LANES], transposed[NORM_BLOCK];
  if (width == 4 && rows == PAL_LANES) {
    vf_load_columns4(x, 4, column);
    return;
  }
  if (after < (PAL_LANES - 1) * width + PAL_LANES) {
    memset(copy, 0, sizeof copy);
    memcpy(copy, x, (size_t)(rows * width) * sizeof *x);
    x = copy;
  }
  vf_transpose(x, width, transposed, PAL_LANES);
  for (int i = 0; i < width; i++) column[i] = vf_load(transposed + i * PAL_LANES);
}

/* Stores columns as rows. */
static void norm_rows(const vf *column, int rows, int width, float *y) {
  float transposed[NORM_BLOCK], back[NORM_BLOCK];
  if (width == 4 && rows == PAL_LANES) {
    vf_store_columns4(y, 4, column);
    return;
  }
  for (int i = 0; i < PAL_LANES; i++)
    vf_store(transposed + i * PAL_LANES, i < width ? column[i] : vf_zero());
  vf_transpose(transposed, PAL_LANES, back, PAL_LANES);
  for (int k = 0; k < rows; k++) vf_store_n(y + k * width, vf_load(back + k * PAL_LANES), width);
}

/* The sum of n terms in the order in which vf_sum adds n elements and zeros behind them. Overwrites
 * the terms. */
static inline vf norm_tree(vf *term, int n) {
  if (n < 1) return vf_zero();
  bool zeros = false; /* whether a zero has been added; adding another changes nothing */
  for (int half = PAL_LANES / 2; half > 0; half /= 2) {
    for (int i = 0; i < half && i < n && !(zeros && half >= n); i++)
      term[i] = vf_add(term[i], i + half < n ? term[i + half] : vf_zero());
    zeros = zeros || half >= n;
    n = n < half ? n : half;
  }
  return term[0];
}

/* Element i of a row, in every lane; `absent` if the row is NULL. */
static inline vf norm_element(const float *of, int i, float absent) {
  return vf_set(of ? of[i] : absent);
}

static void norm_forward_narrow(const pal_norm_forward *c) {
  const int width = (int)c->width;
  const vf divisor = vf_set((float)width), epsilon = vf_set(c->epsilon), one = vf_set(1.0f);
  for (int64_t t = 0; t < c->rows; t += PAL_LANES) {
    const int rows = norm_lanes(c->rows - t);
    vf x[PAL_LANES], term[PAL_LANES], mean = vf_zero();
    norm_columns(c->x + t * width, rows, width, (c->rows - t) * width, x);
    if (c->mean) {
      for (int i = 0; i < width; i++) term[i] = x[i];
      mean = vf_div(norm_tree(term, width), divisor);
      norm_store(c->mean + t, mean, rows);
    }
    for (int i = 0; i < width; i++) {
      x[i] = vf_sub(x[i], mean);
      term[i] = vf_mul(x[i], x[i]);
    }
    const vf variance = vf_div(norm_tree(term, width), divisor);
    const vf rstd = vf_div(one, vf_sqrt(vf_add(variance, epsilon)));
    norm_store(c->rstd + t, rstd, rows);
    for (int i = 0; i < width; i++)
      x[i] = vf_fma(vf_mul(x[i], rstd), norm_element(c->gain, i, 1), norm_element(c->bias, i, 0));
    norm_rows(x, rows, width, c->y + t * width);
  }
}

static void norm_backward_narrow(const pal_norm_backward *c) {
  const int width = (int)c->width;
  const vf divisor = vf_set((float)width);
  for (int64_t t = 0; t < c->rows; t += PAL_LANES) {
    const int rows = norm_lanes(c->rows - t);
    const int64_t at = t * width, after = (c->rows - t) * width;
    const vf rstd = norm_load(c->rstd + t, rows), mean = norm_load_or(c->mean, t, rows, vf_zero());
    vf h[PAL_LANES], w[PAL_LANES], term[PAL_LANES], level = vf_zero();
    for (int i = 0; i < width; i++) w[i] = vf_zero();
    if (c->dy) norm_columns(c->dy + at, rows, width, after, w);
    norm_columns(c->x + at, rows, width, after, h);
    for (int i = 0; i < width; i++) {
      w[i] = vf_mul(w[i], norm_element(c->gain, i, 1));
      h[i] = vf_mul(vf_sub(h[i], mean), rstd);
      term[i] = vf_mul(w[i], h[i]);
    }
    vf along = vf_div(norm_tree(term, width), divisor);
    if (c->mean) {
      for (int i = 0; i < width; i++) term[i] = w[i];
      level = vf_div(norm_tree(term, width), divisor);
    }
    if (c->drstd)
      along = vf_add(along, vf_div(vf_mul(norm_load(c->drstd + t, rows), rstd), divisor));
    if (c->dmean)
      level = vf_sub(level, vf_div(norm_load(c->dmean + t, rows), vf_mul(divisor, rstd)));
    for (int i = 0; i < width; i++) w[i] = vf_mul(vf_sub(vf_fnma(h[i], along, w[i]), level), rstd);
    norm_rows(w, rows, width, c->dx + at);
  }
}

/* The largest logit of each row, and the sum of exp(x - largest). */
static void norm_exp_sums(const float *x, int rows, int width, int64_t after, vf *largest,
                          vf *total) {
  vf column[PAL_LANES], most = vf_set(-INFINITY);
  norm_columns(x, rows, width, after, column);
  for (int i = 0; i < width; i++) most = vf_max(column[i], most);
  for (int i = 0; i < width; i++) column[i] = vf_exp(vf_sub(column[i], most));
  *largest = most;
  *total = norm_tree(column, width);
}

/* norm_cross_entropy_backward with hard targets. */
static void norm_cross_entropy_backward_narrow(const pal_cross_entropy_rows *c, const float *lse,
                                               const float *dloss, const float *dlse,
                                               float *dlogits) {
  const int width = (int)c->width;
  const vf zero = vf_zero();
  for (int64_t t = 0; t < c->rows; t += PAL_LANES) {
    const int rows = norm_lanes(c->rows - t);
    const vi hard = vi_load_n(c->hard + t, rows);
    const vm given = vi_gt(hard, vi_set(-1));
    vf column[PAL_LANES], scale = norm_load_or(dloss, t, rows, zero);
    if (c->weight) scale = vf_mul(scale, norm_load(c->weight + t, rows));
    scale = vf_select(given, scale, zero);
    const vf all = dlse ? vf_add(scale, norm_load(dlse + t, rows)) : scale;
    const vf l = norm_load(lse + t, rows);
    norm_columns(c->logits + t * width, rows, width, (c->rows - t) * width, column);
    for (int i = 0; i < width; i++) {
      const vf p = vf_exp(vf_sub(column[i], l));
      const vf target = vf_select(vi_eq(hard, vi_set(i)), scale, zero);
      const vf d = vf_fma(p, all, vf_neg(target));
      column[i] = dlse ? d : vf_select(given, d, zero); /* 0 in ignored rows, see above */
    }
    norm_rows(column, rows, width, dlogits + t * width);
  }
}
