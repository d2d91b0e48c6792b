/* palimpsest bench decode: many boards at once, one board fast (floor 6). */
#include <string.h>

#include "cli/bench_net.h"

enum { BOARDS = 256, STEPS = 8 };

/* A decoder and the prompts it is given. */
typedef struct decoding {
  pal_decoder *decoder;
  const pal_example *prompt;
  int n;
  int64_t passes; /* of the last call, over all sequences */
} decoding;

static void take(int index, const pal_decoded *decoded, void *data) {
  (void)index;
  ((decoding *)data)->passes += decoded->forward_passes;
}

static pal_status run_decoder(void *data, pal_error *error) {
  decoding *d = data;
  d->passes = 0;
  return pal_decode(d->decoder, d->prompt, d->n, take, d, error);
}

static void report(cli_bench *b, const char *name, int team, int sequences, double passes,
                   double tokens, const cli_timed *t) {
  char text[32];
  const double fraction = t->rate / t->peak;
  printf("  %-26s %4d sequences  %-10s %9.2f ms %8.3f ms/pass %9.0f tokens/s %5.1f %%"
         "   spread %4.1f %%\n",
         name, sequences, cli_bench_team(b, team, text, sizeof text), 1e3 * t->median,
         1e3 * t->median / passes, tokens / t->median, 100 * fraction, 100 * t->spread);
  cli_bench_add(b, "decode",
                json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "case", name,
                          "threads", b->threads[team], "sequences", sequences, "passes", passes,
                          "ms", 1e3 * t->median, "ms_per_pass", 1e3 * t->median / passes,
                          "tokens_per_s", tokens / t->median, "gflops", t->rate, "fraction",
                          fraction, "peak_gflops", t->peak, "spread", t->spread));
}

/* ---- masks: every pass reads whole boards ----------------------------------------------- */

/* All boards and half of them, in turn, through one decoder: half the rows must cost half. */
static pal_status masked(cli_bench *b, pal_error *error) {
  const cli_net_case *c = cli_net_find("C", error);
  const pal_decode_options options = {.sequences = BOARDS, .max_length = c->length,
                                      .max_steps = STEPS, .answer_room = c->length - 1, .seed = 1};
  static const int count[] = {BOARDS, BOARDS / 2};
  int32_t first[BOARDS];
  pal_example prompt[BOARDS];
  decoding d[2] = {{NULL, NULL, 0, 0}};
  cli_timed timed[2 * CLI_TEAMS] = {{0}};
  cli_net net;
  for (int i = 0; i < BOARDS; i++) {
    first[i] = i % (c->vocabulary - 1);
    prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = &first[i], .n_prompt = 1};
  }
  pal_status status = cli_net_open(&net, b->context, c, "mdm", NULL, 0, error);
  pal_decoder *decoder = status ? NULL : pal_decoder_new(net.model, &options, error);
  if (!status && !decoder) status = error->code;
  for (int i = 0; i < 2; i++) d[i] = (decoding){decoder, prompt, count[i], 0};
  for (int i = 0; i < 2 * b->teams; i++)
    timed[i] = (cli_timed){.run = run_decoder, .data = &d[i % 2], .team = i / 2,
                           .work = STEPS * count[i % 2] * cli_net_flops(c)};
  if (!status) status = cli_bench_time(b, timed, 2 * b->teams, error);
  for (int i = 0; i < 2 * b->teams && !status; i++)
    report(b, "mdm, boards of 81", i / 2, count[i % 2], STEPS,
           (double)STEPS * count[i % 2] * c->length, &timed[i]);
  for (int t = 0; t < b->teams && !status; t++)
    printf("  half of the boards cost %.3f of all, %d thread%s\n",
           timed[2 * t + 1].median / timed[2 * t].median, b->threads[t],
           b->threads[t] > 1 ? "s" : "");
  if (decoder) pal_decoder_free(decoder);
  cli_net_close(&net);
  return status;
}

/* ---- left to right with caches: every pass reads one row of a board --------------------- */

static pal_status cached(cli_bench *b, pal_error *error) {
  const cli_net_case *c = cli_net_find("C", error);
  const pal_decode_options options = {.sequences = BOARDS, .max_length = c->length,
                                      .max_steps = c->length, .answer_room = c->length - 1,
                                      .seed = 1};
  static const int32_t first = 1;
  pal_example prompt[BOARDS];
  decoding d = {NULL, prompt, BOARDS, 0};
  cli_timed timed[CLI_TEAMS] = {{0}};
  cli_net net;
  for (int i = 0; i < BOARDS; i++)
    prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = &first, .n_prompt = 1};
  pal_status status = cli_net_open(&net, b->context, c, "arm", NULL, 0, error);
  d.decoder = status ? NULL : pal_decoder_new(net.model, &options, error);
  if (!status && !d.decoder) status = error->code;
  if (!status) status = run_decoder(&d, error); /* tells the number of passes */
  /* A row's products, and attention to half of the board in the mean. */
  const double passes = (double)d.passes, rows = c->length;
  const double attention = (double)c->layers * 4 * rows * c->width;
  const double work =
      passes * (cli_net_flops(c) / rows - attention + attention * (rows + 1) / (2 * rows));
  for (int t = 0; t < b->teams; t++)
    timed[t] = (cli_timed){.run = run_decoder, .data = &d, .team = t, .work = work};
  if (!status) status = cli_bench_time(b, timed, b->teams, error);
  for (int t = 0; t < b->teams && !status; t++)
    report(b, "arm, boards of 81", t, BOARDS, passes / BOARDS, passes, &timed[t]);
  if (d.decoder) pal_decoder_free(d.decoder);
  cli_net_close(&net);
  return status;
}

/* ---- latency ---------------------------------------------------------------------------- */

/* Logits of one sequence of case A. */
static pal_status latency(cli_bench *b, pal_error *error) {
  const cli_net_case *c = cli_net_find("A", error);
  cli_plan plan = {NULL, NULL};
  cli_timed timed[CLI_TEAMS] = {{0}};
  cli_net net;
  pal_batch batch;
  pal_status status = cli_net_open(&net, b->context, c, "mdm", NULL, 0, error);
  pal_graph *g = status ? NULL : pal_graph_new(b->context, net.store);
  if (!status && !g) status = pal_fail(error, PAL_E_MEMORY, "no memory for a graph");
  if (!status) {
    const pal_batch_values in = pal_batch_inputs(g, c->length, 1, false);
    const pal_network network = pal_network_of_batch(&in);
    pal_output(g, "logits", pal_output_logits(g, net.model, pal_backbone(g, net.model, &network)));
    status = cli_bench_compile(g, &plan, error);
  }
  if (!status) status = cli_net_feed(&net, plan.exec, 1, &batch, error);
  for (int t = 0; t < b->teams; t++)
    timed[t] =
        (cli_timed){.run = cli_bench_run, .data = &plan, .team = t, .work = cli_net_flops(c)};
  if (!status) status = cli_bench_time(b, timed, b->teams, error);
  for (int t = 0; t < b->teams && !status; t++)
    report(b, "forward of case A", t, 1, 1, c->length, &timed[t]);
  cli_bench_release(&plan);
  cli_net_close(&net);
  return status;
}

pal_status cli_bench_decode(cli_bench *b, pal_error *error) {
  printf("decoding, percent of the multiply-adds' peak\n");
  pal_status status = masked(b, error);
  if (!status) status = cached(b, error);
  if (!status) status = latency(b, error);
  if (!status) status = cli_bench_window(b, error);
  return status;
}
