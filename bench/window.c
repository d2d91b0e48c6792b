/* SPDX-License-Identifier: Apache-2.0 */
/* palimpsest bench decode: a step of windowed decoding should take the same time however many rows
 * follow the window (floor 7). */
#include <stdlib.h>

#include "bench/bench.h"
#include "bench/timing.h"

enum { SEQUENCES = 16, SHORT = 2000, LONG = 6000, ROUNDS = 5, TAILS = 2 };
static const int tail[TAILS] = {10, 100000}; /* rows after the window */

static void ignore(int index, const pal_decoded *decoded, void *data) {
  (void)index, (void)decoded, (void)data;
}

/* Seconds of decoding with a cap of `steps`. An untrained model edits nothing and never halts, so
 * it takes all of them. */
static pal_status seconds(pal_model *model, const pal_example *prompt, int steps, double *taken,
                          pal_error *error) {
  const pal_decode_options options = {
      .sequences = SEQUENCES, .max_length = prompt[0].n_prompt, .max_steps = steps, .seed = 1};
  pal_decoder *decoder = pal_decoder_new(model, &options, error);
  if (!decoder) return error->code;
  const double start = bench_seconds();
  const pal_status status = pal_decode(decoder, prompt, SEQUENCES, ignore, NULL, error);
  *taken = bench_seconds() - start;
  pal_decoder_free(decoder);
  return status;
}

/* Seconds of one step: the difference between two caps, which excludes reading the prompt. */
static pal_status one_step(pal_model *model, const int32_t *token, int rows, double *step,
                           pal_error *error) {
  pal_example prompt[SEQUENCES];
  double few = 0, many = 0;
  for (int i = 0; i < SEQUENCES; i++)
    prompt[i] = (pal_example){.id = (uint64_t)i, .prompt = token, .n_prompt = rows};
  pal_status status = seconds(model, prompt, SHORT, &few, error);
  if (!status) status = seconds(model, prompt, LONG, &many, error);
  *step = (many - few) / (LONG - SHORT);
  return status;
}

pal_status bench_window(bench *b, pal_error *error) {
  static const char *const setting[] = {"layers=1", "heads=1", "width=4", "hidden=4", "window=3"};
  double step[TAILS][ROUNDS], median[TAILS], spread[TAILS];
  pal_task *task = pal_task_new(b->context, "parity", NULL, 0, error);
  pal_store *store = pal_store_new(1);
  pal_model *model = task && store ? pal_model_new(b->context, store, "ap-mdm",
                                                   pal_task_format(task), setting, 5, error)
                                   : NULL;
  const int rows = tail[TAILS - 1] + 3;
  int32_t *token = calloc((size_t)rows, sizeof *token);
  pal_status status =
      model && token ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for a tail");
  if (!status) token[0] = pal_task_format(task)->bos;
  for (int r = 0; r < ROUNDS && !status; r++)
    for (int i = 0; i < TAILS && !status; i++)
      status = one_step(model, token, tail[i] + 3, &step[i][r], error);
  for (int i = 0; i < TAILS && !status; i++) {
    median[i] = bench_median(step[i], ROUNDS, &spread[i]);
    printf("  window of 3, tail %-10d %4d sequences  %.2f us/step   spread %4.1f %%\n", tail[i],
           SEQUENCES, 1e6 * median[i], 100 * spread[i]);
    bench_add(b, "window",
              json_pack("{s:i, s:i, s:f, s:f}", "tail", tail[i], "sequences", SEQUENCES,
                        "us_per_step", 1e6 * median[i], "spread", spread[i]));
  }
  if (!status)
    printf("  a step at the long tail costs %.3f of one at the short\n", median[1] / median[0]);
  free(token);
  if (model) pal_model_free(model);
  if (store) pal_store_free(store);
  if (task) pal_task_free(task);
  return status;
}
