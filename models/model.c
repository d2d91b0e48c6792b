/* SPDX-License-Identifier: Apache-2.0 */
/* Models: a definition, a format, settings and a store (floor 4). */
#include <string.h>

#include "models/models.h"
#include "src/alloc.h"

/* Index of the first of n values that is outside least .. end - 1; n if there is none. */
static int64_t first_outside(const int32_t *value, int64_t n, int32_t least, int32_t end) {
  int64_t i = 0;
  while (i < n && value[i] >= least && value[i] < end) i++;
  return i;
}

static pal_status tables_check(const pal_format *f, pal_error *error) {
  enum { MOST_GROUPS = 1 << 20 };
  const struct {
    const char *name;
    const int32_t *at;
    int64_t n;
    int32_t least, end;
  } table[] = {
      {"group", f->group, (int64_t)f->context * f->groups, INT32_MIN, MOST_GROUPS},
      {"factor", f->factor, (int64_t)f->vocabulary * f->factors, -1, f->factor_rows},
      {"token_class", f->token_class, f->vocabulary, 0, f->vocabulary},
  };
  for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
    const int64_t n = table[k].at ? table[k].n : 0;
    const int64_t i = first_outside(table[k].at, n, table[k].least, table[k].end);
    if (i < n)
      return pal_fail(error, PAL_E_ARGUMENT, "a format's %s[%lld] is %d; it is from %d to %d",
                      table[k].name, (long long)i, table[k].at[i], table[k].least,
                      table[k].end - 1);
  }
  return PAL_OK;
}

static pal_status format_check(const pal_format *f, pal_error *error) {
  if (f->vocabulary < 2 || f->mask < 0 || f->mask >= f->vocabulary || f->bos >= f->vocabulary ||
      f->eos >= f->vocabulary || f->bos == f->mask || f->eos == f->mask)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "a format needs 2 or more tokens, with mask %d, bos %d and eos %d below "
                    "its vocabulary of %d, and a mask that is neither bos nor eos",
                    f->mask, f->bos, f->eos, f->vocabulary);
  if (f->context < 1 || f->context > 2 * PAL_MOST_EXAMPLE_ROWS || f->groups < 0 ||
      (f->group && f->groups < 1) || (f->factor && (f->factors < 1 || f->factor_rows < 1)))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "a format needs a context of 1 to %d rows, not %d, and sizes for its tables",
                    2 * PAL_MOST_EXAMPLE_ROWS, f->context);
  if (f->names < 0 || f->names > f->vocabulary)
    return pal_fail(error, PAL_E_ARGUMENT, "a format has 0 to %d names, its tokens, not %d",
                    f->vocabulary, f->names);
  return tables_check(f, error);
}

/* Sets values in order of precedence: defaults of the tables, the definition's own defaults for the
 * network, then the caller's. After that checks the format and combinations of settings. */
static pal_status configure(pal_model *model, const char *const *setting, int n, pal_error *error) {
  const pal_model_definition *d = model->definition;
  pal_settings *const all[] = {&model->own, &model->network};
  int rows;
  const pal_setting *table = pal_network_setting_table(&rows);
  pal_status status;
  if ((status = pal_settings_open(&model->own, d->name, d->setting, d->n_settings, d->settings_size,
                                  error)) ||
      (status = pal_settings_open(&model->network, d->name, table, rows,
                                  sizeof(pal_network_settings), error)) ||
      (status = pal_settings_set(all + 1, 1, d->name, d->network_default, d->n_network_defaults,
                                 error)) ||
      (status = pal_settings_set(all, 2, d->name, setting, n, error)) ||
      (status = format_check(&model->format, error)) || (status = pal_network_check(model, error)))
    return status;
  return d->check ? d->check(model, error) : PAL_OK;
}

pal_model *pal_model_new(pal_context *context, pal_store *store, const char *definition,
                         const pal_format *format, const char *const *setting, int n,
                         pal_error *error) {
  const pal_model_definition *d = pal_lookup(context, "model", definition);
  if (!d) {
    pal_fail(error, PAL_E_NOT_FOUND, "no model is named \"%s\"", definition);
    return NULL;
  }
  pal_model *model = pal_calloc(1, sizeof *model);
  if (!model) {
    pal_fail(error, PAL_E_MEMORY, "no memory for model \"%s\"", definition);
    return NULL;
  }
  model->context = context;
  model->store = store;
  model->definition = d;
  model->format = *format;
  if (configure(model, setting, n, error)) {
    pal_model_free(model);
    return NULL;
  }
  return model;
}

void pal_model_free(pal_model *model) {
  if (!model) return;
  pal_settings_close(&model->own);
  pal_settings_close(&model->network);
  pal_free(model);
}

pal_context *pal_model_context(const pal_model *model) { return model->context; }
pal_store *pal_model_store(const pal_model *model) { return model->store; }
const pal_format *pal_model_format(const pal_model *model) { return &model->format; }
const pal_model_definition *pal_model_definition_of(const pal_model *model) {
  return model->definition;
}

pal_form pal_model_form(const pal_model *model) {
  const pal_model_definition *d = model->definition;
  return d->form_of ? d->form_of(model) : d->form;
}

int64_t pal_model_parameters(const pal_model *model) {
  int64_t n = 0;
  const pal_variable *v;
  for (int i = 0; (v = pal_store_parameter_at(model->store, i)) != NULL; i++) {
    const pal_type *type = pal_variable_type(v);
    n += pal_type_rows(type, 0) * pal_type_row(type);
  }
  return n;
}

/* ---- settings --------------------------------------------------------------------------- */

const void *pal_model_own(const pal_model *model) { return model->own.self; }
const pal_network_settings *pal_model_network(const pal_model *model) {
  return model->network.self;
}

const char *pal_model_text(const pal_model *model, const char *name) {
  const pal_settings *const all[] = {&model->own, &model->network};
  for (int k = 0; k < 2; k++) {
    const int at = pal_settings_find(all[k]->table, all[k]->n, name);
    if (at >= 0) return all[k]->text[at];
  }
  return NULL;
}

void pal_model_settings(const pal_model *model,
                        void (*visit)(const pal_setting *setting, void *data), void *data) {
  pal_settings_visit(&model->own, visit, data);
  pal_settings_visit(&model->network, visit, data);
}
