/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver of "key=value" settings (floor 4). */
#include "models/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/alloc.h"
#include "src/number.h"

static bool is_number(const char *text) {
  char *end;
  pal_number_parse(text, &end);
  return end != text && *end == 0;
}

static pal_status unknown(const char *owner, const pal_setting *const *table, const int *n,
                          int tables, const char *key, pal_error *error) {
  char known[560] = "";
  size_t used = 0;
  for (int t = 0; t < tables; t++)
    for (int i = 0; i < n[t] && used < sizeof known; i++)
      used += (size_t)snprintf(known + used, sizeof known - used, " %s", table[t][i].name);
  return pal_fail(error, PAL_E_ARGUMENT, "%s has no setting \"%s\"; it has:%s", owner, key, known);
}

static pal_status set(const char *owner, const pal_setting *const *table, const int *n, int tables,
                      const char *given, const char **value, pal_error *error) {
  const char *equals = strchr(given, '=');
  if (!equals)
    return pal_fail(error, PAL_E_ARGUMENT, "%s: \"%s\" is not of the form key=value", owner, given);
  size_t length = (size_t)(equals - given);
  for (const char *c = equals + 1; *c; c++) /* a config could not hold it */
    if ((*c >= 0 && *c < ' ') || *c == 0x7F)
      return pal_fail(error, PAL_E_ARGUMENT, "%s: %.*s holds a control character (\\x%02x)", owner,
                      (int)length, given, (unsigned)*c);
  int at = 0;
  for (int t = 0; t < tables; t++)
    for (int i = 0; i < n[t]; i++, at++) {
      const pal_setting *s = &table[t][i];
      if (strlen(s->name) != length || strncmp(s->name, given, length) != 0) continue;
      if (is_number(s->value) && !is_number(equals + 1))
        return pal_fail(error, PAL_E_ARGUMENT, "%s: %s takes a number, not \"%s\" (%s)", owner,
                        s->name, equals + 1, s->doc);
      char *copy = pal_strdup(equals + 1);
      if (!copy) return pal_fail(error, PAL_E_MEMORY, "no memory for settings");
      pal_free((void *)(uintptr_t)value[at]);
      value[at] = copy;
      return PAL_OK;
    }
  char key[64];
  snprintf(key, sizeof key, "%.*s", (int)length, given);
  return unknown(owner, table, n, tables, key, error);
}

pal_status pal_settings_resolve(const char *owner, const pal_setting *const *table, const int *n,
                                int tables, const char *const *given, int n_given,
                                const char **value, pal_error *error) {
  int at = 0;
  pal_status status = PAL_OK;
  for (int t = 0; t < tables; t++)
    for (int i = 0; i < n[t]; i++) {
      value[at] = pal_strdup(table[t][i].value);
      if (!value[at++]) status = pal_fail(error, PAL_E_MEMORY, "no memory for settings");
    }
  for (int i = 0; i < n_given && !status; i++)
    status = set(owner, table, n, tables, given[i], value, error);
  if (status) {
    pal_settings_free(value, at);
    memset(value, 0, sizeof *value * (size_t)at);
  }
  return status;
}

double pal_setting_listed(const char *list, int which, double most) {
  double value = -1;
  for (int i = 0; i <= which && *list; i++) {
    char *end;
    value = pal_number_parse(list, &end);
    if (end == list || (*end && *end != ',') || !(value >= 0 && value <= most)) return -1;
    list = *end ? end + 1 : end;
  }
  return value;
}

void pal_settings_free(const char **value, int n) {
  for (int i = 0; i < n; i++) pal_free((void *)(uintptr_t)value[i]);
}
