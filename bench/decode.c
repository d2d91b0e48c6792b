/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench decode: throughput for many boards, latency of one sequence (floor 7). */
#include <string.h>

#include "bench/net.h"
#include "bench/probe.h"
#include "bench/timing.h"

enum { BOARDS = 256, STEPS = 8, PRECISIONS = 2 };
static const char *const precision_name[PRECISIONS] = {"f32", "bf16"};

/* The number of precisions to measure: without bf16 where it would be emulated. */
static int precisions(const bench *b) { return b->dot ? PRECISIONS : 1; }

static pal_status open_net(bench *b, bench_net *net, const bench_net_case *c, const char *model,
                           const char *precision, pal_error *error) {
  char setting[32];
  const char *const set = setting;
  snprintf(setting, sizeof setting, "decode_precision=%s", precision);
  return bench_net_open(net, b->context, c, model, &set, 1, error);
}

/* A decoder and its prompts. */
typedef struct decoding {
  pal_decoder *decoder;
  const pal_example *prompt;
  int n;
  int64_t passes; /* of the last call, over all sequences */
} decoding;

static void count_passes(int index, const pal_decoded *decoded, void *data) {
  (void)index;
  ((decoding *)data)->passes += decoded->forward_passes;
}

static pal_status run_decoder(void *data, pal_error *error) {
  decoding *d = data;
  d->passes = 0;
  return pal_decode(d->decoder, d->prompt, d->n, count_passes, d, error);
}

static void report(bench *b, const char *name, const char *precision, int sequences, double passes,
                   double tokens, const bench_timed *t) {
  char text[32];
  const double peak = bench_peak_of(b, precision, t), fraction = t->rate / peak;
  printf("  %-20s %-4s %4d sequences  %-10s %9.2f ms %8.3f ms/pass %9.0f tokens/s %5.1f %%"
         "   spread %4.1f %%\n",
         name, precision, sequences, bench_team(b, t->team, text, sizeof text), 1e3 * t->median,
         1e3 * t->median / passes, tokens / t->median, 100 * fraction, 100 * t->spread);
  bench_add(b, "decode",
            json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "case", name,
                      "precision", precision, "threads", b->threads[t->team], "sequences",
                      sequences, "passes", passes, "ms", 1e3 * t->median, "ms_per_pass",
                      1e3 * t->median / passes, "tokens_per_s", tokens / t->median, "gflops",
                      t->rate, "fraction", fraction, "peak_gflops", peak, "spread", t->spread));
}

/* ---- masked diffusion: every pass computes all rows of a board -------------------------- */

/* Decodes all boards in each precision, and half of them in f32: half the rows should take half the
 * time, as only the rows of active sequences are computed. */
static pal_status masked(bench *b, pal_error *error) {
  const bench_net_case *c = bench_net_find("C", error);
  const pal_decode_options options = {.sequences = BOARDS,
                                      .max_length = c->length,
                                      .max_steps = STEPS,
                                      .answer_room = c->length - 1,
                                      .seed = 1};
  int32_t first[BOARDS];
  pal_example prompt[BOARDS];
  bench_net net[PRECISIONS] = {{0}};
  decoding d[PRECISIONS + 1] = {{0}}; /* the last one: half of them in f32 */
  bench_timed timed[BENCH_TEAMS * (PRECISIONS + 1)] = {{0}};
  const int n = precisions(b), kinds = n + 1, half = n;
  pal_status status = PAL_OK;
  for (int i = 0; i < BOARDS; i++) {
    first[i] = i % (c->vocabulary - 1);
    prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = &first[i], .n_prompt = 1};
  }
  for (int i = 0; i < n && !status; i++) {
    status = open_net(b, &net[i], c, "mdm", precision_name[i], error);
    d[i] = (decoding){NULL, prompt, BOARDS, 0};
    if (!status) d[i].decoder = pal_decoder_new(net[i].model, &options, error);
    if (!status && !d[i].decoder) status = error->code;
  }
  d[half] = (decoding){d[0].decoder, prompt, BOARDS / 2, 0};
  for (int i = 0; i < kinds * b->teams; i++) {
    decoding *one = &d[i % kinds];
    timed[i] = (bench_timed){.run = run_decoder,
                             .data = one,
                             .team = i / kinds,
                             .work = STEPS * one->n * bench_net_flops(c)};
  }
  if (!status) status = bench_time(b, timed, kinds * b->teams, error);
  for (int i = 0; i < kinds * b->teams && !status; i++) {
    const int kind = i % kinds, boards = d[kind].n;
    report(b, "mdm, boards of 81", precision_name[kind == half ? 0 : kind], boards, STEPS,
           (double)STEPS * boards * c->length, &timed[i]);
  }
  for (int t = 0; t < b->teams && !status; t++)
    printf("  half of the boards cost %.3f of all, %d thread%s\n",
           timed[t * kinds + half].median / timed[t * kinds].median, b->threads[t],
           b->threads[t] > 1 ? "s" : "");
  for (int i = 0; i < n; i++) {
    if (d[i].decoder) pal_decoder_free(d[i].decoder);
    bench_net_close(&net[i]);
  }
  return status;
}

