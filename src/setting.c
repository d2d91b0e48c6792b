/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: checks of tables, parsing of values into the owner's struct (floor 0). */
#include "src/setting.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/number.h"

/* ---- one value ---------------------------------------------------------------------------- */

/* Reads a finite number at the beginning of a text and where it ends; false if there is none. */
static bool read_real(const char *text, double *x, const char **end) {
  char *stop;
  *x = pal_number_parse(text, &stop);
  *end = stop;
  return stop != text && isfinite(*x);
}

static pal_status refuse(const char *owner, const pal_setting *s, const char *text,
                         const char *wanted, pal_error *error) {
  return pal_fail(error, PAL_E_ARGUMENT, "%s: %s takes %s, not \"%s\" (%s)", owner, s->name, wanted,
                  text, s->doc);
}

static pal_status refuse_number(const char *owner, const pal_setting *s, const char *text,
                                const char *kind, pal_error *error) {
  return pal_fail(error, PAL_E_ARGUMENT, "%s: %s takes %s from %.10g to %.10g, not \"%s\" (%s)",
                  owner, s->name, kind, s->low, s->high, text, s->doc);
}

static pal_status parse_choice(const char *owner, const pal_setting *s, const char *text, int *to,
                               pal_error *error) {
  const size_t length = strlen(text);
  int place = 0;
  for (const char *word = s->choices; *word; place++) {
    const size_t n = strcspn(word, " ");
    if (n == length && memcmp(word, text, n) == 0) {
      *to = place;
      return PAL_OK;
    }
    word += n + (word[n] == ' ');
  }
  char wanted[4096];
  snprintf(wanted, sizeof wanted, "one of: %s", s->choices);
  return refuse(owner, s, text, wanted, error);
}

static pal_status parse_real(const char *owner, const pal_setting *s, const char *text, double *to,
                             pal_error *error) {
  const char *end;
  if (read_real(text, to, &end) && !*end && *to >= s->low && *to <= s->high) return PAL_OK;
  return refuse_number(owner, s, text, "a number", error);
}

static pal_status parse_whole(const char *owner, const pal_setting *s, const char *text,
                              int64_t *to, pal_error *error) {
  const char *end;
  double x;
  if (!read_real(text, &x, &end) || *end || x < s->low || x > s->high || x != floor(x))
    return refuse_number(owner, s, text, "a whole number", error);
  *to = (int64_t)x;
  return PAL_OK;
}

static pal_status parse_seed(const char *owner, const pal_setting *s, const char *text,
                             uint64_t *to, pal_error *error) {
  const size_t n = strspn(text, "0123456789");
  if (n == 0 || n > 19 || text[n])
    return refuse(owner, s, text, "a whole number from 0 of at most 19 digits", error);
  *to = strtoull(text, NULL, 10);
  return PAL_OK;
}

static pal_status parse_list(const char *owner, const pal_setting *s, const char *text,
                             pal_numbers *to, pal_error *error) {
  int n = *text ? 1 : 0;
  for (const char *c = text; *c; c++) n += *c == ',';
  double *at = n ? pal_alloc(sizeof *at * (size_t)n) : NULL;
  if (n && !at) return pal_fail(error, PAL_E_MEMORY, "no memory for settings");
  const char *rest = text;
  for (int i = 0; i < n; i++) {
    const char *end;
    if (!read_real(rest, &at[i], &end) || (*end != ',' && *end) || at[i] < s->low ||
        at[i] > s->high) {
      pal_free(at);
      return refuse_number(owner, s, text, "numbers, separated by commas,", error);
    }
    rest = end + (*end == ',');
  }
  pal_free((void *)(uintptr_t)to->at);
  *to = (pal_numbers){n, at};
  return PAL_OK;
}

/* Parses `text` into its member of `self`. A member of kind TEXT points to `text`, so that must
 * live on. */
