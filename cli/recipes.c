/* SPDX-License-Identifier: Apache-2.0 */
/* See recipes.h (floor 8). */
#include "cli/recipes.h"

#include <stdlib.h>
#include <string.h>

#include "cli/embedded.h"
#include "cli/job.h"
#include "cli/lines.h"

enum { MAX_GROUPS = 32 };

/* A section [settings NAME], whose settings rows include by `use = NAME`. */
typedef struct group {
  const char *name;
  cli_settings settings;
} group;

/* The state of reading a file. At most one of the three pointers is set: to the section that the
 * current line is in. */
typedef struct reader {
  cli_recipes *all;
  group group[MAX_GROUPS];
  int n_groups;
  cli_settings *settings;   /* in [settings ...] */
  cli_recipe *row;          /* in [row ...] */
  cli_published *published; /* in [published ...] */
} reader;

/* A copy of the text that the recipes own; NULL without memory. */
static const char *own_copy(cli_recipes *all, const char *text, pal_error *error) {
  char **grown = realloc(all->owned, sizeof *grown * ((size_t)all->n_owned + 1));
  if (grown) all->owned = grown;
  char *copy = grown ? strdup(text) : NULL;
  if (copy) all->owned[all->n_owned++] = copy;
  else pal_fail(error, PAL_E_MEMORY, "no memory for recipes");
  return copy;
}

static pal_status put_text(cli_recipes *all, const char **to, const char *text, pal_error *error) {
  *to = own_copy(all, text, error);
  return *to ? PAL_OK : error->code;
}

static pal_status put_number(double *to, const char *text, pal_error *error) {
  char *end;
  *to = strtod(text, &end);
  if (end != text && !*end && *to >= 0 && *to < 1e18) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT, "\"%.60s\" is no number from 0 on", text);
}

/* ---- settings -------------------------------------------------------------------------------- */

static pal_status add(cli_settings *to, const char *text, pal_error *error) {
  if (!text) return error->code;
  if (to->n == CLI_MAX_SET) return pal_fail(error, PAL_E_FORMAT, "more than %d settings", to->n);
  to->text[to->n++] = text;
  return PAL_OK;
}

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

static bool is_setting(const char *key) {
  return begins(key, "task.") || begins(key, "model.") || begins(key, "train.");
}

static pal_status add_setting(cli_recipes *all, cli_settings *to, const char *key,
                              const char *value, pal_error *error) {
  const size_t room = strlen(key) + strlen(value) + 2;
  char *text = malloc(room);
  if (!text) return pal_fail(error, PAL_E_MEMORY, "no memory for recipes");
  snprintf(text, room, "%s=%s", key, value);
  const pal_status status = add(to, own_copy(all, text, error), error);
  free(text);
  return status;
}

/* "use = NAME, NAME...": adds the settings of these groups, which must stand above in the file. */
static pal_status use(const reader *r, cli_settings *to, char *names, pal_error *error) {
  pal_status status = PAL_OK;
  for (char *rest, *name = strtok_r(names, ",", &rest); name && !status;
       name = strtok_r(NULL, ",", &rest)) {
    const cli_settings *from = NULL;
    name = cli_trim(name);
    for (int i = 0; i < r->n_groups; i++)
      if (strcmp(r->group[i].name, name) == 0) from = &r->group[i].settings;
    if (!from) return pal_fail(error, PAL_E_FORMAT, "no [settings %s] stands above", name);
    for (int i = 0; i < from->n && !status; i++) status = add(to, from->text[i], error);
  }
  return status;
}

/* ---- lines of sections ----------------------------------------------------------------------- */

/* "evaluate = LABEL: model.KEY=VALUE" */
static pal_status put_variant(cli_recipes *all, cli_recipe *row, char *value, pal_error *error) {
  static const char of_model[] = "model.";
  char *colon = strchr(value, ':'), *setting = colon ? cli_trim(colon + 1) : NULL;
  if (!setting || !begins(setting, of_model) || !strchr(setting, '='))
    return pal_fail(error, PAL_E_FORMAT, "evaluate is of the form LABEL: model.KEY=VALUE");
  if (row->n_variants == CLI_MAX_VARIANTS)
    return pal_fail(error, PAL_E_FORMAT, "more than %d lines \"evaluate\"", row->n_variants);
  *colon = 0;
  cli_variant *v = &row->variant[row->n_variants++];
  const pal_status status = put_text(all, &v->label, cli_trim(value), error);
  return status ? status : put_text(all, &v->setting, setting + strlen(of_model), error);
}

