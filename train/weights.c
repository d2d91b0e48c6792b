/* SPDX-License-Identifier: Apache-2.0 */
/* Weights on disk (floor 5). See train.h.
 *
 * Invariant: a file is checked against the model as a whole before the first number is taken from
 * it, so that a refused file changes nothing. */
#include <palimpsest/train.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/safetensors.h"
#include "train/parameters.h"

static int count_parameters(const pal_store *store) {
  int n = 0;
  while (pal_store_parameter_at(store, n)) n++;
  return n;
}

/* ---- saving ------------------------------------------------------------------------------ */

/* "key=value" as a pair; the copy that both point into is entry->key. */
static pal_status split(const char *text, pal_metadata *entry, pal_error *error) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return pal_fail(error, PAL_E_ARGUMENT, "metadata \"%s\" is not of the form key=value", text);
  char *copy = pal_strdup(text);
  if (!copy) return pal_fail(error, PAL_E_MEMORY, "no memory for metadata");
  copy[equals - text] = 0;
  *entry = (pal_metadata){copy, copy + (equals - text) + 1};
  return PAL_OK;
}

static pal_status write_all(pal_model *model, const char *path, bool average, pal_tensor *tensor,
                            pal_metadata *entry, const char *const *metadata, int n,
                            pal_error *error) {
  const pal_store *store = pal_model_store(model);
  const int parameters = count_parameters(store);
  for (int i = 0; i < parameters; i++) {
    pal_variable *v = pal_store_parameter_at(store, i), *mean = pal_average_of(store, v);
    tensor[i] = (pal_tensor){.name = pal_variable_name(v),
                             .type = *pal_variable_type(v),
                             .data = pal_variable_data(average && mean ? mean : v)};
  }
  pal_status status = PAL_OK;
  int made = 0;
  while (made < n && !status) {
    status = split(metadata[made], &entry[1 + made], error);
    made += !status;
  }
  entry[0] = (pal_metadata){"model", pal_model_definition_of(model)->name};
  if (!status)
    status = pal_safetensors_write(path, tensor, (size_t)parameters, entry, (size_t)n + 1, error);
  for (int i = 0; i < made; i++) pal_free((void *)(uintptr_t)entry[1 + i].key);
  return status;
}

pal_status pal_weights_save(pal_model *model, const char *path, bool average,
                            const char *const *metadata, int n, pal_error *error) {
  pal_status status = pal_parameters_make(model, error);
  if (status) return status;
  const size_t parameters = (size_t)count_parameters(pal_model_store(model));
  pal_tensor *tensor = pal_calloc(parameters + 1, sizeof *tensor);
  pal_metadata *entry = pal_calloc((size_t)n + 1, sizeof *entry);
  if (tensor && entry) status = write_all(model, path, average, tensor, entry, metadata, n, error);
  else status = pal_fail(error, PAL_E_MEMORY, "no memory to list %zu tensors", parameters);
  pal_free(tensor);
  pal_free(entry);
  return status;
}

/* ---- loading -------------------------------------------------------------------------------- */

/* A text that grows; NULL once memory has run out. */
typedef struct listing {
  char *text;
  size_t used;
  bool failed;
} listing;

static void list(listing *l, const char *what, const char *name, const char *detail) {
  const size_t more = strlen(what) + strlen(name) + strlen(detail) + 2;
  char *grown = l->failed ? NULL : realloc(l->text, l->used + more + 1);
  if (!grown) {
    l->failed = true;
    return;
  }
  l->text = grown;
  l->used += (size_t)snprintf(grown + l->used, more + 1, "%s%s%s\n", name, what, detail);
}