static pal_status parse(const char *owner, const pal_setting *s, const char *text, void *self,
                        pal_error *error) {
  void *to = (char *)self + s->offset;
  switch (s->kind) {
    case PAL_SETTING_FILE:
    case PAL_SETTING_TEXT: *(const char **)to = text; return PAL_OK;
    case PAL_SETTING_CHOICE: return parse_choice(owner, s, text, to, error);
    case PAL_SETTING_FLAG:
      if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
        return refuse(owner, s, text, "0 or 1", error);
      *(bool *)to = *text == '1';
      return PAL_OK;
    case PAL_SETTING_WHOLE: return parse_whole(owner, s, text, to, error);
    case PAL_SETTING_REAL: return parse_real(owner, s, text, to, error);
    case PAL_SETTING_SEED: return parse_seed(owner, s, text, to, error);
    case PAL_SETTING_LIST: return parse_list(owner, s, text, to, error);
  }
  return pal_fail(error, PAL_E_ARGUMENT, "%s: setting %s has no known kind", owner, s->name);
}

/* ---- a table -------------------------------------------------------------------------------- */

static size_t member_size(pal_setting_kind kind) {
  switch (kind) {
    case PAL_SETTING_FILE:
    case PAL_SETTING_TEXT: return sizeof(const char *);
    case PAL_SETTING_CHOICE: return sizeof(int);
    case PAL_SETTING_FLAG: return sizeof(bool);
    case PAL_SETTING_WHOLE: return sizeof(int64_t);
    case PAL_SETTING_REAL: return sizeof(double);
    case PAL_SETTING_SEED: return sizeof(uint64_t);
    case PAL_SETTING_LIST: return sizeof(pal_numbers);
  }
  return 0;
}

static pal_status check_row(const char *owner, const pal_setting *s, size_t size,
                            pal_error *error) {
  const char *flaw = NULL;
  if (!s->value || !s->doc) flaw = "needs a default and a doc";
  else if (member_size(s->kind) == 0) flaw = "has no known kind";
  else if (s->size != member_size(s->kind)) flaw = "has a member whose size does not suit its kind";
  else if (s->offset > size || s->size > size - s->offset) flaw = "lies outside the struct";
  else if (s->kind == PAL_SETTING_CHOICE && (!s->choices || !*s->choices)) flaw = "has no choices";
  else if (!(s->low <= s->high)) flaw = "has no range";
  else if (s->kept < PAL_KEPT_USUALLY || s->kept > PAL_KEPT_BY_NONE)
    flaw = "has an unknown value of `kept`";
  if (flaw) return pal_fail(error, PAL_E_ARGUMENT, "%s: setting %s %s", owner, s->name, flaw);
  return PAL_OK;
}

pal_status pal_settings_check(const char *owner, const pal_setting *table, int n, size_t size,
                              pal_error *error) {
  if (n < 0 || (n > 0 && (!table || size == 0)))
    return pal_fail(error, PAL_E_ARGUMENT,
                    "%s: %d settings need a table and the size of the struct that receives them",
                    owner, n);
  for (int i = 0; i < n; i++) {
    if (!table[i].name || !*table[i].name || strpbrk(table[i].name, "= \t\n"))
      return pal_fail(error, PAL_E_ARGUMENT, "%s: setting %d has no name that can be set", owner,
                      i);
    if (pal_settings_find(table, i, table[i].name) >= 0)
      return pal_fail(error, PAL_E_DUPLICATE, "%s: two settings are named %s", owner,
                      table[i].name);
    const pal_status status = check_row(owner, &table[i], size, error);
    if (status) return status;
    for (int k = 0; k < i; k++)
      if (table[k].offset < table[i].offset + table[i].size &&
          table[i].offset < table[k].offset + table[k].size)
        return pal_fail(error, PAL_E_ARGUMENT, "%s: settings %s and %s overlap in the struct",
                        owner, table[k].name, table[i].name);
  }
  pal_settings trial = {0};
  const pal_status status = pal_settings_open(&trial, owner, table, n, size, error);
  pal_settings_close(&trial);
  return status;
}