static pal_status put_yes(bool *to, const char *key, const char *value, pal_error *error) {
  *to = strcmp(value, "yes") == 0;
  if (*to || strcmp(value, "no") == 0) return PAL_OK;
  return pal_fail(error, PAL_E_FORMAT, "%s is yes or no, not \"%.60s\"", key, value);
}

static pal_status row_line(reader *r, const char *key, char *value, pal_error *error) {
  cli_recipe *row = r->row;
  const bool matched = begins(key, "matched."), freely = begins(key, "free.");
  cli_settings *to = matched ? &row->matched : freely ? &row->free : &row->always;
  if (matched || freely) key = strchr(key, '.') + 1;
  if (is_setting(key)) return add_setting(r->all, to, key, value, error);
  if (strcmp(key, "use") == 0) return use(r, to, value, error);
  if (matched || freely)
    return pal_fail(error, PAL_E_FORMAT,
                    "after matched. or free. come settings and use only, not \"%.60s\"", key);
  if (strcmp(key, "model") == 0) return put_text(r->all, &row->model, value, error);
  if (strcmp(key, "evaluate") == 0) return put_variant(r->all, row, value, error);
  if (strcmp(key, "form") == 0) return cli_form_read(value, &row->form, error);
  if (strcmp(key, "leads") == 0) return put_yes(&row->leads, key, value, error);
  if (strcmp(key, "compiled") == 0) return put_yes(&row->compiled, key, value, error);
  if (strcmp(key, "trained_to") == 0) {
    double number = 0;
    const pal_status status = put_number(&number, value, error);
    row->trained_to = number < INT32_MAX ? (int)number : INT32_MAX;
    return status;
  }
  return pal_fail(error, PAL_E_FORMAT,
                  "a row has no \"%.60s\"; settings begin with task., model. or train.", key);
}

static pal_status published_line(reader *r, const char *key, const char *value, pal_error *error) {
  cli_published *p = r->published;
  if (strcmp(key, "source") == 0) return put_text(r->all, &p->source, value, error);
  if (strcmp(key, "parameters") == 0) return put_number(&p->parameters, value, error);
  if (strcmp(key, "exact") == 0) return put_number(&p->exact, value, error);
  if (p->n_columns == PAL_MAX_REPORT_COLUMNS)
    return pal_fail(error, PAL_E_FORMAT, "more than %d columns", p->n_columns);
  const pal_status status = put_number(&p->total[p->n_columns], value, error);
  return status ? status : put_text(r->all, &p->column[p->n_columns++], key, error);
}

static pal_status pair_line(reader *r, const char *key, char *value, pal_error *error) {
  if (r->row) return row_line(r, key, value, error);
  if (r->published) return published_line(r, key, value, error);
  if (r->settings) {
    if (is_setting(key)) return add_setting(r->all, r->settings, key, value, error);
    if (strcmp(key, "use") == 0) return use(r, r->settings, value, error);
    return pal_fail(error, PAL_E_FORMAT,
                    "\"%.60s\" is no setting: settings begin with task., model. or train.", key);
  }
  if (strcmp(key, "task") == 0) return put_text(r->all, &r->all->task, value, error);
  if (strcmp(key, "matched") == 0) return put_text(r->all, &r->all->matched, value, error);
  return pal_fail(
      error, PAL_E_FORMAT,
      "before the first section only the keys task and matched may stand, not \"%.60s\"", key);
}

/* ---- sections -------------------------------------------------------------------------------- */

static pal_status end_row(reader *r, pal_error *error) {
  if (r->row && !r->row->model)
    return pal_fail(error, PAL_E_FORMAT, "[row %s] names no model", r->row->label);
  r->row = NULL;
  return PAL_OK;
}

