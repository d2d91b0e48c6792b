/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench gemm: matrix products with the shapes and transpositions of training (floor
 * 7). */
#include "bench/product.h"
#include "bench/probe.h"
#include "bench/timing.h"

enum { MOST_PRODUCTS = 256 };

/* Fractions of the peak of all products but the skinny ones, with one number of threads. */
typedef struct summary {
  double fraction[MOST_PRODUCTS], least;
  int n;
} summary;

/* Times one product. `of` [teams] collects its fractions of the peak, `gain` the speed-up by all
 * threads over one. */
static pal_status one(bench *b, const bench_product *p, summary *of, double *gain, int *gains,
                      pal_error *error) {
  bench_compiled plan = {NULL, NULL};
  bench_timed timed[BENCH_TEAMS] = {{0}};
  pal_status status = bench_product_plan(b->context, p, &plan, error);
  for (int t = 0; t < b->teams; t++)
    timed[t] = (bench_timed){.run = bench_run,
                             .data = &plan,
                             .team = t,
                             .work = 2.0 * (double)p->m * (double)p->n * (double)p->k};
  if (!status) status = bench_time(b, timed, b->teams, error);
  bench_release(&plan);
  for (int t = 0; t < b->teams && !status; t++) {
    char team[32];
    const double fraction = timed[t].rate / timed[t].peak;
    printf("  %s %6lld x %5lld x %6lld  %-10s %8.1f GFLOP/s  %5.1f %%   spread %4.1f %%\n",
           bench_form_name[p->form], (long long)p->m, (long long)p->n, (long long)p->k,
           bench_team(b, t, team, sizeof team), timed[t].rate, 100 * fraction,
           100 * timed[t].spread);
    bench_add(b, "gemm",
              json_pack("{s:I, s:I, s:I, s:s, s:i, s:f, s:f, s:f, s:f, s:b}", "m", (json_int_t)p->m,
                        "n", (json_int_t)p->n, "k", (json_int_t)p->k, "form",
                        bench_form_name[p->form], "threads", b->threads[t], "gflops", timed[t].rate,
                        "fraction", fraction, "peak_gflops", timed[t].peak, "spread",
                        timed[t].spread, "skinny", (int)p->skinny));
    if (p->skinny) continue;
    if (of[t].n == MOST_PRODUCTS)
      return pal_fail(error, PAL_E_CAPACITY, "bench gemm sums up at most %d products",
                      MOST_PRODUCTS);
    if (!of[t].n || fraction < of[t].least) of[t].least = fraction;
    of[t].fraction[of[t].n++] = fraction;
  }
  if (!status && b->teams > 1 && !p->skinny) gain[(*gains)++] = timed[1].rate / timed[0].rate;
  return status;
}

pal_status bench_gemm(bench *b, pal_error *error) {
  summary of[BENCH_TEAMS] = {{{0}, 0, 0}};
  double gain[MOST_PRODUCTS];
  int gains = 0;
  bench_product p;
  pal_status status = PAL_OK;
  printf("matrix products, c [m, n] over k: m x n x k, percent of the multiply-adds' peak\n");
  for (int i = 0; bench_product_at(i, &p) && !status; i++)
    status = one(b, &p, of, gain, &gains, error);
  for (int t = 0; t < b->teams && !status; t++) {
    char team[32];
    const double median = bench_median(of[t].fraction, of[t].n, NULL);
    printf("  median of %d (without skinny ones), %s: %.1f %%, least %.1f %%\n", of[t].n,
           bench_team(b, t, team, sizeof team), 100 * median, 100 * of[t].least);
    bench_add(b, "gemm_summary",
              json_pack("{s:i, s:f, s:f}", "threads", b->threads[t], "median_fraction", median,
                        "least_fraction", of[t].least));
  }
  if (gains > 0 && !status)
    printf("  %d threads: %.2f times one, in the median\n", b->threads[1],
           bench_median(gain, gains, NULL));
  return status;
}