int pal_settings_find(const pal_setting *table, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(table[i].name, name) == 0) return i;
  return -1;
}

/* ---- values --------------------------------------------------------------------------------- */

static pal_status set_one(pal_settings *s, const char *owner, int at, const char *text,
                          pal_error *error) {
  for (const char *c = text; *c; c++) /* config files cannot contain control characters */
    if ((*c >= 0 && *c < ' ') || *c == 0x7F)
      return pal_fail(error, PAL_E_ARGUMENT, "%s: %s holds a control character (\\x%02x)", owner,
                      s->table[at].name, (unsigned)*c);
  char *copy = pal_strdup(text);
  if (!copy) return pal_fail(error, PAL_E_MEMORY, "no memory for the settings of %s", owner);
  const pal_status status = parse(owner, &s->table[at], copy, s->self, error);
  if (status) {
    pal_free(copy);
    return status;
  }
  pal_free(s->text[at]);
  s->text[at] = copy;
  return PAL_OK;
}

pal_status pal_settings_open(pal_settings *s, const char *owner, const pal_setting *table, int n,
                             size_t size, pal_error *error) {
  *s = (pal_settings){.table = table, .n = n};
  s->text = pal_calloc((size_t)n + 1, sizeof *s->text);
  s->self = pal_calloc(1, size ? size : 1);
  if (!s->text || !s->self)
    return pal_fail(error, PAL_E_MEMORY, "no memory for the settings of %s", owner);
  pal_status status = PAL_OK;
  for (int i = 0; i < n && !status; i++) status = set_one(s, owner, i, table[i].value, error);
  return status;
}

void pal_settings_close(pal_settings *s) {
  for (int i = 0; s->text && i < s->n; i++) {
    pal_free(s->text[i]);
    if (s->self && s->table[i].kind == PAL_SETTING_LIST) {
      const pal_numbers *list = (const void *)((const char *)s->self + s->table[i].offset);
      pal_free((void *)(uintptr_t)list->at);
    }
  }
  pal_free(s->text);
  pal_free(s->self);
  *s = (pal_settings){0};
}

static pal_status unknown(pal_settings *const *settings, int n_settings, const char *owner,
                          const char *key, int length, pal_error *error) {
  char known[4096] = ""; /* pal_fail shows the beginning and the end of a longer list */
  size_t used = 0;
  for (int t = 0; t < n_settings; t++)
    for (int i = 0; i < settings[t]->n && used < sizeof known; i++)
      used +=
          (size_t)snprintf(known + used, sizeof known - used, " %s", settings[t]->table[i].name);
  return pal_fail(error, PAL_E_ARGUMENT, "%s has no setting \"%.*s\"; it has:%s", owner, length,
                  key, known);
}

pal_status pal_settings_set(pal_settings *const *settings, int n_settings, const char *owner,
                            const char *const *given, int n, pal_error *error) {
  for (int g = 0; g < n; g++) {
    const char *equals = strchr(given[g], '=');
    if (!equals)
      return pal_fail(error, PAL_E_ARGUMENT, "%s: \"%s\" is not of the form key=value", owner,
                      given[g]);
    const size_t length = (size_t)(equals - given[g]);
    pal_settings *has = NULL;
    int at = 0;
    for (int t = 0; t < n_settings && !has; t++)
      for (at = 0; at < settings[t]->n && !has; at++) {
        const char *name = settings[t]->table[at].name;
        if (strlen(name) == length && memcmp(name, given[g], length) == 0) has = settings[t];
      }
    if (!has) return unknown(settings, n_settings, owner, given[g], (int)length, error);
    const pal_status status = set_one(has, owner, at - 1, equals + 1, error);
    if (status) return status;
  }
  return PAL_OK;
}

void pal_settings_visit(const pal_settings *s,
                        void (*visit)(const pal_setting *setting, void *data), void *data) {
  for (int i = 0; i < s->n; i++) {
    pal_setting now = s->table[i];
    now.value = s->text[i];
    visit(&now, data);
  }
}