static pal_status too_many(const char *kind, int n, pal_error *error) {
  return pal_fail(error, PAL_E_FORMAT, "more than %d sections [%s ...]", n, kind);
}

/* "[KIND NAME]" begins a section. */
static pal_status section_line(reader *r, char *text, pal_error *error) {
  cli_recipes *all = r->all;
  const size_t n = strlen(text);
  char *name = strchr(text, ' ');
  const pal_status status = end_row(r, error);
  if (status) return status;
  r->settings = NULL, r->published = NULL;
  if (text[n - 1] == ']' && name) {
    text[n - 1] = 0;
    *name = 0;
    name = cli_trim(name + 1);
    if (*name && strcmp(text, "[row") == 0) {
      if (all->n == CLI_MAX_ROWS) return too_many("row", all->n, error);
      r->row = &all->row[all->n++];
      return put_text(all, &r->row->label, name, error);
    }
    if (*name && strcmp(text, "[settings") == 0) {
      if (r->n_groups == MAX_GROUPS) return too_many("settings", r->n_groups, error);
      group *g = &r->group[r->n_groups++];
      r->settings = &g->settings;
      return put_text(all, &g->name, name, error);
    }
    if (*name && strcmp(text, "[published") == 0) {
      if (all->n_published == CLI_MAX_PUBLISHED)
        return too_many("published", all->n_published, error);
      r->published = &all->published[all->n_published++];
      r->published->source = "";
      return put_text(all, &r->published->model, name, error);
    }
  }
  return pal_fail(error, PAL_E_FORMAT,
                  "sections are [settings NAME], [row LABEL] and [published LABEL]");
}

static pal_status line(reader *r, cli_lines *l, pal_error *error) {
  char *key, *value;
  char *text = cli_trim(l->text);
  if (*text == '[' && strlen(l->text) == l->length) return section_line(r, text, error);
  const pal_status status = cli_lines_pair(l, &key, &value, error);
  return status || !key ? status : pair_line(r, key, value, error);
}

static cli_recipes *read_lines(cli_lines *l, pal_error *error) {
  pal_error own = {0};
  reader *r = calloc(1, sizeof *r);
  cli_recipes *all = r ? calloc(1, sizeof *all) : NULL;
  pal_status status = all ? PAL_OK : pal_fail(error, PAL_E_MEMORY, "no memory for recipes");
  if (r) r->all = all;
  while (!status && cli_lines_next(l, error))
    if (line(r, l, &own))
      status = pal_fail(error, own.code, "%s:%d: %s", l->path, l->number, own.text);
  if (!status && !error->code) {
    if (end_row(r, &own)) pal_fail(error, own.code, "%s: %s", l->path, own.text);
    else if (!all->task) pal_fail(error, PAL_E_FORMAT, "%s: no line says task = NAME", l->path);
  }
  free(r);
  if (!error->code) return all;
  cli_recipes_free(all);
  return NULL;
}

cli_recipes *cli_recipes_read(const char *path, pal_error *error) {
  cli_lines l;
  cli_recipes *all = cli_lines_open(&l, path, error) ? NULL : read_lines(&l, error);
  cli_lines_close(&l);
  return all;
}

cli_recipes *cli_recipes_of(const char *task, pal_error *error) {
  for (const cli_embedded *t = cli_recipe_texts; t->name; t++) {
    if (strcmp(t->name, task) != 0) continue;
    cli_lines l;
    cli_recipes *all =
        cli_lines_open_text(&l, task, t->text, t->size, error) ? NULL : read_lines(&l, error);
    cli_lines_close(&l);
    return all;
  }
  cli_recipes *none = calloc(1, sizeof *none);
  if (!none) pal_fail(error, PAL_E_MEMORY, "no memory for recipes");
  return none;
}

void cli_recipes_free(cli_recipes *all) {
  if (!all) return;
  for (int i = 0; i < all->n_owned; i++) free(all->owned[i]);
  free(all->owned);
  free(all);
}
