/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench: runs the measurements that a request names and writes the results (floor 7). */
#include "bench/measure.h"

#include <stdlib.h>
#include <string.h>

#include "bench/net.h"
#include "bench/probe.h"
#include "bench/timing.h"
#include "bench/json_text.h"

enum { ROUNDS = 7 };
static const double LEAST_SECONDS = 20e-3;

static const char *const sections[] = {"ceilings", "gemm", "ops", "train",
                                       "decode",   "plan", "pram"};
enum { SECTIONS = sizeof sections / sizeof *sections };

void bench_add(bench *b, const char *key, json_t *item) {
  json_t *list = json_object_get(b->json, key);
  if (!list) {
    list = json_array();
    b->lost |= json_object_set_new(b->json, key, list) != 0;
  }
  b->lost |= json_array_append_new(list, item) != 0;
  fflush(stdout); /* so that the lines appear one by one, also in a pipe */
}

pal_status bench_check(const bench_request *r, pal_error *error) {
  bool known = !r->section;
  for (int i = 0; i < SECTIONS && !known; i++) known = strcmp(r->section, sections[i]) == 0;
  if (!known)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "bench measures ceilings, gemm, ops, train, decode, plan or pram, not \"%s\"",
                    r->section);
  const bool train = r->section && strcmp(r->section, "train") == 0;
  const bool pram = r->section && strcmp(r->section, "pram") == 0;
  if (pram && (!r->name || r->out))
    return pal_fail(error, PAL_E_ARGUMENT, "bench pram takes the file of a program, and no --out");
  if ((r->name || r->out || r->n_set) && !train && !pram)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "only bench train takes a case and --out; that and bench pram take --set");
  const bool rows = r->name && strcmp(r->name, "rows") == 0;
  if (r->out && (!r->name || rows))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "--out writes one case: palimpsest bench train CASE --out DIR");
  if (r->name && !rows && !pram && !bench_net_find(r->name, error)) return error->code;
  if (r->rounds > BENCH_MOST_ROUNDS)
    return pal_fail(error, PAL_E_ARGUMENT, "--n is at most %d here", BENCH_MOST_ROUNDS);
  if (r->n_set > BENCH_MOST_SET)
    return pal_fail(error, PAL_E_ARGUMENT, "at most %d settings are taken here", BENCH_MOST_SET);
  return PAL_OK;
}

/* Numbers of threads: one and all of the context, or only all when the request says so. */
static void choose_teams(bench *b, const bench_request *r) {
  const int all = pal_context_threads(b->context);
  b->threads[0] = r->all_threads_only ? all : 1;
  b->teams = 1;
  if (!r->all_threads_only && all > 1) b->threads[b->teams++] = all;
}

static bool wanted(const bench_request *r, const char *section) {
  return !r->section || strcmp(r->section, section) == 0;
}

/* Records the share of the processor that this process gets, and warns when other processes use it
 * too: percentages of the peak then mean little. `when`: "before" or "after". */
static pal_status check_load(bench *b, const char *when, pal_error *error) {
  static const double QUIET = 0.95;
  double share = 1;
  const pal_status status = bench_share(b, &share, error);
  if (status) return status;
  b->lost |=
      json_object_set_new(json_object_get(b->json, "cpu_share"), when, json_real(share)) != 0;
  if (share < QUIET)
    fprintf(stderr,
            "palimpsest: %s the measurements other processes took %.0f %% of the processor\n", when,
            100 * (1 - share));
  return PAL_OK;
}

static pal_status measure(bench *b, const bench_request *r, pal_error *error) {
  pal_status status = bench_ceilings(b, wanted(r, "ceilings"), error);
  if (!status) status = check_load(b, "before", error);
  if (!status && wanted(r, "gemm")) status = bench_gemm(b, error);
  if (!status && wanted(r, "ops")) status = bench_ops(b, error);
  if (!status && wanted(r, "train")) status = bench_train(b, r, error);
  if (!status && wanted(r, "decode")) status = bench_decode(b, error);
  if (!status && wanted(r, "plan")) status = bench_plan(b, error);
  if (!status && r->name && wanted(r, "pram")) status = bench_pram(b, r, error);
  return status ? status : check_load(b, "after", error);
}

static pal_status write_json(const bench *b, const char *path, pal_error *error) {
  char *text = b->lost ? NULL : bench_json_text(b->json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  if (!text) return pal_fail(error, PAL_E_MEMORY, "%s: no memory for the results as JSON", path);
  const pal_status status = pal_file_replace(path, text, strlen(text), error);
  free(text);
  return status;
}

pal_status bench_measure(pal_context *context, const bench_request *r, pal_error *error) {
  char version[160];
  const int threads = pal_context_threads(context);
  bench b = {.context = context,
             .rounds = r->rounds ? r->rounds : ROUNDS,
             .least = LEAST_SECONDS,
             .json = json_object()};
  pal_status status = b.json ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory");
  if (!status) {
    choose_teams(&b, r);
    printf("%s; %d rounds: results are medians, ceilings the best\n",
           pal_version(context, version, sizeof version), b.rounds);
    b.lost |= r->head && json_object_update(b.json, r->head) != 0;
    b.lost |= json_object_set_new(b.json, "version", json_string(version)) != 0;
    b.lost |= json_object_set_new(b.json, "cpu_share", json_object()) != 0;
    b.lost |= json_object_set_new(b.json, "rounds", json_integer(b.rounds)) != 0;
    status = measure(&b, r, error);
  }
  if (!status && r->json) status = write_json(&b, r->json, error);
  for (int t = 0; t < BENCH_TEAMS; t++) bench_release(&b.burst[t]);
  json_decref(b.json);
  pal_context_set_threads(context, threads);
  return status;
}
