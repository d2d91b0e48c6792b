/* SPDX-License-Identifier: Apache-2.0 */
/* See choose.h (floor 8). */
#include "cli/choose.h"

#include <stdlib.h>
#include <string.h>

#include "cli/near.h"

typedef struct chooser {
  const pal_context *context;
  const cli_recipes *recipes;
  cli_chosen *chosen;
  pal_error *error;
} chooser;

static pal_status choose(chooser *c, const cli_recipe *recipe) {
  if (c->chosen->n == CLI_MAX_ROWS)
    return pal_fail(c->error, PAL_E_ARGUMENT,
                    "more than %d rows; compare fewer at a time by --models", CLI_MAX_ROWS);
  c->chosen->recipe[c->chosen->n++] = recipe;
  return PAL_OK;
}

/* The definition that is registered under `name`; NULL with PAL_E_NOT_FOUND when there is none. */
static const pal_model_definition *defined(chooser *c, const char *name) {
  if (cli_known(c->context, "model", name, c->error)) return NULL;
  return pal_lookup(c->context, "model", name);
}

/* Whether a setting of a recipe also suits another model: those of the model itself and the weights
 * of the parts of its loss do not. */
static bool is_common(const char *text) {
  static const char of_model[] = "model.", weights[] = "train.weights=";
  if (strncmp(text, of_model, strlen(of_model)) != 0)
    return strncmp(text, weights, strlen(weights)) != 0;
  const char *key = text + strlen(of_model);
  int n;
  const pal_setting *table = pal_network_setting_table(&n);
  for (int i = 0; i < n; i++)
    if (strlen(table[i].name) == strcspn(key, "=") &&
        strncmp(table[i].name, key, strcspn(key, "=")) == 0)
      return true;
  return false;
}

static void take_common(const cli_settings *from, cli_settings *to) {
  for (int i = 0; i < from->n; i++)
    if (is_common(from->text[i])) to->text[to->n++] = from->text[i];
}

/* Fills the recipe of a model that has none, from the last recipe of a model of its kind. */
static void make_plain(const chooser *c, const pal_model_definition *d, cli_recipe *plain) {
  const cli_recipe *like = NULL;
  for (int i = 0; i < c->recipes->n; i++) {
    const cli_recipe *row = &c->recipes->row[i];
    const pal_model_definition *other = pal_lookup(c->context, "model", row->model);
    if (other && other->form == d->form && other->cached == d->cached &&
        row->form != PAL_FORM_REASONED)
      like = row;
  }
  *plain = (cli_recipe){.model = d->name, .label = d->name};
  if (!like) return;
  plain->like = like->label;
  plain->trained_to = like->trained_to;
  take_common(&like->always, &plain->always);
  take_common(&like->matched, &plain->matched);
  take_common(&like->free, &plain->free);
}

/* Chooses all recipes of the model `name`, or makes one. */
static pal_status choose_model(chooser *c, const char *name) {
  const cli_recipes *r = c->recipes;
  const int before = c->chosen->n;
  pal_status status = PAL_OK;
  for (int i = 0; i < r->n && !status; i++)
    if (strcmp(r->row[i].model, name) == 0) status = choose(c, &r->row[i]);
  if (status || c->chosen->n > before) return status;
  const pal_model_definition *d = defined(c, name);
  if (!d) return c->error->code;
  cli_recipe *plain = &c->chosen->plain[before < CLI_MAX_ROWS ? before : 0];
  status = choose(c, plain);
  if (!status) make_plain(c, d, plain);
  return status;
}

static void choose_defined(const char *name, const void *definition, void *data) {
  chooser *c = data;
  (void)definition;
  if (!c->error->code) choose_model(c, name);
}

static pal_status choose_named(chooser *c, const char *models) {
  pal_status status = PAL_OK;
  for (const char *at = models; *at && !status; at += *at == ',') {
    const size_t n = strcspn(at, ",");
    char *name = strndup(at, n);
    if (!name) return pal_fail(c->error, PAL_E_MEMORY, "no memory for the names of models");
    if (n) status = choose_model(c, name);
    free(name);
    at += n;
  }
  if (!status && !c->chosen->n) status = pal_fail(c->error, PAL_E_ARGUMENT, "--models names none");
  return status;
}

pal_status cli_choose(const pal_context *context, const cli_recipes *recipes, const char *models,
                      cli_chosen *chosen, pal_error *error) {
  chooser c = {context, recipes, chosen, error};
  if (models) choose_named(&c, models);
  else if (!recipes->n) pal_each(context, "model", choose_defined, &c);
  for (int i = 0; !models && i < recipes->n && !error->code; i++) choose(&c, &recipes->row[i]);
  for (int i = 1; i < chosen->n; i++)
    for (int k = i; k > 0 && chosen->recipe[k]->leads && !chosen->recipe[k - 1]->leads; k--) {
      const cli_recipe *swap = chosen->recipe[k];
      chosen->recipe[k] = chosen->recipe[k - 1];
      chosen->recipe[k - 1] = swap;
    }
  for (int i = 0; i < chosen->n && !error->code; i++) defined(&c, chosen->recipe[i]->model);
  return error->code;
}
