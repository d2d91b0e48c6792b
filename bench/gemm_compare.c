/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the products of `palimpsest bench gemm` with those of another library ("peer"), timed
 * alternately in one process:
 *
 *   gemm_<library> [THREADS [ROUNDS]]
 *
 * Checks that the products agree, prints the GFLOP/s of each side and the fraction of the peak of
 * multiply-adds measured in the same rounds, and ends with medians. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gemm_peer.h"
#include "bench/probe.h"
#include "bench/timing.h"

enum { MOST_PEERS = 4, MOST_PRODUCTS = 256, ROUNDS = 7 };

/* Results of all products of a kind. */
typedef struct results {
  double fraction[MOST_PEERS + 2]
                 [MOST_PRODUCTS]; /* of the peak: ours, each peer's, the best peer's */
  double ratio[MOST_PRODUCTS];    /* our speed over that of the best peer */
  int n;
} results;
enum { REGULAR, SKINNY, KINDS };
static const char *const kind_name[KINDS] = {"regular", "skinny"};

typedef struct peer_run {
  const gemm_peer *peer;
  void *made;
} peer_run;

static pal_status run_peer(void *data, pal_error *error) {
  const peer_run *r = data;
  return r->peer->run(r->made) ? PAL_OK
                               : pal_fail(error, PAL_E_UNSUPPORTED, "%s failed", r->peer->name);
}

/* Whether two results agree. Each of the k terms of a sum is below 1 in absolute value, and both
 * sides round about k times. */
static bool agree(const float *x, const float *y, const bench_product *p) {
  const double allowed = 1e-6 * (double)p->k + 1e-4;
  for (int64_t i = 0; i < p->m * p->n; i++)
    if (!(fabs((double)x[i] - (double)y[i]) <= allowed)) return false;
  return true;
}

static void print(const char *name, const bench_timed *t, double *fraction) {
  *fraction = t->rate / t->peak;
  printf("   %s %.1f GFLOP/s %.1f %%", name, t->rate, 100 * *fraction);
}

/* Prints and collects the results of one product. timed[0] is ours, timed[i] that of peer i - 1;
 * its rate is 0 if that peer cannot do the product. */
static pal_status note(results *r, const bench_product *p, const bench_timed *timed, int peers,
                       pal_error *error) {
  double fraction[MOST_PEERS + 2] = {0}, best = 0;
  printf("%s %6lld x %5lld x %6lld", bench_form_name[p->form], (long long)p->m, (long long)p->n,
         (long long)p->k);
  for (int i = 0; i <= peers; i++) {
    if (timed[i].rate > 0) print(i ? gemm_peers[i - 1].name : "ours", &timed[i], &fraction[i]);
    if (i && timed[i].rate > best) best = timed[i].rate;
  }
  fraction[peers + 1] = best / timed[0].peak;
  printf("   ratio %.2f%s\n", timed[0].rate / best, p->skinny ? "  (skinny)" : "");
  r += p->skinny ? SKINNY : REGULAR;
  if (r->n == MOST_PRODUCTS)
    return pal_fail(error, PAL_E_CAPACITY, "at most %d products are summed up", MOST_PRODUCTS);
  for (int i = 0; i <= peers + 1; i++) r->fraction[i][r->n] = fraction[i];
  r->ratio[r->n++] = timed[0].rate / best;
  return PAL_OK;
}

/* Fails unless the peer computes the same product as we, a copy of which is `kept`. */
static pal_status check(peer_run *run, const gemm_call *call, const float *kept, pal_error *error) {
  const pal_status status = run_peer(run, error);
  if (!status && !agree(kept, call->c, &call->product))
    return pal_fail(error, PAL_E_NONFINITE, "the product of %s differs from ours", run->peer->name);
  return status;
}

/* Runs our product, copies it to `kept`, and lets the peers read and write the memory of our plan,
 * so that all sides have the same placement. */
static pal_status share_memory(const bench_compiled *plan, gemm_call *call, float *kept,
                               pal_error *error) {
  const pal_status status = pal_exec_run(plan->exec, error);
  if (status) return status;
  const void *c = pal_exec_output(plan->exec, "c", NULL);
  memcpy(&call->c, &c, sizeof call->c); /* may be written while our plan does not run */
  memcpy(kept, c, sizeof *kept * (size_t)(call->product.m * call->product.n));
  call->a = pal_exec_input(plan->exec, "a");
  call->b = pal_exec_input(plan->exec, "b");
  return PAL_OK;
}

