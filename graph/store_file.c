/* SPDX-License-Identifier: Apache-2.0 */
/* Saving and loading variables of a store (floor 1). See store_file.h. */
#include "graph/store_file.h"

#include <stdlib.h>
#include <string.h>

#include "graph/internal.h"
#include "src/alloc.h"
#include "src/half.h"

static const pal_store_filter saved = {0, NULL};

static bool has_prefix(const pal_store_filter *filter, const char *name) {
  return !filter->prefix || strncmp(name, filter->prefix, strlen(filter->prefix)) == 0;
}

/* Blocks are never selected: their contents are those of their parts. */
static bool passes(const pal_store_filter *filter, const pal_variable *v) {
  const unsigned roles = filter->roles ? filter->roles : 1u << PAL_PARAMETER | 1u << PAL_STATE;
  return (roles >> v->role & 1) && v->parts == 0 && has_prefix(filter, v->name);
}

/* ---- writing ------------------------------------------------------------------------------ */

size_t pal_store_list(const pal_store *store, const pal_store_filter *filter, pal_tensor *tensor) {
  size_t n = 0;
  pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(store, i)) != NULL; i++)
    if (passes(filter, v))
      tensor[n++] = (pal_tensor){.name = v->name, .type = v->type, .data = pal_variable_data(v)};
  return n;
}

/* Splits "key=value" into a pair. Both point into one copy of the text, which is freed as
 * entry->key. */
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

pal_status pal_store_write(const char *path, const pal_tensor *tensor, size_t n_tensors,
                           const pal_metadata *pair, size_t n_pairs, const char *const *metadata,
                           int n, pal_error *error) {
  pal_metadata *entry = pal_calloc(n_pairs + (size_t)n + 1, sizeof *entry), *own = NULL;
  if (!entry) return pal_fail(error, PAL_E_MEMORY, "no memory for metadata");
  if (n_pairs) memcpy(entry, pair, n_pairs * sizeof *pair);
  own = entry + n_pairs;
  pal_status status = PAL_OK;
  int made = 0;
  while (made < n && !status) {
    status = split(metadata[made], &own[made], error);
    made += !status;
  }
  if (!status)
    status = pal_safetensors_write(path, tensor, n_tensors, entry, n_pairs + (size_t)n, error);
  for (int i = 0; i < made; i++) pal_free((void *)(uintptr_t)own[i].key);
  pal_free(entry);
  return status;
}

/* An error when the filter selects nothing: a mistyped prefix must not look like success. */
static pal_status require_selected(const pal_store *store, const char *path,
                                   const pal_store_filter *filter, pal_error *error) {
  const pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(store, i)) != NULL; i++)
    if (passes(filter, v)) return PAL_OK;
  return pal_fail(error, PAL_E_NOT_FOUND,
                  "%s: the store has no variable of these roles whose name begins with \"%s\"",
                  path, filter->prefix ? filter->prefix : "");
}

pal_status pal_store_save(const pal_store *store, const char *path, const pal_store_filter *filter,
                          const char *const *metadata, int n, pal_error *error) {
  if (!filter) filter = &saved;
  pal_status status = require_selected(store, path, filter, error);
  if (status) return status;
  pal_tensor *tensor = pal_calloc(pal_store_count(store), sizeof *tensor);
  if (!tensor) return pal_fail(error, PAL_E_MEMORY, "no memory to list the variables of a store");
  const size_t variables = pal_store_list(store, filter, tensor);
  status = pal_store_write(path, tensor, variables, NULL, 0, metadata, n, error);
  pal_free(tensor);
  return status;
}

/* ---- reading ------------------------------------------------------------------------------ */

const pal_tensor *pal_store_match(const pal_safetensors *file, const pal_variable *variable) {
  const pal_tensor *t = pal_safetensors_find(file, variable->name);
  if (!t) return NULL;
  pal_type type = t->type;
  if (type.dtype == PAL_BF16 && variable->type.dtype == PAL_F32) type.dtype = PAL_F32;
  return pal_type_equal(&type, &variable->type) ? t : NULL;
}

/* Copies a tensor to a variable that it matches. */
static void copy(pal_variable *v, const pal_tensor *t) {
  if (!v->bytes) return;
  if (t->type.dtype == v->type.dtype) {
    memcpy(pal_variable_data(v), t->data, v->bytes);
    return;
  }
  float *to = pal_variable_data(v);
  for (size_t i = 0; i < t->bytes / sizeof(uint16_t); i++) {
    uint16_t narrow;
    memcpy(&narrow, (const char *)t->data + i * sizeof narrow, sizeof narrow);
    to[i] = pal_bf16_value(narrow);
  }
}

/* Lists the selected variables without a match in the file, and the tensors without a variable.
 * Returns the number of matches. */
