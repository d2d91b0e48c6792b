/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: the state of a trainer on disk, from which a run is resumed exactly (floor 5). See
 * train.h. A checkpoint is one safetensors file:
 *
 *   metadata   step, examples, tokens, seed, model, xxh3 (checksum)
 *   tensors    "model.block.0...", ...    parameters, under their names in the store
 *              "ema...", moments, ...     state variables, likewise
 *              "stream"                   u8 [bytes]: the state of the stream
 *
 * Invariant: loading changes nothing before everything has been checked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/store_file.h"
#include "src/alloc.h"
#include "train/trainer.h"

static const char stream_name[] = "stream";

static const pal_store_filter kept = {1u << PAL_PARAMETER | 1u << PAL_STATE, NULL};

/* ---- saving ---------------------------------------------------------------------------- */

static pal_status write_state(const pal_trainer *t, const pal_stream_state *stream,
                              const char *path, pal_tensor *tensor, pal_error *error) {
  const pal_store *store = pal_model_store(t->model);
  char step[24], examples[24], tokens[24], seed[24];
  snprintf(step, sizeof step, "%" PRId64, t->done);
  snprintf(examples, sizeof examples, "%" PRId64, t->examples);
  snprintf(tokens, sizeof tokens, "%" PRId64, t->tokens);
  snprintf(seed, sizeof seed, "%" PRIu64, t->set->seed);
  const pal_metadata metadata[] = {{"step", step},
                                   {"examples", examples},
                                   {"tokens", tokens},
                                   {"seed", seed},
                                   {"model", pal_model_definition_of(t->model)->name}};
  size_t n = pal_store_list(store, &kept, tensor);
  tensor[n++] = (pal_tensor){.name = stream_name,
                             .data = stream->data,
                             .type = PAL_TYPE(PAL_U8, PAL_STATIC, (int64_t)stream->bytes)};
  return pal_safetensors_write(path, tensor, n, metadata, sizeof metadata / sizeof *metadata,
                               error);
}

pal_status pal_trainer_save(pal_trainer *t, const char *path, pal_error *error) {
  const bool averaged = t->averaged;
  pal_error own = {0};
  const pal_stream_state *stream = pal_trainer_stream(t, &own);
  if (!stream) return pal_fail(error, own.code, "%s", own.text);
  pal_tensor *tensor = pal_calloc(pal_store_count(pal_model_store(t->model)) + 1, sizeof *tensor);
  if (!tensor) return pal_fail(error, PAL_E_MEMORY, "no memory to list the state of a trainer");
  pal_trainer_use_average(t, false);
  const pal_status status = write_state(t, stream, path, tensor, error);
  pal_trainer_use_average(t, averaged);
  pal_free(tensor);
  return status;
}

/* ---- loading ------------------------------------------------------------------------------ */

/* Reads a whole number of at most 15 digits from the metadata. */
static pal_status read_number(const pal_safetensors *file, const char *path, const char *key,
                              int64_t *n, pal_error *error) {
  const char *text = pal_safetensors_metadata(file, key);
  const size_t digits = text ? strspn(text, "0123456789") : 0;
  if (digits == 0 || digits > 15 || text[digits])
    return pal_fail(error, PAL_E_FORMAT, "%s: metadata \"%s\" is %s%.40s%s, not a whole number",
                    path, key, text ? "\"" : "", text ? text : "absent", text ? "\"" : "");
  *n = strtoll(text, NULL, 10);
  return PAL_OK;
}

static pal_status check_text(const pal_safetensors *file, const char *path, const char *key,
                             const char *want, pal_error *error) {
  const char *have = pal_safetensors_metadata(file, key);
  if (have && strcmp(have, want) == 0) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT, "%s: metadata \"%s\" is %.60s where this trainer's is %s",
                  path, key, have ? have : "absent", want);
}

static pal_status check_variables(const pal_safetensors *file, const char *path,
                                  const pal_store *store, pal_error *error) {
  pal_store_reading reading = {.path = path,
                               .filter = &kept,
                               .whose = "this trainer (were the settings the same?)",
                               .stranger = "not a variable of this trainer",
                               .apart = stream_name};
  return pal_store_check_file(store, file, &reading, true, NULL, error);
}

/* Loads the state of the stream, which is put back if the stream refuses it. This is the last of
 * the checks, because only the stream can check its state, and does so by loading it. */
static pal_status load_stream(pal_trainer *t, const pal_safetensors *file, const char *path,
                              pal_error *error) {
  const pal_tensor *state = pal_safetensors_find(file, stream_name);
  if (!state || state->type.dtype != PAL_U8 || state->type.rank != 1)
    return pal_fail(error, PAL_E_FORMAT, "%s: the state of the stream is missing", path);
  pal_stream_state before = {0};
  pal_status status = pal_stream_note(&before, t->stream, error);
  if (status) return status;
  pal_error own = {0};
  void *copy = pal_alloc(state->bytes); /* aligned, for streams that read it in place */
  if (copy) {
    if (state->bytes) memcpy(copy, state->data, state->bytes);
    status = t->stream->load(t->stream->self, copy, state->bytes, &own);
    if (status) pal_stream_restore(&before, t->stream);
  } else {
    status = pal_fail(&own, PAL_E_MEMORY, "no memory for the state of a stream");
  }
  pal_free(copy);
  pal_stream_forget(&before);
  return status ? pal_fail(error, status, "%s: %s", path, own.text) : PAL_OK;
}

static pal_status load(pal_trainer *t, const pal_safetensors *file, const char *path,
                       pal_error *error) {
  const pal_store *store = pal_model_store(t->model);
  int64_t step = 0, examples = 0, tokens = 0;
  char seed[24];
  snprintf(seed, sizeof seed, "%" PRIu64, t->set->seed);
  pal_status status;
  if (!pal_safetensors_metadata(file, "xxh3")) /* damage to the key itself would skip the check */
    return pal_fail(error, PAL_E_FORMAT, "%s: metadata \"xxh3\", the checksum, is missing", path);
  if ((status = read_number(file, path, "step", &step, error)) ||
      (status = read_number(file, path, "examples", &examples, error)) ||
      (status = read_number(file, path, "tokens", &tokens, error)) ||
      (status = check_text(file, path, "seed", seed, error)) ||
      (status = check_text(file, path, "model", pal_model_definition_of(t->model)->name, error)) ||
      (status = check_variables(file, path, store, error)) ||
      (status = load_stream(t, file, path, error)))
    return status;
  for (int i = 0; i < 2; i++) t->drawn[i].step = 0; /* discard the prefetched rows */
  t->averaged = false; /* a checkpoint holds the parameters, not their averages */
  pal_store_copy_from(store, file, &kept);
  t->done = step;
  t->examples = examples;
  t->tokens = tokens;
  return PAL_OK;
}

pal_status pal_trainer_load(pal_trainer *t, const char *path, pal_error *error) {
  pal_error own = {0};
  pal_safetensors *file = pal_safetensors_read(path, &own);
  if (!file) return pal_fail(error, own.code, "%s", own.text);
  const pal_status status = load(t, file, path, error);
  pal_safetensors_free(file);
  return status;
}
