/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench train: whole steps of the trainer, from drawing the batch to AdamW (floor 7). */
#include <stdlib.h>
#include <string.h>

#include "bench/export.h"
#include "bench/net.h"
#include "bench/timing.h"

enum { OWN_SETTINGS = 7, MOST_SETTINGS = BENCH_MOST_SET + OWN_SETTINGS };

/* The request's settings for the model and for the trainer, without their prefixes, and the
 * precisions to measure. */
enum { PRECISIONS = 2, MOST_SIDES = BENCH_TEAMS * PRECISIONS };
typedef struct settings {
  const char *model[BENCH_MOST_SET], *train[BENCH_MOST_SET];
  int models, trains;
  const char *precision[PRECISIONS];
  int precisions;
} settings;

/* Measures both precisions, unless the request names one or bf16 would be emulated. */
static pal_status sort_settings(const bench *b, const bench_request *r, settings *s,
                                pal_error *error) {
  static const char key[] = "train.precision=";
  s->precision[s->precisions++] = "f32";
  if (b->dot) s->precision[s->precisions++] = "bf16";
  for (int i = 0; i < r->n_set; i++) {
    if (strncmp(r->set[i], key, sizeof key - 1) == 0) {
      s->precision[0] = r->set[i] + sizeof key - 1;
      s->precisions = 1;
    } else if (strncmp(r->set[i], "model.", 6) == 0) s->model[s->models++] = r->set[i] + 6;
    else if (strncmp(r->set[i], "train.", 6) == 0) s->train[s->trains++] = r->set[i] + 6;
    else
      return pal_fail(error, PAL_E_ARGUMENT, "bench train sets model.KEY and train.KEY, not \"%s\"",
                      r->set[i]);
  }
  return PAL_OK;
}

/* One model with its trainer, for one number of threads and one precision. */
typedef struct side {
  bench_net net;
  pal_trainer *trainer;
  const char *precision;
} side;

static pal_status run_step(void *data, pal_error *error) {
  pal_step_report report;
  return pal_trainer_step(((side *)data)->trainer, &report, error);
}

static pal_status open_side(bench *b, side *s, const bench_net_case *c, const settings *set,
                            pal_error *error) {
  char batch[32], shard[32], precision[32];
  const char *setting[MOST_SETTINGS] = {
      "steps=1000000000", "warmup=0", "schedule=constant", "rate=0.0001", batch, shard, precision};
  int n = OWN_SETTINGS;
  snprintf(precision, sizeof precision, "precision=%s", s->precision);
  snprintf(batch, sizeof batch, "batch=%d", c->batch);
  snprintf(shard, sizeof shard, "shard=%d", c->shard);
  for (int i = 0; i < set->trains; i++) setting[n++] = set->train[i];
  pal_status status = bench_net_open(&s->net, b->context, c, "mdm", set->model, set->models, error);
  if (status) return status;
  s->trainer = pal_trainer_new(s->net.model, &s->net.stream, setting, n, error);
  return s->trainer ? PAL_OK : error->code;
}

static void close_side(side *s) {
  if (s->trainer) pal_trainer_free(s->trainer);
  s->trainer = NULL;
  bench_net_close(&s->net);
}

static void report(bench *b, const side *s, const bench_timed *timed) {
  char text[32];
  const bench_net_case *c = s->net.c;
  const double tokens = (double)c->batch * c->length / timed->median;
  const double peak = bench_peak_of(b, s->precision, timed), fraction = timed->rate / peak;
  printf(
      "  %-6s %5d x %-4d  %-10s %-4s %9.3f ms %9.0f tokens/s %8.1f steps/s %8.1f GFLOP/s %5.1f %%"
      "   spread %4.1f %%\n",
      c->name, c->batch, c->length, bench_team(b, timed->team, text, sizeof text), s->precision,
      1e3 * timed->median, tokens, 1 / timed->median, timed->rate, 100 * fraction,
      100 * timed->spread);
  bench_add(b, "train",
            json_pack("{s:s, s:i, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:I}", "case",
                      c->name, "threads", b->threads[timed->team], "precision", s->precision, "ms",
                      1e3 * timed->median, "tokens_per_s", tokens, "steps_per_s", 1 / timed->median,
                      "gflops", timed->rate, "fraction", fraction, "peak_gflops", peak, "spread",
                      timed->spread, "batch", c->batch, "rows", c->batch * c->length, "parameters",
                      (json_int_t)pal_model_parameters(s->net.model)));
}

static pal_status one(bench *b, const bench_net_case *c, const settings *set, pal_error *error) {
  side *s = calloc(MOST_SIDES, sizeof *s);
  bench_timed timed[MOST_SIDES] = {{0}};
  const int sides = b->teams * set->precisions;
  pal_status status = s ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a trainer");
  for (int i = 0; i < sides && !status; i++) {
    const int team = i / set->precisions;
    pal_context_set_threads(b->context, b->threads[team]);
    s[i].precision = set->precision[i % set->precisions];
    status = open_side(b, &s[i], c, set, error);
    timed[i] = (bench_timed){
        .run = run_step, .data = &s[i], .team = team, .work = 3 * c->batch * bench_net_flops(c)};
  }
  if (!status) status = bench_time(b, timed, sides, error);
  for (int i = 0; i < sides && !status; i++) report(b, &s[i], &timed[i]);
  for (int i = 0; s && i < MOST_SIDES; i++) close_side(&s[i]);
  free(s);
  return status;
}

/* Case C with about 1,000, 10,000 and 100,000 rows: the time should grow in proportion. */
static pal_status rows(bench *b, const settings *set, pal_error *error) {
  static const int batch[] = {12, 123, 1234};
  bench_net_case c = *bench_net_find("C", error);
  pal_status status = PAL_OK;
  printf("training steps of case C over the number of rows\n");
  for (size_t i = 0; i < sizeof batch / sizeof *batch && !status; i++) {
    c.name = "C-rows";
    c.batch = batch[i];
    c.shard = batch[0]; /* shards of one size, so that only their number differs */
    status = one(b, &c, set, error);
  }
  return status;
}

pal_status bench_train(bench *b, const bench_request *r, pal_error *error) {
  const char *only = r->name;
  settings set = {.models = 0, .trains = 0, .precisions = 0};
  const bool growth = only && strcmp(only, "rows") == 0;
  const bench_net_case *one_case = only && !growth ? bench_net_find(only, error) : NULL;
  if (only && !growth && !one_case) return error->code;
  pal_status status = sort_settings(b, r, &set, error);
  if (!status && r->out) status = bench_export(b, one_case, set.model, set.models, r->out, error);
  if (!status && !growth)
    printf("training steps: sequences x length, percent of the peak of their precision\n");
  for (int i = 0; bench_net_at(i) && !status && !growth; i++)
    if (!one_case || one_case == bench_net_at(i)) status = one(b, bench_net_at(i), &set, error);
  if (!status && !one_case) status = rows(b, &set, error);
  return status;
}