/* Lists every difference between the file and the model, one per line. */
static void compare(const pal_safetensors *file, const pal_store *store, listing *l) {
  const pal_variable *v;
  for (int i = 0; (v = pal_store_parameter_at(store, i)) != NULL; i++) {
    const pal_tensor *t = pal_safetensors_find(file, pal_variable_name(v));
    char own[96], theirs[96], detail[224];
    if (!t) {
      list(l, " is not in the file", pal_variable_name(v), "");
    } else if (!pal_type_equal(&t->type, pal_variable_type(v))) {
      snprintf(detail, sizeof detail, "%s, not %s", pal_type_print(&t->type, theirs, sizeof theirs),
               pal_type_print(pal_variable_type(v), own, sizeof own));
      list(l, " is ", t->name, detail);
    }
  }
  const pal_tensor *t;
  for (size_t i = 0; (t = pal_safetensors_at(file, i)) != NULL; i++) {
    v = pal_store_find(store, t->name);
    if (!v || pal_variable_role(v) != PAL_PARAMETER)
      list(l, " is not a parameter of the model", t->name, "");
  }
}

/* Weights that are no numbers would decode to something all the same. */
static pal_status check_finite(const pal_safetensors *file, const char *path, pal_error *error) {
  const pal_tensor *t;
  pal_status status = PAL_OK;
  for (size_t i = 0; !status && (t = pal_safetensors_at(file, i)) != NULL; i++)
    status = pal_safetensors_want_finite(t, path, error);
  return status;
}

/* An average starts again from what was loaded: it would remember other weights. */
static void take(const pal_safetensors *file, const pal_store *store) {
  pal_variable *v;
  for (int i = 0; (v = pal_store_parameter_at(store, i)) != NULL; i++) {
    const pal_tensor *t = pal_safetensors_find(file, pal_variable_name(v));
    if (!t || !pal_type_equal(&t->type, pal_variable_type(v))) continue;
    pal_variable *mean = pal_average_of(store, v);
    memcpy(pal_variable_data(v), t->data, pal_variable_bytes(v));
    if (mean) memcpy(pal_variable_data(mean), t->data, pal_variable_bytes(v));
  }
}

static pal_status check_metadata(const pal_safetensors *file, const char *path, const char *key,
                                 const char *want, pal_error *error) {
  const char *have = pal_safetensors_metadata(file, key);
  if (!have || strcmp(have, want) == 0) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT, "%s: the weights are of %s \"%.100s\", not \"%.100s\"", path,
                  key, have, want);
}

pal_status pal_weights_check(const char *path, const char *const *metadata, int n,
                             pal_error *error) {
  pal_error own = {0};
  pal_safetensors *file = pal_safetensors_read(path, &own);
  if (!file) return pal_fail(error, own.code, "%s", own.text);
  pal_status status = PAL_OK;
  for (int i = 0; i < n && !status; i++) {
    pal_metadata entry = {NULL, NULL};
    status = split(metadata[i], &entry, error);
    if (!status) status = check_metadata(file, path, entry.key, entry.value, error);
    pal_free((void *)(uintptr_t)entry.key);
  }
  pal_safetensors_free(file);
  return status;
}

pal_status pal_weights_load(pal_model *model, const char *path, bool strict, char **skipped,
                            pal_error *error) {
  const pal_store *store = pal_model_store(model);
  if (skipped) *skipped = NULL;
  pal_status status = pal_parameters_make(model, error);
  if (status) return status;
  pal_error own = {0};
  pal_safetensors *file = pal_safetensors_read(path, &own);
  if (!file) return pal_fail(error, own.code, "%s", own.text);
  listing l = {0};
  const char *of = pal_safetensors_metadata(file, "model");
  if (strict && of && strcmp(of, pal_model_definition_of(model)->name) != 0)
    list(&l, "", "the weights are of model ", of);
  compare(file, store, &l);
  if (l.failed) {
    status = pal_fail(error, PAL_E_MEMORY, "%s: no memory to list what does not fit", path);
  } else if (strict && l.text) {
    for (char *c = l.text; *c; c++) /* one sentence */
      if (*c == '\n') *c = c[1] ? ';' : '.';
    status = pal_fail(error, PAL_E_FORMAT, "%s does not fit model \"%s\": %s", path,
                      pal_model_definition_of(model)->name, l.text);
  } else {
    status = check_finite(file, path, error);
    if (!status) take(file, store);
  }
  pal_safetensors_free(file);
  if (status || !skipped) free(l.text);
  else *skipped = l.text;
  return status;
}
