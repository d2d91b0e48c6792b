/* SPDX-License-Identifier: Apache-2.0 */
/* The Taylor-remainder test of gradients, in double precision by the ops' references (floor 3).
 *
 * For a point x, a direction d and a correct gradient g, the remainder
 *   r(h) = |L(x + h d) - L(x) - h g.d|
 * is O(h^2): it falls by a factor of 16 when h is quartered. With a wrong g it is O(h) and falls by
 * 4. Only the smallest steps decide, so a kink (as of relu) further away does no harm. A remainder
 * at the level of rounding errors passes too. */
#define PAL_NO_CALLER
#include <math.h>
#include <string.h>

#include "autograd/check.h"
#include "autograd/gradient.h"
#include "src/alloc.h"

enum { STEPS = 6, FIRST_STEP = 6, REDRAWS = 4 }; /* h = 2^-6, 2^-8, ... 2^-16 */

typedef struct testing {
  const pal_taylor *t;
  pal_reference_result *r;
  double **base, **direction, **gradient; /* [wrt] elements of x, d and g */
  double size;                            /* sum of the magnitudes of the terms of L */
} testing;

/* Number of active elements of a value. */
static int64_t active(const testing *s, pal_value v) {
  pal_type type = pal_type_of(s->t->graph, v);
  return pal_type_rows(&type, s->r->count[type.symbol.id]) * pal_type_row(&type);
}

/* L at the present point; sets s->size. */
static double loss(testing *s) {
  double sum = 0;
  s->size = 0;
  for (int k = 0; k < s->t->n_of; k++) {
    const double *x = s->r->value[s->t->of[k].id];
    const double *w = s->t->weight[k].id ? s->r->value[s->t->weight[k].id] : NULL;
    int64_t n = active(s, s->t->of[k]);
    for (int64_t e = 0; e < n; e++) {
      if (w && w[e] == 0) continue; /* x may be infinite there */
      double term = w ? w[e] * x[e] : x[e];
      sum += term;
      s->size += fabs(term);
    }
  }
  return sum;
}

/* Elements that are not finite, such as the log-probability of an excluded class, get weight 0 in
 * L. */
static void drop_infinite(testing *s) {
  for (int k = 0; k < s->t->n_of; k++) {
    if (!s->t->weight[k].id) continue;
    int64_t n = active(s, s->t->of[k]);
    for (int64_t e = 0; e < n; e++)
      if (!isfinite(s->r->value[s->t->of[k].id][e])) s->r->value[s->t->weight[k].id][e] = 0;
  }
}

/* Allocates *to and copies n numbers, unless `from` is NULL. */
static bool copy_numbers(double **to, const double *from, int64_t n) {
  *to = pal_alloc((size_t)n * sizeof **to);
  if (*to && from) memcpy(*to, from, (size_t)n * sizeof **to);
  return *to != NULL;
}

static bool set_up(testing *s) {
  size_t n = (size_t)s->t->n_wrt;
  s->base = pal_calloc(n, sizeof *s->base);
  s->direction = pal_calloc(n, sizeof *s->direction);
  s->gradient = pal_calloc(n, sizeof *s->gradient);
  bool ok = s->base && s->direction && s->gradient;
  for (size_t i = 0; ok && i < n; i++) {
    int64_t elements = active(s, s->t->wrt[i]);
    ok = copy_numbers(&s->base[i], s->r->value[s->t->wrt[i].id], elements) &&
         copy_numbers(&s->gradient[i], s->r->value[s->t->grad[i].id], elements) &&
         copy_numbers(&s->direction[i], NULL, elements);
  }
  return ok;
}

static void tear_down(testing *s) {
  for (int i = 0; i < s->t->n_wrt; i++) {
    if (s->base) pal_free(s->base[i]);
    if (s->direction) pal_free(s->direction[i]);
    if (s->gradient) pal_free(s->gradient[i]);
  }
  pal_free(s->base);
  pal_free(s->direction);
  pal_free(s->gradient);
  pal_reference_free(s->r);
}

/* Draws a direction; returns g.d and adds its magnitude to *size. */
static double draw(testing *s, int attempt, double *size) {
  double slope = 0;
  for (int i = 0; i < s->t->n_wrt; i++) {
    int64_t n = active(s, s->t->wrt[i]);
    pal_rng rng = pal_rng_new(s->t->seed, "check.direction", (uint64_t)attempt, (uint64_t)i);
    for (int64_t e = 0; e < n; e++) {
      double u = 2 * pal_rng_real(&rng) - 1;
      s->direction[i][e] = u < 0 ? u - 0.25 : u + 0.25;
      slope += s->gradient[i][e] * s->direction[i][e];
      *size += fabs(s->gradient[i][e] * s->direction[i][e]);
    }
  }
  return slope;
}