static int compare(const pal_store *store, const pal_safetensors *file, pal_store_reading *r) {
  const pal_variable *v;
  int matches = 0;
  for (size_t i = 0; (v = pal_store_at(store, i)) != NULL; i++) {
    if (!passes(r->filter, v)) continue;
    if (pal_store_match(file, v)) {
      matches++;
      continue;
    }
    const pal_tensor *t = pal_safetensors_find(file, v->name);
    char own[96], theirs[96];
    if (t)
      pal_text_add(&r->differences, "%s is %s, not %s\n", v->name,
                   pal_type_print(&t->type, theirs, sizeof theirs),
                   pal_type_print(&v->type, own, sizeof own));
    else pal_text_add(&r->differences, "%s is not in the file\n", v->name);
  }
  const pal_tensor *t;
  for (size_t i = 0; (t = pal_safetensors_at(file, i)) != NULL; i++) {
    if (!has_prefix(r->filter, t->name) || (r->apart && strcmp(t->name, r->apart) == 0)) continue;
    v = pal_store_find(store, t->name);
    if (!v || !passes(r->filter, v))
      pal_text_add(&r->differences, "%s is %s\n", t->name, r->stranger);
  }
  return matches;
}

/* Refuses infinite numbers and NaNs, which would silently spoil every later result. */
static pal_status check_finite(const pal_safetensors *file, const pal_store_reading *r,
                               pal_error *error) {
  const pal_tensor *t;
  pal_status status = PAL_OK;
  for (size_t i = 0; !status && (t = pal_safetensors_at(file, i)) != NULL; i++)
    if (has_prefix(r->filter, t->name)) status = pal_safetensors_check_finite(t, r->path, error);
  return status;
}

pal_status pal_store_check_file(const pal_store *store, const pal_safetensors *file,
                                pal_store_reading *r, bool strict, char **skipped,
                                pal_error *error) {
  pal_status status;
  const int matches = compare(store, file, r);
  char *text = r->differences.at;
  if (r->differences.failed) {
    status = pal_fail(error, PAL_E_MEMORY, "%s: no memory to list what does not fit", r->path);
  } else if (strict && text) {
    for (char *c = text; *c; c++) /* lines become one sentence */
      if (*c == '\n') *c = c[1] ? ';' : '.';
    status = pal_fail(error, PAL_E_FORMAT, "%s does not fit %s: %s", r->path, r->whose, text);
  } else if (matches == 0) {
    status =
        pal_fail(error, PAL_E_FORMAT, "%s: no tensor fits a variable of %s", r->path, r->whose);
  } else {
    status = check_finite(file, r, error);
  }
  r->differences = (pal_text){0};
  if (status || !skipped) free(text);
  else *skipped = text;
  return status;
}

void pal_store_copy_from(const pal_store *store, const pal_safetensors *file,
                         const pal_store_filter *filter) {
  pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(store, i)) != NULL; i++) {
    const pal_tensor *t = passes(filter, v) ? pal_store_match(file, v) : NULL;
    if (t) copy(v, t);
  }
}

pal_status pal_store_load(pal_store *store, const char *path, const pal_store_filter *filter,
                          bool strict, char **skipped, pal_error *error) {
  if (skipped) *skipped = NULL;
  if (!filter) filter = &saved;
  pal_status status = require_selected(store, path, filter, error);
  if (status) return status;
  pal_error own = {0};
  pal_safetensors *file = pal_safetensors_read(path, &own);
  if (!file) return pal_fail(error, own.code, "%s", own.text);
  pal_store_reading reading = {.path = path,
                               .filter = filter,
                               .whose = "the store",
                               .stranger = "none of the selected variables of the store"};
  status = pal_store_check_file(store, file, &reading, strict, skipped, error);
  if (!status) pal_store_copy_from(store, file, filter);
  pal_safetensors_free(file);
  return status;
}

/* ---- metadata ----------------------------------------------------------------------------- */

pal_status pal_store_check_as(const char *path, const char *what, const char *const *metadata,
                              int n, pal_error *error) {
  pal_error own = {0};
  pal_safetensors *file = pal_safetensors_read(path, &own);
  if (!file) return pal_fail(error, own.code, "%s", own.text);
  pal_status status = PAL_OK;
  for (int i = 0; i < n && !status; i++) {
    pal_metadata want = {NULL, NULL};
    status = split(metadata[i], &want, error);
    const char *have = status ? NULL : pal_safetensors_metadata(file, want.key);
    if (have && strcmp(have, want.value) != 0)
      status = pal_fail(error, PAL_E_FORMAT, "%s: the %s are of %s \"%.100s\", not \"%.100s\"",
                        path, what, want.key, have, want.value);
    pal_free((void *)(uintptr_t)want.key);
  }
  pal_safetensors_free(file);
  return status;
}

pal_status pal_store_check(const char *path, const char *const *metadata, int n, pal_error *error) {
  return pal_store_check_as(path, "variables", metadata, n, error);
}
