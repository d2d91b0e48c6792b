/* SPDX-License-Identifier: Apache-2.0 */
/* A model's weights on disk: the parameters of its store (floor 5). See train.h and
 * graph/store_file.h. */
#include <palimpsest/train.h>

#include <stdio.h>
#include <string.h>

#include "graph/store_file.h"
#include "src/alloc.h"
#include "train/parameters.h"

static const pal_store_filter parameters = {1u << PAL_PARAMETER, NULL};

static pal_status write_all(const pal_model *model, const char *path, bool average,
                            pal_tensor *tensor, const char *const *metadata, int n,
                            pal_error *error) {
  const pal_store *store = pal_model_store(model);
  const size_t tensors = pal_store_list(store, &parameters, tensor);
  for (size_t i = 0; average && i < tensors; i++) {
    pal_variable *mean = pal_average_of(store, pal_store_find(store, tensor[i].name));
    if (mean) tensor[i].data = pal_variable_data(mean);
  }
  const pal_metadata of = {"model", pal_model_definition_of(model)->name};
  return pal_store_write(path, tensor, tensors, &of, 1, metadata, n, error);
}

pal_status pal_weights_save(pal_model *model, const char *path, bool average,
                            const char *const *metadata, int n, pal_error *error) {
  pal_status status = pal_parameters_make(model, error);
  if (status) return status;
  pal_tensor *tensor = pal_calloc(pal_store_count(pal_model_store(model)) + 1, sizeof *tensor);
  if (!tensor) return pal_fail(error, PAL_E_MEMORY, "no memory to list the weights of a model");
  status = write_all(model, path, average, tensor, metadata, n, error);
  pal_free(tensor);
  return status;
}

pal_status pal_weights_check(const char *path, const char *const *metadata, int n,
                             pal_error *error) {
  return pal_store_check_as(path, "weights", metadata, n, error);
}

pal_status pal_weights_metadata(const char *path, const char *key, char *text, size_t size,
                                pal_error *error) {
  pal_error own = {0};
  pal_safetensors *file = pal_safetensors_read(path, &own);
  if (!file) return pal_fail(error, own.code, "%s", own.text);
  const char *value = pal_safetensors_metadata(file, key);
  pal_status status = PAL_OK;
  if (!value) status = pal_fail(error, PAL_E_NOT_FOUND, "%s has no metadata \"%s\"", path, key);
  else if (strlen(value) >= size)
    status = pal_fail(error, PAL_E_FORMAT, "%s: metadata \"%s\" is too long", path, key);
  else memcpy(text, value, strlen(value) + 1);
  pal_safetensors_free(file);
  return status;
}

/* Averages of the parameters that were loaded start again from the new values. */
static void restart_averages(const pal_store *store, const pal_safetensors *file) {
  pal_variable *v;
  for (int i = 0; (v = pal_store_parameter_at(store, i)) != NULL; i++) {
    pal_variable *mean = pal_store_match(file, v) ? pal_average_of(store, v) : NULL;
    if (mean) memcpy(pal_variable_data(mean), pal_variable_data(v), pal_variable_bytes(v));
  }
}

pal_status pal_weights_load(pal_model *model, const char *path, bool strict, char **skipped,
                            pal_error *error) {
  const pal_store *store = pal_model_store(model);
  const char *name = pal_model_definition_of(model)->name;
  if (skipped) *skipped = NULL;
  pal_status status = pal_parameters_make(model, error);
  if (status) return status;
  pal_error own = {0};
  pal_safetensors *file = pal_safetensors_read(path, &own);
  if (!file) return pal_fail(error, own.code, "%s", own.text);
  char whose[4096]; /* for messages; pal_fail shortens a longer one */
  snprintf(whose, sizeof whose, "model \"%s\"", name);
  pal_store_reading reading = {.path = path,
                               .filter = &parameters,
                               .whose = whose,
                               .stranger = "not a parameter of the model"};
  const char *of = pal_safetensors_metadata(file, "model");
  if (strict && of && strcmp(of, name) != 0)
    pal_text_add(&reading.differences, "the weights are of model %s\n", of);
  status = pal_store_check_file(store, file, &reading, strict, skipped, error);
  if (!status) {
    pal_store_copy_from(store, file, &parameters);
    restart_averages(store, file);
  }
  pal_safetensors_free(file);
  return status;
}
