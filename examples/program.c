/* SPDX-License-Identifier: Apache-2.0 */
/* A program that uses the library: it trains an edit model on parity, saves its weights, loads them
 * into another model and decodes a string of a thousand bits.
 *
 *   cc program.c $(pkg-config --cflags --libs palimpsest) -o program && ./program
 *
 * Every call that may fail takes a pal_error, which then describes the first failure. */
#include <palimpsest/palimpsest.h>

#include <stdio.h>
#include <string.h>

enum { BITS = 1000 };

static int fail(const pal_error *error) {
  fprintf(stderr, "program: %s\n", error->text);
  return 1;
}

/* Called by pal_decode for each finished sequence. */
static void on_decoded(int index, const pal_decoded *decoded, void *data) {
  (void)index;
  *(int *)data = decoded->n == 2; /* an odd string is edited to "BOS 1", an even one to "BOS" */
  printf("halted by itself: %s, after %d forward passes\n", decoded->halted ? "yes" : "no",
         decoded->forward_passes);
}

/* Lets the model decide the parity of a random string by its edits; returns 0 if it is right. */
static int decode(pal_model *model, pal_error *error) {
  int32_t prompt[BITS + 1];
  int odd = 0, said = -1;
  pal_rng rng = pal_rng_new(7, "program", 0, 0);
  prompt[0] = pal_model_format(model)->bos;
  for (int i = 1; i <= BITS; i++) odd ^= prompt[i] = (int32_t)(pal_rng_next(&rng) & 1);
  const pal_example example = {.id = 1, .prompt = prompt, .n_prompt = BITS + 1};
  const pal_decode_options options = {
      .sequences = 1, .max_length = BITS + 1, .max_steps = 2 * BITS + 4, .seed = 1};
  pal_decoder *decoder = pal_decoder_new(model, &options, error);
  if (!decoder || pal_decode(decoder, &example, 1, on_decoded, &said, error)) return fail(error);
  pal_decoder_free(decoder);
  printf("%d bits: %s, and the model says %s\n", BITS, odd ? "odd" : "even", said ? "odd" : "even");
  return said != odd;
}

int main(void) {
  static const char *const network[] = {"layers=1", "heads=1", "width=8", "hidden=8", "window=3"};
  static const char *const training[] = {"steps=1500", "batch=16", "shard=8", "rate=0.02"};
  pal_error error = {0};
  pal_context *context = pal_open(NULL, &error);
  pal_task *task = context ? pal_task_new(context, "parity", NULL, 0, &error) : NULL;
  pal_store *store = pal_store_new(1), *other = pal_store_new(2);
  if (!task || !store || !other) return fail(&error);

  pal_model *model =
      pal_model_new(context, store, "ap-mdm", pal_task_format(task), network, 5, &error);
  pal_stream stream;
  if (!model || pal_task_stream(task, PAL_FORM_TRANSITION, 1, &stream, &error)) return fail(&error);
  pal_trainer *trainer = pal_trainer_new(model, &stream, training, 4, &error);
  if (!trainer) return fail(&error);
  pal_step_report report = {0};
  while (pal_trainer_done(trainer) < pal_trainer_steps(trainer))
    if (pal_trainer_step(trainer, &report, &error)) return fail(&error);
  printf("step %lld: loss %.4f, %lld parameters\n", (long long)report.step, report.loss,
         (long long)pal_model_parameters(model));
  if (pal_weights_save(model, "weights.safetensors", false, NULL, 0, &error)) return fail(&error);

  pal_model *loaded =
      pal_model_new(context, other, "ap-mdm", pal_task_format(task), network, 5, &error);
  if (!loaded || pal_weights_load(loaded, "weights.safetensors", true, NULL, &error))
    return fail(&error);
  const int wrong = decode(loaded, &error);

  pal_trainer_free(trainer);
  stream.free(stream.self);
  pal_model_free(model);
  pal_model_free(loaded);
  pal_store_free(store);
  pal_store_free(other);
  pal_task_free(task);
  pal_context_free(context);
  return wrong;
}