/* ---- autoregressive with a key-value cache: every pass computes one row of a board ------ */

static pal_status cached(bench *b, pal_error *error) {
  const bench_net_case *c = bench_net_find("C", error);
  const pal_decode_options options = {.sequences = BOARDS,
                                      .max_length = c->length,
                                      .max_steps = c->length,
                                      .answer_room = c->length - 1,
                                      .seed = 1};
  static const int32_t first = 1;
  pal_example prompt[BOARDS];
  decoding d = {NULL, prompt, BOARDS, 0};
  bench_timed timed[BENCH_TEAMS] = {{0}};
  bench_net net;
  for (int i = 0; i < BOARDS; i++)
    prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = &first, .n_prompt = 1};
  pal_status status = bench_net_open(&net, b->context, c, "arm", NULL, 0, error);
  d.decoder = status ? NULL : pal_decoder_new(net.model, &options, error);
  if (!status && !d.decoder) status = error->code;
  if (!status) status = run_decoder(&d, error); /* counts the passes */
  /* FLOP: the matrix products of one row per pass, and attention to half of a board on average. */
  const double passes = (double)d.passes, rows = c->length;
  const double attention = (double)c->layers * 4 * rows * c->width;
  const double work =
      passes * (bench_net_flops(c) / rows - attention + attention * (rows + 1) / (2 * rows));
  for (int t = 0; t < b->teams; t++)
    timed[t] = (bench_timed){.run = run_decoder, .data = &d, .team = t, .work = work};
  if (!status) status = bench_time(b, timed, b->teams, error);
  for (int t = 0; t < b->teams && !status; t++)
    report(b, "arm, boards of 81", "f32", BOARDS, passes / BOARDS, passes, &timed[t]);
  if (d.decoder) pal_decoder_free(d.decoder);
  bench_net_close(&net);
  return status;
}

/* ---- latency ---------------------------------------------------------------------------- */

/* A plan that computes the logits of one sequence, with its packed weights held between runs. */
static pal_status forward_plan(bench_net *net, pal_precision precision, bench_compiled *plan,
                               pal_error *error) {
  pal_batch batch;
  pal_graph *g = pal_graph_new(pal_model_context(net->model), net->store);
  if (!g) return pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  pal_graph_set_precision(g, precision);
  const pal_batch_values in =
      pal_batch_inputs(g, pal_model_definition_of(net->model), net->c->length, 1, false);
  const pal_network network = pal_network_of_batch(g, &in);
  pal_output(g, "logits", pal_output_logits(g, net->model, pal_backbone(g, net->model, &network)));
  pal_status status = bench_compile(g, plan, error);
  if (!status) status = bench_net_feed(net, plan->exec, 1, &batch, error);
  return status ? status : pal_exec_hold(plan->exec, true, error);
}

/* The forward pass of one sequence of case A, in each precision. */
static pal_status latency(bench *b, pal_error *error) {
  const bench_net_case *c = bench_net_find("A", error);
  bench_compiled plan[PRECISIONS] = {{NULL, NULL}};
  bench_timed timed[BENCH_TEAMS * PRECISIONS] = {{0}};
  const int n = precisions(b);
  bench_net net;
  pal_status status = bench_net_open(&net, b->context, c, "mdm", NULL, 0, error);
  for (int i = 0; i < n && !status; i++)
    status = forward_plan(&net, i ? PAL_PRECISION_BF16 : PAL_PRECISION_F32, &plan[i], error);
  for (int i = 0; i < n * b->teams; i++)
    timed[i] = (bench_timed){
        .run = bench_run, .data = &plan[i % n], .team = i / n, .work = bench_net_flops(c)};
  if (!status) status = bench_time(b, timed, n * b->teams, error);
  for (int i = 0; i < n * b->teams && !status; i++)
    report(b, "forward of case A", precision_name[i % n], 1, 1, c->length, &timed[i]);
  for (int i = 0; i < n; i++) bench_release(&plan[i]);
  bench_net_close(&net);
  return status;
}

pal_status bench_decode(bench *b, pal_error *error) {
  printf("decoding, percent of the multiply-adds' peak\n");
  pal_status status = masked(b, error);
  if (!status) status = cached(b, error);
  if (!status) status = latency(b, error);
  if (!status) status = bench_window(b, error);
  return status;
}
