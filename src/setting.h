/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of settings and their values, for models, tasks and the trainer (floor 0). */
#ifndef PAL_SRC_SETTING_H
#define PAL_SRC_SETTING_H

#include <palimpsest/setting.h>

/* A table of settings with the values of one owner, for instance one model. */
typedef struct pal_settings {
  const pal_setting *table; /* [n] */
  int n;
  char **text; /* [n] present values as text */
  void *self;  /* the owner's struct, which holds the parsed values */
} pal_settings;

/* Checks a table: names are unique, members have the size of their kind, do not overlap and lie
 * within a struct of `size` bytes, and defaults are valid. Error messages begin with `owner`. */
pal_status pal_settings_check(const char *owner, const pal_setting *table, int n, size_t size,
                              pal_error *error);
/* Sets every setting to its default, in a struct of `size` bytes. Close it also after a failure. */
pal_status pal_settings_open(pal_settings *settings, const char *owner, const pal_setting *table,
                             int n, size_t size, pal_error *error);
void pal_settings_close(pal_settings *settings);
/* Applies n texts "key=value", each to the first of the n_settings tables that has the key. An
 * unknown key, a text without "=" or a value that the table does not allow is PAL_E_ARGUMENT. */
pal_status pal_settings_set(pal_settings *const *settings, int n_settings, const char *owner,
                            const char *const *given, int n, pal_error *error);
/* The index of the setting of that name, or -1. */
int pal_settings_find(const pal_setting *table, int n, const char *name);
/* Calls `visit` for every setting, with setting->value set to the present value. */
void pal_settings_visit(const pal_settings *settings,
                        void (*visit)(const pal_setting *setting, void *data), void *data);
#endif