static pal_status compare(bench *b, const bench_product *p, int peers, results *r,
                          pal_error *error) {
  bench_compiled plan = {NULL, NULL};
  bench_timed turn[MOST_PEERS + 1] = {{0}}, timed[MOST_PEERS + 1] = {{0}};
  peer_run run[MOST_PEERS] = {{NULL, NULL}};
  int place[MOST_PEERS + 1] = {0}, n = 1;
  const double work = 2.0 * (double)p->m * (double)p->n * (double)p->k;
  gemm_call call = {.product = *p};
  float *kept = malloc(sizeof *kept * (size_t)(p->m * p->n));
  pal_status status = kept ? bench_product_plan(b->context, p, &plan, error)
                           : pal_fail(error, PAL_E_MEMORY, "no memory for a product");
  if (!status) status = share_memory(&plan, &call, kept, error);
  turn[0] = (bench_timed){.run = bench_run, .data = &plan, .work = work};
  for (int i = 0; i < peers && !status; i++) {
    run[i] = (peer_run){&gemm_peers[i], gemm_peers[i].make(&call)};
    if (!run[i].made) continue;
    status = check(&run[i], &call, kept, error);
    place[n] = i + 1;
    turn[n++] = (bench_timed){.run = run_peer, .data = &run[i], .work = work};
  }
  if (!status) status = bench_time(b, turn, n, error);
  for (int i = 0; i < n; i++) timed[place[i]] = turn[i];
  if (!status && n > 1) status = note(r, p, timed, peers, error);
  for (int i = 0; i < peers; i++)
    if (run[i].made) gemm_peers[i].drop(run[i].made);
  bench_release(&plan);
  free(kept);
  return status;
}

/* Prints the medians of a kind of product. */
static void conclude(results *r, const char *kind, int peers, int threads) {
  if (!r->n) return;
  printf("median of %d %s ones, threads %d: ours %.1f %%", r->n, kind, threads,
         100 * bench_median(r->fraction[0], r->n, NULL));
  for (int i = 0; i < peers; i++)
    printf(", %s %.1f %%", gemm_peers[i].name, 100 * bench_median(r->fraction[i + 1], r->n, NULL));
  printf(", best of them %.1f %%; ratio %.2f, ",
         100 * bench_median(r->fraction[peers + 1], r->n, NULL),
         bench_median(r->ratio, r->n, NULL));
  printf("from %.2f to %.2f\n", r->ratio[0], r->ratio[r->n - 1]); /* bench_median sorted it */
}

int main(int argc, char **argv) {
  const int threads = argc > 1 ? atoi(argv[1]) : 1, rounds = argc > 2 ? atoi(argv[2]) : ROUNDS;
  const pal_options options = {.threads = threads};
  pal_error error = {0};
  int peers = 0;
  static results r[KINDS];
  if (threads < 1 || rounds < 1 || rounds > BENCH_MOST_ROUNDS) {
    fprintf(stderr, "usage: %s [THREADS [ROUNDS]]\n", argv[0]);
    return 2;
  }
  while (peers < MOST_PEERS && gemm_peers[peers].name) peers++;
  bench b = {.context = pal_open(&options, &error),
             .threads = {threads},
             .teams = 1,
             .rounds = rounds,
             .least = 20e-3};
  pal_status status = b.context ? bench_probes(&b, &error) : error.code;
  gemm_set_threads(threads);
  if (!status) printf("%s, threads %d\n", gemm_library(), threads);
  bench_product p;
  for (int i = 0; !status && bench_product_at(i, &p); i++)
    status = compare(&b, &p, peers, r, &error);
  for (int kind = 0; !status && kind < KINDS; kind++)
    conclude(&r[kind], kind_name[kind], peers, threads);
  if (status) fprintf(stderr, "%s: %s\n", argv[0], error.text);
  bench_release(&b.burst[0]);
  if (b.context) pal_context_free(b.context);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