/* Moves the point to x + h d. */
static void move(testing *s, double h) {
  for (int i = 0; i < s->t->n_wrt; i++) {
    double *x = s->r->value[s->t->wrt[i].id];
    int64_t n = active(s, s->t->wrt[i]);
    for (int64_t e = 0; e < n; e++) x[e] = s->base[i][e] + h * s->direction[i][e];
  }
}

/* Whether the remainders fall as h^2, or are at most `noise` at the last step, which bounds the
 * error of g.d by noise / h. */
static bool falls(const double *remainder, double noise) {
  double last = remainder[STEPS - 1];
  return last <= noise ||
         remainder[STEPS - 3] / last > 90; /* over two quarterings: 256 expected, 16 when wrong */
}

static pal_status try_direction(testing *s, int attempt, double at, bool *good,
                                double remainder[STEPS], pal_error *error) {
  double size = s->size, slope = draw(s, attempt, &size);
  pal_status status = PAL_OK;
  bool finite = isfinite(slope);
  for (int k = 0; k < STEPS && !status; k++) {
    double h = ldexp(1, -FIRST_STEP - 2 * k);
    move(s, h);
    status = pal_reference_compute(s->r, error);
    if (status) break;
    remainder[k] = fabs(loss(s) - at - h * slope);
    finite &= isfinite(remainder[k]) != 0;
  }
  *good = finite && falls(remainder, 0x1p-42 * size + 1e-290);
  return status;
}

static pal_status test(testing *s, pal_error *error) {
  pal_status status = pal_reference_compute(s->r, error);
  if (status) return status;
  drop_infinite(s);
  status = pal_reference_compute(s->r, error);
  if (status) return status;
  if (!set_up(s)) return pal_fail(error, PAL_E_MEMORY, "no memory for the gradient test");
  double at = loss(s), size = s->size, remainder[STEPS] = {0};
  bool good = false;
  if (!isfinite(at)) return pal_fail(error, PAL_E_NONFINITE, "the loss is not finite");
  for (int attempt = 0; attempt < REDRAWS && !good && !status; attempt++) {
    s->size = size;
    status = try_direction(s, attempt, at, &good, remainder, error);
  }
  if (status || good) return status;
  const double *r = remainder;
  return pal_fail(error, PAL_E_ARGUMENT,
                  "the gradient is wrong: the Taylor remainders for h = 2^-6, 2^-8, ... 2^-16 are "
                  "%.3g %.3g %.3g %.3g %.3g %.3g, which do not fall by 16 each time",
                  r[0], r[1], r[2], r[3], r[4], r[5]);
}

pal_status pal_taylor_check(const pal_taylor *t, pal_error *error) {
  testing s = {.t = t, .r = pal_reference_new(t->graph, t->exec, error)};
  if (!s.r) return PAL_E_MEMORY;
  pal_status status = test(&s, error);
  tear_down(&s);
  return status;
}

pal_status pal_check_gradient(pal_context *context, pal_graph *graph, pal_value loss_value,
                              const pal_value *wrt, int n, const pal_exec *exec, uint64_t seed,
                              pal_error *error) {
  (void)context; /* the graph has its own */
  for (int i = 0; i < n; i++)
    if (wrt[i].id >= graph->value.n || pal_node_of(graph, wrt[i])->kind == PAL_NODE_OP)
      return pal_fail(error, PAL_E_ARGUMENT, "wrt[%d] is neither an input nor a parameter", i);
  pal_value *grad = pal_calloc((size_t)n, sizeof *grad), one = PAL_NIL;
  if (!grad) return pal_fail(error, PAL_E_MEMORY, "no memory for the gradient test");
  pal_gradient(graph, loss_value, wrt, n, grad);
  pal_status status = PAL_OK;
  if (graph->error.code) {
    status = pal_fail(error, graph->error.code, "%s", graph->error.text);
  } else {
    pal_taylor t = {.graph = graph,
                    .exec = exec,
                    .n_of = 1,
                    .n_wrt = n,
                    .of = &loss_value,
                    .weight = &one,
                    .wrt = wrt,
                    .grad = grad,
                    .seed = seed};
    status = pal_taylor_check(&t, error);
  }
  pal_free(grad);
  return status;
}
