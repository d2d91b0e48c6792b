/* SPDX-License-Identifier: Apache-2.0 */
/* Models: a definition, a format, settings and a store (floor 4). */
#include <stdlib.h>
#include <string.h>

#include "models/models.h"
#include "models/settings.h"
#include "src/alloc.h"
#include "src/number.h"

static pal_status format_check(const pal_format *f, pal_error *error) {
  if (f->vocabulary < 2 || f->mask < 0 || f->mask >= f->vocabulary || f->bos >= f->vocabulary ||
      f->eos >= f->vocabulary || f->bos == f->mask || f->eos == f->mask)
    return pal_fail(error, PAL_E_ARGUMENT,
                    "a format needs 2 or more tokens, and mask %d, bos %d and eos %d among its %d; "
                    "the mask is nothing else",
                    f->mask, f->bos, f->eos, f->vocabulary);
  if (f->context < 1 || f->groups < 0 || (f->group && f->groups < 1) ||
      (f->factor && (f->factors < 1 || f->factor_rows < 1)))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "a format needs a context of at least 1 row, and sizes for its tables");
  return PAL_OK;
}

/* Says which keys were at fault in terms of this model, then what the definition checks. */
static pal_status configure(pal_model *model, const char *const *setting, int n, pal_error *error) {
  const pal_model_definition *d = model->definition;
  model->table[0] = d->setting;
  model->n[0] = d->n_settings;
  model->table[1] = pal_network_settings(&model->n[1]);
  model->value = pal_calloc((size_t)(model->n[0] + model->n[1] + 1), sizeof *model->value);
  if (!model->value) return pal_fail(error, PAL_E_MEMORY, "no memory for model \"%s\"", d->name);
  pal_status status =
      pal_settings_resolve(d->name, model->table, model->n, 2, setting, n, model->value, error);
  if (!status) status = format_check(&model->format, error);
  if (!status) status = pal_network_check(model, error);
  if (!status && d->check) status = d->check(model, error);
  return status;
}

pal_model *pal_model_new(pal_context *context, pal_store *store, const char *definition,
                         const pal_format *format, const char *const *setting, int n,
                         pal_error *error) {
  const pal_model_definition *d = pal_lookup(context, "model", definition);
  if (!d) {
    pal_fail(error, PAL_E_NOT_FOUND, "no model is named \"%s\"", definition);
    return NULL;
  }
  if (d->abi_size != sizeof *d) {
    pal_fail(error, PAL_E_ABI, "model \"%s\" was built against other headers; rebuild it",
             definition);
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
  if (model->value) pal_settings_free(model->value, model->n[0] + model->n[1]);
  pal_free(model->value);
  pal_free(model);
}

pal_context *pal_model_context(const pal_model *model) { return model->context; }
pal_store *pal_model_store(const pal_model *model) { return model->store; }
const pal_format *pal_model_format(const pal_model *model) { return &model->format; }
const pal_model_definition *pal_model_definition_of(const pal_model *model) {
  return model->definition;
}

int64_t pal_model_parameters(const pal_model *model) {
  int64_t n = 0;
  const pal_variable *v;
  for (size_t i = 0; (v = pal_store_at(model->store, i)) != NULL; i++) {
    const pal_type *type = pal_variable_type(v);
    if (pal_variable_role(v) == PAL_PARAMETER && strncmp(pal_variable_name(v), "model.", 6) == 0)
      n += pal_type_rows(type, 0) * pal_type_row(type);
  }
  return n;
}

/* ---- settings --------------------------------------------------------------------------- */

void pal_model_settings(const pal_model *model,
                        void (*visit)(const pal_setting *setting, void *data), void *data) {
  int at = 0;
  for (int t = 0; t < 2; t++)
    for (int i = 0; i < model->n[t]; i++, at++) {
      pal_setting now = model->table[t][i];
      now.value = model->value[at];
      visit(&now, data);
    }
}

const char *pal_model_text(const pal_model *model, const char *name) {
  int at = 0;
  for (int t = 0; t < 2; t++)
    for (int i = 0; i < model->n[t]; i++, at++)
      if (strcmp(model->table[t][i].name, name) == 0) return model->value[at];
  return "";
}

double pal_model_number(const pal_model *model, const char *name) {
  return pal_number_parse(pal_model_text(model, name), NULL);
}

bool pal_model_is(const pal_model *model, const char *name, const char *value) {
  return strcmp(pal_model_text(model, name), value) == 0;
}

pal_status pal_setting_choice(const pal_model *model, const char *name, const char *const *choice,
                              pal_error *error) {
  char all[200] = "";
  for (int i = 0; choice[i]; i++) {
    if (pal_model_is(model, name, choice[i])) return PAL_OK;
    strncat(all, " ", sizeof all - strlen(all) - 1);
    strncat(all, choice[i], sizeof all - strlen(all) - 1);
  }
  return pal_fail(error, PAL_E_ARGUMENT, "%s: %s takes one of%s, not \"%s\"",
                  model->definition->name, name, all, pal_model_text(model, name));
}

pal_status pal_setting_range(const pal_model *model, const char *name, double low, double high,
                             pal_error *error) {
  const double x = pal_model_number(model, name);
  if (x >= low && x <= high) return PAL_OK;
  return pal_fail(error, PAL_E_ARGUMENT, "%s: %s lies in %g..%g, not \"%s\"",
                  model->definition->name, name, low, high, pal_model_text(model, name));
}
