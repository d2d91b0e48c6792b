/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench: measurements, stated as fractions of what the machine can do (floor 6). */
#include <stdlib.h>
#include <string.h>

#include "cli/bench_net.h"

enum { ROUNDS = 7 };
static const double LEAST_SECONDS = 20e-3;

static const char *const sections[] = {"ceilings", "gemm", "ops", "train", "decode", "plan"};
enum { SECTIONS = sizeof sections / sizeof *sections };

void cli_bench_add(cli_bench *b, const char *key, json_t *item) {
  json_t *list = json_object_get(b->json, key);
  if (!list) {
    list = json_array();
    b->lost |= json_object_set_new(b->json, key, list) != 0;
  }
  b->lost |= json_array_append_new(list, item) != 0;
  fflush(stdout); /* a row at a time, into a pipe too */
}

static pal_status check(const cli_options *o, pal_error *error) {
  bool known = !o->argument;
  for (int i = 0; i < SECTIONS && !known; i++) known = strcmp(o->argument, sections[i]) == 0;
  if (!known)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "bench measures ceilings, gemm, ops, train, decode or plan, not \"%s\"",
                    o->argument);
  const bool train = o->argument && strcmp(o->argument, "train") == 0;
  if ((o->second || o->out || o->n_set) && !train)
    return pal_fail(error, PAL_E_ARGUMENT, "only bench train takes a case, --set and --out");
  const bool rows = o->second && strcmp(o->second, "rows") == 0;
  if (o->out && (!o->second || rows))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "--out writes one case: palimpsest bench train CASE --out DIR");
  if (o->second && !rows && !cli_net_find(o->second, error)) return error->code;
  if (o->n > CLI_MOST_ROUNDS)
    return pal_fail(error, PAL_E_ARGUMENT, "--n is at most %d here", CLI_MOST_ROUNDS);
  return PAL_OK;
}

/* On one thread and on all that were asked for; on these alone when --threads says so. */
static void choose_teams(cli_bench *b, const cli_options *o) {
  const int all = pal_context_threads(b->context);
  b->threads[0] = o->threads ? all : 1;
  b->teams = 1;
  if (!o->threads && all > 1) b->threads[b->teams++] = all;
}

static bool wanted(const cli_options *o, const char *section) {
  return !o->argument || strcmp(o->argument, section) == 0;
}

/* Fractions of a machine that others use mean little; says so before and after. */
static pal_status watch(cli_bench *b, const char *when, pal_error *error) {
  static const double QUIET = 0.95;
  double share = 1;
  const pal_status status = cli_bench_share(b, &share, error);
  if (status) return status;
  b->lost |=
      json_object_set_new(json_object_get(b->json, "cpu_share"), when, json_real(share)) != 0;
  if (share < QUIET)
    fprintf(stderr,
            "palimpsest: %s the measurements other processes took %.0f %% of the processor\n", when,
            100 * (1 - share));
  return PAL_OK;
}

static pal_status measure(cli_bench *b, const cli_options *o, pal_error *error) {
  pal_status status = cli_bench_ceilings(b, wanted(o, "ceilings"), error);
  if (!status) status = watch(b, "before", error);
  if (!status && wanted(o, "gemm")) status = cli_bench_gemm(b, error);
  if (!status && wanted(o, "ops")) status = cli_bench_ops(b, error);
  if (!status && wanted(o, "train")) status = cli_bench_train(b, o, o->second, error);
  if (!status && wanted(o, "decode")) status = cli_bench_decode(b, error);
  if (!status && wanted(o, "plan")) status = cli_bench_plan(b, error);
  return status ? status : watch(b, "after", error);
}

static pal_status write_json(const cli_bench *b, const char *path, pal_error *error) {
  char *text = b->lost ? NULL : json_dumps(b->json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  if (!text) return pal_fail(error, PAL_E_MEMORY, "%s: no memory for the results as JSON", path);
  const pal_status status = pal_file_replace(path, text, strlen(text), error);
  free(text);
  return status;
}

int cli_verb_bench(pal_context *context, const cli_options *o) {
  pal_error error = {0};
  char version[160];
  const int threads = pal_context_threads(context);
  cli_bench b = {.context = context,
                 .rounds = o->n ? o->n : ROUNDS,
                 .least = LEAST_SECONDS,
                 .json = json_object()};
  pal_status status = b.json ? check(o, &error) : pal_fail(&error, PAL_E_MEMORY, "no memory");
  if (!status) {
    choose_teams(&b, o);
    printf("%s; %d rounds: results are medians, ceilings the best\n",
           pal_version(context, version, sizeof version), b.rounds);
    b.lost |= json_object_set_new(b.json, "version", json_string(version)) != 0;
    b.lost |= json_object_set_new(b.json, "cpu_share", json_object()) != 0;
    b.lost |= json_object_set_new(b.json, "rounds", json_integer(b.rounds)) != 0;
    status = measure(&b, o, &error);
  }
  if (!status && o->json) status = write_json(&b, o->json, &error);
  for (int t = 0; t < CLI_TEAMS; t++) cli_bench_release(&b.burst[t]);
  json_decref(b.json);
  pal_context_set_threads(context, threads);
  return status ? cli_report(&error) : CLI_DONE;
}
