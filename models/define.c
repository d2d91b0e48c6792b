/* SPDX-License-Identifier: Apache-2.0 */
/* Validation of a model definition before it is registered (floor 4). */
#include <string.h>

#include "graph/define.h"
#include "models/models.h"

static pal_status incomplete(const pal_model_definition *d, const char *what, pal_error *error) {
  return pal_fail(error, PAL_E_ARGUMENT, "model \"%s\": %s", d->name, what);
}

/* `time`: a column "time" is the network's. */
static const char *column_flaw(const pal_column *column, int i, bool time) {
  static const char *const taken[] = {"token", "position", "sequence", "sample",
                                      "begin", "length",   "seed",     "scale",
                                      "slot",  "age",      "cursor",   "prompt_length"};
  const char *name = column[i].name;
  if (!name || !*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")])
    return "needs a name of lower-case letters, digits and underscores";
  if (column[i].dtype != PAL_I32 && column[i].dtype != PAL_F32) return "must be i32 or f32";
  for (size_t k = 0; k < sizeof taken / sizeof *taken; k++)
    if (strcmp(taken[k], name) == 0) return "has a name that every batch or decoder uses";
  for (int k = 0; k < i; k++)
    if (strcmp(column[k].name, name) == 0) return "is declared twice";
  if (time && strcmp(name, "time") == 0 && !(column[i].per_sequence && column[i].dtype == PAL_F32))
    return "must be f32 per sequence, since the network reads it as the noise level; for other "
           "values use another name";
  return NULL;
}

bool pal_targets_declared(const pal_model_definition *d) {
  static const pal_column own[] = {PAL_TARGET_COLUMNS};
  if (d->n_columns < PAL_OWN_COLUMNS) return false;
  for (int i = 0; i < PAL_OWN_COLUMNS; i++)
    if (strcmp(d->column[i].name, own[i].name) != 0 || d->column[i].dtype != own[i].dtype ||
        d->column[i].per_sequence)
      return false;
  return true;
}

static pal_status check_columns(const pal_model_definition *d, const pal_column *column, int n,
                                int most, const char *what, pal_error *error) {
  if (n < 0 || n > most || (n > 0 && !column))
    return pal_fail(error, PAL_E_ARGUMENT, "model \"%s\": %d %ss where 0 to %d may be declared",
                    d->name, n, what, most);
  for (int i = 0; i < n; i++) {
    const char *flaw = column_flaw(column, i, column == d->column);
    if (flaw)
      return pal_fail(error, PAL_E_ARGUMENT, "model \"%s\": %s %d (\"%s\") %s", d->name, what, i,
                      column[i].name ? column[i].name : "", flaw);
  }
  return PAL_OK;
}

static pal_status check_settings(const pal_model_definition *d, pal_error *error) {
  pal_status status =
      pal_settings_check(d->name, d->setting, d->n_settings, d->settings_size, error);
  int rows;
  const pal_setting *network = pal_network_setting_table(&rows);
  for (int i = 0; i < d->n_settings && !status; i++)
    if (pal_settings_find(network, rows, d->setting[i].name) >= 0)
      status = pal_fail(error, PAL_E_DUPLICATE,
                        "model \"%s\": setting %s is the network's; give it another default by "
                        "network_default, or another name",
                        d->name, d->setting[i].name);
  if (status) return status;
  if (d->n_network_defaults < 0 || (d->n_network_defaults > 0 && !d->network_default))
    return incomplete(d, "n_network_defaults without network_default", error);
  pal_settings trial = {0};
  pal_settings *const one[] = {&trial};
  status = pal_settings_open(&trial, d->name, network, rows, sizeof(pal_network_settings), error);
  if (!status)
    status = pal_settings_set(one, 1, d->name, d->network_default, d->n_network_defaults, error);
  pal_settings_close(&trial);
  return status;
}

static pal_status check_parts(const pal_model_definition *d, pal_error *error) {
  if (!d->part) return incomplete(d, "part is missing: the names of the loss's parts", error);
  if (d->n_parts < 1 || d->n_parts > PAL_MAX_PARTS)
    return pal_fail(error, PAL_E_ARGUMENT, "model \"%s\": %d loss parts where 1 to %d are needed",
                    d->name, d->n_parts, PAL_MAX_PARTS);
  for (int i = 0; i < d->n_parts; i++) {
    if (!d->part[i] || !*d->part[i]) return incomplete(d, "a loss part has no name", error);
    if (d->part[i][strspn(d->part[i], "abcdefghijklmnopqrstuvwxyz0123456789_")])
      return incomplete(d, "the name of a loss part is of a-z, 0-9 and _", error);
    for (int k = 0; k < i; k++)
      if (strcmp(d->part[i], d->part[k]) == 0)
        return incomplete(d, "two loss parts have one name", error);
  }
  return PAL_OK;
}

static pal_status check_samplers(const pal_model_definition *d, pal_error *error) {
  if (d->n_samplers < 0 || d->n_samplers > PAL_MAX_SAMPLERS || (d->n_samplers > 0 && !d->sampler))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "model \"%s\": %d samplers where 0 to %d may be declared", d->name,
                    d->n_samplers, PAL_MAX_SAMPLERS);
  pal_settings trial = {0};
  pal_settings *const one[] = {&trial};
  pal_status status =
      pal_settings_open(&trial, d->name, d->setting, d->n_settings, d->settings_size, error);
  for (int i = 0; i < d->n_samplers && !status; i++) {
    const pal_sampler *s = &d->sampler[i];
    if (!s->name || !*s->name || s->name[strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
      status = incomplete(d, "a sampler has no name of a-z, 0-9 and \"-\"", error);
    else if (!s->setting || !s->doc)
      status = incomplete(d, "a sampler has no setting or no doc", error);
    else status = pal_settings_set(one, 1, d->name, &s->setting, 1, error);
    for (int k = 0; k < i && !status; k++)
      if (strcmp(s->name, d->sampler[k].name) == 0)
        status = incomplete(d, "two samplers have one name", error);
  }
  pal_settings_close(&trial);
  return status;
}

static pal_status check_definition(const pal_model_definition *d, pal_error *error) {
  pal_status status;
  if (!d->doc) return incomplete(d, "doc is missing", error);
  if (!d->rows) return incomplete(d, "rows is missing", error);
  if (!d->loss) return incomplete(d, "loss is missing", error);
  if (!d->step && !d->cached)
    return incomplete(d, "step is missing (only a cached definition decodes without)", error);
  if (d->cached && d->n_states > 0)
    return incomplete(d, "a cached definition has no states of its own", error);
  if ((status = check_settings(d, error)) || (status = check_parts(d, error)) ||
      (status = check_samplers(d, error)) ||
      (status = check_columns(d, d->column, d->n_columns, PAL_MAX_COLUMNS, "column", error)))
    return status;
  return check_columns(d, d->state, d->n_states, PAL_MAX_STATES, "state", error);
}

pal_status pal_define_model(pal_context *context, const pal_model_definition *d, pal_error *error) {
  pal_status status = pal_definition_check("model", d, sizeof *d, error);
  if (!status) status = check_definition(d, error);
  return status ? status : pal_definition_add(context, "model", d, error);
}
